import type { AttemptOutcome } from '../../core/attempt.ts';
import type { Decline } from '../../core/declines/decline.ts';
import type { OperationKind } from '../../core/operation.ts';
import type { ProviderSemantics } from '../../core/resolution.ts';
import type { ProviderContract } from '../../core/rules/ruleset.ts';
import type {
  AuthorizeCall,
  CallBudget,
  InquiryAnswer,
  Notice,
  NoticeEvidence,
  NoticeMessage,
  NoticeReading,
  NoticeSubject,
  OperationCall,
  OperationInquiry,
  OperationOutcome,
  Provider,
  ProviderCode,
} from '../../gateway/ports.ts';
import type { AdapterDeps } from '../adapter-deps.ts';
import { declineOfReading } from '../decline-outcome.ts';
import { unlessRepeat } from '../outcomes.ts';
import { ProviderSetupError } from '../provider-setup-error.ts';
import { isJson } from '../read-json.ts';
import { createTransport, type Transport, type TransportResult } from '../transport.ts';
import {
  type Asked,
  answersWhatWasAsked,
  type ErrorAnswer,
  isOperationAsked,
  operationOutcomeOfError,
  outcomeOfAuthorization,
  outcomeOfError,
  readSandboxDecline,
} from './codes.ts';
import { readSandboxNotices, sandboxEvidence, sandboxSecretsOf } from './notices.ts';
import {
  amountBody,
  authorizationBody,
  readAuthorization,
  readErrorCode,
  readOperation,
  voidBody,
} from './transformers.ts';

type HttpAnswer = Extract<TransportResult, { kind: 'response' }>;
type InquireQuery = Parameters<Provider['inquire']>[0];

/**
 * What the sandbox promises, unless its traits say otherwise: it answers inquiries by our reference at once, keeps every
 * answer under its key for ever, and cancels by our reference.
 */
export const SANDBOX_SEMANTICS: ProviderSemantics = {
  inquiry: 'our_reference',
  notFoundAfterMs: 2_000,
  operationNotFoundAfterMs: 2_000,
  replay: 'same_answer',
  keyLifetimeMs: null,
  twoSteps: false,
  cancelByReference: true,
  operationInquiry: true,
  validityMs: 7 * 24 * 60 * 60_000,
};

/** The key that the sandbox takes when none is configured. */
const DEFAULT_API_KEY = 'sandbox-key';

/**
 * An account at the sandbox PSP. One request per authorization, its status told by the answer; the sandbox's
 * inquiries show every authorization at once, so that "not found" needs no waiting.
 * @throws ProviderSetupError when the contract lacks what the sandbox needs; says what and how to mend it
 */
export function createSandboxProvider(contract: ProviderContract, deps: AdapterDeps): Provider {
  const { baseUrl } = contract;
  if (baseUrl === null) {
    throw new ProviderSetupError(
      `the sandbox adapter has no default base URL, because each simulated provider ` +
        'listens on a port of its own; expected base_url: http://127.0.0.1:<port>, or a sandbox beside the gateway (SANDBOX=on)',
    );
  }
  const apiKey = contract.credentials['api_key'] ?? DEFAULT_API_KEY;
  if (!/^[\x21-\x7e]+$/.test(apiKey)) {
    throw new ProviderSetupError(
      `credentials.api_key cannot be sent in a header; expected visible ASCII characters ` +
        'only (a line end from a file?)',
    );
  }
  const maxSockets = contract.limits.concurrent;
  const transport = createTransport({ baseUrl, maxSockets, clock: deps.clock });
  return new SandboxProvider(contract, `Bearer ${apiKey}`, transport, deps);
}

class SandboxProvider implements Provider {
  readonly id: string;
  readonly live: boolean;
  readonly semantics: ProviderSemantics;
  readonly #authorization: string;
  readonly #transport: Transport;
  readonly #webhookSecrets: readonly string[];
  readonly #deps: AdapterDeps;

  constructor(contract: ProviderContract, authorization: string, transport: Transport, deps: AdapterDeps) {
    this.id = contract.id;
    this.live = contract.live;
    this.semantics = { ...SANDBOX_SEMANTICS, ...contract.semantics };
    this.#authorization = authorization;
    this.#webhookSecrets = sandboxSecretsOf(contract);
    this.#transport = transport;
    this.#deps = deps;
  }

