import { isIssuerSide } from '../core/attempt.ts';
import type { Region } from '../core/card.ts';
import { type ApprovalDrop, ApprovalDrops } from '../core/scoring/approval-drops.ts';
import type { LearnedOutcome, Learner, Observer } from '../gateway/ports.ts';

/** As what providers are named of which none is blamed. */
const ALL = 'all';

/**
 * Watches what our first attempts come to, those of other processes among them where outcomes are shared, and tells when a
 * provider approves less than it long did for issuers of a region: once when it begins, and when it is over. A fall of all
 * providers there is told once, as the issuers'. Each process tells for itself. Kept nowhere: after a start it learns anew.
 */
export class ApprovalDropWatch {
  readonly #drops = new ApprovalDrops();
  readonly #observer: Pick<Observer, 'alert' | 'approvalMoved'>;
  /** Providers with which the issuers of a region fell. */
  readonly #common = new Map<Region, Set<string>>();

  constructor(observer: Pick<Observer, 'alert' | 'approvalMoved'>) {
    this.#observer = observer;
  }

  /** The learner, told everything as before, with this watch beside it. */
  learning(learner: Learner): Learner {
    return {
      approval: (provider, facts, scope) => learner.approval(provider, facts, scope),
      health: (provider, facts) => learner.health(provider, facts),
      latencyP99Ms: (provider) => learner.latencyP99Ms(provider),
      observe: (learned) => {
        learner.observe(learned);
        this.#watch(learned);
      },
    };
  }

  #watch({ provider, facts, attemptNumber, outcome, resolvedLater }: LearnedOutcome): void {
    const region = facts.cardIssuerRegion;
    if (region === null || attemptNumber !== 1 || resolvedLater) return;
    if (outcome.kind !== 'approved' && outcome.kind !== 'declined') return;
    // An issuer that is away says neither yes nor no, wherever it is asked.
    if (isIssuerSide(outcome)) return;
    const moved = this.#drops.observe(provider, region, outcome.kind === 'approved');
    if (moved !== null) this.#tell(moved);
  }

  #tell(moved: ApprovalDrop): void {
    const { provider, region, blame } = moved;
    if (moved.kind === 'dropped' && moved.before !== null) {
      this.#observer.approvalMoved({ provider, region, blame: moved.before, drop: 0 });
    }
    if (blame === 'issuers') {
      this.#tellCommon(moved);
      return;
    }
    const isDropped = moved.kind === 'dropped';
    this.#observer.approvalMoved({ provider, region, blame, drop: isDropped ? dropOf(moved) : 0 });
    if (!isDropped) return;
    const whose =
      blame === 'provider' ? 'other providers hold theirs' : 'too little goes elsewhere to compare';
    this.#observer.alert({
      kind: 'approval_dropped',
      detail: `${provider} approves ${describe(moved)}; ${whose}`,
      authorizationId: null,
    });
  }

  #tellCommon(moved: ApprovalDrop): void {
    const { provider, region, blame } = moved;
    const fallen = this.#common.get(region) ?? new Set<string>();
    this.#common.set(region, fallen);
    if (moved.kind === 'over') {
      fallen.delete(provider);
      if (fallen.size === 0) this.#observer.approvalMoved({ provider: ALL, region, blame, drop: 0 });
      return;
    }
    fallen.add(provider);
    if (fallen.size > 1) return;
    this.#observer.approvalMoved({ provider: ALL, region, blame, drop: dropOf(moved) });
    this.#observer.alert({
      kind: 'issuers_approve_less',
      detail: `${provider} approves ${describe(moved)}; other providers fall with it: it is the issuers`,
      authorizationId: null,
    });
  }
}

function dropOf({ baseline, rate }: Extract<ApprovalDrop, { kind: 'dropped' }>): number {
  return Math.max(0, baseline - rate);
}

function describe({ region, baseline, rate, since }: Extract<ApprovalDrop, { kind: 'dropped' }>): string {
  return `${percent(rate)} of first attempts with cards of ${region} instead of ${percent(baseline)}, since about ${since} of them`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
