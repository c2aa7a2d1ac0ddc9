import type { PairedSums } from '../statistics/sample.ts';
import type { Experiment, ExperimentMetric } from './experiment.ts';
import { EXPERIMENT_METRICS } from './experiment.ts';
import type { ExposedAttempt, ExposedAuthorization } from './exposed.ts';
import { LatencyHistogram } from './latency-histogram.ts';

/** What is known of the units of one arm, as sums: enough for every test, without the units. */
export interface ArmTally {
  readonly arm: string;
  /** Units that met the arm. */
  readonly assigned: number;
  /** Their payments; as many as units where a payment is the unit. */
  readonly payments: number;
  /** Payments whose outcome is open, and whose time is not over: not counted yet. */
  readonly maturing: number;
  /** Payments whose outcome was open when their time was over: not approved. */
  readonly unresolved: number;
  /** Approved by any attempt in time. */
  readonly approved: number;
  /** Sums over the units that are counted: of the metric (first) and of payments (second), weighted in a bandit. */
  readonly sums: Readonly<Record<ExperimentMetric, PairedSums>>;
  readonly cost: CostTally;
  /** Time in attempts of each payment. */
  readonly latency: LatencyHistogram;
}

/** Fees of approvals, as far as they are known. */
export interface CostTally {
  readonly approvals: number;
  /** Minor units of the currency. */
  readonly total: number;
  /** Sum over the approvals, basis points of their amounts. */
  readonly basisPoints: number;
  /** Null for none, or for more than one. */
  readonly currency: string | null;
}

export interface PhaseTally {
  readonly phase: number;
  readonly arms: readonly ArmTally[];
}

export interface ExperimentTally {
  readonly phases: readonly PhaseTally[];
  /** Units that met any arm. */
  readonly units: number;
  /** Units that met more than one arm: in none of the arms' figures. */
  readonly multiple: number;
  /** Units that only met the baseline in the place of a stopped arm: in none of the figures. */
  readonly redirected: number;
}

interface Payment {
  readonly maturing: boolean;
  readonly unresolved: boolean;
  readonly values: Readonly<Record<ExperimentMetric, number>>;
  readonly cost: { readonly total: number; readonly basisPoints: number; readonly currency: string } | null;
}

/** {@link ArmTally} while it grows. */
interface Growing {
  assigned: number;
  payments: number;
  maturing: number;
  unresolved: number;
  approved: number;
  readonly sums: Record<ExperimentMetric, GrowingSums>;
  readonly cost: { approvals: number; total: number; basisPoints: number; readonly currencies: Set<string> };
  readonly latency: LatencyHistogram;
}

interface GrowingSums {
  count: number;
  readonly first: { sum: number; sumOfSquares: number };
  readonly second: { sum: number; sumOfSquares: number };
  sumOfProducts: number;
}

/**
 * Adds up exposures as they stream by, all of a unit together and oldest first. Only the unit under way is held.
 *
 * A payment counts once, by the arm that it was assigned to first, from its first exposure on. It is approved when any
 * attempt of any of its authorizations was, within the maturity time. What is open then counts as not approved; what is
 * open before is not counted yet.
 */
export class ExposureTally {
  readonly #experiment: Pick<Experiment, 'unit' | 'mode' | 'maturityMs'>;
  readonly #nowMs: number;
  readonly #phases = new Map<number, Map<string, Growing>>();
  #unit: ExposedAuthorization[] = [];
  #units = 0;
  #multiple = 0;
  #redirected = 0;

  /** @param nowMs wall clock */
  constructor(experiment: Pick<Experiment, 'unit' | 'mode' | 'maturityMs'>, nowMs: number) {
    this.#experiment = experiment;
    this.#nowMs = nowMs;
  }

