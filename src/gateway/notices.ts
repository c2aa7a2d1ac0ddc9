import { type Attempt, isUnsettled, referenceOf } from '../core/attempt.ts';
import type { Authorization } from '../core/authorization.ts';
import { applyOperationEnd, applyOutcome, type OperationEnd } from '../core/lifecycle.ts';
import { authorizationIdIn, type Operation } from '../core/operation.ts';
import { ADAPTER_FAILED, askProvider } from './ask-provider.ts';
import { budgetFor, inquire } from './attempt.ts';
import { changeAuthorization } from './change.ts';
import { type Connected, connected } from './connected.ts';
import { describeError } from './describe-error.ts';
import { doubtVoid } from './doubted-void.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import { callJournal } from './journal-calls.ts';
import { learnLate } from './learn-late.ts';
import { askedOf, endOfInquiry, endOfRefusedVoid, inquireOperation } from './operation-calls.ts';
import type { Dispute, KeptNotice, NoticeEvidence, NoticeMessage, NoticeReading } from './ports.ts';
import { attemptNamed } from './resolve-by-person.ts';
import { tellUnmapped } from './unmapped.ts';

/** Notices dealt with in one run. */
const BATCH = 100;
/** How long notices of one provider are begun in one run, milliseconds: the next run looks at all providers' again. */
const RUN_MAX_MS = 2_000;

export type KeepResult =
  /** Durable: it may be acknowledged. */
  | { readonly kind: 'kept'; readonly isNew: boolean }
  | Exclude<NoticeReading, { readonly kind: 'read' }>
  | { readonly kind: 'no_such_provider' }
  | { readonly kind: 'journal_unavailable' };

/**
 * Verifies what a provider sent by itself and keeps it, before it is acknowledged; what it means is worked out
 * afterwards. A repeat is kept once, and is acknowledged again.
 */
export async function keepNotices(
  provider: string,
  message: NoticeMessage,
  deps: GatewayDeps,
): Promise<KeepResult> {
  const adapter = deps.provider(provider);
  if (adapter === undefined) return { kind: 'no_such_provider' };
  const reading = await askProvider<NoticeReading>(
    () => adapter.readNotices(message),
    { kind: 'unverifiable', code: ADAPTER_FAILED },
    null,
    deps,
  );
  if (reading.kind === 'refused') {
    const { reason: result, member } = reading;
    deps.observer.noticeTaken({ provider, result, ...(member === undefined ? {} : { member }) });
    return reading;
  }
  if (reading.kind === 'unverifiable') {
    deps.observer.noticeTaken({ provider, result: reading.kind });
    return reading;
  }
  let isNew = false;
  for (const notice of reading.notices) {
    const kept = await callJournal('keep_notice', deps, () =>
      deps.journal.keepNotice(provider, notice, deps.clock.wallMs()),
    );
    if (!kept.ok) return { kind: 'journal_unavailable' };
    isNew ||= kept.value === 'kept';
  }
  deps.observer.noticeTaken({ provider, result: isNew ? 'kept' : 'repeated' });
  return { kind: 'kept', isNew };
}

/**
 * Works out what kept notices mean: evidence about an attempt or an operation takes the same way as an inquiry's, so
 * that its order does not matter and a repeat changes nothing. Safe to run at any time, in every process.
 * @returns how many were dealt with
 */
export async function workOutNotices(deps: GatewayDeps): Promise<number> {
  const open = await callJournal('open_notices', deps, () => deps.journal.openNotices(BATCH));
  if (!open.ok) return 0;
  const byProvider = Map.groupBy(open.value, ({ provider }) => provider);
  const counts = await Promise.all([...byProvider.values()].map((notices) => workOutAll(notices, deps)));
  return counts.reduce((sum, count) => sum + count, 0);
}

