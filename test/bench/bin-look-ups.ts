import { loadBinTable } from '../../src/config/default-bin-table.ts';
import { type BinRange, BinTable, binBounds } from '../../src/core/cards/bin-table.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { nanosecondsOf, printTable } from './ratio-table.ts';

/** BIN look-ups in the default table and in generated ones, over a plain Map of eight digits in the same run. */
const QUERIES = 4_096;
const random = new SeededRandom(7);

function generated(count: number): readonly BinRange[] {
  return Array.from({ length: count }, () => {
    const digits = String(random.integer(20_000_000, 69_999_999));
    const length = random.pick([6, 8]);
    return {
      ...binBounds(digits.slice(0, length)),
      brand: 'visa' as const,
      funding: 'debit' as const,
      product: null,
      prepaid: null,
      issuer: 'a bank',
      country: 'DE',
    };
  });
}

const queries = Array.from({ length: QUERIES }, () => String(random.integer(20_000_000, 69_999_999)));
const map = new Map(queries.map((bin) => [bin, bin]));
let next = 0;
const query = () => queries[next++ % QUERIES] as string;
const mapNs = nanosecondsOf(400_000, () => map.get(query()));

const tables = [
  ['default', await loadBinTable([])],
  ['100,000 ranges', new BinTable(generated(100_000))],
  ['400,000 ranges', new BinTable(generated(400_000))],
] as const;
printTable(
  'BIN look-ups',
  ['table', 'ranges', 'ns', 'look-ups/s', 'x Map.get'],
  tables.map(([name, table]) => {
    const ns = nanosecondsOf(400_000, () => table.find(query()));
    return [
      name,
      table.size.toLocaleString('en'),
      ns.toFixed(0),
      Math.round(1e9 / ns).toLocaleString('en'),
      (ns / mapNs).toFixed(1),
    ];
  }),
);