  async authorize(call: AuthorizeCall): Promise<AttemptOutcome> {
    const body = authorizationBody(call);
    const answer = await this.#post('/v1/authorizations', call.providerKey, body, call.budget);
    if (answer.kind === 'not_sent') return answer;
    if (answer.kind === 'unknown') return { ...answer, providerReference: null };
    if (answer.status !== 200) {
      return unlessRepeat(outcomeOfError(errorAnswerOf(answer), call, this.#deps), call);
    }
    const wire = isJson(answer) ? readAuthorization(answer.body) : null;
    return wire === null
      ? { kind: 'unknown', code: 'answer_malformed', providerReference: null }
      : outcomeOfAuthorization(wire, call, this.#deps);
  }

  async inquire(query: InquireQuery): Promise<InquiryAnswer> {
    const { providerReference, attemptId } = query;
    const path =
      providerReference === null
        ? `/v1/authorizations?reference=${encodeURIComponent(attemptId)}`
        : `/v1/authorizations/${encodeURIComponent(providerReference)}`;
    const answer = await this.#transport.send({
      method: 'GET',
      path,
      headers: this.#headers(query.budget),
      body: null,
      budget: query.budget,
    });
    if (answer.kind !== 'response') return { kind: 'no_answer', code: answer.code };
    if (answer.status === 200) return foundIn(answer, query, this.#deps);
    const { errorCode, status } = errorAnswerOf(answer);
    // A 404 of anything but the sandbox itself is no evidence.
    if (status === 404 && errorCode === 'not_found') return { kind: 'not_found' };
    return { kind: 'no_answer', code: errorCode ?? `http_${status}` };
  }

  capture(call: OperationCall): Promise<OperationOutcome> {
    return this.#operate('captures', call, amountBody(call));
  }

  void(call: OperationCall): Promise<OperationOutcome> {
    return this.#operate('voids', call, voidBody(call));
  }

  refund(call: OperationCall): Promise<OperationOutcome> {
    return this.#operate('refunds', call, amountBody(call));
  }

  async inquireOperation(
    call: OperationCall & { readonly operation: OperationKind },
  ): Promise<OperationInquiry> {
    const { providerReference, budget } = call;
    const path =
      providerReference === null
        ? `/v1/authorizations?reference=${encodeURIComponent(call.attemptId)}`
        : `/v1/authorizations/${encodeURIComponent(providerReference)}`;
    const headers = this.#headers(budget);
    const answer = await this.#transport.send({ method: 'GET', path, headers, body: null, budget });
    if (answer.kind !== 'response') return { kind: 'no_answer', code: answer.code };
    if (answer.status === 200) return operationIn(answer, call);
    const { errorCode, status } = errorAnswerOf(answer);
    // A provider that forgot the authorization says nothing about what was done with it.
    return { kind: 'no_answer', code: errorCode ?? `http_${status}` };
  }

  async readNotices(message: NoticeMessage): Promise<NoticeReading> {
    return readSandboxNotices(message, this.#webhookSecrets, this.#deps.clock.wallMs());
  }

  evidenceIn(notice: Pick<Notice, 'type' | 'data'>, asked: NoticeSubject): NoticeEvidence {
    return sandboxEvidence(notice, asked, this.id, this.#deps);
  }

  classify(code: ProviderCode): Decline {
    return declineOfReading(readSandboxDecline(code, false, this.#deps), code);
  }

  close(): void {
    this.#transport.close();
  }

  async #operate(
    operation: 'captures' | 'voids' | 'refunds',
    call: OperationCall,
    body: string,
  ): Promise<OperationOutcome> {
    const { providerReference } = call;
    const path =
      providerReference === null
        ? '/v1/voids'
        : `/v1/authorizations/${encodeURIComponent(providerReference)}/${operation}`;
    // Another request than the void by id that may follow: it needs a key of its own.
    const key = providerReference === null ? `${call.providerKey}r` : call.providerKey;
    const answer = await this.#post(path, key, body, call.budget);
    if (answer.kind !== 'response') return answer;
    if (answer.status !== 200 && answer.status !== 202) {
      return operationOutcomeOfError(errorAnswerOf(answer), operation, this.#deps);
    }
    const done = isJson(answer) ? readOperation(answer.body) : null;
    if (done === null) return { kind: 'unknown', code: 'answer_malformed' };
    if (done.status === 'nothing_found') {
      return done.reference === call.attemptId ? { kind: 'not_found' } : ANOTHER_OPERATION;
    }
    const told = {
      // The path says what is done: an answer does not repeat it.
      kind: KIND_OF_PATH[operation],
      reference: done.reference,
      authorizationId: done.authorization_id,
      authorizationReference: done.authorization_reference,
      amount: done.amount,
    };
    if (!isOperationAsked(told, { ...call, operation: KIND_OF_PATH[operation] })) return ANOTHER_OPERATION;
    return done.status === 'received'
      ? { kind: 'accepted' }
      : { kind: 'confirmed', providerReference: done.id };
  }

  #post(path: string, key: string, body: string, budget: CallBudget): Promise<TransportResult> {
    const headers = this.#headers(budget);
    headers.push('content-type', 'application/json', 'idempotency-key', key);
    return this.#transport.send({ method: 'POST', path, headers, body, budget });
  }

  #headers(budget: CallBudget): string[] {
    const headers = ['authorization', this.#authorization, 'accept', 'application/json'];
    if (budget.traceparent !== null) headers.push('traceparent', budget.traceparent);
    return headers;
  }
}

const KIND_OF_PATH = { captures: 'capture', voids: 'void', refunds: 'refund' } as const;

const ANOTHER_OPERATION: OperationOutcome = { kind: 'unknown', code: 'answer_mismatch' };

/** What an authorization as the sandbox tells it says about one of its operations. */
function operationIn(
  answer: HttpAnswer,
  call: OperationCall & { readonly operation: OperationKind },
): OperationInquiry {
  const wire = isJson(answer) ? readAuthorization(answer.body) : null;
  if (wire === null) return { kind: 'no_answer', code: 'answer_malformed' };
  const { providerReference } = call;
  const isOurs =
    wire.reference === call.attemptId && (providerReference === null || wire.id === providerReference);
  if (!isOurs) return { kind: 'no_answer', code: 'answer_mismatch' };
  const told = wire.operations.find(({ reference }) => reference === call.operationId);
  // However it came about, nothing stands there any more, whatever its amount was.
  const isUndone = wire.status === 'voided' || wire.status === 'expired';
  if (call.operation === 'void' && isUndone)
    return { kind: 'confirmed', providerReference: told?.id ?? null };
  if (wire.amount.currency !== call.amount.currency) return { kind: 'no_answer', code: 'answer_mismatch' };
  if (told === undefined) return { kind: 'not_found' };
  const { operation: kind, reference, amount } = told;
  const about = { authorizationId: wire.id, authorizationReference: wire.reference };
  if (!isOperationAsked({ kind, reference, amount, ...about }, call)) {
    return { kind: 'no_answer', code: 'answer_mismatch' };
  }
  switch (told.status) {
    case 'confirmed':
      return { kind: 'confirmed', providerReference: told.id };
    case 'failed':
      return { kind: 'failed', code: 'operation_failed' };
    case 'pending':
      return { kind: 'pending' };
  }
}

function foundIn(answer: HttpAnswer, asked: Asked, deps: AdapterDeps): InquiryAnswer {
  const wire = isJson(answer) ? readAuthorization(answer.body) : null;
  if (wire === null) return { kind: 'no_answer', code: 'answer_malformed' };
  if (!answersWhatWasAsked(wire, asked)) return { kind: 'no_answer', code: 'answer_mismatch' };
  const outcome = outcomeOfAuthorization(wire, asked, deps);
  if (outcome.kind === 'unknown') return { kind: 'no_answer', code: outcome.code };
  return { kind: 'found', outcome };
}

function errorAnswerOf(answer: HttpAnswer): ErrorAnswer {
  const { status, headers } = answer;
  return { status, headers, errorCode: isJson(answer) ? readErrorCode(answer.body) : null };
}
