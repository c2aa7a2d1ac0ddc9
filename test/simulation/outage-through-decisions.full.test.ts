import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { OutcomeReport } from '../../src/core/caller-decision.ts';
import { DecisionWorld, viewOf } from '../support/decision-world.ts';
import { sampleRequest } from '../support/sample-request.ts';
import { SeededRandom } from '../support/seeded-random.ts';

/**
 * An outage of 3 % of the traffic, at one provider, while callers send themselves: it must cost less than a tenth of the
 * payments that it is about. Everything of the gateway is real but the sockets; the callers do as they are told, and what
 * their providers do is the world's.
 */

const PER_SECOND = 20;
/** Share of the traffic that the outage is about: cards of one brand. */
const AFFECTED = 0.03;
const HEALTHY_S = 30;
const OUTAGE_S = 600;
const AFTER_S = 90;
const LATENCY_MS = 200;
/** Approval of a working provider. */
const APPROVES = 0.9;

type Told = Pick<OutcomeReport, 'outcome' | 'code' | 'networkCode'>;
const APPROVED: Told = { outcome: 'approved', code: null, networkCode: null };
/** No provider would have approved it: nobody loses it by an outage. */
const NO_FUNDS: Told = { outcome: 'declined', code: 'issuer_51', networkCode: '51' };

/** What a broken provider does with every payment of the segment. */
const OUTAGES = {
  'refuses connections': { outcome: 'not_sent', code: 'ECONNREFUSED', networkCode: null, tookMs: 2 },
  'answers 503, not processed': { outcome: 'rejected', code: '503', networkCode: null, tookMs: 50 },
  'never answers': { outcome: 'unknown', code: 'timeout', networkCode: null, tookMs: 2_000 },
  'declines as the issuer would': { outcome: 'declined', code: 'issuer_05', networkCode: '05', tookMs: 150 },
} as const satisfies Readonly<Record<string, Told & { readonly tookMs: number }>>;

interface Tally {
  affected: number;
  lost: number;
  approved: number;
  /** Attempts at the provider while it was broken, for the payments that it was about. */
  met: number;
  /** The same when it was not. */
  again: number;
}

class Callers {
  readonly world: DecisionWorld;
  readonly tally: Tally = { affected: 0, lost: 0, approved: 0, met: 0, again: 0 };
  readonly #random: SeededRandom;
  readonly #broken: Told & { readonly tookMs: number };
  readonly #share: number;
  #payments = 0;

  /** @param share of the traffic that the outage is about */
  constructor(
    world: DecisionWorld,
    broken: Told & { readonly tookMs: number },
    seed: number,
    share = AFFECTED,
  ) {
    this.world = world;
    this.#share = share;
    this.#broken = broken;
    this.#random = new SeededRandom(seed);
  }

  get payments(): number {
    return this.#payments;
  }

  /** A payment from decision to end, at whatever time it is. Resolves when its caller is told to stop or to wait. */
  async pay(account: string, isOutage: boolean): Promise<void> {
    this.#payments += 1;
    const isAffected = this.#random.unit() < this.#share;
    const would = this.#random.unit() < APPROVES ? APPROVED : NO_FUNDS;
    const brand = isAffected ? 'amex' : 'visa';
    const card = { ...sampleRequest().card, brand, id: `card-${this.#payments}` };
    const request = sampleRequest({ reference: `order-${this.#payments}`, card });
    const decided = await this.world.decide({ account, request });
    const counts = isAffected && isOutage && would === APPROVED;
    if (counts) this.tally.affected += 1;
    const approved =
      decided.kind === 'answered' &&
      (await this.#follow(account, decided, isAffected, isAffected && isOutage, would));
    if (approved) this.tally.approved += 1;
    else if (counts) this.tally.lost += 1;
  }

  async #follow(
    account: string,
    decided: Parameters<typeof viewOf>[0],
    isAffected: boolean,
    isBroken: boolean,
    would: Told,
  ): Promise<boolean> {
    const { id, provider: first } = viewOf(decided);
    let provider = first;
    for (let attempt = 1; provider !== null; attempt += 1) {
      const fails = isBroken && provider === 'sandbox-a';
      if (fails) this.tally.met += 1;
      else if (isAffected && provider === 'sandbox-a') this.tally.again += 1;
      const { tookMs, ...told } = fails ? this.#broken : { ...would, tookMs: LATENCY_MS };
      await this.#sleep(tookMs);
      const step = await this.world.reported(id, { provider, attempt, latencyMs: tookMs, ...told }, account);
      if (told.outcome === 'approved') return true;
      provider = step.next === 'stop' || step.next === 'wait' ? null : step.next;
    }
    return false;
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.world.clock.after(ms, resolve);
    });
  }
}

