import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CardFunding } from '../../../src/core/card.ts';
import type { RoutingFacts } from '../../../src/core/facts.ts';
import { type Condition, compileCondition, TRUE } from '../../../src/core/rules/condition.ts';
import { findContradictions } from '../../../src/core/rules/contradictions.ts';
import { findUnreachable } from '../../../src/core/rules/reachability.ts';
import { type RawCondition, readCondition } from '../../../src/core/rules/read-condition.ts';
import type { FilePath } from '../../../src/core/rules/rule-problem.ts';
import { someFacts } from './some-facts.ts';

function read(raw: RawCondition): Condition {
  const condition = readCondition(raw, [], []);
  if (condition === null) throw new Error(`refused: ${JSON.stringify(raw)}`);
  return condition;
}

const isDe: RawCondition = { field: 'card.country', is: 'DE' };
const isFr: RawCondition = { field: 'card.country', is: 'FR' };
const deOrFr: RawCondition = { field: 'card.country', one_of: ['DE', 'FR'] };
const debit: RawCondition = { field: 'card.funding', is: 'debit' };
const small: RawCondition = { field: 'amount', currency: 'EUR', below: '10' };
const large: RawCondition = { field: 'amount', currency: 'EUR', at_least: '10' };
const noCountry: RawCondition = { field: 'card.country', exists: false };

const CONTRADICTIONS: readonly (readonly [string, RawCondition, string | null])[] = [
  ['two countries', { all: [isDe, debit, isFr] }, 'all[2]'],
  ['sets that meet', { all: [deOrFr, isFr] }, null],
  ['a set and its negation', { all: [isDe, { not: deOrFr }] }, 'all[1].not'],
  ['a value and not_one_of', { all: [isDe, { field: 'card.country', not_one_of: ['DE'] }] }, 'all[1]'],
  ['amounts apart', { all: [small, large] }, 'all[1]'],
  ['amounts in two currencies', { all: [small, { field: 'currency', is: 'USD' }] }, 'all[1]'],
  [
    'prefixes apart',
    {
      all: [
        { field: 'card.bin', prefix: '4' },
        { field: 'card.bin', prefix: '51-55' },
      ],
    },
    'all[1]',
  ],
  [
    'a prefix in a range',
    {
      all: [
        { field: 'card.bin', prefix: '222100-272099' },
        { field: 'card.bin', prefix: '2300' },
      ],
    },
    null,
  ],
  ['a value of what is missing', { all: [noCountry, isDe] }, 'all[1]'],
  ['nested', { all: [isDe, { all: [debit, { all: [isFr] }] }] }, 'all[1].all[1].all[0]'],
  ['a branch of any', { any: [debit, { all: [isDe, isFr] }] }, 'any[1].all[1]'],
  ['a branch against its surroundings', { all: [{ any: [isFr, debit] }, isDe] }, 'all[0].any[0]'],
  ['a negated all may lose a part', { all: [isDe, { not: { all: [isDe, debit] } }] }, null],
  ['a negated amount may lose its currency', { all: [large, { not: small }] }, null],
  ['a negated any', { all: [isDe, { not: { any: [debit, deOrFr] } }] }, 'all[1].not.any[1]'],
  [
    'yes and no',
    {
      all: [
        { field: 'three_ds', is: true },
        { field: 'three_ds', exists: false },
      ],
    },
    'all[1]',
  ],
  ['neither yes nor no', { field: 'card.brand', not_one_of: ['visa'] }, null],
  [
    'hours of two zones',
    {
      all: [
        { field: 'time.hour', is: 1 },
        { field: 'time.hour', is: 2, time_zone: 'Europe/Berlin' },
      ],
    },
    null,
  ],
];

const pathText = (path: FilePath) =>
  path
    .map((step, index) => (typeof step === 'number' ? `[${step}]` : index === 0 ? step : `.${step}`))
    .join('');

describe('contradictions', () => {
  it.each(CONTRADICTIONS)('%s', (_name, raw, place) => {
    const found = findContradictions(read(raw)).map((problem) => pathText(problem.path));
    expect(found).toEqual(place === null ? [] : [place]);
  });
});

const SHADOWS: readonly (readonly [string, RawCondition | null, RawCondition | null, boolean])[] = [
  ['after a rule without when', null, isDe, true],
  ['always after some', isDe, null, false],
  ['the same', isDe, isDe, true],
  ['a smaller set', deOrFr, isDe, true],
  ['a larger set', isDe, deOrFr, false],
  ['more asked', isDe, { all: [debit, isDe] }, true],
  ['less asked', { all: [debit, isDe] }, isDe, false],
  ['one of any', { any: [isDe, debit] }, isDe, true],
  ['any of which all are in', deOrFr, { any: [isDe, isFr] }, true],
  ['any of which one is not', deOrFr, { any: [isDe, debit] }, false],
  ['a smaller band', { field: 'amount', currency: 'EUR', below: '250.00' }, small, true],
  ['the same band in another currency', { field: 'amount', currency: 'USD', below: '10' }, small, false],
  ['the currency of an amount', { field: 'currency', is: 'EUR' }, small, true],
  [
    'a longer prefix',
    { field: 'card.bin', prefix: '4' },
    { field: 'card.bin', prefix: ['457173', '41'] },
    true,
  ],
  [
    'a prefix in a range',
    { field: 'card.bin', prefix: '222100-272099' },
    { field: 'card.bin', prefix: '2300' },
    true,
  ],
  ['two bands that meet in a third', { all: [large, { not: small }] }, large, true],
  ['a country after "has a country"', { field: 'card.country', exists: true }, isDe, true],
  ['a negated country after "has a country"', { field: 'card.country', exists: true }, { not: isDe }, true],
  ['not the same, with the missing left over', { any: [isDe, { not: isDe }] }, null, false],
  [
    'every value of a field that is always there',
    { field: 'initiator', one_of: ['customer', 'merchant'] },
    isDe,
    true,
  ],
  [
    'a region after all but another',
    { field: 'shopper.region', not_one_of: ['uk'] },
    { field: 'shopper.region', is: 'eea' },
    true,
  ],
];

