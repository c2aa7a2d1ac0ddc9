import { z } from '@hono/zod-openapi';
import { OUTCOME_KINDS } from '../core/attempt.ts';
import { AUTHORIZATION_STATUSES } from '../core/authorization.ts';
import { STEP_REASONS } from '../core/caller-decision.ts';
import { DECLINE_CATEGORIES } from '../core/declines/decline.ts';
import { EXPERIMENT_UNITS } from '../core/experiments/experiment.ts';
import { OPERATION_KINDS, OPERATION_PURPOSES, OPERATION_STATUSES } from '../core/operation.ts';
import { EVENT_TYPES } from '../core/outgoing-event.ts';
import { ENDPOINT_STATES } from '../gateway/deliver-events.ts';
import { OPERATE_REFUSALS } from '../gateway/operate.ts';
import { DELIVERY_STATES, DISPUTE_STAGES, OVERRIDE_MODES } from '../gateway/ports.ts';
import { OPERATION_NOT_OPEN } from '../gateway/resolve-operation-by-person.ts';
import { amountSchema } from './authorization-body.ts';
import { rulesetFaultSchema } from './ruleset-schemas.ts';

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
        level: z.enum(['merchant', 'bin', 'issuer', 'country_brand', 'brand', 'provider', 'prior']),
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

const experimentDecisionSchema = z
  .strictObject({
    id: z.string().openapi({ example: 'eea-order' }),
    arm: z.string().openapi({ example: 'treatment' }),
    unit: z.enum(EXPERIMENT_UNITS).openapi({ description: 'By what it was assigned.' }),
    holdout: z.boolean().openapi({ description: 'Kept out of every experiment, for ever.' }),
    propensity: share.openapi({ description: 'Probability of this arm.' }),
    redirected_from: nullableText.openapi({
      description: 'The arm that was stopped and whose payments the baseline has taken.',
    }),
  })
  .openapi('ExperimentDecision');

const routingSchema = z
  .strictObject({
    ruleset: z.int(),
    rule: z.string(),
    strategy: z.enum(['score', 'priority', 'split']),
    experiment: experimentDecisionSchema.nullable(),
    propensity: share,
    candidates: z.array(candidateSchema),
    notes: z.array(z.string()).openapi({
      description:
        'Remarks, such as an unknown BIN, or what a provider would have needed whose attempt is not_supported.',
    }),
  })
  .openapi('Routing');

const amountsSchema = z
  .strictObject({
    requested: minorUnits,
    authorized: minorUnits,
    captured: minorUnits,
    refunded: minorUnits,
    currency: z.string(),
  })
  .openapi('Amounts');

/** Like an amount, but may be 0: of a void that had nothing to undo. */
const operationAmountSchema = z.strictObject({ value: minorUnits, currency: z.string() });

const PURPOSE_MEANINGS =
  'Why it was begun. requested: by a caller. automatic_capture: by capture: automatic. Voids of our own: ' +
  'partial_approval, hidden_approval (behind a decline), late_approval, quarantine (an answer about something else), ' +
  'unknown_outcome (so that another attempt may be made), expiry. external: done by somebody else at the provider.';

const operationMembers = {
  id: z.string().openapi({ example: 'cap_bcdfghjkmnpqrstvwxyzB_1' }),
  type: z.enum(OPERATION_KINDS),
  purpose: z.enum(OPERATION_PURPOSES).openapi({ description: PURPOSE_MEANINGS }),
  status: z.enum(OPERATION_STATUSES).openapi({
    description:
      'pending: it is not known yet whether the provider did it. succeeded: the provider confirmed it. ' +
      'failed: it definitely did not take place.',
  }),
  amount: operationAmountSchema.openapi({
    description: 'Of a void: what it undoes; 0 when it found nothing to undo.',
  }),
  final: z.boolean().openapi({ description: 'Of a capture: nothing more will be captured.' }),
  code: nullableText.openapi({
    description:
      "The provider's code for why it failed. nothing_to_void: a void that succeeded because there was nothing to " +
      'undo, since the provider holds no money of it or a reversal of the gateway itself undoes it. key_spent: the ' +
      'provider keeps a failure under the key; ask again under a new one. Of a void behind a decline no code of the ' +
      'provider is shown.',
  }),
  provider_reference: nullableText,
  created_at: z.iso.datetime(),
  settled_at: z.iso.datetime().nullable().openapi({ description: 'Null while pending.' }),
};

