import type { AttemptOutcome } from '../../core/attempt.ts';
import type { OperationKind } from '../../core/operation.ts';
import type { InquiryAnswer, OperationCall, OperationInquiry } from '../../gateway/ports.ts';
import type { AdapterDeps } from '../adapter-deps.ts';
import { readJsonAnswer } from '../read-json.ts';
import type { TransportResult } from '../transport.ts';
import type { Asked } from './codes.ts';
import { isApprovalCode, isOurs, outcomeOfPayment } from './payment-outcome.ts';
import {
  type WireAction,
  type WirePayment,
  wireActions,
  wireError,
  wirePayment,
  wirePayments,
} from './wire.ts';

/** Asks Checkout.com by a path; nothing can be moved by it. */
export type Get = (path: string) => Promise<TransportResult>;

type NoAnswer = { readonly kind: 'no_answer'; readonly code: string };
type PaymentFound =
  | { readonly kind: 'found'; readonly wire: WirePayment }
  | { readonly kind: 'not_found' }
  | NoAnswer;

/** What is to be found: by its id, where that is known, else by our reference. */
interface Sought {
  readonly attemptId: string;
  readonly providerReference: string | null;
}

const noAnswer = (code: string): NoAnswer => ({ kind: 'no_answer', code });

/** What a request that was not answered as hoped for says: nothing about what was asked about. */
function failed(answer: TransportResult): NoAnswer {
  if (answer.kind !== 'response') return noAnswer(answer.code);
  const error = readJsonAnswer(answer, wireError);
  return noAnswer(error?.error_codes[0] ?? error?.error_type ?? `http_${answer.status}`);
}

/** Enough to see that there are several. */
const LISTED_MAX = 2;

/**
 * The id of the one payment that bears our reference. The list is only used to find it, and is then read by its id: what
 * a list shows may lag behind. Several payments of one reference are never taken for an answer: one of them may hold money
 * while another says that it was declined.
 */
async function findId(get: Get, attemptId: string): Promise<{ kind: 'id'; id: string } | PaymentFound> {
  const path = `/payments?limit=${LISTED_MAX}&skip=0&reference=${encodeURIComponent(attemptId)}`;
  const answer = await get(path);
  if (answer.kind !== 'response' || answer.status !== 200) return failed(answer);
  const list = readJsonAnswer(answer, wirePayments);
  if (list === null) return noAnswer('answer_malformed');
  const [first, ...others] = list.data;
  if (list.total_count > 1 || others.length > 0) return noAnswer('several_payments');
  if (list.total_count !== list.data.length) return noAnswer('answer_malformed');
  if (first === undefined) return { kind: 'not_found' };
  return first.reference === attemptId ? { kind: 'id', id: first.id } : noAnswer('answer_mismatch');
}

async function findPayment(get: Get, { attemptId, providerReference }: Sought): Promise<PaymentFound> {
  let id = providerReference;
  if (id === null) {
    const listed = await findId(get, attemptId);
    if (listed.kind !== 'id') return listed;
    id = listed.id;
  }
  const answer = await get(`/payments/${encodeURIComponent(id)}`);
  // That a payment whose id was given is not there contradicts that it was: no evidence.
  if (answer.kind !== 'response' || answer.status !== 200) return failed(answer);
  const wire = readJsonAnswer(answer, wirePayment);
  if (wire === null) return noAnswer('answer_malformed');
  return wire.id === id ? { kind: 'found', wire } : noAnswer('answer_mismatch');
}

async function readActions(
  get: Get,
  id: string,
): Promise<{ readonly kind: 'read'; readonly actions: readonly WireAction[] } | NoAnswer> {
  const answer = await get(`/payments/${encodeURIComponent(id)}/actions`);
  if (answer.kind !== 'response' || answer.status !== 200) return failed(answer);
  const actions = readJsonAnswer(answer, wireActions);
  return actions === null ? noAnswer('answer_malformed') : { kind: 'read', actions };
}

/** What became of an attempt. The code of a decline is told by the payment's actions alone. */
export async function inquirePayment(
  get: Get,
  asked: Asked & Sought,
  channel: string,
  deps: AdapterDeps,
): Promise<InquiryAnswer> {
  const found = await findPayment(get, asked);
  if (found.kind !== 'found') return found;
  const { wire } = found;
  if (wire.status === 'Declined' && wire.response_code == null) {
    const read = await readActions(get, wire.id);
    if (read.kind !== 'read') return read;
    const tries = read.actions.filter(({ type }) => type === 'Authorization');
    // An authorization that was approved contradicts that the payment was declined.
    if (tries.some(({ approved }) => approved === true)) return noAnswer('answer_mismatch');
    // Each try may have come to something else: one of which nobody knows the end decides before all others.
    const outcomes = tries.map(({ response_code: code = null }) =>
      outcomeOfPayment({ ...wire, response_code: code }, 'inquiry', asked, channel, deps),
    );
    return answerOf(strictest(outcomes) ?? outcomeOfPayment(wire, 'inquiry', asked, channel, deps));
  }
  return answerOf(outcomeOfPayment(wire, 'inquiry', asked, channel, deps));
}

