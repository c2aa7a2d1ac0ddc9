import { paymentBody } from '../../support/gateway-files.ts';
import type { SeededRandom } from '../../support/seeded-random.ts';
import type { Ask, Callers } from './caller.ts';
import type { Kind } from './moments.ts';

/** What callers do with a payment, and how often. The name is the first part of its reference. */
const SCRIPTS = {
  hold: 2,
  capture: 2,
  refund: 4,
  void: 3,
  automatic: 4,
  /** Declined after the issuer approved: a hold to be undone. */
  hidden: 2,
  /** Approved for less than was asked, which these callers do not take. */
  partial: 1,
  /** A decline that another provider may be asked about. */
  declined: 1,
  /** Several callers, some with a key of their own, ask for one payment at once. */
  contested: 2,
} as const;
type Script = keyof typeof SCRIPTS;

const WEIGHTED: readonly Script[] = (Object.keys(SCRIPTS) as Script[]).flatMap((script) =>
  Array<Script>(SCRIPTS[script]).fill(script),
);
const TOKENS: Partial<Record<Script, string>> = {
  hidden: 'tok_decline_hidden',
  partial: 'tok_partial_40',
  declined: 'tok_decline_05',
};
const AMOUNT = 4999;
const PART = 1500;
/** Statuses of an authorization that can be captured, voided or, once captured, refunded. */
const HOLDS_MONEY = new Set(['approved', 'captured']);

interface Answered {
  readonly id: string;
  readonly status: string;
}

/** What came of a payment's script. */
export interface Played {
  /** Id of the authorization that is approved; null: none is. */
  readonly approved: string | null;
  /** Captures, voids and refunds that were told as ended. */
  readonly operations: number;
}

/** Plays one payment to its end. */
export async function playPayment(number: number, callers: Callers, random: SeededRandom): Promise<Played> {
  const script = random.pick(WEIGHTED);
  const reference = `${script}-${number}`;
  // Drawn before anything is waited for: what is asked depends on the seed alone.
  const isCancelling = random.chance(0.15);
  const inParts = random.chance(0.5);
  const body = bodyOf(script, reference, isCancelling ? 'acme-cancel' : 'acme-eu');
  const authorize = (key: string) =>
    callers.untilFinal({
      kind: script === 'automatic' ? 'automatic' : 'authorize',
      path: '/v1/authorizations',
      key,
      body,
      reference,
    });
  const own = authorize(reference);
  if (script === 'contested') {
    await Promise.all([own, authorize(reference), authorize(`${reference}-other`)]);
    return { approved: null, operations: 0 };
  }
  const final = await own;
  if (final.kind !== 'answered') return { approved: null, operations: 0 };
  const authorization = JSON.parse(final.text) as Answered;
  if (!HOLDS_MONEY.has(authorization.status)) return { approved: null, operations: 0 };
  const steps = stepsOf(script, authorization.status, inParts);
  let operations = 0;
  for (const [index, step] of steps.entries()) {
    const ended = await callers.untilFinal(operationAsk(step, authorization.id, reference, index));
    if (ended.kind !== 'answered') break;
    operations += 1;
    // A provider may refuse; what rests on it is left out then.
    if ((JSON.parse(ended.text) as Answered).status !== 'succeeded') break;
  }
  return { approved: authorization.id, operations };
}

interface OperationStep {
  readonly kind: Extract<Kind, 'capture' | 'void' | 'refund'>;
  /** Minor units; null: all that is left. */
  readonly amount: number | null;
}

function stepsOf(script: Script, status: string, inParts: boolean): readonly OperationStep[] {
  const parts = (kind: 'capture' | 'refund'): readonly OperationStep[] =>
    inParts
      ? [
          { kind, amount: PART },
          { kind, amount: AMOUNT - PART },
        ]
      : [{ kind, amount: null }];
  switch (script) {
    case 'capture':
      return parts('capture');
    case 'refund':
      return [{ kind: 'capture', amount: null }, ...parts('refund')];
    case 'void':
      return [{ kind: 'void', amount: null }];
    case 'automatic':
      return status === 'captured' && inParts ? [{ kind: 'refund', amount: PART }] : [];
    default:
      return [];
  }
}

function operationAsk({ kind, amount }: OperationStep, id: string, reference: string, index: number): Ask {
  const body = amount === null ? {} : { amount: { value: amount, currency: 'EUR' } };
  return {
    kind,
    path: `/v1/authorizations/${id}/${kind}s`,
    key: `${reference}-${kind}-${index}`,
    body: JSON.stringify(body),
    reference,
  };
}

function bodyOf(script: Script, reference: string, merchant: string): string {
  const body = paymentBody(reference, { merchant, capture: script === 'automatic' ? 'automatic' : 'manual' });
  return JSON.stringify({ ...body, card: { ...body.card, token: TOKENS[script] ?? 'tok_visa' } });
}
