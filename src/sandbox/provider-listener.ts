import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type Answer, errorAnswer, jsonAnswer } from './answer.ts';
import { answerChange, deliver, failure, reset } from './answer-delivery.ts';
import type { FaultBook, Operation, RequestFacts, Strike, Strikes } from './faults.ts';
import { readJson, sendAnswer } from './http-exchange.ts';
import type { Ledger, LedgerRow } from './ledger.ts';
import { authorizationView } from './ledger-view.ts';
import type { OperationCall, StrayCall } from './operations.ts';
import { PortGate } from './port-gate.ts';
import type { AccountCall, AccountEvent, PspAccount } from './psp-account.ts';
import {
  authorizationBody,
  describeIssues,
  idempotencyKey,
  operationBody,
  voidByReferenceBody,
} from './request-bodies.ts';
import type { SandboxClock } from './sandbox-clock.ts';
import type { Traits } from './traits.ts';
import type { WebhookSender } from './webhooks.ts';
import type { World } from './world.ts';

/** What a listener works with. */
export interface ProviderListenerDeps {
  readonly provider: string;
  readonly apiKey: string;
  readonly account: PspAccount;
  readonly ledger: Ledger;
  readonly faults: FaultBook;
  readonly world: () => World;
  readonly traits: () => Traits;
  readonly webhooks: WebhookSender;
  readonly clock: SandboxClock;
}

/** What a request asks for, by its method and path. */
type Route =
  | { readonly operation: 'authorize' }
  | { readonly operation: 'inquire'; readonly id: string | null; readonly reference: string | null }
  /** `id` null: by reference. */
  | { readonly operation: 'void' | 'capture' | 'refund'; readonly id: string | null };

const OPERATION_OF_PATH: Readonly<Record<string, 'void' | 'capture' | 'refund'>> = {
  voids: 'void',
  captures: 'capture',
  refunds: 'refund',
};

/** The port of one simulated provider. */
export class ProviderListener {
  readonly gate: PortGate;
  readonly #deps: ProviderListenerDeps;

