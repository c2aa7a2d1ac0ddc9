import { z } from 'zod';

/** Ten years in milliseconds: no provider promises anything for longer. */
const LONGEST_MS = 315_360_000_000;
/** Longest delay of a timer, milliseconds. */
const LONGEST_DELAY_MS = 600_000;

const lifetime = z.int().min(1).max(LONGEST_MS).nullable().default(null);

/** Body of `PUT /traits`. What is left out has its default: a provider has the traits of the last body, whole. */
export const traitsBody = z
  .strictObject({
    /** A provider's id, or `*` for every one. */
    provider: z.string().min(1),
    /** Which answers are kept and repeated under a key: all of them, or only those with a 2xx status. */
    replay: z.enum(['same_answer', 'success_only']).default('same_answer'),
    /** After it a key is forgotten, so that it executes anew; null: never. Counts from the first use. */
    key_lifetime_ms: lifetime,
    /** How far inquiries are behind: they show nothing that is younger. */
    inquiry_delay_ms: z.int().min(0).max(LONGEST_MS).default(0),
    /** Voids, captures and refunds take effect before they are answered, or only afterwards. */
    operations: z.enum(['confirmed', 'received']).default('confirmed'),
    /** Of `received`: how long after the answer. */
    operation_delay_ms: z.int().min(0).max(LONGEST_DELAY_MS).default(500),
    /** Of `received`: what becomes of them. */
    operation_result: z.enum(['confirmed', 'failed']).default('confirmed'),
    /** What a void by a reference that is not known answers: 404, or 200 that nothing was found. */
    void_unknown: z.enum(['not_found', 'ok']).default('not_found'),
    /** After it an authorization of which nothing was captured is expired; null: never. */
    authorization_validity_ms: lifetime,
  })
  .refine((traits) => traits.operation_result === 'confirmed' || traits.operations === 'received', {
    path: ['operation_result'],
    message:
      'only operations that are answered before they take effect can fail: give "operations":"received"',
  });

export type TraitsBody = z.input<typeof traitsBody>;

/** How a provider behaves by contract, as opposed to faults, which it never promised. */
export type Traits = Omit<z.output<typeof traitsBody>, 'provider'>;

function plainTraits(): Traits {
  const { provider: _, ...traits } = traitsBody.parse({ provider: '*' });
  return traits;
}

/** The traits of every provider. They hold from when they are set, also for what is there already. */
export class TraitBook {
  readonly #traits: Map<string, Traits>;

  constructor(providers: readonly string[]) {
    this.#traits = new Map(providers.map((provider) => [provider, plainTraits()]));
  }

  of(provider: string): Traits {
    const traits = this.#traits.get(provider);
    if (traits === undefined) throw new Error(`provider ${provider} has no traits`);
    return traits;
  }

  /** @param body names a provider of ours, or `*` */
  set(body: z.output<typeof traitsBody>): void {
    const { provider, ...traits } = body;
    for (const id of provider === '*' ? [...this.#traits.keys()] : [provider]) this.#traits.set(id, traits);
  }

  /** Every provider behaves as by default again. */
  clear(): void {
    for (const id of this.#traits.keys()) this.#traits.set(id, plainTraits());
  }

  /** By provider. */
  list(): Readonly<Record<string, Traits>> {
    return Object.fromEntries(this.#traits);
  }
}
