import { z } from '@hono/zod-openapi';
import { OUTCOME_KINDS } from '../core/attempt.ts';
import { AUTHORIZATION_STATUSES } from '../core/authorization.ts';
import { DECLINE_CATEGORIES } from '../core/declines/decline.ts';
import { amountSchema } from './authorization-body.ts';

const nullableText = z.string().nullable();
const share = z.number().min(0).max(1);
const minorUnits = z.int().min(0);

const BREAKER_STATES = [
  'closed',
  'open',
  'half_open',
  'forced_open',
  'forced_closed',
  'draining',
  'metrics_only',
] as const;

const candidateSchema = z
  .strictObject({
    provider: z.string(),
    eligible: z.boolean(),
    rank: z.int().nullable().openapi({ description: '1 for the first in order; null when not eligible.' }),
    score: z.number().nullable().openapi({ description: 'Expected value as a share of the margin.' }),
    approval: z
      .strictObject({
        mean: share,
        low: share,
        high: share,
        level: z.enum(['bin', 'issuer', 'country_brand', 'brand', 'provider', 'prior']),
        n: z.number(),
      })
      .nullable(),
    health: share.nullable(),
    breaker: z.enum(BREAKER_STATES).nullable(),
    limit_headroom: share.nullable(),
    cost_bps: z.number().nullable(),
    reason: nullableText.openapi({ description: 'Why it was not eligible or was passed over.' }),
  })
  .openapi('Candidate');

const attemptSchema = z
  .strictObject({
    id: z.string(),
    number: z.int().min(1),
    provider: z.string(),
    outcome: z
      .enum(OUTCOME_KINDS)
      .nullable()
      .openapi({ description: 'Null while the request may be on its way.' }),
    code: nullableText.openapi({ description: "The provider's most specific code; masked for fraud." }),
    provider_reference: nullableText,
    propensity: share,
    duration_ms: z.int().nullable(),
  })
  .openapi('Attempt');

const declineSchema = z
  .strictObject({
    category: z.enum(DECLINE_CATEGORIES),
    code: z.string(),
    network_code: nullableText,
    advice: nullableText,
    retry_not_before: nullableText,
  })
  .openapi('Decline');

const routingSchema = z
  .strictObject({
    ruleset: z.int(),
    rule: z.string(),
    strategy: z.enum(['score', 'priority', 'split']),
    experiment: z.null(),
    propensity: share,
    candidates: z.array(candidateSchema),
    notes: z.array(z.string()).openapi({ description: 'Remarks, such as an unknown BIN.' }),
  })
  .openapi('Routing');

/** The answer about an authorization. */
export const authorizationAnswerSchema = z
  .strictObject({
    id: z.string().openapi({ example: 'auth_bcdfghjkmnpqrstvwxyzB' }),
    status: z.enum(AUTHORIZATION_STATUSES),
    live: z.boolean().openapi({ description: 'False for sandbox providers: no money moved.' }),
    amounts: z.strictObject({
      requested: minorUnits,
      authorized: minorUnits,
      captured: minorUnits,
      refunded: minorUnits,
      currency: z.string(),
    }),
    reference: z.string(),
    merchant: z.string(),
    amount: amountSchema,
    provider: nullableText,
    provider_reference: nullableText,
    network_transaction: z.strictObject({ id: z.string(), network: z.string(), date: z.string() }).nullable(),
    decline: declineSchema.nullable(),
    attempts: z.array(attemptSchema),
    routing: routingSchema,
    created_at: z.iso.datetime(),
  })
  .openapi('Authorization');

export const authorizationPageSchema = z
  .strictObject({ data: z.array(authorizationAnswerSchema), next_cursor: nullableText })
  .openapi('AuthorizationPage');

/** A provider as operators see it. */
export const providerSchema = z
  .strictObject({
    id: z.string(),
    adapter: z.string(),
    live: z.boolean(),
    enabled: z.boolean(),
    merchants: z.literal('all').or(z.array(z.string())),
    health: z.strictObject({ processed: share, unknown: share, samples: z.number() }),
    limits: z.strictObject({
      per_second: z.number(),
      concurrent: z.int(),
      in_flight: z.int(),
      headroom: share,
    }),
    lanes: z.array(
      z.strictObject({ brand: z.string(), breaker: z.enum(BREAKER_STATES), since: nullableText }),
    ),
    overrides: z.array(
      z.strictObject({
        mode: z.enum(['force_open', 'force_closed', 'drain', 'auto']),
        brand: nullableText,
        merchant: nullableText,
        reason: z.string(),
        author: z.string(),
        created_at: z.string(),
        expires_at: nullableText,
      }),
    ),
  })
  .openapi('Provider');

export const providerListSchema = z.strictObject({ data: z.array(providerSchema) }).openapi('ProviderList');

export const overrideAnswerSchema = z
  .strictObject({
    provider: z.string(),
    mode: z.enum(['force_open', 'force_closed', 'drain', 'auto']),
    brand: nullableText,
    merchant: nullableText,
    reason: z.string(),
    author: z.string(),
    created_at: z.string(),
    expires_at: nullableText,
  })
  .openapi('ProviderOverrideAnswer');

/** RFC 9457 problem document; some kinds carry further members. */
export const problemSchema = z
  .looseObject({
    type: z.string().openapi({ format: 'uri-reference' }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string().openapi({ format: 'uri' }),
    trace_id: z.string(),
    remedy: z.string(),
    errors: z
      .array(z.strictObject({ path: z.string(), message: z.string(), expected: z.string() }))
      .optional()
      .openapi({ description: 'Every field that does not match, for invalid-request.' }),
    sent: z.boolean().optional().openapi({ description: 'False: no provider was sent anything.' }),
    authorization_id: z.string().optional(),
    rule: nullableText.optional(),
    candidates: z.array(candidateSchema).optional(),
  })
  .openapi('Problem');
