import { z } from 'zod';
import { CARD_BRANDS } from '../core/card.ts';
import { isCountry } from '../core/cards/regions.ts';
import { EXPERIMENT_METRICS, EXPERIMENT_STATUSES, EXPERIMENT_UNITS } from '../core/experiments/experiment.ts';
import { THREE_DS_REUSES } from '../core/failover.ts';
import { isCurrency } from '../core/money.ts';
import { FIELD_NAMES } from '../core/rules/condition-fields.ts';
import type { RawCondition } from '../core/rules/read-condition.ts';
import { ADAPTERS, AFTER_UNKNOWNS, PROVIDER_FEATURES } from '../core/rules/ruleset.ts';

// Shapes of the payments team's files. The message of every check is what was expected; how it came out wrong
// and how to mend it is added where errors are made (`check-shape.ts`). The JSON Schemas for editors come
// from here.

/**
 * Longest lists and files that are read; far beyond any real set, so that a mistake cannot stop the gateway.
 */
export const RULES_MAX = 1000;
export const PROVIDERS_MAX = 100;
const VALUES_MAX = 10_000;

function wholeNumber(low: number, high: number) {
  const error = `a whole number from ${low} to ${high}`;
  return z.int({ error }).min(low, error).max(high, error);
}

function numberBetween(low: number, high: number) {
  const error = `a number from ${low} to ${high}`;
  return z.number({ error }).min(low, error).max(high, error);
}

function listOf<Item extends z.ZodType>(item: Item, of: string, most = VALUES_MAX) {
  const error = `a list of at least one ${of}`;
  return z.array(item, { error }).min(1, error).max(most, `a list of at most ${most} values`);
}

/** `all`, or a list. */
function allOr<Item extends z.ZodType>(item: Item, of: string) {
  return z.union([z.literal('all'), listOf(item, of)], { error: `all, or a list of at least one ${of}` });
}

const providerId = z
  .string({ error: 'the id of a provider' })
  .regex(/^[a-z][a-z0-9-]{0,39}$/, 'lower-case letters, digits and dashes, at most 40, a letter first');
const merchantName = z
  .string({ error: 'the name of a merchant' })
  .regex(/^[\x21-\x7e]{1,128}$/, 'visible ASCII characters without blanks, at most 128');
const currency = z
  .string({ error: 'an ISO 4217 code' })
  .refine(isCurrency, 'an ISO 4217 code in capitals, such as EUR');
const country = z
  .string({ error: 'an ISO 3166-1 alpha-2 code' })
  .refine(isCountry, 'an ISO 3166-1 alpha-2 code in capitals, such as DE');
const brand = z.enum(CARD_BRANDS).exclude(['unknown']);

// ------------------------------------------------------------ providers.yaml

const fixedFee = z.strictObject({ value: wholeNumber(0, 1_000_000), currency }).nullable();

const fees = z.strictObject({
  fixed: fixedFee
    .default(null)
    .describe('Price of an approval in minor units; other currencies need fx.yaml.'),
  basis_points: numberBetween(0, 10_000).default(0).describe('Share of the amount: 140 is 1.4 %.'),
  cross_border_basis_points: numberBetween(0, 10_000).default(0).describe('Added for cross-border payments.'),
  brands: z
    .partialRecord(
      brand,
      z.strictObject({
        fixed: fixedFee.optional(),
        basis_points: numberBetween(0, 10_000).optional(),
        cross_border_basis_points: numberBetween(0, 10_000).optional(),
      }),
      {
        error: ({ code }: { readonly code?: string }) =>
          code === 'unrecognized_keys'
            ? `one of ${brand.options.join(', ')}`
            : `fees by brand; brands: ${brand.options.join(', ')}`,
      },
    )
    .default({})
    .describe(
      'Where a brand costs something else, such as amex: { basis_points: 290 }; what is left out is as above.',
    ),
});

const breaker = z.strictObject({
  failure_ratio: numberBetween(0.01, 1)
    .default(0.5)
    .describe('Opens when more than this share of the calls in the window failed.'),
  unknown_ratio: numberBetween(0.01, 1)
    .default(0.1)
    .describe('The same for calls with unknown outcome alone.'),
  volume: wholeNumber(1, 100_000)
    .default(10)
    .describe('Never opens below this number of calls in the window.'),
  window_ms: wholeNumber(1000, 600_000).default(10_000),
  reset_ms: wholeNumber(100, 600_000)
    .optional()
    .describe(
      'Time open before a probe; at least timeout_ms. Left out: 5000, or timeout_ms if that is more.',
    ),
  metrics_only: z
    .boolean({ error: 'true or false' })
    .default(false)
    .describe('Counts and shows, never blocks.'),
});

