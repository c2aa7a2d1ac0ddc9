import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** Runs every bench, each in a process of its own: `npm run bench`. Prints ratios; nothing is asserted about time. */
if (process.argv.length > 2) {
  console.log(
    'Measures the product and prints ratios, a few minutes.\n\nusage: npm run bench        (it takes no options)',
  );
  process.exit(process.argv[2] === '--help' ? 0 : 2);
}
for (const name of [
  'bin-look-ups',
  'rankings',
  'learned-cells',
  'decisions',
  'shared-limits',
  'journal-commits',
  'authorization-cpu',
  'cluster-cpu',
]) {
  const run = spawnSync(process.execPath, [join(import.meta.dirname, `${name}.ts`)], { stdio: 'inherit' });
  if (run.status !== 0) process.exitCode = 1;
}
