import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  APPROVAL_MODEL_DEFAULTS,
  ApprovalModel,
  type LearningScope,
} from '../../src/core/scoring/approval-model.ts';
import { routingFacts } from '../support/routing-facts.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { printTable } from './ratio-table.ts';

/** What a million cells (BINs, with one to three providers each and all together) take of memory. The goal: 256 MiB. */
const CELLS = 1_000_000;
const MIB = 2 ** 20;
const FIRST: LearningScope = { name: '', later: false };

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

const random = new SeededRandom(11);
const model = new ApprovalModel({ ...APPROVAL_MODEL_DEFAULTS, maxTallies: 8 * CELLS });
collectGarbage();
const before = process.memoryUsage();
for (let cell = 0; cell < CELLS; cell += 1) {
  const facts = routingFacts({ cardBin: String(cell + 10_000_000), cardIssuer: null });
  for (let provider = random.integer(1, 3); provider > 0; provider -= 1) {
    model.observe(`provider-${provider}`, facts, FIRST, random.chance(0.9));
  }
}
const peak = process.memoryUsage().rss;
collectGarbage();
const after = process.memoryUsage();
const mib = (bytes: number): string => (bytes / MIB).toFixed(0);
printTable(
  'Learned cells',
  ['cells', 'tallies', 'tables, MiB', 'heap and arrays, MiB', 'process at its peak, MiB'],
  [
    [
      CELLS.toLocaleString('en'),
      model.tallies.toLocaleString('en'),
      mib(model.bytes),
      mib(after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers),
      mib(peak - before.rss),
    ],
  ],
);
