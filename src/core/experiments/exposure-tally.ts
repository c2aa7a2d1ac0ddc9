import { converted, type ExchangeRates } from '../scoring/exchange-rates.ts';
import {
  type ApprovalCost,
  type ArmTally,
  type CountedPayment,
  type EarlyPayment,
  GrowingArm,
  type MetricValues,
  mergedArms,
} from './arm-tally.ts';
import { type Experiment, type ExperimentMetric, earlyAgeMs } from './experiment.ts';
import type { ExposedAttempt, ExposedRequest } from './exposed.ts';

export interface PhaseTally {
  readonly phase: number;
  readonly arms: readonly ArmTally[];
}

/** The units that rest on what one account reports. */
export interface AccountTally {
  readonly account: string;
  readonly phases: readonly PhaseTally[];
}

/** The tally without what one account reports, and without what cannot be told apart by account. */
export interface TallyWithout {
  /** Null where no account reports alone. */
  readonly account: string | null;
  readonly phases: readonly PhaseTally[];
}

export interface ExperimentTally {
  /** All units, by our own attempts and by reports. */
  readonly phases: readonly PhaseTally[];
  /** Those that only our own attempts say something of. */
  readonly own: readonly PhaseTally[];
  /**
   * All units without those that rest on the reports of one account, for each account in turn, the one with the most units
   * first; those that rest on several accounts are in none. What all of these show, no single account can have made up.
   * None where nobody reports.
   */
  readonly without: readonly TallyWithout[];
  /** Units that rest on the reports of one account, by account, the one with the most units first. */
  readonly reporting: readonly AccountTally[];
  /** Accounts that report; those that are not told apart are one. */
  readonly accounts: number;
  /** Units that met any arm. */
  readonly units: number;
  /** Units that met more than one arm: in none of the arms' figures. */
  readonly multiple: number;
  /** Units that only met the baseline in the place of a stopped arm: in none of the figures. */
  readonly redirected: number;
  /** In which all fees are added up; null: there are no rates. */
  readonly costCurrency: string | null;
}

/** Accounts that are told apart; what the others report is one. */
const ACCOUNTS_MAX = 50;
/** Names of accounts are never these. */
const OWN = '';
const MIXED = '\n';

type Growing = Map<number, Map<string, GrowingArm>>;
type Read = Pick<Experiment, 'unit' | 'mode' | 'maturityMs' | 'guardrails'>;

/**
 * Adds up exposures as they stream by, all of a unit together. Only the unit under way is held.
 *
 * A payment counts once, by the arm that it was assigned to first, be it authorized, decided for a caller that sends
 * itself, or both; and only from the moment at which its maturity time since its first exposure is over. Until then it
 * is `maturing`, even when its outcome is known: an arm whose declines come late would look better than it is, if what is
 * known were counted at once. It is approved when any attempt of any of its requests was, within that time. What was open
 * then, or was never reported, counts as not approved. Of several accounts that were told about one payment only the word
 * of the first counts.
 *
 * Where guardrails are to read payments before (see {@link earlyAgeMs}), all that have reached that age are also added up
 * with what their outcome can still become, at best and at worst.
 */
export class ExposureTally {
  readonly #experiment: Read;
  readonly #nowMs: number;
  readonly #earlyAgeMs: number | null;
  readonly #guarded: readonly ExperimentMetric[];
  readonly #rates: ExchangeRates;
  readonly #costCurrency: string | null;
  readonly #sources = new Map<string, Growing>();
  #unit: ExposedRequest[] = [];
  #units = 0;
  #multiple = 0;
  #redirected = 0;

  /**
   * @param nowMs wall clock
   * @param rates by which fees of several currencies are added up, in the base of the newest ones
   */
  constructor(experiment: Read, nowMs: number, rates: ExchangeRates = []) {
    this.#experiment = experiment;
    this.#nowMs = nowMs;
    this.#earlyAgeMs = earlyAgeMs(experiment);
    this.#guarded = [...new Set(experiment.guardrails.map(({ metric }) => metric))];
    this.#rates = rates;
    this.#costCurrency = (rates.findLast(({ fromMs }) => fromMs <= nowMs) ?? rates[0])?.base ?? null;
  }

