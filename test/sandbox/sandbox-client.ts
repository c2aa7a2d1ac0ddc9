import { Agent, request } from 'node:http';
import { expect } from 'vitest';
import { SANDBOX_KEY, type TestSandbox } from '../support/start-sandbox.ts';

/** What a client saw of one call. */
export type Seen =
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly headers: Readonly<Record<string, string | string[] | undefined>>;
      readonly text: string;
      readonly tookMs: number;
    }
  /** The connection failed. `status` is set when headers had come before. */
  | { readonly kind: 'failed'; readonly code: string; readonly status: number | null }
  | { readonly kind: 'gave_up' };

export interface Call {
  readonly method?: string;
  readonly path: string;
  readonly key?: string;
  readonly body?: unknown;
  /** Sent as it is. */
  readonly raw?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly agent?: Agent;
  /** The caller gives up when it aborts. */
  readonly signal?: AbortSignal;
}

/** One call over a socket of its own, so that its fate is only its own. */
export function send(baseUrl: string, call: Call): Promise<Seen> {
  const startedMs = performance.now();
  const body = call.raw ?? (call.body === undefined ? '' : JSON.stringify(call.body));
  return new Promise((resolve) => {
    let status: number | null = null;
    const outgoing = request(`${baseUrl}${call.path}`, {
      method: call.method ?? 'POST',
      agent: call.agent ?? new Agent(),
      headers: {
        authorization: `Bearer ${SANDBOX_KEY}`,
        ...(call.key === undefined ? {} : { 'idempotency-key': call.key }),
        'content-length': Buffer.byteLength(body),
        ...call.headers,
      },
    });
    call.signal?.addEventListener('abort', () => {
      resolve({ kind: 'gave_up' });
      outgoing.destroy();
    });
    const failed = (error: NodeJS.ErrnoException): void =>
      resolve({ kind: 'failed', code: error.code ?? error.message, status });
    outgoing.on('error', failed);
    outgoing.on('response', (response) => {
      status = response.statusCode ?? 0;
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('error', failed);
      response.on('end', () => {
        const tookMs = performance.now() - startedMs;
        resolve({ kind: 'answered', status: status ?? 0, headers: response.headers, text, tookMs });
      });
    });
    outgoing.end(body);
  });
}

/** An authorization request. */
export function authorization(reference: string, changes: Readonly<Record<string, unknown>> = {}): unknown {
  return {
    reference,
    merchant: 'acme-eu',
    amount: { value: 4999, currency: 'EUR' },
    token: 'tok_visa',
    brand: 'visa',
    bin: '45717360',
    initiator: 'customer',
    capture: 'manual',
    three_ds: null,
    stored_credential: null,
    network_transaction: null,
    ...changes,
  };
}

/** Authorizes at sandbox-a under a key named after the reference. */
export function authorize(
  sandbox: Pick<TestSandbox, 'url'>,
  reference: string,
  changes: Readonly<Record<string, unknown>> = {},
  call: Partial<Call> = {},
): Promise<Seen> {
  const body = authorization(reference, changes);
  return send(sandbox.url('sandbox-a'), {
    path: '/v1/authorizations',
    key: `key-${reference}`,
    body,
    ...call,
  });
}

/** Asks sandbox-a about a reference. */
export function inquire(sandbox: TestSandbox, reference: string, call: Partial<Call> = {}): Promise<Seen> {
  const path = `/v1/authorizations?reference=${encodeURIComponent(reference)}`;
  return send(sandbox.url('sandbox-a'), { method: 'GET', path, ...call });
}

/** The parsed body of an answer; throws when there was none. */
export function bodyOf(seen: Seen): Record<string, unknown> {
  if (seen.kind !== 'answered') throw new Error(`expected an answer, saw ${JSON.stringify(seen)}`);
  return JSON.parse(seen.text) as Record<string, unknown>;
}

/** Status and error code, or what the client saw instead: short, for tables. */
export function glance(seen: Seen): string {
  if (seen.kind !== 'answered') return seen.kind === 'failed' ? seen.code : seen.kind;
  try {
    const body = JSON.parse(seen.text) as {
      readonly error?: { readonly code: string };
      readonly status?: string;
    };
    return `${seen.status} ${body.error?.code ?? body.status}`;
  } catch {
    return `${seen.status} not JSON`;
  }
}

/** Waits for something to become true, patiently: the machine may be busy. */
export function eventually<T>(look: () => T | Promise<T>) {
  return expect.poll(look, { timeout: 5000, interval: 10 });
}
