import { createHash } from 'node:crypto';
import { mock } from 'node:test';
import { type AttemptOutcome, breakerSignal } from '../../src/core/attempt.ts';
import { invariant } from '../../src/core/invariant.ts';
import { Lanes } from '../../src/guards/lanes.ts';
import { ProcessClock, VirtualTime } from '../simulation/virtual-time.ts';
import { routingFacts } from '../support/routing-facts.ts';
import { SAMPLE_OUTCOMES } from '../support/sample-outcomes.ts';
import { sampleContract, sampleRuleset } from '../support/sample-ruleset.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { ATTEMPTS_MAX, type Fate, type PaymentWorld, paymentsOf, TrueRates } from './payment-world.ts';
import type { NamedPolicy, Policy, Waiting } from './policy.ts';

/** Between two payments: twenty a second. */
const STEP_MS = 50;
/** Stands in `routes` for an attempt that was not made. */
export const NOBODY = 255;

/** What a policy did in a world. */
export interface Run {
  readonly payments: number;
  readonly approved: number;
  /** Payments lost against the clairvoyant, by true rates; what failed technically is the same for both. */
  readonly regret: number;
  /** Providers by payment and attempt; {@link NOBODY} where there was none. */
  readonly routes: Uint8Array;
}

/** Short name of the routes: another one if any payment went elsewhere. */
export function hashOf({ routes }: Run): string {
  return createHash('sha256').update(routes).digest('hex').slice(0, 16);
}

/** Share of each provider among the first attempts of those payments. */
export function sharesOf(run: Run, providers: number, isCounted: (step: number) => boolean): number[] {
  const counts = new Array<number>(providers).fill(0);
  let all = 0;
  for (let step = 0; step < run.payments; step += 1) {
    const provider = run.routes[step * ATTEMPTS_MAX] as number;
    if (provider === NOBODY || !isCounted(step)) continue;
    counts[provider] = (counts[provider] as number) + 1;
    all += 1;
  }
  return counts.map((count) => count / all);
}

/**
 * Lets a policy route every payment of a world. Payments come one after another, evenly, and each is answered before the
 * next. Limits and breakers are the product's own where the world has technical faults: opossum's timers run on the
 * simulated clock then.
 */
export async function runWorld(world: PaymentWorld, fate: Fate, named: NamedPolicy): Promise<Run> {
  const time = new VirtualTime();
  const clock = new ProcessClock(time, 0);
  if (world.technicalFaults === undefined) return new Runner(world, fate, named, time, clock, null).run();
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: clock.wallMs() });
  const limits = { perSecond: 10_000, concurrent: 10_000 };
  const { providers } = sampleRuleset(world.providers.map((id) => sampleContract(id, { limits })));
  const lanes = new Lanes(providers, { clock, onTransition: () => {} });
  try {
    return await new Runner(world, fate, named, time, clock, lanes).run();
  } finally {
    lanes.close();
    mock.timers.reset();
  }
}

class Runner {
  readonly #world: PaymentWorld;
  readonly #fate: Fate;
  readonly #time: VirtualTime;
  readonly #lanes: Lanes | null;
  readonly #policy: Policy;
  readonly #rates: TrueRates;
  readonly #routes: Uint8Array;
  readonly #eligible: boolean[];
  readonly #open: boolean[];
  #approved = 0;
  #regret = 0;

  constructor(
    world: PaymentWorld,
    fate: Fate,
    named: NamedPolicy,
    time: VirtualTime,
    clock: ProcessClock,
    lanes: Lanes | null,
  ) {
    const { providers } = world;
    // Apart from the world's own dice, so that what a policy draws changes nothing in it.
    const random = new SeededRandom(Math.imul(fate.seed, 0x9e3779b1) ^ 0x5bd1e995);
    this.#world = world;
    this.#fate = fate;
    this.#time = time;
    this.#lanes = lanes;
    this.#policy = named.begin({ providers, random, clock, guards: lanes }, world);
    this.#rates = new TrueRates(world);
    this.#routes = new Uint8Array(paymentsOf(world) * ATTEMPTS_MAX).fill(NOBODY);
    this.#eligible = providers.map(() => false);
    this.#open = providers.map(() => false);
  }

