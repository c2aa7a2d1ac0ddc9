import { type AttemptOutcome, OUTCOME_KINDS, providerReferenceOf } from '../core/attempt.ts';
import type { Authorization } from '../core/authorization.ts';
import { scrub } from '../core/cards/card-number.ts';
import type { RoutingDecision } from '../core/decision.ts';
import type { PastEvent } from '../gateway/ports.ts';
import { attemptAnswer, experimentAnswer, publicCode } from './answer.ts';
import { shownOperation } from './shown-operation.ts';

/**
 * An event as answers show it. What was asked for, tokens, keys and the words of a masked decline stay in the journal:
 * of the evidence only what is named here goes out.
 * @param authorization as it is now
 */
export function shownEvent(authorization: Authorization, event: PastEvent) {
  const { data, status, attempts, operations } = event;
  return {
    sequence: event.sequence,
    at: new Date(event.atMs).toISOString(),
    kind: event.kind,
    actor: scrub(event.actor),
    status: status === null ? null : { from: status.from, to: status.to },
    attempt: textIn(data, 'attempt') ?? only(attempts)?.id ?? null,
    operation: textIn(data, 'operation') ?? textIn(data, 'operationId') ?? only(operations)?.id ?? null,
    attempts: attempts.map(attemptAnswer),
    operations: operations.map((operation) => shownOperation(authorization, operation)),
    evidence: evidenceIn(event),
    hash: event.hash,
  };
}

function only<T>(items: readonly T[]): T | undefined {
  return items.length === 1 ? items[0] : undefined;
}

/** Members of the evidence that are texts: as the events name them, and as they are shown. */
const TEXTS = {
  by: 'by',
  reason: 'reason',
  notice: 'notice',
  type: 'notice_type',
  resolution: 'resolution',
  evidence: 'statement',
  owner: 'process',
  traceId: 'trace_id',
} as const;

/** Why the change was made; without what an event does not say. */
function evidenceIn({ data }: PastEvent): Readonly<Record<string, unknown>> {
  const texts = Object.entries(TEXTS).flatMap(([member, shown]) => {
    const text = textIn(data, member);
    return text === null ? [] : [[shown, text] as const];
  });
  const { routing, expires_at_ms: expiresAtMs } = data as {
    readonly routing?: Pick<RoutingDecision, 'ruleset' | 'rule' | 'experiment'>;
    readonly expires_at_ms?: unknown;
  };
  const told = toldIn(data);
  return {
    ...Object.fromEntries(texts),
    ...(routing !== undefined && { ruleset: routing.ruleset, rule: routing.rule }),
    ...(routing?.experiment && { experiment: experimentAnswer(routing.experiment) }),
    ...(typeof expiresAtMs === 'number' && { expires_at: new Date(expiresAtMs).toISOString() }),
    ...(told !== null && { told }),
  };
}

/**
 * What was told by a provider or a person: it may differ from what the event made of it. How an operation ended stands
 * with the operation, masked.
 */
function toldIn(data: PastEvent['data']) {
  const { outcome, inquiry } = data as {
    readonly outcome?: AttemptOutcome;
    readonly inquiry?: { readonly kind: string; readonly providerReference?: string | null };
  };
  if (outcome !== undefined && OUTCOME_KINDS.includes(outcome.kind)) {
    return {
      result: outcome.kind,
      code: publicCode(outcome),
      provider_reference: providerReferenceOf(outcome),
    };
  }
  if (inquiry === undefined) return null;
  return { result: inquiry.kind, code: null, provider_reference: inquiry.providerReference ?? null };
}

function textIn(data: PastEvent['data'], member: string): string | null {
  const value = data[member];
  return typeof value === 'string' ? scrub(value) : null;
}