/** Those of one provider, in order: it may have to be asked, and while it is slow the others' notices go on. */
async function workOutAll(notices: readonly KeptNotice[], deps: GatewayDeps): Promise<number> {
  const untilMs = deps.clock.monotonicMs() + RUN_MAX_MS;
  let dealtWith = 0;
  for (const notice of notices) {
    if (deps.clock.monotonicMs() > untilMs) break;
    const result = await workOut(notice, deps);
    // The journal failed: it stays, and is worked out later.
    if (result === null) continue;
    const settled = await callJournal('settle_notice', deps, () =>
      deps.journal.settleNotice(notice.sequence, result),
    );
    if (settled.ok) dealtWith += 1;
  }
  return dealtWith;
}

/** What became of it, in a word; null when it could not be written. */
async function workOut(notice: KeptNotice, deps: GatewayDeps): Promise<string | null> {
  const subject = await subjectOf(notice, deps);
  if (subject === null) return null;
  const { authorization, attempt } = subject;
  // Another account's notice about our attempt proves nothing.
  if (authorization === null || attempt === undefined || attempt.provider !== notice.provider)
    return 'unmatched';
  const evidence = evidenceIn(notice, authorization, attempt, deps);
  switch (evidence.kind) {
    case 'nothing':
      return 'nothing';
    case 'mismatch':
      deps.observer.alert({
        kind: 'notice_mismatch',
        detail: `${notice.provider} tells of another amount, currency, merchant or operation than was asked; nothing was changed`,
        authorizationId: authorization.id,
      });
      return 'mismatch';
    case 'operation': {
      // Each provider tells of its own: what stands elsewhere is none of its business.
      const isItsOwn = authorization.operations.some(
        ({ id, attemptNumber }) => id === evidence.operationId && attemptNumber === attempt.number,
      );
      return isItsOwn ? apply(notice, authorization, attempt.number, evidence, deps) : 'unmatched';
    }
    case 'attempt':
      return apply(notice, authorization, attempt.number, evidence, deps);
    case 'hint':
      return ask(notice, authorization, attempt, evidence.operationId, deps);
    case 'dispute':
      return keepDispute(notice, authorization, attempt, evidence.dispute, deps);
  }
}

/**
 * What a notice only hints at is asked of its provider, and its answer taken for what it says. What is unsettled and cannot
 * be told now, the resolver asks about anyway; about anything else somebody is told.
 */
async function ask(
  notice: KeptNotice,
  authorization: Authorization,
  attempt: Attempt,
  operationId: string | null,
  deps: GatewayDeps,
): Promise<string | null> {
  const to = connected(notice.provider, deps);
  const operation = authorization.operations.find(
    ({ id, attemptNumber }) => id === operationId && attemptNumber === attempt.number,
  );
  if (operationId !== null && operation === undefined) return 'unmatched';
  const told = to === null ? null : await inquireNow(to, authorization, attempt, operation ?? null, deps);
  if (told !== null) return apply(notice, authorization, attempt.number, told, deps);
  const isUnsettledYet =
    operation === undefined ? isUnsettled(attempt.outcome) : operation.status === 'pending';
  if (isUnsettledYet) return 'asked';
  deps.observer.alert({
    kind: 'notice_unanswered',
    detail: `${notice.provider} told of ${notice.type}, and could not say by an inquiry what has changed; look there`,
    authorizationId: authorization.id,
  });
  return 'unanswered';
}

/** What the provider says when it is asked; null when it does not tell. */
async function inquireNow(
  { provider, contract }: Connected,
  authorization: Authorization,
  attempt: Attempt,
  operation: Operation | null,
  deps: GatewayDeps,
): Promise<Extract<NoticeEvidence, { readonly kind: 'attempt' | 'operation' }> | null> {
  return deps.pacer.run(provider.id, async () => {
    const budget = budgetFor(contract, deps);
    if (operation === null) {
      const answer = await inquire(provider, authorization, attempt.id, referenceOf(attempt), budget, deps);
      return answer.kind === 'found' ? { kind: 'attempt', outcome: answer.outcome } : null;
    }
    const target = { authorization, attempt, operation };
    const inquiry = await inquireOperation(provider, target, budget, deps);
    if (endOfInquiry(inquiry) === null) return null;
    return { kind: 'operation', operationId: operation.id, inquiry };
  });
}

