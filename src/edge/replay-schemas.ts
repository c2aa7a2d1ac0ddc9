import { z } from '@hono/zod-openapi';
import { REFUSALS, VERDICTS } from '../core/replay/verdict.ts';
import { learnerSettingsSchema } from './learner-settings.ts';

const share = z.number().min(0).max(1);
const count = z.int().min(0);
const figure = z.number().nullable();
const fileText = z.string('the content of the file');

const dayOrTime = z
  .string('a day or a time in UTC, such as 2026-11-01 or 2026-11-01T12:00:00Z')
  .regex(
    /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?Z)?$/,
    'a day or a time in UTC, such as 2026-11-01 or 2026-11-01T12:00:00Z',
  );

/** `POST /v1/rulesets/replay`. */
export const replayBodySchema = z
  .strictObject({
    version: z
      .int('the number of a registered ruleset')
      .min(1, 'the number of a registered ruleset')
      .optional()
      .openapi({ description: 'A ruleset that was registered. This or files.', example: 12 }),
    files: z
      .strictObject({
        'providers.yaml': fileText,
        'rules.yaml': fileText,
        'fx.yaml': fileText.optional(),
        'experiments.yaml': fileText.optional(),
      })
      .optional()
      .openapi({ description: 'The files of a ruleset. Secrets that they refer to are not looked up.' }),
    from: dayOrTime.optional().openapi({ description: 'First time; the beginning when left out.' }),
    to: dayOrTime.optional().openapi({ description: 'End, not included; now when left out.' }),
    seed: z
      .int('a whole number from 0 to 4294967295')
      .min(0, 'a whole number from 0 to 4294967295')
      .max(2 ** 32 - 1, 'a whole number from 0 to 4294967295')
      .optional()
      .openapi({
        description: 'What intervals are drawn with: the same seed, the same figures. 1 when left out.',
      }),
    learner: learnerSettingsSchema.optional(),
  })
  .openapi('ReplayRequest');

const estimateSchema = z
  .strictObject({
    payments: count,
    recorded: figure.openapi({ description: 'Approval as recorded, by any attempt.' }),
    replayed: figure.openapi({ description: 'Approval by the replayed rules; null: it cannot be said.' }),
    low: figure.openapi({ description: '95 % interval of it, wider by what is not supported.' }),
    high: figure,
    difference: figure.openapi({ description: 'replayed less recorded.' }),
    difference_low: figure,
    difference_high: figure,
    cannot_say: z.enum(REFUSALS).nullable(),
    support: z.strictObject({
      effective_sample_size: z
        .number()
        .min(0)
        .openapi({ description: 'Payments that it rests on; 100 are needed.' }),
      largest_share: share.openapi({ description: 'Share of the weight on one payment; 0.05 at most.' }),
      mean_weight: z.number().min(0).openapi({ description: '1, but for chance, where all is supported.' }),
      inverse_propensity: z.number().min(0).openapi({ description: 'The estimate without normalisation.' }),
      unsupported_share: share.openapi({
        description:
          'Share of choices that the record cannot have made; 0.05 at most, with open_share. ' +
          'Payments of left_out are not in it.',
      }),
      open_share: share.openapi({ description: 'Share of payments that would have been tried on with.' }),
      left_out: count.openapi({
        description: 'Payments of arms that tell nothing, for which their like in others stand.',
      }),
    }),
  })
  .openapi('ReplayEstimate');

const segmentSchema = z
  .strictObject({
    segment: z.string().openapi({ description: 'all; brand and issuer region; or the name of a rule.' }),
    approval: estimateSchema,
    cost_bps: z
      .strictObject({ recorded: figure, replayed: figure, difference: figure })
      .openapi({ description: 'Cost of an approval by the replayed fees, basis points of the amount.' }),
    providers: z
      .array(z.strictObject({ provider: z.string(), recorded: share, replayed: share }))
      .openapi({ description: 'Share of first attempts.' }),
    moved_share: share.openapi({ description: 'Payments whose likeliest first provider is another one.' }),
    moves: z
      .array(
        z.strictObject({
          from: z.string(),
          to: z.string().nullable().openapi({ description: 'null: nobody.' }),
          share,
          approval: estimateSchema,
        }),
      )
      .openapi({ description: 'From where to where, the largest first.' }),
  })
  .openapi('ReplaySegment');

const replayResultSchema = z
  .strictObject({
    verdict: z.strictObject({
      kind: z.enum(VERDICTS),
      reason: z.enum(REFUSALS).nullable().openapi({ description: 'Why it cannot be said.' }),
      sentence: z.string(),
    }),
    counts: z.strictObject({
      payments: count,
      unresolved: count.openapi({ description: 'Not known yet: they count as not approved.' }),
      unrouted: count.openapi({ description: 'Sent nowhere by the replayed rules: not approved.' }),
      without_propensity: count.openapi({ description: 'Recorded without a probability; left out.' }),
      cut_short: count.openapi({ description: 'Ended where the replayed rules would have tried on.' }),
    }),
    all: segmentSchema,
    by_card: z.array(segmentSchema),
    by_rule: z.array(segmentSchema),
    unsupported: z
      .array(
        z.strictObject({
          provider: z.string(),
          share,
          new: z.boolean().openapi({ description: 'No recorded decision knew it.' }),
        }),
      )
      .openapi({
        description:
          'Whom the replayed rules choose where the record cannot have: the parts of unsupported_share of all.',
      }),
    providers_gone: z
      .array(z.string())
      .openapi({ description: 'Tried in the record, and not there, or disabled, in the replayed rules.' }),
  })
  .openapi('ReplayResult');

export const replayAnswerSchema = z
  .strictObject({
    id: z.string(),
    status: z.enum(['running', 'done', 'failed']),
    ruleset: z.int().nullable().openapi({ description: 'Its version; null: files.' }),
    from: z.iso.datetime(),
    to: z.iso.datetime(),
    seed: count,
    progress: share,
    created_at: z.iso.datetime(),
    ended_at: z.iso.datetime().nullable(),
    failure: z.string().nullable(),
    result: replayResultSchema.nullable(),
  })
  .openapi('Replay');