  add(exposed: ExposedRequest): void {
    if (this.#unit.length > 0 && this.#unit[0]?.unit !== exposed.unit) this.#closeUnit();
    this.#unit.push(exposed);
  }

  /** What was added so far, the unit under way included. */
  end(): ExperimentTally {
    this.#closeUnit();
    const sources = new Map([...this.#sources].map(([source, growing]) => [source, phasesOf(growing)]));
    const own = sources.get(OWN) ?? [];
    const accounts = [...sources]
      .filter(([source]) => source !== OWN && source !== MIXED)
      .map(([account, phases]) => ({ account, phases }))
      .sort((one, other) => unitsOf(other.phases) - unitsOf(one.phases));
    const mixed = sources.has(MIXED) ? 1 : 0;
    return {
      phases: mergedPhases([...sources.values()]),
      own,
      without:
        accounts.length === 0 && mixed === 1 ? [{ account: null, phases: own }] : withoutEach(own, accounts),
      reporting: accounts,
      accounts: accounts.length + mixed,
      units: this.#units,
      multiple: this.#multiple,
      redirected: this.#redirected,
      costCurrency: this.#costCurrency,
    };
  }

  #closeUnit(): void {
    const unit = this.#unit.toSorted((one, other) => one.atMs - other.atMs);
    const payments = [...Map.groupBy(unit, ({ payment }) => payment).values()].map(byFirstTeller);
    const own = payments
      .map(({ teller, requests }) => ({ teller, requests: requests.filter(({ redirected }) => !redirected) }))
      .filter(({ requests }) => requests.length > 0);
    const [first] = own.flatMap(({ requests }) => requests).toSorted((one, other) => one.atMs - other.atMs);
    if (unit.length > 0) this.#units += 1;
    if (first === undefined) {
      if (unit.length > 0) this.#redirected += 1;
    } else if (own.some(({ requests }) => requests.some(({ arm }) => arm !== first.arm))) {
      this.#multiple += 1;
    } else this.#count(first, own);
    this.#unit = [];
  }

  #count(first: ExposedRequest, own: readonly ToldPayment[]): void {
    const tellers = new Set(own.flatMap(({ teller }) => teller ?? []));
    const [teller = OWN] = tellers;
    const payments = own.map(({ requests }) => this.#paymentOf(requests));
    const counted = payments.flatMap((payment) => payment.counted ?? []);
    this.#growing(tellers.size > 1 ? MIXED : teller, first.phase, first.arm).add({
      payments: payments.length,
      reported: own.filter((payment) => payment.teller !== null).length,
      maturing: payments.length - counted.length,
      counted,
      early: payments.flatMap((payment) => payment.early ?? []),
      weight: this.#experiment.mode === 'bandit' ? 1 / first.propensity : 1,
    });
  }

  #growing(source: string, phase: number, arm: string): GrowingArm {
    const isOneTooMany = !this.#sources.has(source) && this.#sources.size >= ACCOUNTS_MAX && source !== OWN;
    const known = isOneTooMany ? MIXED : source;
    const phases = madeIn(this.#sources, known, () => new Map<number, Map<string, GrowingArm>>());
    const arms = madeIn(phases, phase, () => new Map<string, GrowingArm>());
    return madeIn(arms, arm, () => new GrowingArm(arm, this.#guarded));
  }

  #paymentOf(all: readonly ExposedRequest[]): AgedPayment {
    const first = all[0] as ExposedRequest;
    const cutoffMs = first.atMs + this.#experiment.maturityMs;
    const inTime = all.filter(({ atMs }) => atMs <= cutoffMs);
    const seen = seenBy(inTime, cutoffMs);
    const isMature = this.#nowMs >= cutoffMs;
    const isOld = this.#earlyAgeMs !== null && this.#nowMs >= first.atMs + this.#earlyAgeMs;
    return {
      counted: isMature ? this.#counted(seen) : null,
      early: isOld ? earlyOf(seen, isMature) : null,
    };
  }

  #counted({ values, approval, isOpen }: SeenPayment): CountedPayment {
    const basisPoints = approval?.attempt.costBasisPoints ?? null;
    const isPriced = approval !== null && basisPoints !== null;
    return {
      unresolved: isOpen,
      values,
      cost: isPriced ? this.#costOf(approval.request, basisPoints) : null,
    };
  }

