import { describe, expect, it } from 'vitest';
import { ALL_POLICIES } from './all-policies.ts';
import { FAILING_ISSUER, GAPS, ISSUER_OUTAGE, JOINED_AT, JOINING, STEADY, STRESS } from './all-worlds.ts';
import { fateOf, type PaymentWorld } from './payment-world.ts';
import { STATIC_BEST } from './plain-policies.ts';
import { pointsman } from './pointsman-policy.ts';
import { type Run, runWorld, sharesOf } from './run-world.ts';
import { successRateWindow } from './success-rate-window.ts';

const OURS = pointsman(0);
/** Eleven policies take their time on a busy machine. */
const LONG_MS = 900_000;

/** Mean over the seeds, of every policy, over the same payments. */
async function means(
  world: PaymentWorld,
  seeds: number,
  policies: typeof ALL_POLICIES,
): Promise<ReadonlyMap<string, { readonly regret: number; readonly approved: number }>> {
  const sums = new Map(policies.map(({ name }) => [name, { regret: 0, approved: 0 }]));
  for (let seed = 1; seed <= seeds; seed += 1) {
    const fate = fateOf(world, seed);
    for (const policy of policies) {
      const run = await runWorld(world, fate, policy);
      const sum = sums.get(policy.name);
      if (sum === undefined) continue;
      sum.regret += run.regret / seeds;
      sum.approved += run.approved / run.payments / seeds;
    }
  }
  return sums;
}

it(
  'under stress ours is first of all, at most 0.75 of the window, 0.8 points above the best fixed choice',
  async () => {
    const of = await means(STRESS, 8, ALL_POLICIES);
    const ours = of.get(OURS.name) ?? { regret: Number.NaN, approved: Number.NaN };
    for (const [name, { regret }] of of)
      if (!name.startsWith(OURS.name)) expect(ours.regret, name).toBeLessThan(regret);
    for (const resets of [false, true]) {
      expect(ours.regret).toBeLessThan(0.75 * (of.get(successRateWindow(resets).name)?.regret ?? 0));
    }
    expect(ours.approved - (of.get(STATIC_BEST.name)?.approved ?? 1)).toBeGreaterThan(0.008);
  },
  LONG_MS,
);

it('without a change ours is at most 0.25 points below the best fixed choice', async () => {
  const of = await means(STEADY, 20, [STATIC_BEST, OURS]);
  const lost = (of.get(STATIC_BEST.name)?.approved ?? 1) - (of.get(OURS.name)?.approved ?? 0);
  expect(lost).toBeLessThan(0.0025);
});

it(
  'where BINs differ ours beats every policy that ignores them',
  async () => {
    const of = await means(GAPS, 4, ALL_POLICIES);
    const ours = of.get(OURS.name)?.regret ?? Number.NaN;
    for (const [name, { regret }] of of) {
      if (!name.startsWith('Pointsman')) expect(ours, name).toBeLessThan(regret);
    }
  },
  LONG_MS,
);

it('a better provider that joins has half of the payments within 1,500, and four fifths after 3,000', async () => {
  const seeds = 20;
  let early = 0;
  let late = 0;
  for (let seed = 1; seed <= seeds; seed += 1) {
    const run = await runWorld(JOINING, fateOf(JOINING, seed), OURS);
    const share = (from: number, until: number) =>
      sharesOf(run, 4, (step) => step >= JOINED_AT + from && step < JOINED_AT + until)[3] ?? 0;
    early += share(1000, 1500) / seeds;
    late += share(3000, 50_000) / seeds;
  }
  expect(early).toBeGreaterThan(0.5);
  expect(late).toBeGreaterThan(0.8);
});

describe('while one issuer is down', () => {
  const { issuerOutages, ...quiet } = ISSUER_OUTAGE;

  it.each(issuerOutages ?? [])('payments of the others go where they went (told: $told)', async (outage) => {
    const differences: number[][] = [];
    for (let seed = 1; seed <= 16; seed += 1) {
      const fate = fateOf(ISSUER_OUTAGE, seed);
      const isOther = (step: number) =>
        step >= outage.from &&
        step < outage.until &&
        ISSUER_OUTAGE.cards?.[fate.cards[step] ?? 0]?.facts.cardIssuer !== FAILING_ISSUER;
      const sharesIn = async (world: PaymentWorld) => {
        const run: Run = await runWorld(world, fate, OURS);
        return sharesOf(run, 4, isOther);
      };
      const without = await sharesIn(quiet);
      differences.push((await sharesIn(ISSUER_OUTAGE)).map((share, index) => share - (without[index] ?? 0)));
    }
    for (const provider of quiet.providers.keys()) {
      const of = differences.map((one) => one[provider] ?? 0);
      const mean = of.reduce((sum, one) => sum + one, 0) / of.length;
      const variance = of.reduce((sum, one) => sum + (one - mean) ** 2, 0) / (of.length - 1);
      // Of the same payments with and without the outage.
      expect(Math.abs(mean)).toBeLessThan(0.005 + 3 * Math.sqrt(variance / of.length));
      // Until the issuer is noticed to be down, who had its payments loses a little with others: 3 points over 32 seeds.
      expect(Math.abs(mean)).toBeLessThan(0.05);
    }
  });
});
