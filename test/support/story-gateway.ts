import type { LedgerEntry } from '../../src/sandbox/ledger-view.ts';
import { eventually } from './eventually.ts';
import { paymentBody } from './gateway-files.ts';
import {
  type Answer,
  type AuthorizationView,
  authorizationIn,
  startGateway,
  type TestGateway,
} from './start-gateway.ts';

/** The first, second and third provider of a story, in the order in which its rule tries them. */
const PLACES = ['a', 'b', 'c'] as const;
export type Place = (typeof PLACES)[number];

/** A story has a merchant, a rule and three providers of its own, so that what happens in one is nothing to another. */
export interface StoryPlan {
  /** Lower-case letters, digits and dashes. */
  readonly name: string;
  /** Its merchants, where one of the story's own name will not do. */
  readonly merchants?: readonly string[];
  /** More of the rule's action. */
  readonly action?: Readonly<Record<string, unknown>>;
  readonly timeoutMs?: number;
  /** The contract's `semantics:` of each provider. */
  readonly semantics?: Readonly<Record<string, unknown>>;
  readonly breaker?: Readonly<Record<string, unknown>>;
}

/** The resolver looks soon and often: what takes seconds or days elsewhere is a matter of its schedule alone. */
const SCHEDULE_MS = [150, 150, 300, 300, ...Array<number>(16).fill(500)];

/** A story that nobody tells: a process that has never answered is slow enough to spoil the first time limits. */
const WARM_UP = 'warm-up';
const WARM_UP_PAYMENTS = 40;

/** One gateway for all stories of a file, warm. */
export async function startStories(
  stories: readonly StoryPlan[],
  env: Readonly<Record<string, string>> = {},
): Promise<TestGateway> {
  const plans = [...stories, { name: WARM_UP }];
  const providers = plans.flatMap(
    ({ name, merchants = [name], timeoutMs = 2_000, semantics = {}, breaker }: StoryPlan) =>
      PLACES.map((place) => ({
        id: `${name}-${place}`,
        adapter: 'sandbox',
        merchants,
        timeout_ms: timeoutMs,
        limits: { per_second: 10_000, concurrent: 1_000 },
        breaker: breaker ?? { volume: 100_000, reset_ms: timeoutMs },
        capabilities: { features: ['partial_capture'] },
        semantics,
      })),
  );
  const rules = plans.map(({ name, merchants = [name], action }: StoryPlan) => ({
    name,
    when: { field: 'merchant', one_of: merchants },
    // biome-ignore lint/suspicious/noThenProperty: the word of the file
    then: { priority: PLACES.map((place) => `${name}-${place}`), attempts_max: 3, ...action },
  }));
  const gateway = await startGateway({
    providers: JSON.stringify({ providers }),
    rules: JSON.stringify({ rules }),
    env: { RESOLVER_SCHEDULE_MS: SCHEDULE_MS.join(','), ...env },
  });
  const warm = new Story(WARM_UP, () => gateway);
  await Promise.all(Array.from({ length: WARM_UP_PAYMENTS }, () => warm.pay()));
  return gateway;
}

/** What a payment of a story may say of itself. */
export interface PaymentOptions {
  /** Token by provider; `tok_visa` where none is given. */
  readonly tokens?: Partial<Record<Place, string>>;
  /** More of the card. */
  readonly card?: Readonly<Record<string, unknown>>;
  /** More of the body. */
  readonly more?: Readonly<Record<string, unknown>>;
  readonly reference?: string;
}

/** An answered payment. */
export interface Paid {
  readonly reference: string;
  readonly key: string;
  readonly body: unknown;
  readonly answer: Answer;
  readonly authorization: AuthorizationView;
}

let sequence = 0;

/** A story as it is told: payments of its merchant, and what became of them here and at its providers. */
export class Story {
  readonly name: string;
  readonly #gateway: () => TestGateway;

  constructor(name: string, gateway: () => TestGateway) {
    this.name = name;
    this.#gateway = gateway;
  }

  provider(place: Place): string {
    return `${this.name}-${place}`;
  }

  body(reference: string, { tokens = {}, card = {}, more = {} }: PaymentOptions = {}) {
    const { card: plain, ...rest } = paymentBody(reference, { merchant: this.name });
    const named = PLACES.map((place) => [this.provider(place), tokens[place] ?? 'tok_visa']);
    return { ...rest, card: { ...plain, tokens: Object.fromEntries(named), ...card }, ...more };
  }

  async pay(options: PaymentOptions = {}): Promise<Paid> {
    sequence += 1;
    const reference = options.reference ?? `${this.name}-${sequence}`;
    const body = this.body(reference, options);
    const key = `key-${sequence}-${reference}`;
    const answer = await this.#gateway().authorize(body, key);
    return { reference, key, body, answer, authorization: authorizationIn(answer) };
  }

  /** The authorization as the gateway tells it now. */
  async read(id: string): Promise<AuthorizationView> {
    return authorizationIn(await this.#gateway().get(`/v1/authorizations/${id}`));
  }

  /** Waits until the authorization is what the test wants; resolves to it. */
  until(
    id: string,
    what: string,
    holds: (authorization: AuthorizationView) => boolean,
    withinMs = 10_000,
  ): Promise<AuthorizationView> {
    const seen = { text: '' };
    return eventually(
      what,
      async () => {
        const authorization = await this.read(id);
        const { status, attempts, operations } = authorization;
        seen.text = JSON.stringify({ status, attempts, operations }, null, 2);
        return holds(authorization) ? authorization : null;
      },
      { withinMs, describe: () => seen.text },
    );
  }

  /** What a provider did for a payment. */
  async at(place: Place, reference: string): Promise<readonly LedgerEntry[]> {
    const entries = await this.#gateway().sandbox.entriesOf(reference);
    return entries.filter(({ provider }) => provider === this.provider(place));
  }

  /** Places where money of a payment is held or was taken: more than one is what must never be. */
  async live(reference: string): Promise<readonly string[]> {
    const entries = await this.#gateway().sandbox.entriesOf(reference);
    return entries.filter(({ live }) => live).map(({ provider }) => provider.slice(this.name.length + 1));
  }

  /** POSTs that reached the providers so far. */
  async requests(): Promise<Readonly<Record<Place, number>>> {
    const all = await this.#gateway().sandbox.requests();
    const of = (place: Place) => all[this.provider(place)] ?? 0;
    return { a: of('a'), b: of('b'), c: of('c') };
  }

  async fault(place: Place, fault: Omit<Parameters<TestGateway['sandbox']['addFault']>[0], 'provider'>) {
    return this.#gateway().sandbox.addFault({ ...fault, provider: this.provider(place) });
  }
}

/** Who was tried, and what came of it: short, for tables. */
export function triedIn({ attempts, merchant }: AuthorizationView): readonly string[] {
  return attempts.map(({ provider, outcome }) => `${provider.slice(merchant.length + 1)} ${outcome}`);
}

/** The letters in which the sandbox counts what is entered at its providers, in their order. */
const ENTRY_LETTERS = 'abcdefghjkmnpqrstvwxyzBCDFGHJKLM';
const ENTRY_LENGTH = 6;

/** The number under which an authorization or an operation was entered: the sandbox counts over all of its providers. */
export function entryNumber({ id }: { readonly id: string }): number {
  return [...id.slice(-ENTRY_LENGTH)].reduce((sum, letter) => sum * 32 + ENTRY_LETTERS.indexOf(letter), 0);
}
