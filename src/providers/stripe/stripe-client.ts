import type { z } from 'zod';
import type { CallBudget } from '../../gateway/ports.ts';
import type { AdapterDeps } from '../adapter-deps.ts';
import { readJsonAnswer } from '../read-json.ts';
import { createTransport, type TransportResult } from '../transport.ts';
import { codeOfError, type ErrorAnswer } from './codes.ts';
import { isTyped, wireError } from './transformers.ts';

/**
 * The version of the interface that is spoken, whatever the account's own is: the first whose errors carry `advice_code`,
 * beside `network_decline_code`, `network_advice_code` and a charge's `network_transaction_id`, which came a version before
 * (docs.stripe.com/changelog/acacia/2025-01-27 and 2024-12-18).
 */
const STRIPE_VERSION = '2025-01-27.acacia';

/** What became of a call. */
export type Reading<Value> =
  | { readonly kind: 'read'; readonly value: Value }
  /** An answer other than 200. */
  | (ErrorAnswer & { readonly kind: 'error'; readonly code: string })
  | { readonly kind: 'not_sent'; readonly code: string }
  /** No answer, or one that cannot be read. */
  | { readonly kind: 'unknown'; readonly code: string };

/** Calls to an account at Stripe. None is repeated, none rejects. */
export interface StripeClient {
  /** @param key idempotency key, at most 255 characters */
  post<Schema extends z.ZodType>(
    path: string,
    key: string,
    body: string,
    schema: Schema,
    budget: CallBudget,
  ): Promise<Reading<z.output<Schema>>>;
  get<Schema extends z.ZodType>(
    path: string,
    schema: Schema,
    budget: CallBudget,
  ): Promise<Reading<z.output<Schema>>>;
  close(): void;
}

/**
 * Calls under one key to one account.
 * @throws ProviderSetupError when the base URL is none that card tokens may be sent to
 */
export function createStripeClient(
  connection: {
    readonly baseUrl: string;
    readonly apiKey: string;
    readonly account: string | null;
    readonly maxSockets: number;
  },
  { clock }: Pick<AdapterDeps, 'clock'>,
): StripeClient {
  const { baseUrl, apiKey, account, maxSockets } = connection;
  const transport = createTransport({ baseUrl, maxSockets, clock });
  const common = [
    ...['authorization', `Bearer ${apiKey}`, 'stripe-version', STRIPE_VERSION, 'accept', 'application/json'],
    ...(account === null ? [] : ['stripe-account', account]),
  ];
  const headersFor = ({ traceparent }: CallBudget): string[] =>
    traceparent === null ? [...common] : [...common, 'traceparent', traceparent];
  return {
    async post(path, key, body, schema, budget) {
      const form = ['content-type', 'application/x-www-form-urlencoded', 'idempotency-key', key];
      const headers = [...headersFor(budget), ...form];
      return readAnswer(await transport.send({ method: 'POST', path, headers, body, budget }), schema);
    },
    async get(path, schema, budget) {
      const headers = headersFor(budget);
      return readAnswer(await transport.send({ method: 'GET', path, headers, body: null, budget }), schema);
    },
    close: () => transport.close(),
  };
}

function readAnswer<Schema extends z.ZodType>(
  answer: TransportResult,
  schema: Schema,
): Reading<z.output<Schema>> {
  if (answer.kind !== 'response') return answer;
  if (answer.status === 200) {
    const value = readJsonAnswer(answer, schema);
    return value === null ? { kind: 'unknown', code: 'answer_malformed' } : { kind: 'read', value };
  }
  const { status, headers } = answer;
  const read = readJsonAnswer(answer, wireError)?.error ?? null;
  // Every error of Stripe's says of which type it is; others word theirs alike (`{"error":{"code":403}}`).
  const error = read !== null && isTyped(read) ? read : null;
  return { kind: 'error', status, headers, error, code: codeOfError({ status, headers, error }) };
}
