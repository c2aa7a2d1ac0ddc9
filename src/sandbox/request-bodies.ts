import { z } from 'zod';

/** Minor units and ISO 4217 code. */
const amount = z.object({
  value: z.int().min(1),
  currency: z.string().regex(/^[A-Z]{3}$/, 'an ISO 4217 code such as EUR'),
});

const text = (longest: number): z.ZodString => z.string().min(1).max(longest);

/** Body of `POST /v1/authorizations`. Fields that are not named here are ignored. */
export const authorizationBody = z.object({
  /** The caller's attempt id: what inquiries ask for. */
  reference: text(128),
  merchant: text(128),
  /** The caller's own name for the payment; only shown in the ledger. */
  merchant_reference: text(255).nullish(),
  amount,
  token: text(255).refine(
    (token) => !/^[\d -]{12,}$/.test(token),
    'a token such as tok_visa, never a card number',
  ),
  brand: text(32),
  bin: z
    .string()
    .regex(/^\d{6,8}$/, '6 to 8 digits')
    .nullish(),
  initiator: z.enum(['customer', 'merchant']),
  capture: z.literal('manual'),
  three_ds: z
    .object({
      eci: z.string().nullish(),
      cavv: z.string().nullish(),
      ds_transaction_id: z.string().nullish(),
      version: z.string().nullish(),
      exemption: z.string().nullish(),
    })
    .nullish(),
  stored_credential: z.object({ usage: z.string(), reason: z.string().nullish() }).nullish(),
  network_transaction: z
    .object({ id: z.string(), network: z.string().nullish(), date: z.string().nullish() })
    .nullish(),
  expiry_month: z.int().min(1).max(12).nullish(),
  expiry_year: z.int().min(2000).max(2099).nullish(),
});

export type AuthorizationBody = z.infer<typeof authorizationBody>;

const VISIBLE_ASCII = /^[\x21-\x7e]{1,64}$/;

/** The caller's own name for an operation: what it finds it by in the inquiry of the authorization. */
const operationReference = z.string().regex(VISIBLE_ASCII, '1 to 64 visible ASCII characters').nullish();

/** Body of captures, refunds and voids: without an amount, all that is left. A void takes all in any case. */
export const operationBody = z.object({ amount: amount.nullish(), reference: operationReference });

/** Body of `POST /v1/voids`. The reference is that of the authorization. */
export const voidByReferenceBody = z.object({
  reference: text(128),
  operation_reference: operationReference,
});

/** 1 to 64 visible ASCII characters. */
export const idempotencyKey = z.string().regex(VISIBLE_ASCII);

/** What is wrong with a body, in one line: path, problem; path, problem. */
export function describeIssues(error: z.ZodError): string {
  return error.issues
    .map((issue) => `${issue.path.length === 0 ? 'body' : issue.path.join('.')}: ${issue.message}`)
    .join('; ');
}