/** The outcome that lets the least be done: not known, not over, a hidden approval, one that forbids, one that may fail over. */
function strictest(outcomes: readonly AttemptOutcome[]): AttemptOutcome | null {
  const severity = (outcome: AttemptOutcome): number => {
    if (outcome.kind === 'unknown') return 6;
    if (outcome.kind === 'pending') return 5;
    if (outcome.kind === 'authentication_required') return 3;
    if (outcome.kind !== 'declined') return 0;
    if (outcome.decline.mayHideApproval) return 4;
    return { never: 3, no: 2, yes_once: 1 }[outcome.decline.otherProvider];
  };
  return outcomes.reduce<AttemptOutcome | null>(
    (strict, each) => (strict === null || severity(each) > severity(strict) ? each : strict),
    null,
  );
}

function answerOf(outcome: AttemptOutcome): InquiryAnswer {
  return outcome.kind === 'unknown' ? noAnswer(outcome.code) : { kind: 'found', outcome };
}

const ACTION_TYPES: Readonly<Record<OperationKind, string>> = {
  capture: 'Capture',
  void: 'Void',
  refund: 'Refund',
};

/** Approved, and to be carried out later: told by its event, and by this list afterwards. */
const DEFERRED = '10200';

/** What became of a capture, void or refund, by the actions of its payment. */
export async function inquireAction(
  get: Get,
  call: OperationCall & { readonly operation: OperationKind },
  channel: string,
): Promise<OperationInquiry> {
  const found = await findPayment(get, call);
  // A provider that forgot the payment says nothing about what was done with it.
  if (found.kind === 'not_found') return noAnswer('payment_not_found');
  if (found.kind === 'no_answer') return found;
  const { wire } = found;
  if (!isOurs(wire, call.attemptId, channel)) return noAnswer('answer_mismatch');
  const isVoid = call.operation === 'void';
  const isUndone = wire.status === 'Voided' || wire.status === 'Expired';
  // However it came about, nothing stands there any more, whatever its amount was.
  if (isVoid && isUndone && (wire.balances?.total_captured ?? 0) === 0) {
    return { kind: 'confirmed', providerReference: null };
  }
  if (wire.currency !== call.amount.currency) return noAnswer('answer_mismatch');
  const read = await readActions(get, wire.id);
  if (read.kind !== 'read') return read;
  const ours = read.actions.filter((action) => nameOf(action) === call.operationId);
  if (ours.length === 0) return { kind: 'not_found' };
  if (!ours.every((action) => isAsked(action, call))) return noAnswer('answer_mismatch');
  const inquiry = endOf(ours);
  // What is voided is void: a void that was approved of a payment that is not has not taken effect yet.
  return isVoid && inquiry.kind === 'confirmed' ? { kind: 'pending' } : inquiry;
}

/** Our name for an action: of the metadata, which nothing else than our request can have set, else of its reference. */
function nameOf({ metadata, reference }: WireAction): string | null {
  return metadata?.operation_id ?? reference ?? null;
}

/** A void sets free what is held, which is at most what it is expected to be: 0 says that nobody knows. */
function isAsked(
  { type, amount }: WireAction,
  { operation, amount: expected }: OperationCall & { readonly operation: OperationKind },
): boolean {
  if (type !== ACTION_TYPES[operation]) return false;
  if (operation !== 'void') return amount === expected.value;
  return expected.value === 0 || amount <= expected.value;
}

/** How an operation ended that was tried as often as it is listed: it is done when one of them was, once. */
function endOf(actions: readonly WireAction[]): OperationInquiry {
  const isDone = ({ approved, response_code: code }: WireAction) =>
    approved === true && code !== DEFERRED && (code == null || isApprovalCode(code));
  const done = actions.filter(isDone);
  const [first] = done;
  if (done.length > 1) return noAnswer('several_actions');
  if (first !== undefined) return { kind: 'confirmed', providerReference: first.id };
  const failure = actions.find(({ approved }) => approved === false);
  const isOver = failure !== undefined && actions.every(({ approved }) => approved === false);
  return isOver ? { kind: 'failed', code: failure.response_code ?? 'action_failed' } : { kind: 'pending' };
}