/** Longest time that a provider can be said to keep or need something, milliseconds: a year. */
const LONGEST_MS = 31_536_000_000;

const semantics = z.strictObject({
  inquiry: z
    .enum(['our_reference', 'provider_reference', 'none'], {
      error: 'our_reference, provider_reference or none',
    })
    .optional()
    .describe('By which reference an attempt can be inquired.'),
  not_found_after_ms: wholeNumber(0, LONGEST_MS)
    .nullable()
    .optional()
    .describe('Time past the deadline after which "not found" is evidence; null: never.'),
  operation_not_found_after_ms: wholeNumber(0, LONGEST_MS)
    .nullable()
    .optional()
    .describe('The same of a capture, void or refund; null: never.'),
  replay: z
    .enum(['same_answer', 'success_only', 'none'], { error: 'same_answer, success_only or none' })
    .optional()
    .describe('What a repeat under the same idempotency key gives.'),
  key_lifetime_ms: wholeNumber(1000, LONGEST_MS)
    .nullable()
    .optional()
    .describe('How long an idempotency key is kept; null: for ever.'),
  cancel_by_reference: z.boolean({ error: 'true or false' }).optional(),
  operation_inquiry: z.boolean({ error: 'true or false' }).optional(),
  validity_ms: wholeNumber(1000, LONGEST_MS)
    .optional()
    .describe('How long an authorization that is not captured is good for.'),
});

const capabilities = z.strictObject({
  currencies: allOr(currency, 'currency').default('all'),
  brands: allOr(brand, 'brand').default('all'),
  countries: allOr(country, 'country').default('all').describe('Countries of issuers.'),
  features: z
    .array(z.enum(PROVIDER_FEATURES), { error: `a list of ${PROVIDER_FEATURES.join(', ')}` })
    .max(PROVIDER_FEATURES.length, 'each feature once')
    .default([]),
});

export const providerSchema = z.strictObject({
  id: providerId.describe('Our name for the account: in rules, metrics and tokens.'),
  adapter: z.enum(ADAPTERS),
  base_url: z
    .string({ error: 'an https:// URL' })
    .optional()
    .describe("The adapter's default when left out. http:// only to loopback."),
  credentials: z
    .record(z.string(), z.string({ error: 'env:NAME or file:/path' }), {
      error: 'names of secrets with env:NAME or file:/path',
    })
    .default({})
    .describe('References to secrets, never the secrets: env:NAME or file:/path.'),
  settings: z
    .record(
      z.string().regex(/^[a-z][a-z0-9_]{0,39}$/, 'lower-case letters, digits and underscores, at most 40'),
      z
        .string({ error: 'a text of visible characters' })
        .regex(/^[\x21-\x7e](?:[\x20-\x7e]{0,510}[\x21-\x7e])?$/, 'visible ASCII characters, at most 512'),
      { error: 'names with texts' },
    )
    .default({})
    .describe('What the adapter needs beside secrets, such as merchant_account of adyen.'),
  enabled: z.boolean({ error: 'true or false' }).default(true),
  merchants: allOr(merchantName, 'merchant').describe('Merchants that may use this account.'),
  timeout_ms: wholeNumber(100, 60_000).default(4000).describe('One attempt, to the last byte of the answer.'),
  connect_timeout_ms: wholeNumber(10, 60_000).default(1000),
  limits: z
    .strictObject({
      per_second: wholeNumber(1, 100_000).default(100),
      concurrent: wholeNumber(1, 100_000).default(50),
    })
    .prefault({}),
  capabilities: capabilities.prefault({}),
  fees: fees.prefault({}),
  breaker: breaker.prefault({}),
  semantics: semantics
    .prefault({})
    .describe('Where this account differs from what the adapter says of its provider.'),
});

export const providersFileSchema = z.strictObject({
  providers: z
    .array(providerSchema, { error: 'a list of providers' })
    .min(1, 'at least one provider')
    .max(PROVIDERS_MAX, `at most ${PROVIDERS_MAX} providers`),
});
export type RawProvider = z.output<typeof providerSchema>;

// ------------------------------------------------------------ rules.yaml

const value = z.union([z.string(), z.number(), z.boolean()], { error: 'a word, a number, true or false' });
const values = listOf(value, 'value');