  constructor(deps: ProviderListenerDeps) {
    this.#deps = deps;
    const server: Server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        // A mistake of the sandbox itself. The caller cannot know what was processed.
        process.stderr.write(`sandbox: ${error instanceof Error ? error.stack : String(error)}\n`);
        if (!response.headersSent) sendAnswer(response, errorAnswer(500, 'sandbox_bug', String(error)));
      });
    });
    // An idle connection closed by us at the moment the caller sends would be a fault that nobody asked for.
    server.keepAliveTimeout = 0;
    this.gate = new PortGate(server);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { provider, apiKey, ledger } = this.#deps;
    const method = request.method ?? '';
    const url = request.url ?? '';
    if (method === 'POST') ledger.totalsOf(provider).requests += 1;
    if (url === '/healthz' && method === 'GET') {
      return sendAnswer(response, jsonAnswer(200, { status: 'ok', provider }));
    }
    if (request.headers.authorization !== `Bearer ${apiKey}`) {
      request.resume();
      return sendAnswer(response, unauthorized());
    }
    const route = routeOf(method, url);
    if (route === null) {
      request.resume();
      const message = `${method} ${url} does not exist; GET / on the control port lists the calls`;
      return sendAnswer(response, errorAnswer(404, 'not_found', message));
    }
    if (route.operation === 'inquire') {
      request.resume();
      return this.#inquire(route, response);
    }
    const body = await readJson(request);
    if (body.kind === 'gone') return;
    if (body.kind === 'refused') {
      return sendAnswer(response, errorAnswer(body.status, body.code, body.message));
    }
    const call = this.#callOf(route, request.headers['idempotency-key'], body.value);
    if ('status' in call) return sendAnswer(response, call);
    return this.#process(call, response);
  }

  /** Reads key and body; an answer says what is wrong with them. */
  #callOf(
    route: Exclude<Route, { readonly operation: 'inquire' }>,
    header: string | string[] | undefined,
    value: unknown,
  ): AccountCall | Answer {
    const key = idempotencyKey.safeParse(header);
    if (!key.success) {
      const message = 'the header Idempotency-Key must have 1 to 64 visible ASCII characters';
      return errorAnswer(400, 'invalid_request', message);
    }
    if (route.operation === 'authorize') {
      const body = authorizationBody.safeParse(value);
      if (!body.success) return errorAnswer(400, 'invalid_request', describeIssues(body.error));
      return { operation: 'authorize', key: key.data, body: body.data };
    }
    return route.id === null
      ? this.#voidByReference(key.data, value)
      : this.#operationOf(route.operation, route.id, key.data, value);
  }

  #voidByReference(key: string, value: unknown): OperationCall | StrayCall | Answer {
    const { ledger, provider, traits } = this.#deps;
    const body = voidByReferenceBody.safeParse(value);
    if (!body.success) return errorAnswer(400, 'invalid_request', describeIssues(body.error));
    const { reference, operation_reference: own } = body.data;
    const answersOk = traits().void_unknown === 'ok';
    // Such a provider does not know yet what is still being processed: it lands after the void.
    const isKnown = (row: LedgerRow): boolean => !answersOk || row.firstStatus !== null;
    const row = ledger.byReference(provider, reference, isKnown);
    if (row !== null) return { operation: 'void', key, row, amount: null, reference: own ?? null };
    const answer = answersOk
      ? jsonAnswer(200, { status: 'nothing_found', reference })
      : notFound(`no authorization has the reference ${reference}`);
    return { operation: 'void', key, row: null, named: reference, answer };
  }

  #operationOf(
    operation: OperationCall['operation'],
    id: string,
    key: string,
    value: unknown,
  ): OperationCall | StrayCall | Answer {
    const { ledger, provider } = this.#deps;
    const row = ledger.byId(provider, id);
    if (row === null) {
      const answer = notFound(`no authorization has the id ${id}`);
      return { operation, key, row: null, named: null, answer };
    }
    const body = operationBody.safeParse(value);
    if (!body.success) return errorAnswer(400, 'invalid_request', describeIssues(body.error));
    const amount = operation === 'void' ? null : (body.data.amount ?? null);
    return { operation, key, row, amount, reference: body.data.reference ?? null };
  }

  /** Every operation that moves money, with whatever fault strikes it. */
  async #process(call: AccountCall, response: ServerResponse): Promise<void> {
    const { account, clock, faults, provider } = this.#deps;
    const facts = factsOf(call, provider);
    const name = call.operation === 'authorize' ? call.body.reference : `${call.operation} ${call.key}`;
    const asked = faults.take(facts);
    const strike = asked.answer ?? this.#outage(call.operation, name);
    if (this.#keepsOut(call, strike, response)) return;

    const begun = account.begin(call);
    // The request comes a second time, as from a proxy that repeats it: the key keeps it from being processed
    // twice.
    if (asked.event?.kind === 'duplicate') account.begin(call);
    const worksMs = begun.kind === 'working' || strike?.kind === 'slow' ? this.#latencyMs(strike, name) : 0;
    if (worksMs > 0) await clock.pause(worksMs);
    if (begun.kind === 'answered') return deliver(response, begun.answer, strike, clock);
    const { answer, event } = begun.finish(answerChange(strike), (later) =>
      this.#tellLater(later, asked.event),
    );
    await this.#tell(event, { answer: strike, event: asked.event }, () =>
      deliver(response, answer, strike, clock),
    );
  }

  /** Answers what a fault keeps from being processed; false when the request goes on. */
  #keepsOut(call: AccountCall, strike: Strike | null, response: ServerResponse): boolean {
    const early = strike === null ? null : earlyAnswer(strike);
    if (early !== null) {
      sendAnswer(response, early);
      return true;
    }
    if (strike?.kind === 'reset_before') {
      reset(response);
      return true;
    }
    const { account } = this.#deps;
    // Said of an operation that was carried out, it would be read as true of that one: the repeat is answered.
    if (strike?.kind === 'refused' && !account.knows(call)) {
      sendAnswer(response, errorAnswer(409, 'invalid_state', 'the sandbox was asked to refuse this'));
      return true;
    }
    if (strike === null || strike.processed) return false;
    if (strike.kind === 'hang') return true;
    if (strike.kind !== 'error') return false;
    sendAnswer(response, this.#unprocessedError(call, strike));
    return true;
  }

  #unprocessedError(call: AccountCall, strike: Strike): Answer {
    const { account } = this.#deps;
    if (strike.ambiguous) return account.fail(call, failure(strike, {}));
    // True of this request, yet a caller would read it as true of the key: never said of one that is known.
    const isSaid = strike.status >= 500 && !account.knows(call);
    return failure(strike, isSaid ? { 'x-not-processed': 'true' } : {});
  }

  /** Answers and sends the event: after the answer, unless a fault wants it otherwise. */
  async #tell(event: AccountEvent | null, strikes: Strikes, answer: () => Promise<void>): Promise<void> {
    const { clock, webhooks } = this.#deps;
    const composed = event === null ? null : webhooks.compose(event);
    if (composed === null) return answer();
    const send = (): void => void webhooks.send(composed);
    switch (strikes.event?.kind) {
      case 'webhook_first':
        await webhooks.send(composed);
        return answer();
      case 'webhook_late':
        clock.after(strikes.event.delay_ms, send);
        return answer();
      case 'webhook_twice':
      case 'duplicate':
        await answer();
        send();
        return send();
      default:
        // What is on its way to the caller does not hold the event up.
        if (strikes.answer?.kind === 'late' || strikes.answer?.kind === 'slow_drip') send();
        else setImmediate(send);
        return answer();
    }
  }

  /** Sends an event that comes by itself, after the answer, as the fault of its request wants it. */
  #tellLater(event: AccountEvent, strike: Strike | null): void {
    const { clock, webhooks } = this.#deps;
    const composed = webhooks.compose(event);
    if (composed === null) return;
    const send = (): void => void webhooks.send(composed);
    if (strike?.kind === 'webhook_late') {
      clock.after(strike.delay_ms, send);
      return;
    }
    send();
    if (strike?.kind === 'webhook_twice' || strike?.kind === 'duplicate') send();
  }

  async #inquire(route: Route & { readonly operation: 'inquire' }, response: ServerResponse): Promise<void> {
    const { clock, faults, ledger, provider } = this.#deps;
    ledger.totalsOf(provider).inquiries += 1;
    const known = this.#find(route);
    const reference = known?.reference ?? route.reference;
    const facts: RequestFacts = {
      provider,
      operation: 'inquire',
      token: known?.token ?? null,
      brand: known?.brand ?? null,
      reference,
      merchant: known?.merchant ?? null,
    };
    const name = `inquire ${route.id ?? reference}`;
    const strike = faults.take(facts).answer ?? this.#outage('inquire', name);
    const early = strike === null ? null : earlyAnswer(strike);
    if (early !== null) return sendAnswer(response, early);
    if (strike?.kind === 'reset_before') return reset(response);
    const latencyMs = this.#latencyMs(strike, name);
    if (latencyMs > 0) await clock.pause(latencyMs);
    const told = this.#tellInquiry(route);
    return deliver(response, answerChange(strike)?.(told) ?? told, strike, clock);
  }

  /** What an inquiry shows: the truth, or that of some time ago. */
  #tellInquiry(route: Route & { readonly operation: 'inquire' }): Answer {
    const { clock, traits } = this.#deps;
    const delayMs = traits().inquiry_delay_ms;
    const seenUpToMs = delayMs === 0 ? Number.POSITIVE_INFINITY : clock.nowMs() - delayMs;
    const row = this.#find(route, seenUpToMs);
    return row === null
      ? notFound(`no authorization has this ${route.id === null ? 'reference' : 'id'}`)
      : jsonAnswer(200, authorizationView(row, seenUpToMs));
  }

  /** @param seenUpToMs wall clock; authorizations that are younger are passed over */
  #find(
    route: Route & { readonly operation: 'inquire' },
    seenUpToMs: number = Number.POSITIVE_INFINITY,
  ): LedgerRow | null {
    const { ledger, provider } = this.#deps;
    const isSeen = (row: LedgerRow): boolean => row.createdAtMs <= seenUpToMs;
    if (route.id === null) return ledger.byReference(provider, route.reference ?? '', isSeen);
    const row = ledger.byId(provider, route.id);
    return row !== null && isSeen(row) ? row : null;
  }

  #outage(operation: Operation, name: string): Strike | null {
    const { clock, provider, world } = this.#deps;
    return world().outage(provider, operation, name, clock.nowMs());
  }

  /** How long the provider works before it has a result. */
  #latencyMs(strike: Strike | null, name: string): number {
    if (strike?.kind === 'slow') return strike.delay_ms;
    // Processed at once: that is what these faults say.
    if (strike?.kind === 'late' || strike?.kind === 'hang') return 0;
    return this.#deps.world().latencyMs(this.#deps.provider, name);
  }
}