  #costOf({ amount, currency, atMs }: ExposedRequest, basisPoints: number): ApprovalCost {
    const total = (amount * basisPoints) / 10_000;
    // What is older than all rates goes by the first of them: fees are compared, no money is moved.
    const ratedAtMs = Math.max(atMs, this.#rates[0]?.fromMs ?? atMs);
    return {
      basisPoints,
      total,
      currency,
      converted:
        this.#costCurrency === null
          ? null
          : converted(this.#rates, { value: total, currency }, this.#costCurrency, ratedAtMs),
    };
  }
}

const TECHNICAL: ReadonlySet<ExposedAttempt['outcome']> = new Set(['rejected', 'not_sent', 'unknown']);
const OPEN: ReadonlySet<ExposedAttempt['outcome']> = new Set([null, 'unknown', 'pending']);

/** A payment at its age: null where it is too young. */
interface AgedPayment {
  readonly counted: CountedPayment | null;
  readonly early: EarlyPayment | null;
}

/** What is known of a payment, of what came to be known within its maturity time. */
interface SeenPayment {
  readonly inTime: readonly ExposedRequest[];
  readonly values: MetricValues;
  readonly approval: { readonly request: ExposedRequest; readonly attempt: ExposedAttempt } | null;
  /** Not approved, and an attempt of it may be. */
  readonly isOpen: boolean;
}

function seenBy(inTime: readonly ExposedRequest[], cutoffMs: number): SeenPayment {
  const attempts = inTime.flatMap((request) => request.attempts);
  const isApproved = ({ outcome, atMs }: ExposedAttempt) => outcome === 'approved' && atMs <= cutoffMs;
  const [approval = null] = inTime.flatMap((request) => {
    const attempt = request.attempts.find(isApproved);
    return attempt === undefined ? [] : [{ request, attempt }];
  });
  const firstAttempt = inTime[0]?.attempts[0];
  return {
    inTime,
    approval,
    isOpen: approval === null && attempts.some(({ outcome, atMs }) => OPEN.has(outcome) || atMs > cutoffMs),
    values: {
      approval_rate: approval === null ? 0 : 1,
      first_attempt_approval_rate: firstAttempt !== undefined && isApproved(firstAttempt) ? 1 : 0,
      technical_error_rate: attempts.some(({ outcome }) => TECHNICAL.has(outcome)) ? 1 : 0,
      attempts_per_payment: attempts.length,
      latency_ms: attempts.reduce((sum, { durationMs }) => sum + (durationMs ?? 0), 0),
    },
  };
}

/**
 * What can still become of a payment. An attempt that is open may be approved, and one that was sent to authentication may
 * come back and be. What nobody has told of yet may have been a technical error; an unknown outcome is one as long as it
 * is unknown. Attempts and time are known at that age, as far as they will be.
 */
function earlyOf({ inTime, values, isOpen }: SeenPayment, isMature: boolean): EarlyPayment {
  if (isMature) return { best: values, worst: values };
  const outcomes = inTime.flatMap(({ attempts }) => attempts.map(({ outcome }) => outcome));
  const firstOutcome = inTime[0]?.attempts[0]?.outcome;
  const mayReturn = outcomes.includes('authentication_required');
  const firstIsOpen = firstOutcome !== undefined && OPEN.has(firstOutcome);
  return {
    best: {
      ...values,
      approval_rate: isOpen || mayReturn ? 1 : values.approval_rate,
      first_attempt_approval_rate: firstIsOpen ? 1 : values.first_attempt_approval_rate,
    },
    worst: {
      ...values,
      technical_error_rate: outcomes.includes(null) ? 1 : values.technical_error_rate,
    },
  };
}

/** The requests about one payment that count, and the account whose word some of them are; null: none is. */
interface ToldPayment {
  readonly teller: string | null;
  readonly requests: readonly ExposedRequest[];
}

function byFirstTeller(all: readonly ExposedRequest[]): ToldPayment {
  const teller = all.find(({ reportedBy }) => reportedBy !== null)?.reportedBy ?? null;
  const requests = all.filter(({ reportedBy }) => reportedBy === null || reportedBy === teller);
  return { teller, requests };
}

/** What each account reports is added up with all others from both ends, so that it takes no longer than that. */
function withoutEach(own: readonly PhaseTally[], accounts: readonly AccountTally[]): readonly TallyWithout[] {
  const after: (readonly PhaseTally[])[] = [[]];
  for (const { phases } of accounts.toReversed()) after.unshift(mergedPhases([phases, after[0] ?? []]));
  let before = own;
  return accounts.map(({ account, phases }, index) => {
    const without = mergedPhases([before, after[index + 1] ?? []]);
    before = mergedPhases([before, phases]);
    return { account, phases: without };
  });
}

/** Tallies of the same phases together. */
function mergedPhases(all: readonly (readonly PhaseTally[])[]): readonly PhaseTally[] {
  const byPhase = Map.groupBy(all.flat(), ({ phase }) => phase);
  return [...byPhase]
    .sort(([left], [right]) => left - right)
    .map(([phase, same]) => ({ phase, arms: mergedByArm(same.flatMap(({ arms }) => arms)) }));
}

/** Tallies of the same arm together. */
export function mergedByArm(all: readonly ArmTally[]): readonly ArmTally[] {
  return [...Map.groupBy(all, ({ arm }) => arm).values()].map((same) => same.reduce(mergedArms));
}

function phasesOf(growing: Growing): readonly PhaseTally[] {
  return [...growing]
    .sort(([left], [right]) => left - right)
    .map(([phase, arms]) => ({ phase, arms: [...arms.values()].map((arm) => arm.end()) }));
}

function unitsOf(phases: readonly PhaseTally[]): number {
  return phases.reduce((sum, { arms }) => arms.reduce((all, { assigned }) => all + assigned, sum), 0);
}

function madeIn<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
