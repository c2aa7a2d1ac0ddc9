/**
 * Where a kill strikes. The road of a request, in order: its caller sends, the claim is written, the provider is asked
 * and answers, the outcome is written, the caller is answered.
 */
export const CALLER_POINTS = ['caller_half_sent', 'caller_sent', 'claim_written', 'caller_answered'] as const;
export const PROVIDER_POINTS = [
  /** The request has left the gateway, and no byte of it reached the provider. */
  'request_kept',
  /** Half of it did. */
  'request_half',
  /** All of it did: the provider is at work, or has just done it. */
  'request_forwarded',
  /** The provider has done it and answered; no byte of that reached the gateway. */
  'answer_kept',
  'answer_half',
  /** The gateway has the answer, and at most just begun to write it down. */
  'answer_forwarded',
  /** The journal's file changed after the answer. */
  'outcome_written',
] as const;
export const NOTICE_POINTS = ['notice_kept', 'notice_forwarded', 'notice_acknowledged'] as const;
/** Moments of the process, not of a request. */
export const PROCESS_POINTS = [
  'any_moment',
  /** At a random time between the start of the process and its first request. */
  'starting',
  /** A start changed the journal's file: its log is recovered, leases are freed, lapsed roads are closed. */
  'start_written',
  /** At a random time after SIGTERM. */
  'draining',
  /** SIGTERM, and the journal's file changed: the last roads, or the seal over the history. */
  'drain_written',
] as const;

export const CALLER_KINDS = ['authorize', 'automatic', 'capture', 'void', 'refund'] as const;
export const PROVIDER_KINDS = [
  ...CALLER_KINDS,
  /** A void that nobody asked for: of a hidden, partial, late or cancelled approval. */
  'reversal',
  'inquiry',
  /** A key that the provider was sent before: a replay, or an operation that is sent again. */
  'repeat',
] as const;

export type Kind = (typeof PROVIDER_KINDS)[number] | 'notice' | 'process';
export type Point =
  | (typeof CALLER_POINTS)[number]
  | (typeof PROVIDER_POINTS)[number]
  | (typeof NOTICE_POINTS)[number]
  | (typeof PROCESS_POINTS)[number];

/** One kill to be made. */
export interface Moment {
  readonly point: Point;
  readonly kind: Kind;
}

/** Of every kill, this share strikes at moments of the process; the rest goes over points and kinds evenly. */
const PROCESS_SHARE = 0.2;

const REQUEST_MOMENTS: readonly Moment[] = [
  ...CALLER_POINTS.flatMap((point) => CALLER_KINDS.map((kind) => ({ point, kind }))),
  ...PROVIDER_POINTS.flatMap((point) => PROVIDER_KINDS.map((kind) => ({ point, kind }))),
  ...NOTICE_POINTS.map((point) => ({ point, kind: 'notice' as const })),
];
/** How many of that many kills strike at a point. */
export function plannedAt(point: Point, kills: number): number {
  const isOfProcess = (PROCESS_POINTS as readonly Point[]).includes(point);
  const moments = isOfProcess ? PROCESS_MOMENTS : REQUEST_MOMENTS;
  const share = isOfProcess ? PROCESS_SHARE : 1 - PROCESS_SHARE;
  return (kills * share * moments.filter((moment) => moment.point === point).length) / moments.length;
}

const PROCESS_MOMENTS: readonly Moment[] = PROCESS_POINTS.map((point) => ({ point, kind: 'process' }));

/** The kills that are still to be made, shared by all gateways of a campaign. */
export class KillPlan {
  readonly #left: Moment[];

  /**
   * Every moment as often as every other of its sort, in a random order.
   * @param random uniform in [0, 1)
   */
  constructor(kills: number, random: () => number) {
    const shuffled = (moments: readonly Moment[]): Moment[] =>
      moments
        .map((moment) => ({ moment, at: random() }))
        .sort((one, other) => one.at - other.at)
        .map(({ moment }) => moment);
    const rounds = (moments: readonly Moment[], count: number): Moment[] => {
      const planned: Moment[] = [];
      while (planned.length < count) planned.push(...shuffled(moments));
      return planned.slice(0, count);
    };
    const ofProcess = Math.round(kills * PROCESS_SHARE);
    this.#left = shuffled([
      ...rounds(REQUEST_MOMENTS, kills - ofProcess),
      ...rounds(PROCESS_MOMENTS, ofProcess),
    ]);
  }

  /** Takes the next one; null when all are made. */
  next(): Moment | null {
    return this.#left.pop() ?? null;
  }

  /** Whether a moment is still to be struck. */
  has(point: Point, kind: Kind): boolean {
    return this.#left.some((each) => each.point === point && each.kind === kind);
  }

  /** `made` came instead of `planned`, which stays to be made unless the other was none of the plan's. */
  swap(planned: Moment, made: Moment): void {
    const index = this.#left.findIndex(({ point, kind }) => point === made.point && kind === made.kind);
    if (index !== -1) this.#left[index] = planned;
  }
}
