import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { isMissing, whyNot } from '../support/debian-programs.ts';

const ROOT = join(import.meta.dirname, '..', '..');
/** Of the whole image over the stand-in base, MB: 208 when this was written, of which 57 are packages. */
const SIZE_MAX_MB = 300;
const PACKAGES_MAX_MB = 90;

const NO_BUILDAH = isMissing(
  'the image, built and asked',
  process.getuid?.() === 0 ? whyNot('buildah') : 'only root can build it over a base of this machine',
);

const TAG = `localhost/pointsman-test:${process.pid}`;
const run = promisify(execFile);

describe.skipIf(NO_BUILDAH)('the image', () => {
  afterAll(() => run('buildah', ['rmi', TAG], { env: { ...process.env, STORAGE_DRIVER: 'vfs' } }));

  test('is built by its script over a stand-in base, and runs as the manifests say', async () => {
    const { stdout } = await run('bash', [join('k8s', 'build-image.sh')], {
      cwd: ROOT,
      env: { ...process.env, BASE: 'stand-in', STORAGE_DRIVER: 'vfs', TAG },
      maxBuffer: 16 * 1024 * 1024,
    });
    const said = stdout.slice(stdout.indexOf('\nbuilt '));
    expect(said).toContain('user 10001:10001, volumes map[/data:{}], command [node src/main.ts]');
    expect(said).toMatch(/\/readyz: \{"status":"ready","journal":"writable"/);
    expect(said).toMatch(/runs as 10001:10001, writes .*journal\.sqlite/);
    expect(said).toContain('health check: ok');
    expect(said).toMatch(/SIGTERM: ended with 0 after \d+ ms/);
    const [, size, packages] = /size (\d+) MB, of which node_modules (\d+) MB/.exec(said) ?? [];
    console.log(`image: ${size} MB, of which packages ${packages} MB`);
    expect(Number(size)).toBeGreaterThan(50);
    expect(Number(size)).toBeLessThan(SIZE_MAX_MB);
    expect(Number(packages)).toBeLessThan(PACKAGES_MAX_MB);
  });
});