const operationSchema = z.strictObject(operationMembers).openapi('Operation');

/** The answer about a capture, void or refund. */
export const operationAnswerSchema = z
  .strictObject({
    ...operationMembers,
    authorization: z
      .strictObject({ id: z.string(), status: z.enum(AUTHORIZATION_STATUSES), amounts: amountsSchema })
      .openapi({ description: 'What it belongs to, as it was when the operation was answered.' }),
  })
  .openapi('OperationAnswer');

/** The answer about an authorization. */
export const authorizationAnswerSchema = z
  .strictObject({
    id: z.string().openapi({ example: 'auth_bcdfghjkmnpqrstvwxyzB' }),
    status: z.enum(AUTHORIZATION_STATUSES),
    live: z.boolean().openapi({ description: 'False for sandbox providers: no money moved.' }),
    amounts: amountsSchema,
    reference: z.string(),
    merchant: z.string(),
    amount: amountSchema,
    provider: nullableText,
    provider_reference: nullableText,
    network_transaction: z.strictObject({ id: z.string(), network: z.string(), date: z.string() }).nullable(),
    decline: declineSchema.nullable(),
    attempts: z.array(attemptSchema),
    operations: z
      .array(operationSchema)
      .openapi({ description: 'Captures, voids and refunds, in the order in which they were begun.' }),
    routing: routingSchema,
    created_at: z.iso.datetime(),
    expires_at: z.iso.datetime().nullable().openapi({
      description: 'When what is not captured is given back; null when there is nothing to give back.',
    }),
  })
  .openapi('Authorization');

/** The answer to a decision for a caller that sends itself. */
export const decisionAnswerSchema = z
  .strictObject({
    id: z.string().openapi({ example: 'dec_bcdfghjkmnpqrstvwxyzB' }),
    live: z.boolean().openapi({ description: 'False for sandbox providers.' }),
    provider: nullableText.openapi({
      description: 'To be tried first; null: nobody may be tried, see decline.',
    }),
    ranking: z.array(z.string()).openapi({
      description:
        'Those that could be tried now, in order. Whom to try after the first is answered to its report: never go on by ' +
        'this list after an outcome that is not known.',
    }),
    decline: declineSchema.nullable().openapi({
      description: 'Why nobody may be tried: a ceiling of the card scheme, and until when.',
    }),
    routing: routingSchema,
    expires_at: z.iso.datetime().openapi({
      description: 'From then on nobody else is offered; reports are still taken.',
    }),
  })
  .openapi('Decision');

const keptReportSchema = z
  .strictObject({
    outcome: z.enum(OUTCOME_KINDS),
    code: nullableText,
    network_code: nullableText,
    advice: nullableText,
    next: z.string(),
    reason: z.enum(STEP_REASONS),
    latency_ms: z.number().min(0).nullable(),
    reported_at: z.iso.datetime().nullable().openapi({
      description: 'When it was taken; null for one from before that was kept.',
    }),
  })
  .openapi('TakenReport', { description: 'A report as its caller told it, and what was answered.' });

/** A decision with what came of it. */
export const keptDecisionSchema = decisionAnswerSchema
  .extend({
    reference: z.string(),
    merchant: z.string(),
    amount: amountSchema,
    attempts: z.array(
      z.strictObject({
        attempt: z.int().min(1),
        provider: z.string(),
        outcome: z.enum(OUTCOME_KINDS).nullable().openapi({
          description: 'As it was reported last; null: nothing was reported.',
        }),
        propensity: share,
        cost_bps: z.number().nullable().openapi({ description: 'Expected fees of an approval.' }),
        offered_at: z.iso.datetime(),
        reports: z.array(keptReportSchema),
        routing: routingSchema.nullable().openapi({
          description: 'Why it was offered; null for the first, which the routing of the decision explains.',
        }),
      }),
    ),
    created_at: z.iso.datetime(),
  })
  .openapi('DecisionRecord', {
    description: 'A decision as it was answered, with who was offered and what was reported since.',
  });

export const decisionPageSchema = z
  .strictObject({ data: z.array(keptDecisionSchema), next_cursor: nullableText })
  .openapi('DecisionPage');

/** The answer to a report. */
export const nextStepSchema = z
  .strictObject({
    next: z.string().openapi({
      description:
        'A provider to try now; stop: try nobody; wait: try nobody, find out what became of the attempt, and report that.',
      example: 'sandbox-b',
    }),
    reason: z.enum(STEP_REASONS),
    attempt: z.int().nullable().openapi({
      description:
        'As which attempt to try and report it; null: nobody is to be tried. With the id of the decision it makes the key under which to send.',
      example: 2,
    }),
  })
  .openapi('NextStep');

