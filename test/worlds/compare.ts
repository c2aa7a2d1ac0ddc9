import { parseArgs } from 'node:util';
import { printTable } from '../bench/ratio-table.ts';
import { ALL_POLICIES } from './all-policies.ts';
import { ALL_WORLDS } from './all-worlds.ts';
import { fateOf, paymentsOf } from './payment-world.ts';
import { type Run, runWorld } from './run-world.ts';

/** `npm run worlds [-- --seeds N --world NAME]`: every policy in every world, side by side over the same payments. */
const { values } = parseArgs({
  options: { seeds: { type: 'string', default: '3' }, world: { type: 'string' } },
});
const seeds = Number(values.seeds);
const worlds = ALL_WORLDS.filter(({ name }) => values.world === undefined || name === values.world);
if (!Number.isSafeInteger(seeds) || seeds < 1 || worlds.length === 0) {
  console.error(
    `usage: npm run worlds [-- --seeds N --world ${ALL_WORLDS.map(({ name }) => name).join('|')}]`,
  );
  process.exit(2);
}

function spread(figures: readonly number[], digits: number): string {
  const mean = figures.reduce((sum, figure) => sum + figure, 0) / figures.length;
  const squares = figures.reduce((sum, figure) => sum + (figure - mean) ** 2, 0);
  const deviation = figures.length === 1 ? 0 : Math.sqrt(squares / (figures.length - 1));
  return `${mean.toFixed(digits)} ± ${deviation.toFixed(digits)}`;
}

for (const world of worlds) {
  const runs = ALL_POLICIES.map((): Run[] => []);
  for (let seed = 1; seed <= seeds; seed += 1) {
    const fate = fateOf(world, seed);
    for (const [index, policy] of ALL_POLICIES.entries())
      runs[index]?.push(await runWorld(world, fate, policy));
  }
  printTable(
    `${world.name}: ${world.about} (${paymentsOf(world).toLocaleString('en')} payments, ${seeds} seeds)`,
    ['policy', 'regret', 'approval %'],
    ALL_POLICIES.map(({ name }, index) => {
      const ofPolicy = runs[index] ?? [];
      return [
        name,
        spread(
          ofPolicy.map(({ regret }) => regret),
          0,
        ),
        spread(
          ofPolicy.map(({ approved, payments }) => (100 * approved) / payments),
          2,
        ),
      ];
    }),
  );
}
