import type { RoutingFacts } from '../../src/core/facts.ts';
import { SeededRandom } from '../support/seeded-random.ts';

/** A stretch of payments during which rates stay as they are. */
export interface Phase {
  /** First payment after it. */
  readonly until: number;
  /** Approval rates by provider. */
  readonly means: readonly number[];
}

/** Cards of one kind: all that routing knows of them is the same. */
export interface CardKind {
  readonly facts: RoutingFacts;
  /** Weight among all kinds. */
  readonly share: number;
  /** What this kind adds to each provider's approval rate. */
  readonly gaps: readonly number[];
}

/** An issuer approves hardly anything for a while, whoever asks. */
export interface IssuerOutage {
  readonly issuer: string;
  readonly from: number;
  readonly until: number;
  readonly rate: number;
  /** Whether its declines say that the issuer could not answer; else they look like any other decline. */
  readonly told: boolean;
}

/** Attempts at a provider that end without an answer for a while. */
export interface TechnicalFault {
  readonly provider: number;
  readonly from: number;
  readonly until: number;
  /** Share that definitely fails: another provider may be asked. */
  readonly failing: number;
  /** Share of which nobody knows what became of it: the payment is lost. */
  readonly unknown: number;
}

/** What happens to payments, as data: the same for every policy. */
export interface PaymentWorld {
  readonly name: string;
  readonly about: string;
  readonly providers: readonly string[];
  /** The last one's end is the number of payments. */
  readonly phases: readonly Phase[];
  /** Payment from which on each provider is there; absent: from the beginning. */
  readonly joinsAt?: readonly number[];
  /** Absent: one kind of card. */
  readonly cards?: readonly CardKind[];
  readonly issuerOutages?: readonly IssuerOutage[];
  /** Present (also when empty): attempts go through limits and breakers, and a second one follows a definite failure. */
  readonly technicalFaults?: readonly TechnicalFault[];
}

export const ATTEMPTS_MAX = 2;

export function paymentsOf(world: PaymentWorld): number {
  return world.phases.at(-1)?.until ?? 0;
}

/**
 * Everything that chance decides in a world, drawn before: the same for every policy. One number decides an attempt
 * wherever it is made, so that two policies that ask the same provider get the same answer.
 */
export interface Fate {
  readonly seed: number;
  /** Kind of card by payment. */
  readonly cards: Uint16Array;
  /** By payment and attempt: approved when below the rate. */
  readonly approval: Float64Array;
  /** By payment and attempt: whether it fails technically. */
  readonly technical: Float64Array;
}

export function fateOf(world: PaymentWorld, seed: number): Fate {
  const random = new SeededRandom(seed);
  const payments = paymentsOf(world);
  const kinds = world.cards ?? [];
  const bounds: number[] = [];
  for (const { share } of kinds) bounds.push((bounds.at(-1) ?? 0) + share);
  const cards = new Uint16Array(payments);
  const approval = new Float64Array(payments * ATTEMPTS_MAX);
  const technical = new Float64Array(payments * ATTEMPTS_MAX);
  for (let step = 0; step < payments; step += 1) {
    if (kinds.length > 0) cards[step] = firstAbove(bounds, random.unit() * (bounds.at(-1) ?? 0));
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      approval[step * ATTEMPTS_MAX + attempt] = random.unit();
      technical[step * ATTEMPTS_MAX + attempt] = random.unit();
    }
  }
  return { seed, cards, approval, technical };
}

function firstAbove(bounds: readonly number[], aim: number): number {
  let low = 0;
  let high = bounds.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((bounds[middle] ?? 0) > aim) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The true rates of a world, payment by payment. */
export class TrueRates {
  /** Approval rates by provider for the payment that was moved to; 0 for one that is not there yet. */
  readonly approval: Float64Array;
  readonly failing: Float64Array;
  readonly unknown: Float64Array;
  /** Whether each provider is there. */
  readonly joined: boolean[];
  /** The issuer's outage that the payment falls into. */
  outage: IssuerOutage | null = null;
  readonly #world: PaymentWorld;
  #phase = 0;

  constructor(world: PaymentWorld) {
    const count = world.providers.length;
    this.#world = world;
    this.approval = new Float64Array(count);
    this.failing = new Float64Array(count);
    this.unknown = new Float64Array(count);
    this.joined = world.providers.map(() => true);
  }

  /** @param step not before the one of the call before */
  moveTo(step: number, card: CardKind | undefined): void {
    const { phases, joinsAt, issuerOutages, technicalFaults } = this.#world;
    while (step >= (phases[this.#phase]?.until ?? Number.POSITIVE_INFINITY)) this.#phase += 1;
    const means = phases[this.#phase]?.means ?? [];
    this.outage = null;
    for (const outage of issuerOutages ?? []) {
      if (isDuring(outage, step) && outage.issuer === card?.facts.cardIssuer) this.outage = outage;
    }
    for (let provider = 0; provider < this.approval.length; provider += 1) {
      this.joined[provider] = step >= (joinsAt?.[provider] ?? 0);
      const rate = this.outage?.rate ?? (means[provider] ?? 0) + (card?.gaps[provider] ?? 0);
      this.approval[provider] = this.joined[provider] ? Math.min(0.995, Math.max(0.005, rate)) : 0;
    }
    if (technicalFaults === undefined) return;
    this.failing.fill(0);
    this.unknown.fill(0);
    for (const fault of technicalFaults) {
      if (!isDuring(fault, step)) continue;
      this.failing[fault.provider] = fault.failing;
      this.unknown[fault.provider] = fault.unknown;
    }
  }

  /**
   * Probability that the payment is approved when it goes to the first and, after a definite failure, to the second
   * provider.
   * @param second null: to nobody
   */
  value(first: number, second: number | null): number {
    const failing = this.failing[first] as number;
    const processed = 1 - failing - (this.unknown[first] as number);
    return (
      processed * (this.approval[first] as number) +
      (second === null ? 0 : failing * this.value(second, null))
    );
  }
}

function isDuring(spell: { readonly from: number; readonly until: number }, step: number): boolean {
  return step >= spell.from && step < spell.until;
}