describe('unreachable rules', () => {
  it.each(SHADOWS)('%s', (_name, earlier, later, shadowed) => {
    const found = findUnreachable([earlier, later].map((raw) => (raw === null ? null : read(raw))));
    expect(found).toEqual(shadowed ? [{ rule: 1, shadowedBy: 0 }] : []);
  });

  it('gives up rather than taking for ever', () => {
    const deep = (depth: number): RawCondition =>
      depth === 0
        ? isDe
        : { any: [{ all: [deep(depth - 1), debit] }, { all: [deep(depth - 1), { not: debit }] }] };
    const conditions = Array.from({ length: 60 }, () => read(deep(5)));
    // Processor time: a busy machine must not fail the test.
    const start = process.cpuUsage();
    findUnreachable(conditions);
    expect(process.cpuUsage(start).user / 1000).toBeLessThan(3000);
  });
});

// A small world, so that a random condition is often true, false or missing.
const COUNTRIES = ['DE', 'FR', 'DK'] as const;
const someCountries = fc.subarray([...COUNTRIES], { minLength: 1 });
const test: fc.Arbitrary<RawCondition> = fc.oneof(
  someCountries.map((one_of) => ({ field: 'card.country', one_of })),
  someCountries.map((not_one_of) => ({ field: 'card.country', not_one_of })),
  fc.boolean().map((exists) => ({ field: 'card.country', exists })),
  fc.constantFrom('debit', 'credit').map((is) => ({ field: 'card.funding', is })),
  fc.boolean().map((is) => ({ field: 'three_ds', is })),
  fc
    .tuple(
      fc.constantFrom('EUR', 'USD'),
      fc.constantFrom('below', 'at_least'),
      fc.integer({ min: 1, max: 4 }),
    )
    .map(([currency, bound, units]) => ({ field: 'amount', currency, [bound]: String(units) })),
  fc
    .tuple(fc.integer({ min: 2, max: 8 }), fc.integer({ min: 0, max: 4 }))
    .map(([hour, length]) => ({ field: 'time.hour', between: [hour, hour + length] })),
  fc
    .constantFrom('4', '41', '4571', '45717360', '40-45', '5')
    .map((prefix) => ({ field: 'card.bin', prefix })),
);
const condition = fc.letrec<{ node: RawCondition }>((tie) => ({
  node: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    test,
    fc.array(tie('node'), { minLength: 1, maxLength: 3 }).map((all) => ({ all })),
    fc.array(tie('node'), { minLength: 1, maxLength: 3 }).map((any) => ({ any })),
    tie('node').map((not) => ({ not })),
  ),
})).node;
const facts: fc.Arbitrary<RoutingFacts> = fc
  .record({
    cardCountry: fc.constantFrom(...COUNTRIES, 'IT', null),
    cardFunding: fc.constantFrom<CardFunding | null>('debit', 'credit', null),
    threeDsPresent: fc.boolean(),
    amount: fc.record({ value: fc.integer({ min: 1, max: 500 }), currency: fc.constantFrom('EUR', 'USD') }),
    cardBin: fc.constantFrom('45717360', '457173', '410000', '500000', null),
    atMs: fc.integer({ min: 0, max: 10 }).map((hour) => Date.UTC(2026, 10, 23, hour)),
  })
  .map((changes) => someFacts(changes));

describe('reasoning about conditions is sound', () => {
  it('what is called contradictory never matches', () => {
    let called = 0;
    // Without any: a contradiction in one branch leaves the others possible.
    const part = fc.oneof(
      test,
      test.map((not) => ({ not })),
    );
    const worldsToTry = fc.array(facts, { minLength: 20, maxLength: 20 });
    fc.assert(
      fc.property(fc.array(part, { minLength: 2, maxLength: 5 }), worldsToTry, (all, worlds) => {
        const whole = read({ all });
        if (findContradictions(whole).length === 0) return;
        called += 1;
        const evaluate = compileCondition(whole);
        for (const world of worlds) expect(evaluate(world)).not.toBe(TRUE);
      }),
      { seed: 20261123, numRuns: 1500 },
    );
    expect(called).toBeGreaterThan(50);
  });

  it('what is called unreachable never gets a turn', () => {
    let called = 0;
    fc.assert(
      fc.property(
        condition,
        condition,
        fc.array(facts, { minLength: 20, maxLength: 20 }),
        (first, second, worlds) => {
          const [earlier, later] = [read(first), read(second)];
          if (findUnreachable([earlier, later]).length === 0) return;
          called += 1;
          const [takes, wants] = [compileCondition(earlier), compileCondition(later)];
          for (const world of worlds) if (wants(world) === TRUE) expect(takes(world)).toBe(TRUE);
        },
      ),
      { seed: 20261123, numRuns: 3000 },
    );
    expect(called).toBeGreaterThan(100);
  });
});