const conditionSchema: z.ZodType<RawCondition> = z.strictObject({
  get all() {
    return listOf(conditionSchema, 'condition').optional();
  },
  get any() {
    return listOf(conditionSchema, 'condition').optional();
  },
  get not() {
    return conditionSchema.optional();
  },
  field: z
    .string({ error: 'the name of a field' })
    .meta({ anyOf: [{ enum: [...FIELD_NAMES] }, { pattern: '^metadata\\..+' }] })
    .optional(),
  currency: z.string({ error: 'an ISO 4217 code' }).optional(),
  time_zone: z
    .string({ error: 'an IANA time zone' })
    .optional()
    .describe('Europe/Berlin; UTC when left out.'),
  is: value.optional(),
  one_of: values.optional(),
  not_one_of: values.optional(),
  none_of: values.optional().describe('The same as not_one_of.'),
  prefix: z
    .union([z.string(), listOf(z.string({ error: 'a prefix in quotes: "457173"' }), 'prefix')], {
      error: 'a BIN prefix in quotes, or a list of them: ["457173", "222100-272099"]',
    })
    .optional(),
  between: z
    .array(value, { error: 'two values: [low, high]' })
    .length(2, 'two values: [low, high]')
    .optional()
    .describe('Both ends included.'),
  below: value.optional(),
  above: value.optional(),
  at_least: value.optional(),
  at_most: value.optional(),
  exists: z.boolean({ error: 'true or false' }).optional(),
});

const action = z.strictObject({
  only: listOf(providerId, 'provider', PROVIDERS_MAX)
    .optional()
    .describe('Only these providers; left out: all.'),
  strategy: z.enum(['score', 'priority', 'split']).optional(),
  priority: listOf(providerId, 'provider', PROVIDERS_MAX).optional().describe('Tried in this order.'),
  split: z
    .record(
      z.string(),
      z.number({ error: 'a number above 0' }).positive('a number above 0').max(1e6, 'at most 1000000'),
      {
        error: 'providers with weights: { sandbox-a: 70, sandbox-b: 30 }',
      },
    )
    .refine((weights) => Object.keys(weights).length <= PROVIDERS_MAX, `at most ${PROVIDERS_MAX} providers`)
    .optional()
    .describe('Shares of payments by weight; a payment stays with its provider.'),
  fallback: z
    .boolean({ error: 'true or false' })
    .default(false)
    .describe('After the list of priority or split, the other eligible providers.'),
  attempts_max: wholeNumber(1, 5).default(2),
  deadline_ms: wholeNumber(500, 60_000).default(8000).describe('For all attempts together.'),
  queue_ms: wholeNumber(0, 5000).default(0).describe("Longest wait for a provider's limit."),
  margin_basis_points: numberBetween(1, 1_000_000)
    .default(10_000)
    .describe('Worth of an approval as a share of the amount; 10000: approval decides, cost breaks ties.'),
  cost_tolerance_pp: numberBetween(0, 100)
    .nullable()
    .default(null)
    .describe('Approval, in percentage points, that a cheaper provider may cost at most.'),
  exploration_share: numberBetween(0, 0.2)
    .default(0.02)
    .describe(
      'Share of payments by which the strategy score tries all candidates evenly, so that a recovery is seen and the ' +
        'traffic can be replayed; the rest goes to each with the probability that it is the best.',
    ),
  unknown_cost_basis_points: numberBetween(0, 1_000_000)
    .default(10_000)
    .describe('Cost of an unknown outcome as a share of the amount.'),
  after_unknown: z
    .enum(AFTER_UNKNOWNS, { error: AFTER_UNKNOWNS.join(' or ') })
    .default('hold')
    .describe(
      'hold: wait until the outcome is found out. cancel_then_fail_over: cancel the attempt, and try another provider ' +
        'once the cancellation is confirmed, while the request is open.',
    ),
  late_approval: z
    .union([z.literal('keep'), z.strictObject({ reverse_after_ms: wholeNumber(1000, 2_592_000_000) })], {
      error: 'keep, or { reverse_after_ms: 600000 }',
    })
    .default('keep')
    .describe('What happens to an approval that is found long after the caller was told pending.'),
  three_ds_reuse: z
    .enum(THREE_DS_REUSES, { error: THREE_DS_REUSES.join(' or ') })
    .default('not_sent')
    .describe(
      'After which outcomes the same 3DS data may go to another provider: not_sent, or also rejected (one that says ' +
        'it did not process it). Never after a decline.',
    ),
});

