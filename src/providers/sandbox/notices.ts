import { z } from 'zod';
import type { ProviderContract } from '../../core/rules/ruleset.ts';
import type {
  Notice,
  NoticeEvidence,
  NoticeMessage,
  NoticeReading,
  NoticeSubject,
} from '../../gateway/ports.ts';
import type { AdapterDeps } from '../adapter-deps.ts';
import { carriesCardNumber } from '../carries-card-number.ts';
import { malformedNotice } from '../malformed-notice.ts';
import { readJson } from '../read-json.ts';
import { isSignedByOne, webhookSecretsOf } from '../webhook-secrets.ts';
import { answersWhatWasAsked, isOperationAsked, outcomeOfAuthorization } from './codes.ts';
import { wireAmount, wireAuthorization, wireId } from './transformers.ts';

/** How far the time of a signature may lie from ours, milliseconds, either way. */
const TOLERANCE_MS = 300_000;
/** Signatures of one message that are looked at. */
const SIGNATURES_MAX = 8;

const envelope = z.object({
  id: wireId,
  type: z.string().regex(/^[a-z_]{1,32}\.[a-z_]{1,32}$/),
  provider: z.string(),
  data: z.record(z.string(), z.unknown()),
});

/** The account that the event says it is of; left out in events that were kept before it was. */
const account = z.string().optional();

const authorizationData = wireAuthorization.extend({ merchant: z.string(), account });

const operationData = z.object({
  account,
  status: z.enum(['confirmed', 'failed']),
  id: wireId,
  reference: z.string().nullable(),
  authorization_id: z.string(),
  authorization_reference: z.string(),
  amount: wireAmount,
});

/** The key that signs events when none is configured: it is a sandbox. */
const DEFAULT_SECRET = 'sandbox-webhook-secret';

/** Secrets that are valid now. */
export function sandboxSecretsOf(contract: Pick<ProviderContract, 'credentials'>): readonly string[] {
  return contract.credentials['webhook_secret'] === undefined ? [DEFAULT_SECRET] : webhookSecretsOf(contract);
}

/**
 * Verifies `Sandbox-Signature: t=<unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>">[,v1=…]` over the raw body, in
 * constant time, and takes the event apart. An event without a valid signature of these five minutes is refused.
 */
export function readSandboxNotices(
  message: NoticeMessage,
  secrets: readonly string[],
  nowMs: number,
): NoticeReading {
  if (secrets.length === 0) return { kind: 'refused', reason: 'not_configured' };
  const parts = (message.headers['sandbox-signature'] ?? '').split(',').map((part) => part.trim());
  const seconds = parts.find((part) => part.startsWith('t='))?.slice(2) ?? '';
  const signatures = parts.filter((part) => part.startsWith('v1=')).map((part) => part.slice(3));
  if (!/^\d{1,12}$/.test(seconds)) return { kind: 'refused', reason: 'signature' };
  const isOurs = signatures
    .slice(0, SIGNATURES_MAX)
    .some((signature) => isSignedByOne(secrets, `${seconds}.${message.body}`, Buffer.from(signature, 'hex')));
  if (!isOurs) return { kind: 'refused', reason: 'signature' };
  if (Math.abs(nowMs - Number(seconds) * 1000) > TOLERANCE_MS) return { kind: 'refused', reason: 'stale' };
  const notice = noticeOf(message.body);
  return notice === null ? malformedNotice(message.body, envelope) : { kind: 'read', notices: [notice] };
}

/** Keeps of an event what evidence needs, and nothing else: no card number, wherever one is put. */
function noticeOf(body: string): Notice | null {
  const notice = readEvent(body);
  return notice === null || carriesCardNumber(notice) ? null : notice;
}

function readEvent(body: string): Notice | null {
  const event = readJson(body, envelope);
  if (event === null) return null;
  const { id: eventId, type, provider } = event;
  const data = { ...event.data, account: provider };
  if (type.startsWith('authorization.')) {
    const told = authorizationData.safeParse(data);
    return told.success ? { eventId, type, attemptId: told.data.reference, data: told.data } : null;
  }
  const told = operationData.safeParse(data);
  if (!told.success) return null;
  return { eventId, type, attemptId: told.data.authorization_reference, data: told.data };
}

/**
 * What an event says about one of our attempts.
 * @param provider our name of the account that it came in for
 */
export function sandboxEvidence(
  notice: Pick<Notice, 'type' | 'data'>,
  asked: NoticeSubject,
  provider: string,
  deps: AdapterDeps,
): NoticeEvidence {
  const [subject = '', state] = notice.type.split('.');
  if (subject === 'authorization') {
    const told = authorizationData.safeParse(notice.data);
    if (!told.success) return { kind: 'nothing' };
    const { account = provider, status, merchant } = told.data;
    const isOurs = answersWhatWasAsked(told.data, asked) && merchant === asked.request.merchant;
    if (!isOurs || account !== provider || status !== state) return { kind: 'mismatch' };
    const outcome = outcomeOfAuthorization(told.data, asked, deps);
    return outcome.kind === 'unknown' ? { kind: 'mismatch' } : { kind: 'attempt', outcome };
  }
  const told = operationData.safeParse(notice.data);
  if (!told.success) return { kind: 'nothing' };
  const { account = provider, status, id, reference } = told.data;
  if (account !== provider || status !== state) return { kind: 'mismatch' };
  if (reference === null) return evidenceOfForeign(subject, told.data, asked);
  const operation = asked.operations.find(({ operationId }) => operationId === reference);
  const isAsked =
    operation !== undefined &&
    isOperationAsked(
      {
        kind: subject,
        reference,
        authorizationId: told.data.authorization_id,
        authorizationReference: told.data.authorization_reference,
        amount: told.data.amount,
      },
      operation,
    );
  if (!isAsked) return { kind: 'mismatch' };
  return {
    kind: 'operation',
    operationId: reference,
    inquiry:
      status === 'confirmed'
        ? { kind: 'confirmed', providerReference: id }
        : { kind: 'failed', code: 'operation_failed' },
  };
}

/**
 * What an operation says that is not ours, but somebody's at the provider itself: a void of the very authorization that
 * our attempt obtained has undone it. Nothing follows from anything else.
 */
function evidenceOfForeign(
  kind: string,
  told: z.infer<typeof operationData>,
  { attemptId, providerReference, request }: NoticeSubject,
): NoticeEvidence {
  const isOfAttempt =
    told.authorization_reference === attemptId && told.authorization_id === providerReference;
  if (kind !== 'void' || told.status !== 'confirmed' || !isOfAttempt) return { kind: 'nothing' };
  const { value, currency } = told.amount;
  if (currency !== request.amount.currency || value > request.amount.value) return { kind: 'mismatch' };
  // Nothing was held yet: what became of the authorization, an inquiry tells.
  if (value === 0) return { kind: 'nothing' };
  const outcome = {
    kind: 'partially_approved',
    providerReference,
    authorizedAmount: value,
    networkTransaction: null,
    reversal: 'confirmed',
  } as const;
  return { kind: 'attempt', outcome };
}