/** What a notice is about; null for both when it names nothing that is recorded. */
interface Subject {
  readonly authorization: Authorization | null;
  readonly attempt: Attempt | undefined;
}

const NOTHING_NAMED: Subject = { authorization: null, attempt: undefined };

/**
 * The attempt that a notice is about: by our own name of it, by that of an operation, or by the id at the provider of the
 * authorization or of one of its captures or refunds. Null when the journal failed.
 */
async function subjectOf(notice: KeptNotice, deps: GatewayDeps): Promise<Subject | null> {
  const { attemptId, operationId = null, providerReference = null } = notice;
  const ofOperation = operationId === null ? null : authorizationIdIn(operationId);
  let named: { readonly authorizationId: string; readonly number: number | null } | null = null;
  if (attemptId !== null) named = attemptNamed(attemptId);
  else if (ofOperation !== null) named = { authorizationId: ofOperation, number: null };
  else if (providerReference !== null) {
    const found = await callJournal('find_reference', deps, () =>
      deps.journal.findAttemptByReference(notice.provider, providerReference),
    );
    if (!found.ok) return null;
    named = found.value;
  }
  if (named === null) return NOTHING_NAMED;
  const { authorizationId } = named;
  const found = await callJournal('find', deps, () => deps.journal.findAuthorization(authorizationId));
  if (!found.ok) return null;
  const authorization = found.value;
  const number =
    named.number ?? authorization?.operations.find(({ id }) => id === operationId)?.attemptNumber ?? null;
  const attempt = authorization?.attempts.find((candidate) => candidate.number === number);
  return { authorization, attempt };
}

/** A dispute moves nothing here: it is kept in the history, from which it is told. */
async function keepDispute(
  notice: KeptNotice,
  authorization: Authorization,
  attempt: Attempt,
  dispute: Dispute,
  deps: GatewayDeps,
): Promise<string | null> {
  const result = await changeAuthorization(
    authorization,
    (current) => ({ authorization: current, remarks: [], changed: true }),
    {
      event: {
        kind: 'disputed',
        actor: `webhook ${notice.provider}`,
        data: { notice: notice.eventId, type: notice.type, attempt: attempt.id, dispute },
      },
      work: 'unchanged',
    },
    deps,
  );
  return result.kind === 'failed' ? null : 'dispute';
}

function evidenceIn(
  notice: KeptNotice,
  authorization: Authorization,
  attempt: Attempt,
  deps: GatewayDeps,
): NoticeEvidence {
  const provider = deps.provider(notice.provider);
  if (provider === undefined) return { kind: 'nothing' };
  const { request, brand, scaRegion } = authorization;
  const operations = authorization.operations.filter(({ attemptNumber }) => attemptNumber === attempt.number);
  try {
    return provider.evidenceIn(notice, {
      attemptId: attempt.id,
      request,
      brand,
      scaRegion,
      providerReference: referenceOf(attempt),
      operations: operations.map((operation) => askedOf({ authorization, attempt, operation })),
      operationReferences: operations.flatMap(({ providerReference: own }) => (own === null ? [] : [own])),
    });
  } catch (error) {
    deps.observer.alert({
      kind: 'adapter_threw',
      detail: describeError(error),
      authorizationId: authorization.id,
    });
    return { kind: 'nothing' };
  }
}

