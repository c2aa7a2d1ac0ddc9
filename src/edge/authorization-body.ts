import { z } from '@hono/zod-openapi';
import type { AuthorizationRequest } from '../core/authorization.ts';
import { CARD_BRANDS } from '../core/card.ts';
import { isCountry } from '../core/cards/regions.ts';
import { truncateBin } from '../core/cards/truncate-bin.ts';
import { isCurrency } from '../core/money.ts';
import { whyNotKept } from './field-errors.ts';
import { plainText, visibleAscii } from './text-schemas.ts';

const digits = (pattern: RegExp, expected: string) => z.string().regex(pattern, expected);

const SEVERAL_TOKENS =
  "the card's identity across tokens: scheme limits count by it; " +
  'card.id or card.account_reference, unless only one token is given';
const METADATA_ENTRIES_MAX = 20;
const TOKENS_MAX = 20;

/** An amount as requests and answers write it. */
export const amountSchema = z
  .strictObject({
    value: z
      .int('an integer of minor units, 1 to 9007199254740991')
      .min(1, 'an integer of minor units, 1 to 9007199254740991')
      .max(Number.MAX_SAFE_INTEGER, 'an integer of minor units, 1 to 9007199254740991')
      .openapi({ description: 'Minor units of the currency (ISO 4217 exponent).', example: 4999 }),
    currency: z
      .string()
      .refine(isCurrency, 'an ISO 4217 code in capitals, such as EUR')
      .openapi({ pattern: '^[A-Z]{3}$', example: 'EUR' }),
  })
  .openapi('Amount');

const cardSchema = z
  .strictObject({
    bin: digits(/^(\d{6}|\d{8})$/, '6 or 8 digits')
      .nullish()
      .openapi({ example: '45717360' }),
    last4: digits(/^\d{4}$/, '4 digits')
      .nullish()
      .openapi({ example: '0007' }),
    expiry_month: z.int('1 to 12').min(1, '1 to 12').max(12, '1 to 12').nullish(),
    expiry_year: z
      .int('four digits, 2000 to 2099')
      .min(2000, 'four digits, 2000 to 2099')
      .max(2099, 'four digits, 2000 to 2099')
      .nullish(),
    token: visibleAscii(1024).nullish().openapi({ description: 'A token valid at every provider.' }),
    tokens: z
      .record(visibleAscii(64), visibleAscii(1024))
      .refine((tokens) => Object.keys(tokens).length <= TOKENS_MAX, `at most ${TOKENS_MAX} tokens`)
      .nullish()
      .openapi({
        description: 'Provider id to token; wins over token. Names that match no provider are ignored.',
        example: { 'sandbox-a': 'tok_visa' },
      }),
    id: visibleAscii(255)
      .nullish()
      .openapi({
        description:
          "The card's identity across tokens. With several distinct tokens, this or account_reference is required: " +
          'scheme limits count by it.',
        example: 'card-77',
      }),
    account_reference: visibleAscii(64)
      .nullish()
      .openapi({ description: 'Payment account reference (PAR).' }),
    brand: z.enum(CARD_BRANDS).nullish().openapi({ description: 'Used when the BIN says nothing.' }),
    network_token: z.boolean().nullish(),
  })
  .superRefine((card, context) => {
    if (card.token == null && Object.keys(card.tokens ?? {}).length === 0) {
      context.addIssue({
        code: 'custom',
        path: ['tokens'],
        message: 'at least one token, in card.tokens or card.token',
      });
    }
    if (card.id == null && card.account_reference == null && hasSeveralTokens(card)) {
      context.addIssue({ code: 'custom', path: ['id'], message: SEVERAL_TOKENS });
    }
    if ((card.expiry_month == null) !== (card.expiry_year == null)) {
      context.addIssue({
        code: 'custom',
        path: [card.expiry_month == null ? 'expiry_month' : 'expiry_year'],
        message: 'month and year of the expiry together, or neither',
      });
    }
  })
  .openapi('Card');

/** One token valid at several providers is still one: the card is told by it. */
function hasSeveralTokens(card: {
  readonly token?: string | null | undefined;
  readonly tokens?: Readonly<Record<string, string>> | null | undefined;
}): boolean {
  const distinct = new Set(Object.values(card.tokens ?? {}));
  if (card.token != null) distinct.add(card.token);
  return distinct.size > 1;
}

const threeDsSchema = z
  .strictObject({
    eci: digits(/^\d{1,2}$/, '1 or 2 digits').nullish(),
    // Networks and 3DS servers write it in base64 or hex; what is wrong with it is the provider's word.
    cavv: plainText(64).nullish().openapi({ description: 'Sent to the provider, never stored.' }),
    ds_transaction_id: plainText(64).nullish(),
    version: digits(/^\d(\.\d){1,2}$/, 'a version such as 2.2.0').nullish(),
    exemption: digits(/^[a-z_]{1,40}$/, 'a name in lower case, such as low_value').nullish(),
  })
  .openapi('ThreeDs');

