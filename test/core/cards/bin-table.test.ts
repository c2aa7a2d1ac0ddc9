import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BinRange, BinTable, binBounds } from '../../../src/core/cards/bin-table.ts';

const NOTHING = { brand: null, funding: null, product: null, prepaid: null, issuer: null, country: null };

function range(from: string, facts: Partial<BinRange> = {}, to = from): BinRange {
  return { ...NOTHING, ...binBounds(from, to), ...facts };
}

/** The specification, slowly: of all ranges that enclose the whole input the narrowest, of equal ones the last. */
function slowFind(ranges: readonly BinRange[], bin: string): BinRange | null {
  const { start, end } = binBounds(bin);
  let best: BinRange | null = null;
  for (const candidate of ranges) {
    if (candidate.start > start || candidate.end < end) continue;
    if (best === null || candidate.end - candidate.start <= best.end - best.start) best = candidate;
  }
  return best;
}

describe('BinTable', () => {
  it('lets the narrowest range win, and a short input never match a longer child', () => {
    const table = new BinTable([
      range('4', { brand: 'visa' }),
      range('457173', { issuer: 'parent' }),
      range('45717360', { issuer: 'child' }),
    ]);
    expect(table.find('45717360')).toMatchObject({ issuer: 'child', brand: 'visa', matchLength: 8 });
    expect(table.find('45717360123')).toMatchObject({ issuer: 'child' });
    expect(table.find('45717361')).toMatchObject({ issuer: 'parent', matchLength: 6 });
    expect(table.find('457173')).toMatchObject({ issuer: 'parent' });
    expect(table.find('4571736')).toMatchObject({ issuer: 'parent' });
    expect(table.find('411111')).toMatchObject({ issuer: null, brand: 'visa', matchLength: 1 });
    expect(table.find('511111')).toBeNull();
  });

  it.each(['', '45717', '457173601234', '45717x', ' 457173', '４５７１７３'])(
    'takes %j for no BIN',
    (bin) => {
      expect(new BinTable([range('4')]).find(bin)).toBeNull();
    },
  );

  it('keeps "unknown" where a range says so, and asks the enclosing one where it says nothing', () => {
    const table = new BinTable([
      range('50', { brand: 'maestro' }),
      range('506099', { brand: 'unknown' }),
      range('506100'),
    ]);
    expect(table.find('506099')?.brand).toBe('unknown');
    expect(table.find('506100')?.brand).toBe('maestro');
  });

  it('takes the later of two equal ranges', () => {
    const table = new BinTable([range('457173', { issuer: 'first' }), range('457173', { issuer: 'second' })]);
    expect(table.find('457173')?.issuer).toBe('second');
  });

  it('finds nothing in an empty table, and everything in a full one', () => {
    expect(new BinTable([]).find('000000')).toBeNull();
    const full = new BinTable([{ ...NOTHING, start: 0, end: 1e11 - 1, brand: 'visa' }]);
    expect(full.find('00000000000')?.brand).toBe('visa');
    expect(full.find('99999999999')?.brand).toBe('visa');
  });

  it.each([
    [5, 4],
    [-1, 4],
    [0, 1e11],
    [0.5, 4],
  ])('refuses the range %d to %d', (start, end) => {
    expect(() => new BinTable([{ ...NOTHING, start, end }])).toThrow(RangeError);
  });

  it('agrees with a slow matcher, on nested, overlapping and equal ranges', () => {
    // Few digits, so that ranges and inputs meet.
    const digits = (minLength: number, maxLength: number) =>
      fc.string({ unit: fc.constantFrom('0', '4', '9'), minLength, maxLength });
    const bounds = fc.oneof(
      digits(1, 11).map((prefix) => binBounds(prefix)),
      fc.tuple(digits(8, 8), digits(8, 8)).map(([one, other]) => {
        const [from = '', to = ''] = [one, other].sort();
        return binBounds(from, to);
      }),
      fc
        .tuple(digits(11, 11), digits(11, 11))
        .map(([one, other]) => ({ start: Math.min(+one, +other), end: Math.max(+one, +other) })),
    );
    fc.assert(
      fc.property(
        fc.array(bounds, { maxLength: 25 }),
        fc.array(digits(6, 11), { maxLength: 25 }),
        (all, bins) => {
          const ranges = all.map((one, index) => ({ ...NOTHING, ...one, issuer: `issuer ${index}` }));
          const table = new BinTable(ranges);
          const edges = ranges.flatMap(({ start, end }) =>
            [start - 1, start, end, end + 1].filter((edge) => edge >= 0 && edge < 1e11),
          );
          for (const bin of [...bins, ...edges.map((edge) => String(edge).padStart(11, '0'))]) {
            expect(table.find(bin)?.issuer ?? null).toBe(slowFind(ranges, bin)?.issuer ?? null);
          }
        },
      ),
      { numRuns: 80 },
    );
  });

  it('holds 100,000 ranges and finds each of their eight-digit starts', () => {
    const ranges = Array.from({ length: 100_000 }, (_, index) =>
      range(String(40_000_000 + index * 97), { issuer: `bank ${index % 500}`, brand: 'visa' }),
    );
    const table = new BinTable(ranges);
    for (let index = 0; index < ranges.length; index += 1_999) {
      expect(table.find(String(40_000_000 + index * 97))?.issuer).toBe(`bank ${index % 500}`);
      expect(table.find(String(40_000_001 + index * 97))).toBeNull();
    }
  });
});
