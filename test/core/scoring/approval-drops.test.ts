import { describe, expect, it } from 'vitest';
import { type ApprovalDrop, ApprovalDrops } from '../../../src/core/scoring/approval-drops.ts';
import { SeededRandom } from '../../support/seeded-random.ts';

const SEED = Number(process.env['SEED'] ?? 20_261_129);
/** First attempts of a provider at which it has learned well. */
const LEARNED = 20_000;
const MOST = 15_000;

/** Providers that take turns, each with its rate before and after. */
function fall(rates: Readonly<Record<string, readonly [number, number]>>, seed: number) {
  const random = new SeededRandom(seed);
  const drops = new ApprovalDrops();
  const told: ApprovalDrop[] = [];
  for (let turn = 0; turn < LEARNED + MOST; turn += 1) {
    for (const [provider, [before, after]] of Object.entries(rates)) {
      const rate = turn < LEARNED ? before : after;
      const moved = drops.observe(provider, 'eea', random.unit() < rate);
      if (moved !== null) told.push(moved);
    }
  }
  return told;
}

describe(`ApprovalDrops (SEED=${SEED})`, () => {
  it('blames the provider that falls while others hold their rates', () => {
    for (let run = 0; run < 3; run += 1) {
      const told = fall({ a: [0.85, 0.79], b: [0.9, 0.9], c: [0.8, 0.8] }, SEED + run);
      // At first it may be unclear.
      expect(told.length).toBeLessThanOrEqual(2);
      const drop = told.at(-1);
      expect(drop).toMatchObject({ kind: 'dropped', provider: 'a', region: 'eea', blame: 'provider' });
      if (drop?.kind !== 'dropped') return;
      expect(drop.baseline).toBeCloseTo(0.85, 1);
      expect(drop.rate).toBeLessThan(0.83);
      expect(drop.since).toBeGreaterThan(100);
    }
  });

  it('blames no provider for a fall that all of them have', () => {
    for (let run = 0; run < 3; run += 1) {
      const told = fall({ a: [0.85, 0.78], b: [0.9, 0.83], c: [0.8, 0.73] }, SEED + run);
      expect(told.filter(({ blame }) => blame === 'issuers').length).toBeGreaterThanOrEqual(2);
      expect(told.filter(({ blame }) => blame === 'provider')).toEqual([]);
    }
  });

  it('says that it is unclear where nobody can be compared with', () => {
    const told = fall({ a: [0.85, 0.75] }, SEED);
    expect(told.map(({ kind, blame }) => [kind, blame])).toEqual([['dropped', 'unclear']]);
  });

  it('keeps regions apart', () => {
    const random = new SeededRandom(SEED);
    const drops = new ApprovalDrops();
    const told: ApprovalDrop[] = [];
    for (let turn = 0; turn < LEARNED; turn += 1) {
      for (const provider of ['a', 'b']) {
        const low = turn > LEARNED / 2 && provider === 'a' ? 0.7 : 0.85;
        for (const [region, rate] of [
          ['eea', 0.85],
          ['uk', low],
        ] as const) {
          const moved = drops.observe(provider, region, random.unit() < rate);
          if (moved !== null) told.push(moved);
        }
      }
    }
    const last = told.at(-1);
    expect([last?.provider, last?.region, last?.blame]).toEqual(['a', 'uk', 'provider']);
    expect(told.every(({ region }) => region === 'uk')).toBe(true);
  });
});