const storedCredentialSchema = z
  .strictObject({
    usage: z.enum(['first', 'subsequent']),
    reason: z.enum(['recurring', 'installment', 'unscheduled']),
  })
  .openapi('StoredCredential');

const networkTransactionSchema = z
  .strictObject({
    id: visibleAscii(64),
    network: z.enum(CARD_BRANDS),
    date: z.iso.date('a day, YYYY-MM-DD').openapi({ description: 'Day of the first payment.' }),
  })
  .openapi('NetworkTransaction');

/** `POST /v1/authorizations`: one schema validates, documents and types. Unknown members are refused. */
export const authorizationBodySchema = z
  .strictObject({
    reference: visibleAscii(255).openapi({
      description: "The caller's own, unique per payment and merchant for ever.",
      example: 'order-7781',
    }),
    merchant: visibleAscii(128).openapi({ example: 'acme-eu' }),
    amount: amountSchema,
    card: cardSchema,
    initiator: z.enum(['customer', 'merchant']).nullish().openapi({ default: 'customer' }),
    shopper: z
      .strictObject({
        country: z
          .string()
          .refine(isCountry, 'an ISO 3166-1 code of two capitals, such as DE')
          .nullish()
          .openapi({ pattern: '^[A-Z]{2}$', example: 'DE' }),
        id: plainText(255).nullish(),
      })
      .nullish(),
    capture: z.enum(['manual', 'automatic']).nullish().openapi({
      default: 'manual',
      description: 'automatic: what is authorized is captured in full, once it is certain.',
    }),
    three_ds: threeDsSchema.nullish(),
    stored_credential: storedCredentialSchema.nullish(),
    network_transaction: networkTransactionSchema.nullish(),
    accept_partial: z.boolean().nullish().openapi({ default: false }),
    deadline_ms: z
      .int('milliseconds, 100 to 60000')
      .min(100, 'milliseconds, 100 to 60000')
      .max(60_000, 'milliseconds, 100 to 60000')
      .nullish()
      .openapi({ description: "The rule's deadline bounds it.", example: 8000 }),
    metadata: z
      .record(plainText(64), plainText(500, 0))
      .refine(
        (metadata) => Object.keys(metadata).length <= METADATA_ENTRIES_MAX,
        `at most ${METADATA_ENTRIES_MAX} entries`,
      )
      .superRefine((metadata, context) => {
        for (const name of Object.keys(metadata)) {
          const message = whyNotKept(name);
          if (message !== null) context.addIssue({ code: 'custom', path: [name], message });
        }
      })
      .nullish(),
  })
  .openapi('AuthorizationRequest');

export type AuthorizationBody = z.infer<typeof authorizationBodySchema>;

/** The validated body in our own words, with defaults filled in. */
export function authorizationRequestOf(body: AuthorizationBody): AuthorizationRequest {
  return {
    reference: body.reference,
    merchant: body.merchant,
    amount: { value: body.amount.value, currency: body.amount.currency },
    card: cardOf(body.card),
    initiator: body.initiator ?? 'customer',
    shopper: { country: body.shopper?.country ?? null, id: body.shopper?.id ?? null },
    capture: body.capture ?? 'manual',
    threeDs: threeDsOf(body.three_ds),
    storedCredential: body.stored_credential ?? null,
    networkTransaction: body.network_transaction ?? null,
    acceptPartial: body.accept_partial ?? false,
    deadlineMs: body.deadline_ms ?? null,
    metadata: body.metadata ?? {},
  };
}

function cardOf(card: AuthorizationBody['card']): AuthorizationRequest['card'] {
  const brand = card.brand ?? null;
  return {
    bin: card.bin == null ? null : truncateBin(card.bin, brand),
    last4: card.last4 ?? null,
    expiryMonth: card.expiry_month ?? null,
    expiryYear: card.expiry_year ?? null,
    token: card.token ?? null,
    tokens: card.tokens ?? {},
    id: card.id ?? null,
    accountReference: card.account_reference ?? null,
    brand,
    networkToken: card.network_token ?? false,
  };
}

function threeDsOf(threeDs: AuthorizationBody['three_ds']): AuthorizationRequest['threeDs'] {
  if (threeDs == null) return null;
  return {
    eci: threeDs.eci ?? null,
    cavv: threeDs.cavv ?? null,
    dsTransactionId: threeDs.ds_transaction_id ?? null,
    version: threeDs.version ?? null,
    exemption: threeDs.exemption ?? null,
  };
}
