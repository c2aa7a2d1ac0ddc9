import type { Approval } from './approval-model.ts';

/** Outcomes of an account's own at which its word counts as much as everybody's. */
const OWN_HALF = 200;

/**
 * What is believed of a provider for an account's payments, by everybody's attempts and by the account's own reports:
 * the more of its own there is, the more it counts. Nothing flows the other way.
 * @param outcomes approvals and declines that the account has reported of the provider
 */
export function blendApprovals(everybodys: Approval, own: Approval, outcomes: number): Approval {
  if (outcomes <= 0) return everybodys;
  const share = outcomes / (outcomes + OWN_HALF);
  const { level, n } = share >= 0.5 || everybodys.level === 'prior' ? own : everybodys;
  return {
    mean: share * own.mean + (1 - share) * everybodys.mean,
    deviation: Math.hypot(share * own.deviation, (1 - share) * everybodys.deviation),
    level,
    n,
  };
}