const NAME = /^[a-z0-9][a-z0-9_-]{0,63}$/;
const NAME_EXPECTED = 'lower-case letters, digits, dashes and underscores, at most 64';

export const ruleSchema = z.strictObject({
  name: z.string({ error: 'the name of the rule' }).regex(NAME, NAME_EXPECTED),
  when: conditionSchema.optional().describe('Left out: always.'),
  // biome-ignore lint/suspicious/noThenProperty: the word of the file; nobody awaits a schema's shape
  then: action,
});

export const rulesFileSchema = z.strictObject({
  rules: z
    .array(ruleSchema, { error: 'a list of rules' })
    .min(1, 'at least one rule')
    .max(RULES_MAX, `at most ${RULES_MAX} rules`),
});
export type RawRule = z.output<typeof ruleSchema>;
export type RawAction = z.output<typeof action>;

// ------------------------------------------------------------ fx.yaml

export const RATES_MAX = 1000;
/** Digits, and nothing that a person would read otherwise than a machine. */
const RATE = /^\d+(?:\.\d+)?$/;

const rate = z
  .union([z.number(), z.string()], { error: 'a rate above 0, such as "1.0832"' })
  .transform((value) => (typeof value === 'number' || RATE.test(value) ? Number(value) : Number.NaN))
  .refine((value) => value > 0 && value < 1e9, 'a rate above 0 and below 1000000000, such as "1.0832"');

export const rateEditionSchema = z.strictObject({
  date: z
    .string({ error: 'a day such as 2026-11-23' })
    .regex(/^\d{4}-\d{2}-\d{2}$/, 'a day such as 2026-11-23')
    .describe('Day from which these rates hold, UTC.'),
  base: currency,
  per_unit: z
    .record(currency, rate, { error: 'rates by ISO 4217 code' })
    .refine((rates) => Object.keys(rates).length > 0, 'at least one rate')
    .describe('Units of each currency for one unit of the base, both in major units.'),
});

export type RawRateEdition = z.infer<typeof rateEditionSchema>;

export const ratesFileSchema = z.strictObject({
  rates: z
    .array(rateEditionSchema, { error: 'a list of rates by day' })
    .min(1, 'the rates of at least one day')
    .max(RATES_MAX, `at most ${RATES_MAX} days`),
});

// ------------------------------------------------------------ experiments.yaml

export const EXPERIMENTS_MAX = 100;
const ARMS_MAX = 20;
/** Longest time to wait for the outcome of a payment, minutes: 30 days. */
const MATURITY_MINUTES_MAX = 43_200;

/** What is left out stays as the rule has it. */
function ownOr<Schema extends z.ZodType>(schema: z.ZodDefault<Schema>) {
  return schema.removeDefault().optional();
}

const armAction = z.strictObject({
  rule: z
    .string({ error: 'the name of a rule' })
    .optional()
    .describe('Decide as this rule of rules.yaml would; instead of everything else here.'),
  strategy: action.shape.strategy,
  priority: action.shape.priority,
  split: action.shape.split,
  fallback: action.shape.fallback,
  attempts_max: ownOr(action.shape.attempts_max),
  queue_ms: ownOr(action.shape.queue_ms),
  margin_basis_points: ownOr(action.shape.margin_basis_points),
  cost_tolerance_pp: ownOr(action.shape.cost_tolerance_pp),
  exploration_share: ownOr(action.shape.exploration_share),
  unknown_cost_basis_points: ownOr(action.shape.unknown_cost_basis_points),
});

const seed = z
  .string({ error: 'a text: the salt of the assignment' })
  .regex(/^[\x21-\x7e]{1,100}$/, 'visible ASCII characters without blanks, at most 100')
  .describe('Salt of the assignment. Another one assigns everybody anew.');
const name = (of: string) => z.string({ error: `the name of ${of}` }).regex(NAME, NAME_EXPECTED);
const share = (of: string) => numberBetween(0, 1).describe(of);
/** Smallest weight above 0: shares far below it are lost to rounding. */
const WEIGHT_MIN = 0.001;
const weightError = `0, or a number from ${WEIGHT_MIN} to 1000000`;
const weight = z
  .number({ error: weightError })
  .min(0, weightError)
  .max(1_000_000, weightError)
  .refine((value) => value <= 0 || value >= WEIGHT_MIN, weightError);

const maturity = wholeNumber(1, MATURITY_MINUTES_MAX)
  .default(60)
  .describe('Age, since its first exposure, at which a payment counts: approved by then, or not.');

