import {
  type PoissonResamples,
  type SeenReward,
  type Stratum,
  type StreamedEstimate,
  StreamedPolicyEstimate,
} from './streamed-estimate.ts';

/** Share of first attempts by provider: as recorded, and as the replayed rules would have chosen. */
export interface ProviderShift {
  readonly provider: string;
  readonly recorded: number;
  readonly replayed: number;
}

/** Payments whose likeliest first provider is another one by the replayed rules. */
export interface ProviderMove {
  readonly from: string;
  /** Null: to nobody. */
  readonly to: string | null;
  /** Share of the segment's payments, 0 to 1. */
  readonly share: number;
  /** Of these payments alone. */
  readonly approval: StreamedEstimate;
}

/** What segments are told apart by. */
export type SegmentKind = 'all' | 'card' | 'rule';

/** The replay of all payments, or of those of one kind. */
export interface SegmentResult {
  readonly kind: SegmentKind;
  /**
   * Brand and issuer region, such as `visa eea`; the name of the replayed rule; `all`, and `other` beyond the largest.
   */
  readonly segment: string;
  readonly approval: StreamedEstimate;
  readonly providers: readonly ProviderShift[];
  /** The largest first. */
  readonly moves: readonly ProviderMove[];
  /** Share of payments whose likeliest first provider is another one, those of moves that are not told included. */
  readonly movedShare: number;
  /** Cost of an approval, mean basis points of the amount; null without approvals. By the replayed rules' fees. */
  readonly costBasisPoints: { readonly recorded: number | null; readonly replayed: number | null };
}

/** A payment through the replayed rules. */
export interface SeenPayment {
  readonly seen: SeenReward;
  readonly stratum: Stratum;
  /** Provider of the recorded first attempt. */
  readonly chosen: string;
  /** Probability of each provider to be the first. */
  readonly choices: ReadonlyMap<string, number>;
  readonly from: string;
  readonly to: string | null;
  /** Cost of the approval, basis points of the amount, as recorded and by these rules; null without one, or unknown. */
  readonly cost: { readonly recorded: number | null; readonly replayed: number | null };
}

/** Moves of one segment that are told apart; the later ones only count as moved. */
const MOVES_MAX = 12;

/** What replayed payments of one kind come to, as sums. */
export class SegmentTally {
  readonly #kind: SegmentKind;
  readonly #name: string;
  readonly #resamples: PoissonResamples;
  readonly #approval: StreamedPolicyEstimate;
  readonly #recorded = new Map<string, number>();
  readonly #replayed = new Map<string, number>();
  readonly #moves = new Map<
    string,
    { readonly from: string; readonly to: string | null; approval: StreamedPolicyEstimate }
  >();
  readonly #cost = { recorded: 0, approvals: 0, replayed: 0, weights: 0 };
  #moved = 0;

  constructor(kind: SegmentKind, name: string, resamples: PoissonResamples) {
    this.#kind = kind;
    this.#name = name;
    this.#resamples = resamples;
    this.#approval = new StreamedPolicyEstimate(resamples);
  }

  add({ seen, stratum, chosen, choices, from, to, cost }: SeenPayment): void {
    this.#approval.add(seen, stratum);
    this.#recorded.set(chosen, (this.#recorded.get(chosen) ?? 0) + 1);
    for (const [provider, chance] of choices) {
      this.#replayed.set(provider, (this.#replayed.get(provider) ?? 0) + chance);
    }
    if (from !== to) {
      this.#moved += 1;
      this.#moveOf(from, to)?.add(seen, stratum);
    }
    if (cost.recorded !== null) {
      this.#cost.recorded += cost.recorded;
      this.#cost.approvals += 1;
    }
    if (cost.replayed === null) return;
    this.#cost.replayed += seen.weight * cost.replayed;
    this.#cost.weights += seen.weight;
  }

  #moveOf(from: string, to: string | null): StreamedPolicyEstimate | null {
    const name = `${from}\n${to ?? ''}`;
    const known = this.#moves.get(name);
    if (known !== undefined) return known.approval;
    if (this.#moves.size >= MOVES_MAX) return null;
    const approval = new StreamedPolicyEstimate(this.#resamples);
    this.#moves.set(name, { from, to, approval });
    return approval;
  }

  result(): SegmentResult {
    const { recorded, approvals, replayed, weights } = this.#cost;
    const payments = Math.max(1, this.#approval.payments);
    const providers = [...new Set([...this.#recorded.keys(), ...this.#replayed.keys()])].toSorted();
    return {
      kind: this.#kind,
      segment: this.#name,
      approval: this.#approval.estimate(),
      providers: providers.map((provider) => ({
        provider,
        recorded: (this.#recorded.get(provider) ?? 0) / payments,
        replayed: (this.#replayed.get(provider) ?? 0) / payments,
      })),
      moves: [...this.#moves.values()]
        .map(({ from, to, approval }) => ({
          from,
          to,
          share: approval.payments / payments,
          approval: approval.estimate(),
        }))
        .toSorted((one, other) => other.share - one.share),
      movedShare: this.#moved / payments,
      costBasisPoints: {
        recorded: approvals > 0 ? recorded / approvals : null,
        replayed: weights > 0 ? replayed / weights : null,
      },
    };
  }
}