/** Lets time pass, payment by payment. Breakers recover by the timers of the process. */
async function pass(
  callers: Callers,
  seconds: number,
  accounts: readonly string[],
  isOutage: boolean,
): Promise<void> {
  const open: Promise<void>[] = [];
  const everyMs = 1_000 / PER_SECOND;
  for (let payment = 0; payment < seconds * PER_SECOND; payment += 1) {
    open.push(callers.pay(accounts[payment % accounts.length] ?? '', isOutage));
    await callers.world.clock.advance(everyMs);
    vi.advanceTimersByTime(everyMs);
  }
  await callers.world.clock.advance(10_000);
  vi.advanceTimersByTime(10_000);
  await Promise.all(open);
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const STRATEGIES = {
  'a fixed order': { kind: 'priority', order: ['sandbox-a', 'sandbox-b', 'sandbox-c'] },
  'by score': { kind: 'score' },
} as const;

describe('an outage of 3 % of the traffic, through decisions', () => {
  it.each([
    ['a fixed order', 'refuses connections'],
    ['a fixed order', 'answers 503, not processed'],
    ['a fixed order', 'never answers'],
    ['by score', 'never answers'],
    ['by score', 'declines as the issuer would'],
  ] as const)(
    '%s, the first provider %s: costs less than a tenth of its payments',
    async (order, outage) => {
      const brandOf = (card: { readonly brand: string | null }) => (card.brand === 'amex' ? 'amex' : 'visa');
      const world = new DecisionWorld({ action: { strategy: STRATEGIES[order], attemptsMax: 2 }, brandOf });
      const callers = new Callers(world, OUTAGES[outage], 20_261_123);
      await pass(callers, HEALTHY_S, ['one'], false);
      await pass(callers, OUTAGE_S, ['one'], true);
      const { affected, lost, met } = callers.tally;
      expect(affected, 'the outage was about something').toBeGreaterThan(250);
      expect(met, 'somebody met it').toBeGreaterThan(2);
      expect(lost / affected, `${lost} of ${affected} lost`).toBeLessThan(0.1);
      // When it works again it is found again, and nothing else was lost meanwhile.
      callers.tally.again = 0;
      await pass(callers, AFTER_S, ['one'], false);
      // By score it takes as long as the memory of its health, which is minutes.
      if (order === 'a fixed order') expect(callers.tally.again, 'it is tried again').toBeGreaterThan(10);
      expect(callers.payments).toBe((HEALTHY_S + OUTAGE_S + AFTER_S) * PER_SECOND);
      expect(callers.tally.approved / callers.payments).toBeGreaterThan(APPROVES - 0.02);
      expect(world.counted).toMatchObject({ made: callers.payments, reported: callers.payments });
    },
    120_000,
  );

  it('what two accounts have met, a third is spared', async () => {
    const brandOf = (card: { readonly brand: string | null }) => (card.brand === 'amex' ? 'amex' : 'visa');
    const action = { strategy: STRATEGIES['a fixed order'], attemptsMax: 2 };
    const world = new DecisionWorld({ action, brandOf });
    const callers = new Callers(world, OUTAGES['never answers'], 7, 1);
    await pass(callers, 2, ['one', 'two'], true);
    const before = callers.tally.met;
    expect(before, 'they met it').toBeGreaterThan(15);
    await pass(callers, 5, ['three'], true);
    expect(callers.tally.met).toBe(before);
  }, 60_000);
});
