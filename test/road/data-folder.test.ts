import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { launchGateway } from '../support/start-gateway.ts';

/** A start whose DATA_DIR cannot be made ends, and says why. */

// A file system that answers ENOENT for a name below a folder that is there: only the kernel makes folders in it.
test.skipIf(!existsSync('/proc/self'))('a folder below /proc ends the start with what to do', async () => {
  await using gateway = launchGateway({ env: { DATA_DIR: '/proc/pointsman/data' } });
  const { code, signal } = await gateway.ended();
  expect([code, signal], gateway.output.text()).toEqual([1, null]);
  expect(gateway.output.text()).toMatch(
    /the folder \/proc\/pointsman\/data cannot be made \(ENOENT\): make it, .*or name another one with DATA_DIR/,
  );
  expect(gateway.output.text()).not.toMatch(/\bat .*\.ts:\d+/);
});
