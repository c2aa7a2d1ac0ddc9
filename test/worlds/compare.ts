import { printTable } from '../bench/ratio-table.ts';
import { refuseScript, scriptOptions } from '../support/script-options.ts';
import { ALL_POLICIES } from './all-policies.ts';
import { ALL_WORLDS } from './all-worlds.ts';
import { fateOf, paymentsOf } from './payment-world.ts';
import { type Run, runWorld } from './run-world.ts';

const NAMES = ALL_WORLDS.map(({ name }) => name).join('|');
const SCRIPT = {
  name: 'worlds',
  usage: `Every policy in every world, side by side over the same payments: regret and approval.

usage: npm run worlds [-- --seeds N --world ${NAMES}]

--seeds  how often each world is made anew, from 1 (default 3)
--world  one world alone (default: all)

exit code  0  told
           2  wrong arguments`,
};
const values = scriptOptions(SCRIPT, {
  seeds: { type: 'string', default: '3' },
  world: { type: 'string' },
});
const seeds = Number(values.seeds);
const worlds = ALL_WORLDS.filter(({ name }) => values.world === undefined || name === values.world);
if (!Number.isSafeInteger(seeds) || seeds < 1) {
  refuseScript(SCRIPT, `--seeds ${values.seeds}: expected a whole number from 1`);
}
if (worlds.length === 0) refuseScript(SCRIPT, `--world ${values.world}: expected one of ${NAMES}`);

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