  async run(): Promise<Run> {
    const payments = paymentsOf(this.#world);
    for (let step = 0; step < payments; step += 1) {
      const card = this.#world.cards?.[this.#fate.cards[step] as number];
      this.#rates.moveTo(step, card);
      // A new object for each payment, as in life.
      const facts = { ...(card?.facts ?? ONE_KIND) };
      this.#regret += this.#clairvoyant(step);
      for (let provider = 0; provider < this.#eligible.length; provider += 1) {
        this.#eligible[provider] = this.#rates.joined[provider] === true;
      }
      for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
        const waiting: Waiting = { step, attempt, facts, eligible: this.#eligible, open: this.#open };
        if (!this.#look(waiting)) break;
        const outcome = this.#attempt(waiting);
        if (this.#lanes !== null) await counted();
        if (outcome.kind !== 'not_sent') break;
      }
      this.#time.nowMs += STEP_MS;
      if (this.#lanes !== null) mock.timers.tick(STEP_MS);
    }
    return { payments, approved: this.#approved, regret: this.#regret, routes: this.#routes };
  }

  /** Finds who is open; false when nobody is. */
  #look({ facts }: Waiting): boolean {
    let isAny = false;
    for (let provider = 0; provider < this.#open.length; provider += 1) {
      const isOpen =
        this.#eligible[provider] === true &&
        (this.#lanes === null || this.#lanes.view(this.#laneOf(provider, facts)).closedBecause === null);
      this.#open[provider] = isOpen;
      isAny ||= isOpen;
    }
    return isAny;
  }

  #attempt(waiting: Waiting): AttemptOutcome {
    const provider = this.#policy.choose(waiting);
    invariant(this.#open[provider] === true, `nobody can be sent to provider ${provider} now`);
    const at = waiting.step * ATTEMPTS_MAX + waiting.attempt - 1;
    this.#routes[at] = provider;
    const outcome = this.#outcome(at, provider);
    if (this.#lanes !== null) {
      const admission = this.#lanes.admit(this.#laneOf(provider, waiting.facts), 0);
      invariant('kind' in admission && admission.kind === 'admitted', 'an open lane has room');
      admission.permit.report(breakerSignal(outcome));
    }
    this.#policy.learn(waiting, provider, outcome);
    this.#eligible[provider] = false;
    return outcome;
  }

  #outcome(at: number, provider: number): AttemptOutcome {
    const isProcessed = this.#technical(at, provider);
    if (isProcessed !== 'processed') return SAMPLE_OUTCOMES[isProcessed];
    const rate = this.#rates.approval[provider] as number;
    this.#regret -= rate;
    if ((this.#fate.approval[at] as number) < rate) {
      this.#approved += 1;
      return SAMPLE_OUTCOMES.approved;
    }
    return this.#rates.outage?.told === true ? SAMPLE_OUTCOMES.issuerDown : SAMPLE_OUTCOMES.declinedSoft;
  }

  #technical(at: number, provider: number): 'notSent' | 'unknown' | 'processed' {
    const drawn = this.#fate.technical[at] as number;
    const failing = this.#rates.failing[provider] as number;
    if (drawn < failing) return 'notSent';
    return drawn < failing + (this.#rates.unknown[provider] as number) ? 'unknown' : 'processed';
  }

  /** True rate at which the payment is approved where one who knows all rates, but not the dice, sends it. */
  #clairvoyant(step: number): number {
    const { providers } = this.#world;
    const lastAttempt = this.#lanes === null ? 1 : ATTEMPTS_MAX;
    let best: readonly [number, number | null] = [0, null];
    let highest = -1;
    for (let first = 0; first < providers.length; first += 1) {
      for (let second = 0; second < (lastAttempt === 1 ? 1 : providers.length); second += 1) {
        const other = lastAttempt === 1 || second === first ? null : second;
        const value = this.#rates.value(first, other);
        if (value <= highest) continue;
        highest = value;
        best = [first, other];
      }
    }
    const [first, second] = best;
    const at = step * ATTEMPTS_MAX;
    const outcome = this.#technical(at, first);
    if (outcome === 'processed') return this.#rates.approval[first] as number;
    if (outcome === 'unknown' || second === null || this.#technical(at + 1, second) !== 'processed') return 0;
    return this.#rates.approval[second] as number;
  }

  #laneOf(provider: number, facts: Waiting['facts']) {
    return {
      provider: this.#world.providers[provider] ?? '',
      brand: facts.cardBrand,
      merchant: facts.merchant,
    };
  }
}

const ONE_KIND = routingFacts();

/** Lets opossum count a success. */
async function counted(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await Promise.resolve();
}