export const experimentSchema = z.strictObject({
  id: name('the experiment'),
  status: z.enum(EXPERIMENT_STATUSES).describe('draft: nobody is in it. stopped: nobody new.'),
  unit: z
    .enum(EXPERIMENT_UNITS)
    .default('payment')
    .describe(
      'What is assigned and counted once. customer: shopper.id of the merchant; without one, not in it.',
    ),
  mode: z
    .enum(['split', 'bandit'])
    .default('split')
    .describe(
      'split: by the weights. bandit: by what is learned of the arms; the weights are where it begins.',
    ),
  seed,
  when: conditionSchema.optional().describe('Left out: every payment.'),
  arms: z
    .array(
      z.strictObject({
        arm: name('the arm'),
        weight: weight.describe('Share of the units, by the sum of all weights.'),
        // biome-ignore lint/suspicious/noThenProperty: the word of the file; nobody awaits a schema's shape
        then: armAction,
      }),
      { error: 'a list of at least two arms' },
    )
    .min(2, 'a list of at least two arms')
    .max(ARMS_MAX, `at most ${ARMS_MAX} arms`),
  baseline: name('the arm to compare with').optional().describe('Left out: the arm named control.'),
  metric: z.enum(EXPERIMENT_METRICS).default('approval_rate'),
  maturity_minutes: maturity,
  expected_sample: wholeNumber(100, 1_000_000_000)
    .default(20_000)
    .describe('Units in two arms together at which you expect to decide.'),
  expected_rate: numberBetween(0.01, 0.99)
    .default(0.85)
    .describe('Approval rate that the sample size is computed for, until the baseline has its own.'),
  planned_looks: wholeNumber(1, 20)
    .optional()
    .describe('Looks planned at equal steps of expected_sample: adds the method group_sequential.'),
  guardrails: z
    .array(
      z.strictObject({
        metric: z.enum(EXPERIMENT_METRICS),
        worse_by_pp: numberBetween(0.01, 100).optional().describe('For shares: percentage points.'),
        worse_by: numberBetween(0.001, 1_000_000)
          .optional()
          .describe('For attempts_per_payment (attempts) and latency_ms (milliseconds of the mean).'),
      }),
      { error: 'a list of metrics with worse_by_pp or worse_by' },
    )
    .max(EXPERIMENT_METRICS.length, 'each metric once')
    .default([])
    .describe('An arm that is proven to be worse than the baseline by more than this is stopped.'),
  namespace: z
    .strictObject({
      name: name('the namespace'),
      range: z
        .array(numberBetween(0, 1), { error: 'two numbers from 0 to 1: [0, 0.5]' })
        .length(2, 'two numbers from 0 to 1: [0, 0.5]'),
    })
    .optional()
    .describe('Units of one range are in no experiment with another range of the same name.'),
  coverage: share('Share of the units that are in it.').default(1),
  ramp: z
    .array(
      z.strictObject({
        at: z
          .string({ error: 'a moment such as 2026-12-01T08:00:00Z' })
          .describe('From then on; ISO 8601 with a time zone.'),
        coverage: share('Left out: as before.').optional(),
        weights: z
          .record(z.string(), weight, { error: 'arms with weights: { control: 50, treatment: 50 }' })
          .optional()
          .describe('Every arm with its weight; left out: as before.'),
      }),
      { error: 'a list of moments with coverage or weights' },
    )
    .max(50, 'at most 50 steps')
    .default([])
    .describe('Steps in time, in order.'),
  exploration_share: numberBetween(0.01, 0.5)
    .default(0.1)
    .describe('Of a bandit: share of the units that is spread evenly over the arms.'),
});

export const experimentsFileSchema = z.strictObject({
  holdout: z
    .strictObject({
      share: numberBetween(0, 0.5).describe('Share of all payments that are kept out of everything.'),
      seed,
      // biome-ignore lint/suspicious/noThenProperty: the word of the file; nobody awaits a schema's shape
      then: armAction,
      maturity_minutes: maturity,
    })
    .optional()
    .describe('For ever, and before every experiment: what all of it together has gained.'),
  experiments: z
    .array(experimentSchema, { error: 'a list of experiments' })
    .max(EXPERIMENTS_MAX, `at most ${EXPERIMENTS_MAX} experiments`)
    .default([]),
});
export type RawExperiment = z.output<typeof experimentSchema>;
export type RawArmAction = z.output<typeof armAction>;
export type RawExperimentsFile = z.output<typeof experimentsFileSchema>;
