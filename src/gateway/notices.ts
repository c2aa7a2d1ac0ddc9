import { type Attempt, type AttemptOutcome, isUnsettled, referenceOf } from '../core/attempt.ts';
import type { Authorization } from '../core/authorization.ts';
import { applyOperationEnd, applyOutcome, type OperationEnd } from '../core/lifecycle.ts';
import { authorizationIdIn, type Operation } from '../core/operation.ts';
import { WAITED_MS } from './answer-time.ts';
import { ADAPTER_FAILED, askProvider } from './ask-provider.ts';
import { budgetFor, inquire } from './attempt.ts';
import { besideTheOthers } from './beside-the-others.ts';
import { changeAuthorization, eventAlone } from './change.ts';
import { type Connected, connected } from './connected.ts';
import { describeError } from './describe-error.ts';
import { doubtVoid } from './doubted-void.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import { callJournal } from './journal-calls.ts';
import type { KeptHere } from './kept-here.ts';
import { learnLate } from './learn-late.ts';
import {
  askedOf,
  endOfInquiry,
  endOfRefusedVoid,
  inquireOperation,
  type OperationTarget,
} from './operation-calls.ts';
import type {
  Dispute,
  EventRecord,
  KeptNotice,
  NoticeEvidence,
  NoticeMessage,
  NoticeReading,
  OperationInquiry,
} from './ports.ts';
import { attemptNamed } from './resolve-by-person.ts';
import { tellUnmapped } from './unmapped.ts';

/** Notices dealt with in one run. */
const BATCH = 100;
/** A notice that another process has kept is its to work out for so long, milliseconds since it was seen: then it is anybody's. */
const OTHERS_MS = 10_000;
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
 * afterwards. A repeat is kept once, and is acknowledged again. What lands after the answer is kept all the same, and its
 * repeat is one.
 */
export async function keepNotices(
  provider: string,
  message: NoticeMessage,
  deps: GatewayDeps,
  keptHere: KeptHere | null = null,
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
  const untilMs = deps.clock.monotonicMs() + WAITED_MS.notice;
  for (const notice of reading.notices) {
    const keep = async () => {
      const kept = await deps.journal.keepNotice(provider, notice, deps.clock.wallMs());
      // Also when it lands after the answer: it is this process's to work out.
      if (kept === 'kept') keptHere?.add(provider, notice);
      return kept;
    };
    const kept = await callJournal('keep_notice', deps, keep, null, untilMs);
    if (!kept.ok) return { kind: 'journal_unavailable' };
    if (kept.value === 'kept') isNew = true;
  }
  deps.observer.noticeTaken({ provider, result: isNew ? 'kept' : 'repeated' });
  return { kind: 'kept', isNew };
}

/**
 * Works out what kept notices mean: evidence about an attempt or an operation takes the same way as an inquiry's, so
 * that its order does not matter and a repeat changes nothing. Safe to run at any time, in every process; of several
 * that share the journal, the one that has kept a notice comes first, so that its provider is not asked by all of them.
 * @returns how many were dealt with
 */
