import { describe, expect, it } from 'vitest';
import {
  FAILING_ISSUER,
  GAPS,
  ISSUER_OUTAGE,
  JOINED_AT,
  JOINING,
  STEADY,
  STRESS,
  TECHNICAL,
} from './all-worlds.ts';
import { fateOf, type PaymentWorld } from './payment-world.ts';
import { STATIC_BEST } from './plain-policies.ts';
import { pointsman } from './pointsman-policy.ts';
import { hashOf, type Run, runWorld, sharesOf } from './run-world.ts';
import { successRateWindow } from './success-rate-window.ts';

// Many seeds, and the comparison with every policy, are in the longer file of this name.
const OURS = pointsman(0);

function run(world: PaymentWorld, seed: number, policy = OURS): Promise<Run> {
  return runWorld(world, fateOf(world, seed), policy);
}

/** The same world, with a fifth of the payments in every phase. */
function shortened(world: PaymentWorld): PaymentWorld {
  const fifth = ({ from, until }: { readonly from: number; readonly until: number }) => ({
    from: from / 5,
    until: until / 5,
  });
  const { technicalFaults } = world;
  return {
    ...world,
    phases: world.phases.map(({ until, means }) => ({ until: until / 5, means })),
    ...(technicalFaults === undefined
      ? {}
      : { technicalFaults: technicalFaults.map((fault) => ({ ...fault, ...fifth(fault) })) }),
  };
}

/** The first payments of a world. */
function upTo(world: PaymentWorld, payments: number): PaymentWorld {
  const phases = world.phases.map(({ until, means }) => ({ until: Math.min(until, payments), means }));
  return { ...world, phases };
}

describe('a seed', () => {
  it.each([
    { world: STRESS, routes: '4724acd43d1abb40' },
    { world: GAPS, routes: '7cc5ca75b3236d72' },
    { world: TECHNICAL, routes: '78e6546147b1f7c2' },
  ])('of the world $world.name gives the routes that it always gave', async ({ world, routes }) => {
    const short = shortened(world);
    expect(hashOf(await run(short, 7, pointsman(0.02)))).toBe(routes);
    expect(hashOf(await run(short, 8, pointsman(0.02)))).not.toBe(routes);
  });
});

describe('payments', () => {
  it('under stress lose less than with a success-rate window or the best fixed choice', async () => {
    const ours = await run(STRESS, 3);
    expect(ours.regret).toBeLessThan(0.75 * (await run(STRESS, 3, successRateWindow(false))).regret);
    expect(ours.approved - (await run(STRESS, 3, STATIC_BEST)).approved).toBeGreaterThan(
      0.008 * ours.payments,
    );
  });

  it('without a change lose next to nothing for being watched', async () => {
    const world = upTo(STEADY, 40_000);
    const best = await run(world, 3, STATIC_BEST);
    expect(best.approved - (await run(world, 3)).approved).toBeLessThan(0.0025 * best.payments);
  });

  it('find a better provider that joins within 3,000', async () => {
    const shares = sharesOf(await run(upTo(JOINING, 40_000), 3), 4, (step) => step >= JOINED_AT + 3000);
    expect(shares[3]).toBeGreaterThan(0.8);
  });

  it('of other issuers go where they went while one issuer is down', async () => {
    const world = upTo(ISSUER_OUTAGE, 33_000);
    const { issuerOutages, ...quiet } = world;
    const outage = issuerOutages?.[0];
    const fate = fateOf(world, 3);
    const isOther = (step: number) =>
      outage !== undefined &&
      step >= outage.from &&
      step < outage.until &&
      world.cards?.[fate.cards[step] ?? 0]?.facts.cardIssuer !== FAILING_ISSUER;
    const with_ = sharesOf(await runWorld(world, fate, OURS), 4, isOther);
    const without = sharesOf(await runWorld(quiet, fate, OURS), 4, isOther);
    for (const [provider, share] of with_.entries()) {
      expect(Math.abs(share - (without[provider] ?? 0))).toBeLessThan(0.05);
    }
  });
});
