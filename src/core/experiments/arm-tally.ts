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

/** One payment that is counted. */
export interface CountedPayment {
  readonly unresolved: boolean;
  readonly values: Readonly<Record<ExperimentMetric, number>>;
  /** Null without an approval whose fees are known. */
  readonly cost: ApprovalCost | null;
}

/** One unit that met an arm. */
export interface CountedUnit {
  readonly payments: number;
  readonly reported: number;
  readonly maturing: number;
  /** Those that are not maturing. */
  readonly counted: readonly CountedPayment[];
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
  #approvals = 0;
  #basisPoints = 0;
  #converted = 0;
  readonly #byCurrency = new Map<string, number>();
  readonly #unconverted = new Set<string>();
  readonly #latency = new LatencyHistogram();

  constructor(arm: string) {
    this.#arm = arm;
  }

  add({ payments, reported, maturing, counted, weight }: CountedUnit): void {
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
    if (counted.length === 0) return;
    for (const metric of EXPERIMENT_METRICS) {
      const value = counted.reduce((sum, payment) => sum + payment.values[metric], 0);
      addPair(this.#sums[metric], weight * value, weight * counted.length);
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
  const sums = Object.fromEntries(
    EXPERIMENT_METRICS.map((metric) => [metric, addedSums(one.sums[metric], other.sums[metric])]),
  ) as Record<ExperimentMetric, PairedSums>;
  return {
    arm: one.arm,
    assigned: one.assigned + other.assigned,
    payments: one.payments + other.payments,
    reported: one.reported + other.reported,
    maturing: one.maturing + other.maturing,
    unresolved: one.unresolved + other.unresolved,
    approved: one.approved + other.approved,
    sums,
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

function addPair(sums: GrowingSums, first: number, second: number): void {
  sums.count += 1;
  sums.first.sum += first;
  sums.first.sumOfSquares += first * first;
  sums.second.sum += second;
  sums.second.sumOfSquares += second * second;
  sums.sumOfProducts += first * second;
}