  add(exposed: ExposedAuthorization): void {
    if (this.#unit.length > 0 && this.#unit[0]?.unit !== exposed.unit) this.#closeUnit();
    this.#unit.push(exposed);
  }

  /** What was added so far, the unit under way included. */
  end(): ExperimentTally {
    this.#closeUnit();
    const phases = [...this.#phases]
      .sort(([left], [right]) => left - right)
      .map(([phase, arms]) => ({
        phase,
        arms: [...arms].map(([arm, growing]) => tallyOf(arm, growing)),
      }));
    const [units, multiple, redirected] = [this.#units, this.#multiple, this.#redirected];
    return { phases, units, multiple, redirected };
  }

  #closeUnit(): void {
    const own = this.#unit.filter(({ redirected }) => !redirected);
    const [first] = own;
    if (this.#unit.length > 0) this.#units += 1;
    if (first === undefined) {
      if (this.#unit.length > 0) this.#redirected += 1;
    } else if (own.some(({ arm }) => arm !== first.arm)) this.#multiple += 1;
    else this.#count(first, own);
    this.#unit = [];
  }

  #count(first: ExposedAuthorization, own: readonly ExposedAuthorization[]): void {
    const growing = this.#growing(first.phase, first.arm);
    const payments = [...Map.groupBy(own, ({ payment }) => payment).values()].map((each) =>
      paymentOf(each, this.#experiment.maturityMs, this.#nowMs),
    );
    const counted = payments.filter(({ maturing }) => !maturing);
    growing.assigned += 1;
    growing.payments += payments.length;
    growing.maturing += payments.length - counted.length;
    for (const { unresolved, values, cost } of counted) {
      if (unresolved) growing.unresolved += 1;
      growing.approved += values.approval_rate;
      growing.latency.add(values.latency_ms);
      if (cost === null) continue;
      growing.cost.approvals += 1;
      growing.cost.total += cost.total;
      growing.cost.basisPoints += cost.basisPoints;
      growing.cost.currencies.add(cost.currency);
    }
    if (counted.length === 0) return;
    const weight = this.#experiment.mode === 'bandit' ? 1 / first.propensity : 1;
    for (const metric of EXPERIMENT_METRICS) {
      const value = counted.reduce((sum, payment) => sum + payment.values[metric], 0);
      addPair(growing.sums[metric], weight * value, weight * counted.length);
    }
  }

  #growing(phase: number, arm: string): Growing {
    let arms = this.#phases.get(phase);
    if (arms === undefined) {
      arms = new Map();
      this.#phases.set(phase, arms);
    }
    let growing = arms.get(arm);
    if (growing === undefined) {
      growing = newGrowing();
      arms.set(arm, growing);
    }
    return growing;
  }
}

const TECHNICAL: ReadonlySet<ExposedAttempt['outcome']> = new Set(['rejected', 'not_sent', 'unknown']);
const OPEN: ReadonlySet<ExposedAttempt['outcome']> = new Set([null, 'unknown', 'pending']);

function paymentOf(all: readonly ExposedAuthorization[], maturityMs: number, nowMs: number): Payment {
  const first = all[0] as ExposedAuthorization;
  const cutoffMs = first.atMs + maturityMs;
  const inTime = all.filter(({ atMs }) => atMs <= cutoffMs);
  const attempts = inTime.flatMap((authorization) => authorization.attempts);
  const isApproved = ({ outcome, atMs }: ExposedAttempt) => outcome === 'approved' && atMs <= cutoffMs;
  const approval = inTime.find((authorization) => authorization.attempts.some(isApproved));
  const isOpen =
    approval === undefined && attempts.some(({ outcome, atMs }) => OPEN.has(outcome) || atMs > cutoffMs);
  const firstAttempt = first.attempts[0];
  const basisPoints = approval?.attempts.find(isApproved)?.costBasisPoints ?? null;
  return {
    maturing: isOpen && nowMs < cutoffMs,
    unresolved: isOpen && nowMs >= cutoffMs,
    values: {
      approval_rate: approval === undefined ? 0 : 1,
      first_attempt_approval_rate: firstAttempt !== undefined && isApproved(firstAttempt) ? 1 : 0,
      technical_error_rate: attempts.some(({ outcome }) => TECHNICAL.has(outcome)) ? 1 : 0,
      attempts_per_payment: attempts.length,
      latency_ms: attempts.reduce((sum, { durationMs }) => sum + (durationMs ?? 0), 0),
    },
    cost:
      approval === undefined || basisPoints === null
        ? null
        : { total: (approval.amount * basisPoints) / 10_000, basisPoints, currency: approval.currency },
  };
}

function newGrowing(): Growing {
  const sums = (): GrowingSums => ({
    count: 0,
    first: { sum: 0, sumOfSquares: 0 },
    second: { sum: 0, sumOfSquares: 0 },
    sumOfProducts: 0,
  });
  return {
    assigned: 0,
    payments: 0,
    maturing: 0,
    unresolved: 0,
    approved: 0,
    sums: {
      approval_rate: sums(),
      first_attempt_approval_rate: sums(),
      technical_error_rate: sums(),
      attempts_per_payment: sums(),
      latency_ms: sums(),
    },
    cost: { approvals: 0, total: 0, basisPoints: 0, currencies: new Set() },
    latency: new LatencyHistogram(),
  };
}

function addPair(sums: GrowingSums, first: number, second: number): void {
  sums.count += 1;
  sums.first.sum += first;
  sums.first.sumOfSquares += first * first;
  sums.second.sum += second;
  sums.second.sumOfSquares += second * second;
  sums.sumOfProducts += first * second;
}

function tallyOf(arm: string, growing: Growing): ArmTally {
  const { currencies, ...cost } = growing.cost;
  const [currency = null] = currencies;
  return { ...growing, arm, cost: { ...cost, currency: currencies.size === 1 ? currency : null } };
}
