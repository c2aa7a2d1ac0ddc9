import { z } from '@hono/zod-openapi';
import { EXPERIMENT_METRICS, EXPERIMENT_STATUSES, EXPERIMENT_UNITS } from '../core/experiments/experiment.ts';
import { GUARDRAIL_STATES } from '../core/experiments/guardrails.ts';
import { COMPARISON_METHODS } from '../core/experiments/results.ts';
import { ARM_STATES } from '../gateway/ports.ts';

const share = z.number().min(0).max(1);
const rate = share.nullable();
const count = z.int().min(0);
const metric = z.enum(EXPERIMENT_METRICS);

const armStateMembers = {
  state: z.enum(ARM_STATES).openapi({ description: 'stopped: its units go to the baseline.' }),
  reason: z.string().nullable(),
  author: z.string().nullable().openapi({ description: 'guardrail, or the account of a person.' }),
  since: z.iso.datetime().nullable(),
};

const marginMembers = {
  worse_by_pp: z.number().optional().openapi({ description: 'Of shares: percentage points.' }),
  worse_by: z.number().optional().openapi({ description: "Of others: the metric's unit." }),
};

const ratioSchema = z
  .strictObject({ p_value: share, ok: z.boolean() })
  .openapi('SampleRatio', { description: 'Whether the arms have the planned shares of the units.' });

export const experimentSchema = z
  .strictObject({
    id: z.string(),
    status: z.enum(EXPERIMENT_STATUSES),
    unit: z.enum(EXPERIMENT_UNITS),
    mode: z.enum(['split', 'bandit']),
    seed: z.string(),
    baseline: z.string(),
    metric,
    maturity_minutes: z.number(),
    expected_sample: z.int(),
    planned_looks: z.int().nullable(),
    coverage: share.openapi({ description: 'Of the file, before its ramp.' }),
    coverage_in_force: rate.openapi({ description: 'Null: nobody new is let in.' }),
    namespace: z.strictObject({ name: z.string(), range: z.array(share) }).nullable(),
    arms: z.array(
      z.strictObject({
        arm: z.string(),
        share: share.openapi({ description: 'Weight of the file, before its ramp.' }),
        share_in_force: rate.openapi({
          description:
            'By which new units are divided now: by the ramp, by what a bandit has learned, and with the units of stopped ' +
            'arms where they go. Null: nobody new is let in.',
        }),
        ...armStateMembers,
      }),
    ),
    ramp: z.array(
      z.strictObject({ at: z.iso.datetime(), coverage: share, shares: z.record(z.string(), share) }),
    ),
    guardrails: z.array(z.strictObject({ metric, ...marginMembers })),
  })
  .openapi('Experiment');

export const experimentListSchema = z
  .strictObject({ data: z.array(experimentSchema) })
  .openapi('ExperimentList');

export const armAnswerSchema = z
  .strictObject({ experiment: z.string(), arm: z.string(), ...armStateMembers })
  .openapi('ArmState');

const armResultSchema = z
  .strictObject({
    arm: z.string(),
    assigned: count.openapi({ description: 'Units that met it, whatever became of them.' }),
    payments: count,
    reported: count.openapi({
      description: 'Payments that rest on what callers report that send them themselves: their word.',
    }),
    maturing: count.openapi({
      description: 'Payments younger than the maturity time, whatever became of them: in no figure yet.',
    }),
    unresolved: count.openapi({
      description:
        'Payments whose outcome was open, or never reported, when their time was over: counted as not approved.',
    }),
    approved: count.openapi({ description: 'Payments approved by any attempt within the maturity time.' }),
    approval_rate: z.number().nullable(),
    approval_rate_bounds: z.strictObject({ low: share, high: share }).nullable().openapi({
      description: 'Of mature payments: as it is, and if those that were open at that age had been approved.',
    }),
    first_attempt_approval_rate: z.number().nullable(),
    attempts_per_payment: z.number().nullable(),
    cost_per_approval: z
      .number()
      .nullable()
      .openapi({
        description:
          'Fees, major units of cost_currency; those of several currencies by the exchange rates of fx.yaml. Null: see ' +
          'cost_reason.',
      }),
    cost_currency: z.string().nullable(),
    cost_reason: z.string().nullable().openapi({ description: 'Why the cost cannot be told.' }),
    cost_per_approval_bps: z.number().nullable(),
    latency_p95_ms: z.number().nullable(),
    technical_error_rate: z.number().nullable(),
    ...armStateMembers,
    stopped_for: z.array(z.string()).openapi({
      description: 'Accounts for whose payments alone it is stopped, by what they report themselves.',
    }),
  })
  .openapi('ArmResult');