export async function workOutNotices(deps: GatewayDeps, keptHere: KeptHere | null = null): Promise<number> {
  const open = await callJournal('open_notices', deps, () => deps.journal.openNotices(BATCH));
  if (!open.ok) return 0;
  const ours = open.value.filter((notice) => isOurs(notice, keptHere, deps));
  const byProvider = Map.groupBy(ours, ({ provider }) => provider);
  const counts = await Promise.all(
    [...byProvider.values()].map((notices) => workOutAll(notices, keptHere, deps)),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

function isOurs(
  notice: KeptNotice,
  keptHere: KeptHere | null,
  { soleOwner, sightings }: Pick<GatewayDeps, 'soleOwner' | 'sightings'>,
): boolean {
  if (soleOwner || keptHere === null || keptHere.has(notice.provider, notice)) return true;
  return sightings.seenForMs(sightingOf(notice)) >= OTHERS_MS;
}

function sightingOf({ sequence }: KeptNotice): string {
  return `notice ${sequence}`;
}

/** Those of one provider, in order: it may have to be asked, and while it is slow the others' notices go on. */
async function workOutAll(
  notices: readonly KeptNotice[],
  keptHere: KeptHere | null,
  deps: GatewayDeps,
): Promise<number> {
  const untilMs = deps.clock.monotonicMs() + RUN_MAX_MS;
  let dealtWith = 0;
  for (const notice of notices) {
    if (deps.clock.monotonicMs() > untilMs) break;
    const result = await besideTheOthers(null, () => workOut(notice, deps), deps);
    // The journal failed, or we: it stays, and is worked out later.
    if (result === null) continue;
    const settled = await callJournal('settle_notice', deps, () =>
      deps.journal.settleNotice(notice.sequence, result),
    );
    if (!settled.ok) continue;
    dealtWith += 1;
    keptHere?.delete(notice.provider, notice);
    deps.sightings.forget(sightingOf(notice));
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
      const operation = operationNamed(evidence.operationId, authorization, attempt);
      if (operation === undefined) return 'unmatched';
      return applyToOperation(notice, { authorization, attempt, operation }, evidence.inquiry, deps);
    }
    case 'attempt':
      return applyToAttempt(notice, authorization, attempt, evidence.outcome, deps);
    case 'hint':
      return ask(notice, authorization, attempt, evidence.operationId, deps);
    case 'dispute':
      return keepDispute(notice, authorization, attempt, evidence.dispute, deps);
  }
}

/** Each provider tells of its own: what stands elsewhere is none of its business. */
function operationNamed(
  operationId: string,
  { operations }: Authorization,
  { number }: Attempt,
): Operation | undefined {
  return operations.find(({ id, attemptNumber }) => id === operationId && attemptNumber === number);
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
  const operation = operationId === null ? null : operationNamed(operationId, authorization, attempt);
  if (operation === undefined) return 'unmatched';
  if (operation === null) {
    const outcome = to === null ? null : await outcomeNow(to, authorization, attempt, deps);
    if (outcome !== null) return applyToAttempt(notice, authorization, attempt, outcome, deps);
    return isUnsettled(attempt.outcome) ? 'asked' : unanswered(notice, authorization, deps);
  }
  const target = { authorization, attempt, operation };
  const inquiry = to === null ? null : await endNow(to, target, deps);
  if (inquiry !== null) return applyToOperation(notice, target, inquiry, deps);
  return operation.status === 'pending' ? 'asked' : unanswered(notice, authorization, deps);
}

function unanswered(notice: KeptNotice, { id }: Authorization, deps: GatewayDeps): string {
  deps.observer.alert({
    kind: 'notice_unanswered',
    detail: `${notice.provider} told of ${notice.type}, and could not say by an inquiry what has changed; look there`,
    authorizationId: id,
  });
  return 'unanswered';
}

/** What the provider says of an attempt when it is asked; null when it does not tell. */
async function outcomeNow(
  { provider, contract }: Connected,
  authorization: Authorization,
  attempt: Attempt,
  deps: GatewayDeps,
): Promise<AttemptOutcome | null> {
  const answer = await deps.pacer.run(provider.id, () =>
    inquire(provider, authorization, attempt.id, referenceOf(attempt), budgetFor(contract, deps), deps),
  );
  return answer.kind === 'found' ? answer.outcome : null;
}

/** What the provider says of the end of an operation when it is asked; null when it does not tell of one. */
async function endNow(
  { provider, contract }: Connected,
  target: OperationTarget,
  deps: GatewayDeps,
): Promise<OperationInquiry | null> {
  const inquiry = await deps.pacer.run(provider.id, () =>
    inquireOperation(provider, target, budgetFor(contract, deps), deps),
  );
  return endOfInquiry(inquiry) === null ? null : inquiry;
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
    eventAlone,
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

/** What a notice, or the provider that was asked about it, says of an attempt. */
async function applyToAttempt(
  notice: KeptNotice,
  authorization: Authorization,
  attempt: Attempt,
  outcome: AttemptOutcome,
  deps: GatewayDeps,
): Promise<string | null> {
  const nowMs = deps.clock.wallMs();
  const validityMs = deps.provider(notice.provider)?.semantics.validityMs ?? 0;
  let isTold = false;
  const result = await changeAuthorization(
    authorization,
    (current) => {
      const change = applyOutcome(current, attempt.number, outcome, { nowMs, validityMs, durationMs: null });
      isTold = change.remarks.length > 0;
      return change;
    },
    { event: noticed(notice, { kind: 'attempt', outcome }) },
    deps,
  );
  if (result.kind === 'failed') return null;
  const after = result.authorization.attempts[attempt.number - 1];
  if (after !== undefined && !isTold) await doubtVoid(result.authorization, after, outcome, deps);
  // While its sender still waits for the answer, the sender tells.
  const isAwaited = attempt.outcome === null && authorization.open;
  if (result.kind === 'written' && !isAwaited) {
    tellUnmapped(outcome, { provider: notice.provider, authorizationId: authorization.id }, deps);
    learnLate(result, attempt.number, deps);
  }
  deps.observer.resolved({
    ...byNotice(notice, authorization, nowMs),
    subject: 'attempt',
    result: outcome.kind,
  });
  return result.kind === 'written' ? 'applied' : 'known';
}

/** What a notice, or the provider that was asked about it, says of a capture, void or refund. */
async function applyToOperation(
  notice: KeptNotice,
  target: OperationTarget,
  inquiry: OperationInquiry,
  deps: GatewayDeps,
): Promise<string | null> {
  const { authorization, operation } = target;
  const nowMs = deps.clock.wallMs();
  const told = endOfInquiry(inquiry);
  if (told === null) return 'nothing';
  const end = await endOfTold(told, target, notice, deps);
  if (end === null) return 'asked';
  const result = await changeAuthorization(
    authorization,
    (current) => applyOperationEnd(current, operation.number, end, { nowMs }),
    { event: noticed(notice, { kind: 'operation', operationId: operation.id, inquiry }) },
    deps,
  );
  if (result.kind === 'failed') return null;
  const { kind: subject } = operation;
  deps.observer.resolved({ ...byNotice(notice, authorization, nowMs), subject, result: inquiry.kind });
  return result.kind === 'written' ? 'applied' : 'known';
}

/** The event that a change is recorded with. */
function noticed(notice: KeptNotice, evidence: NoticeEvidence): Omit<EventRecord, 'atMs'> {
  return {
    kind: 'noticed',
    actor: `webhook ${notice.provider}`,
    data: { notice: notice.eventId, type: notice.type, ...evidence },
  };
}

function byNotice(
  { provider }: KeptNotice,
  { id: authorizationId, createdAtMs }: Authorization,
  nowMs: number,
) {
  return { authorizationId, provider, by: 'webhook', ageMs: Math.max(0, nowMs - createdAtMs) } as const;
}

/**
 * What an operation came to, of which a notice tells an end. The failure of a caller's void is not believed unasked:
 * where a request is carried out twice, one may be done and the other fail because of it, and the notice names neither.
 * Where the provider can be asked about operations, the worker does that; else what stands there is asked about now.
 * @returns null: it is left to the worker
 */
async function endOfTold(
  told: OperationEnd,
  target: OperationTarget,
  { provider: providerId }: KeptNotice,
  deps: GatewayDeps,
): Promise<OperationEnd | null> {
  const account = connected(providerId, deps);
  if (told.status !== 'failed' || account === null) return told;
  const { authorization, attempt, operation } = target;
  const { kind, purpose, status } = operation;
  const isDoubted = kind === 'void' && purpose === 'requested' && status === 'pending' && !authorization.open;
  const { provider, contract } = account;
  const { inquiry, operationInquiry } = provider.semantics;
  if (!isDoubted || inquiry === 'none') return told;
  // Nothing is known of its attempt: a refusal to cancel it says nothing about what it may become.
  if (operationInquiry || isUnsettled(attempt.outcome)) return null;
  return endOfRefusedVoid(provider, target, told, budgetFor(contract, deps), deps);
}