export const authorizationPageSchema = z
  .strictObject({ data: z.array(authorizationAnswerSchema), next_cursor: nullableText })
  .openapi('AuthorizationPage');

const EVENT_ID = 'evt_orders_bcdfghjkmnpqrstvwxyzB_3_1';

/** An event on its way to an endpoint. */
export const deliverySchema = z
  .strictObject({
    id: z.string().openapi({ example: EVENT_ID, description: 'Also the webhook-id that its receiver sees.' }),
    endpoint: z.string().openapi({ example: 'orders' }),
    type: z.enum(EVENT_TYPES),
    authorization_id: z.string(),
    version: z.int().min(1).openapi({ description: 'Of two about one authorization, the higher is newer.' }),
    state: z.enum(DELIVERY_STATES).openapi({
      description: 'waiting: to be sent, or sent again. dead: given up; have it sent anew.',
    }),
    failures: z.int().min(0).openapi({ description: 'Tries that failed since it was last begun.' }),
    last_result: nullableText.openapi({
      description: 'A status of HTTP, or why there was none.',
      example: '503',
    }),
    created_at: z.iso.datetime(),
    last_sent_at: z.iso.datetime().nullable(),
    next_at: z.iso
      .datetime()
      .nullable()
      .openapi({ description: 'When it is sent (again); null: not by itself.' }),
  })
  .openapi('EventDelivery');

export const endpointListSchema = z
  .strictObject({
    data: z.array(
      z.strictObject({
        id: z.string().openapi({ example: 'orders' }),
        state: z.enum(ENDPOINT_STATES).openapi({
          description:
            'told: events are sent to it. paused: it answered 410; nothing is sent until its entry is changed or the ' +
            'gateway restarts, and what it is to be told waits. disabled: by its entry.',
        }),
        types: z.literal('all').or(z.array(z.enum(EVENT_TYPES))),
      }),
    ),
  })
  .openapi('EventEndpointList');

export const deliveryPageSchema = z
  .strictObject({ data: z.array(deliverySchema), next_cursor: nullableText })
  .openapi('EventDeliveryPage');

/** What an endpoint is sent. */
export const eventSchema = z
  .strictObject({
    id: z.string().openapi({ example: EVENT_ID, description: 'The same however often it is sent.' }),
    type: z.enum(EVENT_TYPES),
    created_at: z.iso.datetime().openapi({ description: 'When the change was made.' }),
    data: z.strictObject({
      version: z.int().min(1).openapi({
        description:
          'Number of the change within its authorization: what has a lower one than is known is old.',
      }),
      authorization: authorizationAnswerSchema.openapi({
        description: 'As reading it would have shown when the change was made.',
      }),
      operation: operationSchema
        .nullable()
        .openapi({ description: 'What capture, void and refund are about.' }),
      dispute: z
        .strictObject({
          id: z.string(),
          stage: z.enum(DISPUTE_STAGES),
          reason: nullableText,
          amount: amountSchema.nullable(),
          respond_by: z.iso.datetime().nullable(),
          proven: z
            .boolean()
            .describe(
              "False: the provider's signature does not cover what it says; look there before acting on it",
            ),
          attempt: nullableText,
          provider: nullableText,
          provider_event: z.string(),
        })
        .nullable(),
    }),
  })
  .openapi('Event');

