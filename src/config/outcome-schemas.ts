import { z } from 'zod';
import { CARD_BRANDS, type CardBrand } from '../core/card.ts';
import { DECLINE_CATEGORIES } from '../core/declines/decline.ts';

const code = z
  .string()
  .regex(
    /^[A-Za-z0-9_.-]{1,64}\*?$/,
    'a code in quotes: letters, digits, _ . -, and * at the end of a beginning',
  );

const common = {
  /** Where the row is from, when not from what the table names. */
  source: z.string().min(3).max(300).optional(),
  means: z.string().min(2).max(200),
  codes: z.array(code).min(1),
};

const outcome = {
  ...common,
  result: z
    .enum([
      'declined',
      'authentication_required',
      'pending',
      'ambiguous',
      'not_processed',
      'approved',
      'see_network',
    ])
    .default('declined'),
  category: z.enum(DECLINE_CATEGORIES).optional(),
  other_provider: z.enum(['yes_once', 'no', 'never']).optional(),
  hides_approval: z.boolean().default(false),
  /** With `result: not_processed`. */
  reason: z.enum(['configuration', 'transient']).optional(),
};

const known: readonly CardBrand[] = CARD_BRANDS.filter((brand) => brand !== 'unknown');

const head = {
  table: z.string().regex(/^[a-z0-9-]{1,40}$/, 'a name in lower case'),
  /** Day on which the rows were last compared with their source. */
  edition: z.iso.date('a day in quotes, YYYY-MM-DD'),
  source: z.string().min(3).max(300).optional(),
};

const networkSchema = z.strictObject({
  ...head,
  kind: z.literal('network'),
  codes: z.array(
    z.strictObject({
      ...outcome,
      brands: z.array(z.enum(known)).min(1).optional(),
      sca_region: z.boolean().optional(),
      three_ds: z.boolean().optional(),
    }),
  ),
});

const visaSchema = z.strictObject({
  ...head,
  kind: z.literal('visa_categories'),
  codes: z.array(z.strictObject({ ...common, category: z.int().min(1, '1 to 4').max(4, '1 to 4') })),
});

const adviceSchema = z.strictObject({
  ...head,
  kind: z.literal('merchant_advice'),
  codes: z.array(
    z.strictObject({
      ...common,
      category: z.enum(DECLINE_CATEGORIES).optional(),
      other_provider: z.enum(['no', 'never']).optional(),
      retry_after_hours: z.int().min(1).max(2_400, 'hours, 1 to 2400').optional(),
    }),
  ),
});

const providerSchema = z.strictObject({
  ...head,
  kind: z.literal('provider'),
  /** Whether the advice that it reports is the network's raw merchant advice code. */
  advice_is: z.enum(['own', 'merchant_advice_code']),
  codes: z.array(z.strictObject(outcome)),
  advice: z.array(z.strictObject(outcome)).default([]),
});

/** Shape of each kind of file in `outcomes/`. */
export const OUTCOME_SCHEMAS = {
  network: networkSchema,
  visa_categories: visaSchema,
  merchant_advice: adviceSchema,
  provider: providerSchema,
} as const;

export type OutcomeKindOfFile = keyof typeof OUTCOME_SCHEMAS;
export type NetworkFile = z.output<typeof networkSchema>;
export type VisaFile = z.output<typeof visaSchema>;
export type AdviceFile = z.output<typeof adviceSchema>;
export type ProviderFile = z.output<typeof providerSchema>;
export type OutcomeFile = NetworkFile | VisaFile | AdviceFile | ProviderFile;
/** A row of a network's or provider's table. */
export type OutcomeRow = NetworkFile['codes'][number] | ProviderFile['codes'][number];