/** Path and method; null when there is no such call. */
function routeOf(method: string, url: string): Route | null {
  if (method === 'POST' && url === '/v1/authorizations') return { operation: 'authorize' };
  const question = url.indexOf('?');
  const path = question === -1 ? url : url.slice(0, question);
  const [, version, collection, id, action, ...rest] = path.split('/');
  if (version !== 'v1' || rest.length > 0) return null;
  if (method === 'POST' && collection === 'voids' && id === undefined) return { operation: 'void', id: null };
  if (collection !== 'authorizations') return null;
  if (method === 'GET' && id === undefined) {
    const reference = new URLSearchParams(url.slice(path.length)).get('reference');
    return reference === null ? null : { operation: 'inquire', id: null, reference };
  }
  if (id === undefined || id === '') return null;
  if (method === 'GET' && action === undefined) return { operation: 'inquire', id, reference: null };
  const operation = method === 'POST' ? OPERATION_OF_PATH[action ?? ''] : undefined;
  return operation === undefined ? null : { operation, id };
}

/** The answers that faults give before anything is processed, for every operation. */
function earlyAnswer(strike: Strike): Answer | null {
  if (strike.kind === 'unauthorized') return unauthorized();
  if (strike.kind !== 'rate_limited') return null;
  const message = 'too many requests; this one was not processed';
  return errorAnswer(429, 'rate_limited', message, { 'retry-after': String(strike.retry_after) });
}

function unauthorized(): Answer {
  return errorAnswer(401, 'unauthorized', 'expected the header Authorization: Bearer <api key>');
}

function notFound(message: string): Answer {
  return errorAnswer(404, 'not_found', message);
}

/** What faults can match on: for operations, the facts of their authorization, as far as it is known. */
function factsOf(call: AccountCall, provider: string): RequestFacts {
  if (call.operation !== 'authorize' && call.row === null) {
    const { operation, named } = call;
    return { provider, operation, token: null, brand: null, reference: named, merchant: null };
  }
  const { token, brand, reference, merchant } = call.operation === 'authorize' ? call.body : call.row;
  return { provider, operation: call.operation, token, brand, reference, merchant };
}