const historyEventSchema = z
  .strictObject({
    sequence: z.int().min(1).openapi({ description: '1, 2, … within the authorization, without gaps.' }),
    at: z.iso.datetime(),
    kind: z.string().openapi({
      description:
        'What happened, such as opened, failed_over, concluded, lapsed (the process that held it died), resolved, ' +
        'noticed (a webhook), operation_begun, operation_ended, resolved_by_person, expired.',
    }),
    actor: z.string().openapi({
      description:
        'A part of the gateway, `webhook` and the provider, or the account of a caller or a person.',
    }),
    status: z
      .strictObject({
        from: z.enum(AUTHORIZATION_STATUSES).nullable(),
        to: z.enum(AUTHORIZATION_STATUSES),
      })
      .nullable()
      .openapi({ description: 'Null where the status stayed as it was; from is null in the first event.' }),
    attempt: nullableText.openapi({
      description: 'The attempt that it is about; null when it is about none or several.',
    }),
    operation: nullableText.openapi({ description: 'The same for a capture, void or refund.' }),
    attempts: z
      .array(attemptSchema)
      .openapi({ description: 'Those that it began or learned of, as it left them.' }),
    operations: z
      .array(operationSchema)
      .openapi({ description: 'Those that it began or carried on, as it left them.' }),
    evidence: z
      .strictObject({
        by: z.string().optional().openapi({ description: 'How it was found out: answer, inquiry, replay …' }),
        reason: z.string().optional(),
        notice: z.string().optional().openapi({ description: "The webhook event's id at the provider." }),
        notice_type: z.string().optional(),
        resolution: z.string().optional(),
        statement: z.string().optional().openapi({ description: "A person's evidence, in their words." }),
        told: z
          .strictObject({ result: z.string(), code: nullableText, provider_reference: nullableText })
          .optional()
          .openapi({ description: 'What the provider or the person told, whatever was made of it.' }),
        process: z.string().optional().openapi({ description: 'The process that was lost.' }),
        expires_at: z.iso.datetime().optional(),
        ruleset: z.int().optional(),
        rule: z.string().optional(),
        experiment: experimentDecisionSchema.optional().openapi({ description: 'The arm that it met.' }),
        trace_id: z.string().optional(),
      })
      .openapi({ description: 'Why; what an event does not say is left out.' }),
    hash: nullableText.openapi({
      description:
        'SHA-256 over the event as it is kept and the hash of the event before: the same in an export of the journal. ' +
        'Null for events from before the history was chained.',
    }),
  })
  .openapi('HistoryEvent');

export const historyPageSchema = z
  .strictObject({
    data: z.array(historyEventSchema),
    next_after: z.int().nullable().openapi({ description: 'Give it as after for the next page.' }),
  })
  .openapi('HistoryPage');

const overrideSchema = z.strictObject({
  mode: z.enum(OVERRIDE_MODES),
  brand: nullableText,
  merchant: nullableText,
  reason: z.string(),
  author: z.string(),
  created_at: z.string(),
  expires_at: nullableText,
});

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
    overrides: z.array(overrideSchema),
  })
  .openapi('Provider');

export const providerListSchema = z.strictObject({ data: z.array(providerSchema) }).openapi('ProviderList');

export const overrideAnswerSchema = z
  .strictObject({ provider: z.string(), ...overrideSchema.shape })
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
      .array(
        z.union([
          z.strictObject({ path: z.string(), message: z.string(), expected: z.string() }),
          rulesetFaultSchema,
        ]),
      )
      .optional()
      .openapi({
        description:
          'Every field that does not match, for invalid-request; what is wrong in which file, for ruleset-refused, replay-rules-refused and rules-too-costly.',
      }),
    active: z.int().optional().openapi({ description: 'The version of the ruleset in force.' }),
    sent: z.boolean().optional().openapi({ description: 'False: no provider was sent anything.' }),
    authorization_id: z.string().optional(),
    reason: z
      .enum([...OPERATE_REFUSALS, ...OPERATION_NOT_OPEN])
      .optional()
      .openapi({
        description:
          'Why, for operation-not-possible and operation-not-open; the detail says what can be done instead.',
      }),
    authorization_status: z.enum(AUTHORIZATION_STATUSES).optional(),
    amounts: amountsSchema.optional(),
    left: amountSchema.optional().openapi({ description: 'What may still be captured or refunded.' }),
    operation_id: z.string().optional(),
    operation_status: z.enum(OPERATION_STATUSES).nullable().optional(),
    attempt_id: z.string().optional(),
    offered: z
      .array(
        z.strictObject({ attempt: z.int(), provider: z.string(), outcome: z.enum(OUTCOME_KINDS).nullable() }),
      )
      .optional()
      .openapi({ description: 'Who was to be tried, and what was reported of it.' }),
    recorded: z
      .strictObject({
        outcome: z.enum(OUTCOME_KINDS),
        code: nullableText,
        network_code: nullableText,
        advice: nullableText,
        next: z.string(),
        reason: z.enum(STEP_REASONS),
      })
      .optional()
      .openapi({ description: 'What was reported before, and answered.' }),
    outcome: z.enum(OUTCOME_KINDS).nullable().optional(),
    rule: nullableText.optional(),
    candidates: z.array(candidateSchema).optional(),
  })
  .openapi('Problem');
