import { z } from 'zod';
import { seededDraw } from './seeded-draw.ts';

/** Operations of a provider port that faults can strike. */
const operations = ['authorize', 'inquire', 'void', 'capture', 'refund'] as const;

export type Operation = (typeof operations)[number];

/** Faults of the answer or of the way to it: one of them at a time strikes a request. */
const ANSWER_FAULTS = [
  'reset_before',
  'reset_after',
  'hang',
  'late',
  'slow',
  'slow_drip',
  'rate_limited',
  'error',
  'truncated',
  'wrong_length',
  'garbage',
  'gzip_bomb',
  'wrong_amount',
  'wrong_currency',
  'wrong_reference',
  'unauthorized',
  'refused',
] as const;

/** Faults of the event that follows; they leave the answer alone. */
const EVENT_FAULTS = ['duplicate', 'webhook_first', 'webhook_late', 'webhook_twice'] as const;

const LONGEST_DELAY_MS = 600_000;

const REFUSED_OPERATIONS = 'refused is an answer to void, capture and refund only';

/** A refusal says that the state of an authorization does not allow an operation. */
function canStrike(kind: string, operation: Operation): boolean {
  return kind !== 'refused' || operation === 'void' || operation === 'capture' || operation === 'refund';
}

const common = {
  /** Of `late`, `slow`, `slow_drip` and `webhook_late`. */
  delay_ms: z.int().min(0).max(LONGEST_DELAY_MS).default(1000),
  /** Seconds, of `rate_limited`. */
  retry_after: z.int().min(0).max(86_400).default(1),
  /** Of `hang` and `error`: whether the money moved. */
  processed: z.boolean().default(false),
  /** Of `error` without processing: does not say that nothing was processed. */
  ambiguous: z.boolean().default(false),
  /** Of `error`. */
  status: z.int().min(400).max(599).default(500),
};

/** Body of `POST /faults`. */
export const faultBody = z
  .strictObject({
    provider: z.string().min(1),
    kind: z.enum(['refuse', ...ANSWER_FAULTS, ...EVENT_FAULTS]),
    times: z.int().min(1).nullish(),
    probability: z.number().gt(0).max(1).default(1),
    operation: z.enum(operations).default('authorize'),
    match: z
      .strictObject({
        token: z.string().optional(),
        brand: z.string().optional(),
        reference_prefix: z.string().optional(),
        merchant: z.string().optional(),
      })
      .optional(),
    /** Of `refuse`: ends by itself after this time. */
    duration_ms: z.int().min(1).max(LONGEST_DELAY_MS).optional(),
    ...common,
  })
  .refine((fault) => fault.kind !== 'refuse' || (fault.times ?? null) === null, {
    path: ['times'],
    message: 'refuse closes the port until the fault is removed or duration_ms is over; leave times out',
  })
  .refine((fault) => !isEventFault(fault.kind) || fault.operation !== 'inquire', {
    path: ['operation'],
    message: 'an inquiry has no event',
  })
  .refine((fault) => canStrike(fault.kind, fault.operation), {
    path: ['operation'],
    message: REFUSED_OPERATIONS,
  });

export type FaultBody = z.input<typeof faultBody>;

/** A fault as it strikes one request. */
export interface Strike {
  readonly kind: (typeof ANSWER_FAULTS)[number] | (typeof EVENT_FAULTS)[number];
  readonly delay_ms: number;
  readonly retry_after: number;
  readonly processed: boolean;
  readonly ambiguous: boolean;
  readonly status: number;
}

/** A planned outage of a world: a window in which a share of the requests is struck. */
export const outageBody = z
  .strictObject({
    provider: z.string().min(1),
    /** Counted from when the world was set. */
    from_ms: z.int().min(0),
    for_ms: z.int().min(1),
    kind: z.enum(['refuse', ...ANSWER_FAULTS]),
    /** Of the requests, 0 to 1. */
    share: z.number().gt(0).max(1).default(1),
    operations: z.array(z.enum(operations)).min(1).default(['authorize']),
    ...common,
  })
  .refine((outage) => outage.kind !== 'refuse' || outage.share === 1, {
    path: ['share'],
    message: 'a port is closed for everybody: refuse needs share 1',
  })
  .refine((outage) => outage.operations.every((operation) => canStrike(outage.kind, operation)), {
    path: ['operations'],
    message: REFUSED_OPERATIONS,
  });

