import type { CandidateExplanation } from '../core/decision.ts';
import { type EligibilityReason, eligibilityReason, tokenFor } from '../core/rules/eligibility.ts';
import type { ProviderContract } from '../core/rules/ruleset.ts';
import type { Admitted } from './attempt.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import type { Provider } from './ports.ts';
import type { Road } from './road.ts';

/** A provider that may take the next attempt. */
interface Candidate {
  readonly contract: ProviderContract;
  readonly provider: Provider;
  readonly token: string;
}

/** The order of candidates for one attempt, and why the others are not in it or were passed over. */
export interface Decision {
  readonly order: readonly Candidate[];
  passOver(provider: string, reason: string, retryAfterMs: number | null): void;
  /** One entry per provider of the ruleset, the order's first. */
  explain(): readonly CandidateExplanation[];
  /** When it is worth to ask again, as far as those who refused know; null when they do not. */
  retryAfterMs(): number | null;
}

/** Before anything is decided. */
export const NOTHING_DECIDED: Decision = {
  order: [],
  passOver: () => {},
  explain: () => [],
  retryAfterMs: () => null,
};

export function decide(road: Omit<Road, 'decision'>, deps: GatewayDeps): Decision {
  const { request } = road.command;
  const tried = new Set(road.attempts.map((attempt) => attempt.provider));
  const order: Candidate[] = [];
  for (const contract of road.ruleset.providers.values()) {
    if (tried.has(contract.id)) continue;
    const reason: EligibilityReason | null = eligibilityReason(
      contract,
      road.facts,
      request,
      road.rule.action,
    );
    const provider = deps.provider(contract.id);
    const token = tokenFor(contract, request.card);
    if (reason === null && provider !== undefined && token !== null)
      order.push({ contract, provider, token });
  }
  return { order, passOver: () => {}, explain: () => [], retryAfterMs: () => null };
}

export async function admitNext(road: Road, deps: GatewayDeps): Promise<Admitted | null> {
  for (const candidate of road.decision.order) {
    const lane = {
      provider: candidate.contract.id,
      brand: road.facts.cardBrand,
      merchant: road.facts.merchant,
    };
    const admission = await deps.guards.admit(lane, 0);
    if (admission.kind === 'admitted') return { ...candidate, permit: admission.permit, propensity: 1 };
  }
  return null;
}
