import { fetchArchives, findProgram, installPackages } from './debian-programs.ts';
import { ALERTMANAGER, PROMETHEUS, PROMTOOL } from './programs.ts';
import { installRedisServer } from './redis-server.ts';

/**
 * Before the long runs: as root on Debian, what they need and what is not there. Once, since tests that run beside each
 * other would keep each other from apt. What cannot be had is told by each test that wants it.
 */
export default function setup(): () => void {
  tell(installRedisServer());
  if (process.getuid?.() === 0 && findProgram('buildah') === null) tell(installPackages('buildah'));
  try {
    return fetchArchives([PROMETHEUS, PROMTOOL, ALERTMANAGER]) ?? (() => {});
  } catch (error) {
    tell(String(error));
    return () => {};
  }
}

function tell(refusal: string | null): void {
  if (refusal !== null) console.warn(`not to be had for the tests: ${refusal}`);
}
