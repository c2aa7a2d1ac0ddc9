import type { PairedSums } from '../statistics/sample.ts';
import { EXPERIMENT_METRICS, type ExperimentMetric } from './experiment.ts';
import { LatencyHistogram } from './latency-histogram.ts';

/** What is known of the units of one arm, as sums: enough for every test, without the units. */
export interface ArmTally {
  readonly arm: string;
  /** Units that met the arm. */
  readonly assigned: number;
  /** Their payments; as many as units where a payment is the unit. */
  readonly payments: number;
  /** Payments of which something is known by a caller's reports only. */
  readonly reported: number;
  /** Payments younger than the maturity time, whatever is known of them: in no other figure but the early sums. */
  readonly maturing: number;
  /** Payments whose outcome was open at that age: not approved. */
  readonly unresolved: number;
  /** Approved by any attempt in time. */
  readonly approved: number;
  /** Sums over the units that are counted: of the metric (first) and of payments (second), weighted in a bandit. */
  readonly sums: Readonly<Record<ExperimentMetric, PairedSums>>;
  /** The same over all payments that have reached the early age of guardrails; of metrics that none guards, nothing. */
  readonly early: EarlySums;
  readonly cost: CostTally;
  /** Time in attempts of each payment. */
  readonly latency: LatencyHistogram;
}

/** Sums between which those at maturity will lie: what is open ends well for the arm, or badly. */
export interface EarlySums {
  readonly best: Readonly<Record<ExperimentMetric, PairedSums>>;
  readonly worst: Readonly<Record<ExperimentMetric, PairedSums>>;
}

/** Fees of approvals, as far as they are known. */
export interface CostTally {
  readonly approvals: number;
  /** Sum over the approvals, basis points of their amounts. */
  readonly basisPoints: number;
  /** Fees in each currency of the amounts, its minor units. */
  readonly byCurrency: ReadonlyMap<string, number>;
  /** All of them in the tally's one currency, its minor units: of those that have a rate. */
  readonly converted: number;
  /** Currencies of fees that have none. */
  readonly unconverted: ReadonlySet<string>;
}

/** The fees of one approval. */
export interface ApprovalCost {
  readonly basisPoints: number;
  /** Minor units of the currency. */
  readonly total: number;
  readonly currency: string;
  /** Minor units of the tally's one currency; null: there is no rate. */
  readonly converted: number | null;
}

/** What one payment adds to each metric. */
export type MetricValues = Readonly<Record<ExperimentMetric, number>>;

/** One payment that has reached the early age: what it will have added at maturity lies between these. */
export interface EarlyPayment {
  readonly best: MetricValues;
  readonly worst: MetricValues;
}

/** One payment that is mature. */
export interface CountedPayment {
  readonly unresolved: boolean;
  readonly values: MetricValues;
  /** Null without an approval whose fees are known. */
  readonly cost: ApprovalCost | null;
}

/** One unit that met an arm. */
export interface CountedUnit {
  readonly payments: number;
  readonly reported: number;
  readonly maturing: number;
  /** Those that are mature. */
  readonly counted: readonly CountedPayment[];
  readonly early: readonly EarlyPayment[];
  /** 1, or in a bandit the inverse of the unit's propensity. */
  readonly weight: number;
}

interface GrowingSums {
  count: number;
  readonly first: { sum: number; sumOfSquares: number };
  readonly second: { sum: number; sumOfSquares: number };
  sumOfProducts: number;
}

/** {@link ArmTally} while it grows. */
export class GrowingArm {
  readonly #arm: string;
  #assigned = 0;
  #payments = 0;
  #reported = 0;
  #maturing = 0;
  #unresolved = 0;
  #approved = 0;
  readonly #sums = sumsOfAll();
  readonly #early = { best: sumsOfAll(), worst: sumsOfAll() };
  readonly #guarded: readonly ExperimentMetric[];
  #approvals = 0;
  #basisPoints = 0;
  #converted = 0;
  readonly #byCurrency = new Map<string, number>();
  readonly #unconverted = new Set<string>();
  readonly #latency = new LatencyHistogram();

  /** @param guarded metrics that are read early too */
  constructor(arm: string, guarded: readonly ExperimentMetric[]) {
    this.#arm = arm;
    this.#guarded = guarded;
  }