async function apply(
  notice: KeptNotice,
  authorization: Authorization,
  attemptNumber: number,
  evidence: Extract<NoticeEvidence, { readonly kind: 'attempt' | 'operation' }>,
  deps: GatewayDeps,
): Promise<string | null> {
  const nowMs = deps.clock.wallMs();
  const told = evidence.kind === 'operation' ? endOfInquiry(evidence.inquiry) : null;
  if (evidence.kind === 'operation' && told === null) return 'nothing';
  const end =
    evidence.kind === 'operation' && told !== null
      ? await endOfTold(evidence.operationId, told, notice, authorization, deps)
      : null;
  if (evidence.kind === 'operation' && end === null) return 'asked';
  const validityMs = deps.provider(notice.provider)?.semantics.validityMs ?? 0;
  let isTold = false;
  const result = await changeAuthorization(
    authorization,
    (current) => {
      if (evidence.kind === 'attempt') {
        const change = applyOutcome(current, attemptNumber, evidence.outcome, {
          nowMs,
          validityMs,
          durationMs: null,
        });
        isTold = change.remarks.length > 0;
        return change;
      }
      const operation = current.operations.find(({ id }) => id === evidence.operationId);
      return operation === undefined || end === null
        ? { authorization: current, remarks: [], changed: false }
        : applyOperationEnd(current, operation.number, end, { nowMs });
    },
    {
      event: {
        kind: 'noticed',
        actor: `webhook ${notice.provider}`,
        data: { notice: notice.eventId, type: notice.type, ...evidence },
      },
    },
    deps,
  );
  if (result.kind === 'failed') return null;
  const attempt = result.authorization.attempts[attemptNumber - 1];
  if (result.kind === 'unchanged' && evidence.kind === 'attempt' && attempt !== undefined && !isTold) {
    await doubtVoid(result.authorization, attempt, evidence.outcome, deps);
  }
  // While its sender still waits for the answer, the sender tells.
  const isAwaited = authorization.attempts[attemptNumber - 1]?.outcome === null && authorization.open;
  if (result.kind === 'written' && evidence.kind === 'attempt' && !isAwaited) {
    tellUnmapped(evidence.outcome, { provider: notice.provider, authorizationId: authorization.id }, deps);
    learnLate(result, attemptNumber, deps);
  }
  deps.observer.resolved({
    authorizationId: authorization.id,
    provider: notice.provider,
    subject: evidence.kind === 'attempt' ? 'attempt' : operationKind(authorization, evidence.operationId),
    by: 'webhook',
    result: evidence.kind === 'attempt' ? evidence.outcome.kind : evidence.inquiry.kind,
    ageMs: Math.max(0, nowMs - authorization.createdAtMs),
  });
  return result.kind === 'written' ? 'applied' : 'known';
}

/**
 * What an operation came to, of which a notice tells an end. The failure of a caller's void is not believed unasked:
 * where a request is carried out twice, one may be done and the other fail because of it, and the notice names neither.
 * Where the provider can be asked about operations, the worker does that; else what stands there is asked about now.
 * @returns null: it is left to the worker
 */
async function endOfTold(
  operationId: string,
  told: OperationEnd,
  { provider: providerId }: KeptNotice,
  authorization: Authorization,
  deps: GatewayDeps,
): Promise<OperationEnd | null> {
  const account = connected(providerId, deps);
  const operation = authorization.operations.find(({ id }) => id === operationId);
  const attempt = authorization.attempts.find(({ number }) => number === operation?.attemptNumber);
  if (told.status !== 'failed' || account === null || operation === undefined || attempt === undefined)
    return told;
  const { kind, purpose, status } = operation;
  const isDoubted = kind === 'void' && purpose === 'requested' && status === 'pending' && !authorization.open;
  const { provider, contract } = account;
  const { inquiry, operationInquiry } = provider.semantics;
  if (!isDoubted || inquiry === 'none') return told;
  // Nothing is known of its attempt: a refusal to cancel it says nothing about what it may become.
  if (operationInquiry || isUnsettled(attempt.outcome)) return null;
  const target = { authorization, attempt, operation };
  return endOfRefusedVoid(provider, target, told, budgetFor(contract, deps), deps);
}

function operationKind(authorization: Authorization, operationId: string) {
  return authorization.operations.find(({ id }) => id === operationId)?.kind ?? 'void';
}