/** What a fault may ask about a request. */
export interface RequestFacts {
  readonly provider: string;
  readonly operation: Operation;
  readonly token: string | null;
  readonly brand: string | null;
  readonly reference: string | null;
  readonly merchant: string | null;
}

export type StoredFault = z.output<typeof faultBody> & {
  readonly id: string;
  /** How many requests it may still strike; null: any number. */
  left: number | null;
  /** How many it struck. */
  applied: number;
};

/** What strikes one request: at most one fault of the answer and one of the event. */
export interface Strikes {
  readonly answer: Strike | null;
  readonly event: Strike | null;
}

const NOTHING: Strikes = { answer: null, event: null };

function isEventFault(kind: string): boolean {
  return (EVENT_FAULTS as readonly string[]).includes(kind);
}

/** The faults asked for. The oldest that matches strikes first. */
export class FaultBook {
  readonly #seed: string;
  #faults: StoredFault[] = [];
  #added = 0;
  #draws = 0;

  /** @param seed of the draws for faults with a probability */
  constructor(seed: string) {
    this.#seed = seed;
  }

  add(body: z.output<typeof faultBody>): StoredFault {
    this.#added += 1;
    // Left out: once. A closed port is no matter of times.
    const left = body.kind === 'refuse' ? null : body.times === undefined ? 1 : body.times;
    const fault = { ...body, id: `fault_${this.#added}`, left, applied: 0 };
    this.#faults.push(fault);
    return fault;
  }

  list(): readonly StoredFault[] {
    return this.#faults;
  }

  /** False when there is no such fault. */
  remove(id: string): boolean {
    const before = this.#faults.length;
    this.#faults = this.#faults.filter((fault) => fault.id !== id);
    return this.#faults.length < before;
  }

  clear(): void {
    this.#faults = [];
  }

  /** Whether a fault closes the port of a provider. */
  refuses(provider: string): boolean {
    return this.#faults.some((fault) => fault.kind === 'refuse' && concerns(fault, provider));
  }

  /** What strikes this request; uses up one time of each fault that does. */
  take(facts: RequestFacts): Strikes {
    if (this.#faults.length === 0) return NOTHING;
    const answer = this.#strike(facts, (fault) => !isEventFault(fault.kind));
    const event = this.#strike(facts, (fault) => isEventFault(fault.kind));
    return { answer, event };
  }

  #strike(facts: RequestFacts, ofKind: (fault: StoredFault) => boolean): Strike | null {
    const fault = this.#faults.find(
      (one) => one.kind !== 'refuse' && ofKind(one) && matches(one, facts) && this.#hits(one),
    );
    if (fault === undefined || fault.kind === 'refuse') return null;
    fault.applied += 1;
    if (fault.left !== null) {
      fault.left -= 1;
      if (fault.left === 0) this.remove(fault.id);
    }
    return { ...fault, kind: fault.kind };
  }

  /** Drawn anew for each request, in order of arrival, so that a repeat may come through. */
  #hits(fault: StoredFault): boolean {
    if (fault.probability === 1) return true;
    this.#draws += 1;
    return seededDraw(this.#seed, 'fault', fault.id, String(this.#draws)) < fault.probability;
  }
}

function concerns(fault: StoredFault, provider: string): boolean {
  return fault.provider === '*' || fault.provider === provider;
}

function matches(fault: StoredFault, facts: RequestFacts): boolean {
  if (!concerns(fault, facts.provider) || fault.operation !== facts.operation) return false;
  const { token, brand, reference_prefix: prefix, merchant } = fault.match ?? {};
  if (token !== undefined && token !== facts.token) return false;
  if (brand !== undefined && brand !== facts.brand) return false;
  if (prefix !== undefined && facts.reference?.startsWith(prefix) !== true) return false;
  return merchant === undefined || merchant === facts.merchant;
}