const comparisonSchema = z
  .strictObject({
    arm: z.string(),
    baseline: z.string(),
    metric,
    method: z.enum(COMPARISON_METHODS).openapi({
      description:
        'confidence_sequence: holds however often it is read. welch: read once, at the planned sample. bayesian: flat ' +
        'prior, credible interval. group_sequential: of the newest planned look.',
    }),
    difference: z.number(),
    low: z.number(),
    high: z.number(),
    p_value: rate,
    rests_on: z.string().optional().openapi({
      description:
        'The account without whose reports no difference would be shown: believe it if you trust it.',
    }),
    chance_to_win: share.optional(),
    risk_of_arm: z.number().optional(),
    risk_of_baseline: z.number().optional(),
    look: z.int().optional(),
    looks: z.int().optional(),
    crossed: z.boolean().optional().openapi({ description: 'Whether a boundary was crossed: decided.' }),
  })
  .openapi('Comparison');

export const experimentResultsSchema = z
  .strictObject({
    experiment: z.string(),
    status: z.enum(EXPERIMENT_STATUSES),
    unit: z.enum(EXPERIMENT_UNITS),
    baseline: z.string(),
    metric,
    verdict: z.string().openapi({ description: 'What can be said, in one sentence.' }),
    srm: ratioSchema,
    multiple_exposures: z.strictObject({ units: count, share, ok: z.boolean() }).openapi({
      description: 'Units that met more than one arm; they are in no figure.',
    }),
    units: count,
    redirected: count.openapi({
      description: 'Units that the baseline took from a stopped arm; in no figure.',
    }),
    maturing: z.strictObject({ payments: count, share }).openapi({
      description: 'Payments younger than the maturity time, and their share of all.',
    }),
    reported: z.strictObject({ payments: count, accounts: count }).openapi({
      description: 'Payments that rest on reports, and how many accounts report them.',
    }),
    arms: z.array(armResultSchema),
    comparisons: z.array(comparisonSchema),
    guardrails: z.array(
      z.strictObject({
        arm: z.string(),
        metric,
        ...marginMembers,
        state: z.enum(GUARDRAIL_STATES).openapi({
          description: 'reported: breached only by the word of one account, which stops nothing for others.',
        }),
        age_minutes: z.number().openapi({
          description:
            'Age of the payments by which this is told: their maturity, or earlier where that proves a breach, whatever ' +
            'becomes of those still open.',
        }),
        low: z.number().nullable().openapi({ description: 'How much better than the baseline, at least.' }),
        high: z.number().nullable().openapi({ description: 'The same, at most.' }),
      }),
    ),
    phases: z.array(
      z.strictObject({
        phase: z.int(),
        from: z.iso.datetime(),
        seed: z.string(),
        coverage: share,
        arms: z.array(
          z.strictObject({ arm: z.string(), share, assigned: count, approval_rate: z.number().nullable() }),
        ),
        srm: ratioSchema,
      }),
    ),
    sample: z.strictObject({
      expected: z.int(),
      reached: count.openapi({ description: 'Units with a mature payment.' }),
      baseline_rate: share,
      baseline_rate_assumed: z.boolean(),
      detectable_pp: z.number().nullable().openapi({
        description: 'Smallest rise that the expected sample finds with a chance of 80 %.',
      }),
      needed_for_one_pp: z.int().openapi({ description: 'Units of two arms together.' }),
    }),
  })
  .openapi('ExperimentResults');