  add({ payments, reported, maturing, counted, early, weight }: CountedUnit): void {
    this.#assigned += 1;
    this.#payments += payments;
    this.#reported += reported;
    this.#maturing += maturing;
    for (const { unresolved, values, cost } of counted) {
      if (unresolved) this.#unresolved += 1;
      this.#approved += values.approval_rate;
      this.#latency.add(values.latency_ms);
      if (cost !== null) this.#addCost(cost);
    }
    const values = counted.map((payment) => payment.values);
    addValues(this.#sums, EXPERIMENT_METRICS, values, weight);
    for (const end of ['best', 'worst'] as const) {
      const ends = early.map((payment) => payment[end]);
      addValues(this.#early[end], this.#guarded, ends, weight);
    }
  }

  #addCost({ basisPoints, total, currency, converted }: ApprovalCost): void {
    this.#approvals += 1;
    this.#basisPoints += basisPoints;
    this.#byCurrency.set(currency, (this.#byCurrency.get(currency) ?? 0) + total);
    if (converted === null) this.#unconverted.add(currency);
    else this.#converted += converted;
  }

  /** What was added so far. Not a copy: nothing is to be added while it is used. */
  end(): ArmTally {
    return {
      arm: this.#arm,
      assigned: this.#assigned,
      payments: this.#payments,
      reported: this.#reported,
      maturing: this.#maturing,
      unresolved: this.#unresolved,
      approved: this.#approved,
      sums: this.#sums,
      early: this.#early,
      cost: {
        approvals: this.#approvals,
        basisPoints: this.#basisPoints,
        byCurrency: this.#byCurrency,
        converted: this.#converted,
        unconverted: this.#unconverted,
      },
      latency: this.#latency,
    };
  }
}

/** Two tallies of one arm as one. */
export function mergedArms(one: ArmTally, other: ArmTally): ArmTally {
  return {
    arm: one.arm,
    assigned: one.assigned + other.assigned,
    payments: one.payments + other.payments,
    reported: one.reported + other.reported,
    maturing: one.maturing + other.maturing,
    unresolved: one.unresolved + other.unresolved,
    approved: one.approved + other.approved,
    sums: addedRecords(one.sums, other.sums),
    early: {
      best: addedRecords(one.early.best, other.early.best),
      worst: addedRecords(one.early.worst, other.early.worst),
    },
    cost: addedCost(one.cost, other.cost),
    latency: one.latency.with(other.latency),
  };
}

function addedCost(one: CostTally, other: CostTally): CostTally {
  const byCurrency = new Map(one.byCurrency);
  for (const [currency, total] of other.byCurrency) {
    byCurrency.set(currency, (byCurrency.get(currency) ?? 0) + total);
  }
  return {
    approvals: one.approvals + other.approvals,
    basisPoints: one.basisPoints + other.basisPoints,
    byCurrency,
    converted: one.converted + other.converted,
    unconverted: new Set([...one.unconverted, ...other.unconverted]),
  };
}

function addedRecords(one: ArmTally['sums'], other: ArmTally['sums']): ArmTally['sums'] {
  return {
    approval_rate: addedSums(one.approval_rate, other.approval_rate),
    first_attempt_approval_rate: addedSums(
      one.first_attempt_approval_rate,
      other.first_attempt_approval_rate,
    ),
    technical_error_rate: addedSums(one.technical_error_rate, other.technical_error_rate),
    attempts_per_payment: addedSums(one.attempts_per_payment, other.attempts_per_payment),
    latency_ms: addedSums(one.latency_ms, other.latency_ms),
  };
}

function addedSums(one: PairedSums, other: PairedSums): PairedSums {
  const added = (key: 'first' | 'second') => ({
    sum: one[key].sum + other[key].sum,
    sumOfSquares: one[key].sumOfSquares + other[key].sumOfSquares,
  });
  return {
    count: one.count + other.count,
    first: added('first'),
    second: added('second'),
    sumOfProducts: one.sumOfProducts + other.sumOfProducts,
  };
}

function sumsOfAll(): Record<ExperimentMetric, GrowingSums> {
  const sums = (): GrowingSums => ({
    count: 0,
    first: { sum: 0, sumOfSquares: 0 },
    second: { sum: 0, sumOfSquares: 0 },
    sumOfProducts: 0,
  });
  return {
    approval_rate: sums(),
    first_attempt_approval_rate: sums(),
    technical_error_rate: sums(),
    attempts_per_payment: sums(),
    latency_ms: sums(),
  };
}

/** Adds one unit, by the values of its payments; one without any adds nothing. */
function addValues(
  sums: Record<ExperimentMetric, GrowingSums>,
  metrics: readonly ExperimentMetric[],
  payments: readonly MetricValues[],
  weight: number,
): void {
  if (payments.length === 0) return;
  for (const metric of metrics) {
    const value = payments.reduce((sum, values) => sum + values[metric], 0);
    addPair(sums[metric], weight * value, weight * payments.length);
  }
}

function addPair(sums: GrowingSums, first: number, second: number): void {
  sums.count += 1;
  sums.first.sum += first;
  sums.first.sumOfSquares += first * first;
  sums.second.sum += second;
  sums.second.sumOfSquares += second * second;
  sums.sumOfProducts += first * second;
}
