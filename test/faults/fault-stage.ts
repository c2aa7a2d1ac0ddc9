import type { FaultBody } from '../../src/sandbox/faults.ts';
import type { LedgerEntry } from '../../src/sandbox/ledger-view.ts';
import type { TraitsBody } from '../../src/sandbox/traits.ts';
import { eventually } from '../support/eventually.ts';
import { paymentBody, priorityRules, providersYaml } from '../support/gateway-files.ts';
import {
  type Answer,
  type AuthorizationView,
  authorizationIn,
  startGateway,
  type TestGateway,
} from '../support/start-gateway.ts';
import { startSandbox, type TestSandbox } from '../support/start-sandbox.ts';
import { CuttingProxy } from './cutting-proxy.ts';

/** Least time that one attempt of a story's first provider may take, milliseconds. */
export const TIMEOUT_MS = 1000;
/** Past the deadline of an attempt, after which "not found" is evidence on this stage; milliseconds. */
export const WINDOW_MS = 1000;

/** Looks of the resolver: some seconds of them. The first come soon, so that what is found out too early shows. */
const SCHEDULE_MS = [100, 150, 200, 250, 300, 400, ...Array.from({ length: 14 }, () => 500)];

/** One fault with a merchant and a pair of providers of its own; the second would take whatever is failed over. */
export interface Story {
  readonly name: string;
  /** What the contract says that the first provider promises. */
  readonly semantics?: Readonly<Record<string, unknown>>;
  /** What the first provider really does. */
  readonly traits?: Omit<TraitsBody, 'provider'>;
  readonly timeoutMs?: number;
  readonly connectTimeoutMs?: number;
  readonly breaker?: Readonly<Record<string, number>>;
  /** With a {@link CuttingProxy} before the first provider. */
  readonly proxied?: boolean;
  /** Where the first provider is; left out: at the sandbox. */
  readonly baseUrl?: string;
}

/** A payment that was sent, with all that it takes to repeat it. */
export interface Paid {
  readonly story: string;
  readonly reference: string;
  readonly key: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly answer: Answer;
}

export interface PayOptions {
  readonly token?: string;
  readonly reference?: string;
  readonly key?: string;
  /** Members of the body. */
  readonly more?: Readonly<Record<string, unknown>>;
}

/** What stands in the end: by the journal, and by the providers' books. */
export interface End {
  readonly status: string;
  /** `first approved`, in order. */
  readonly attempts: readonly string[];
  /** `first live x1`: what became of it and how often it was asked for, by provider and in order of arrival. */
  readonly books: readonly string[];
}

/** A gateway as people start it, before a sandbox that outlives it and whose ledger judges. */
export class FaultStage implements AsyncDisposable {
  readonly gateway: TestGateway;
  readonly sandbox: TestSandbox;
  readonly #proxies: ReadonlyMap<string, CuttingProxy>;
  #paid = 0;

  constructor(gateway: TestGateway, sandbox: TestSandbox, proxies: ReadonlyMap<string, CuttingProxy>) {
    this.gateway = gateway;
    this.sandbox = sandbox;
    this.#proxies = proxies;
  }

  /** The proxy before a story's first provider. */
  proxy(story: string): CuttingProxy {
    const proxy = this.#proxies.get(story);
    if (proxy === undefined) throw new Error(`the story ${story} is not proxied`);
    return proxy;
  }

  /** Faults for a story's first provider, in the order in which they are to strike; each once unless told otherwise. */
  async strike(story: string, ...faults: readonly Omit<FaultBody, 'provider'>[]): Promise<void> {
    for (const fault of faults) await this.sandbox.addFault({ ...fault, provider: `${story}-a` });
  }

  /** A body that only this payment has: a card of its own, its token at the first provider of the story. */
  bodyOf(story: string, options: PayOptions = {}): Readonly<Record<string, unknown>> & { reference: string } {
    const { token = 'tok_visa', more = {} } = options;
    this.#paid += 1;
    const { card, ...rest } = paymentBody(options.reference ?? `${story}-${this.#paid}`, { merchant: story });
    return { ...rest, card: { ...card, tokens: { [`${story}-a`]: token } }, ...more };
  }

  /** Authorizes a payment of a story. */
  async pay(story: string, options: PayOptions = {}): Promise<Paid> {
    const body = this.bodyOf(story, options);
    const { reference } = body;
    const key = options.key ?? `key-${reference}`;
    return { story, reference, key, body, answer: await this.gateway.authorize(body, key) };
  }

  /** The same request under the same key once more. */
  repeat({ body, key }: Pick<Paid, 'body' | 'key'>): Promise<Answer> {
    return this.gateway.authorize(body, key);
  }

  /** The providers' books on one payment. */
  books(reference: string): readonly LedgerEntry[] {
    return this.sandbox.ledger({ merchantReference: reference }).authorizations;
  }

  /** POSTs that reached the two providers of a story. */
  requests(story: string): { readonly first: number; readonly second: number } {
    const { totals } = this.sandbox.ledger();
    return {
      first: totals[`${story}-a`]?.requests ?? 0,
      second: totals[`${story}-b`]?.requests ?? 0,
    };
  }

  /** What a payment has come to by now. */
  async now({ story, reference }: Pick<Paid, 'story' | 'reference'>): Promise<AuthorizationView | null> {
    return this.gateway.find(story, reference);
  }

  /** Waits until nothing of a payment is left to find out or to undo, and says what stands then. */
  async end(
    paid: Pick<Paid, 'story' | 'reference'>,
    options: { readonly withinMs?: number } = {},
  ): Promise<End> {
    const found = await eventually(
      `${paid.reference} is settled`,
      async () => {
        const seen = await this.now(paid);
        if (seen === null || seen.status === 'pending' || seen.status === 'reversing') return null;
        return seen.operations.some(({ status }) => status === 'pending') ? null : seen;
      },
      {
        withinMs: options.withinMs ?? 12_000,
        describe: () => JSON.stringify([this.books(paid.reference), this.gateway.output.text().slice(-4000)]),
      },
    );
    return this.#endOf(paid.story, found);
  }

  #endOf(story: string, found: AuthorizationView): End {
    return {
      status: found.status,
      attempts: found.attempts.map(({ provider, outcome }) => `${roleOf(story, provider)} ${outcome}`),
      books: this.books(found.reference).map(
        ({ provider, live, status, asked }) =>
          `${roleOf(story, provider)} ${live ? 'live' : status} x${asked}`,
      ),
    };
  }

  /** Events of the providers go to the gateway from now on. */
  async sendWebhooks(): Promise<void> {
    const url = `${this.gateway.url}/v1/webhooks/{provider}`;
    await this.sandbox.control('PUT', '/webhooks', { url, secret: 'sandbox-webhook-secret' });
  }

  async stopWebhooks(): Promise<void> {
    await this.sandbox.control('DELETE', '/webhooks');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.gateway[Symbol.asyncDispose]();
    for (const proxy of this.#proxies.values()) await proxy[Symbol.asyncDispose]();
    await this.sandbox[Symbol.asyncDispose]();
  }
}

function roleOf(story: string, provider: string): string {
  if (provider === `${story}-a`) return 'first';
  return provider === `${story}-b` ? 'second' : provider;
}

/** What a caller was told: HTTP status, status of the authorization, and the attempts with their outcomes. */
export function told({ story, answer }: Pick<Paid, 'story' | 'answer'>): readonly unknown[] {
  const { status, attempts } = authorizationIn(answer);
  const outcomes = attempts.map(({ provider, outcome }) => `${roleOf(story, provider)} ${outcome}`);
  return [answer.status, status, ...outcomes];
}

/** `await using stage = await startStage([{ name: 'reset' }]);` */
export async function startStage(
  stories: readonly Story[],
  options: {
    readonly env?: Readonly<Record<string, string>>;
    readonly rules?: Readonly<Record<string, unknown>>;
    readonly apiKeys?: string;
  } = {},
): Promise<FaultStage> {
  const ids = stories.flatMap(({ name }) => [`${name}-a`, `${name}-b`]);
  const sandbox = await startSandbox(ids);
  const proxies = new Map<string, CuttingProxy>();
  for (const { name, proxied, traits } of stories) {
    if (proxied === true) proxies.set(name, await CuttingProxy.start(sandbox.url(`${name}-a`)));
    if (traits !== undefined) await sandbox.setTraits({ ...traits, provider: `${name}-a` });
  }
  const providers = stories.flatMap((story) => contractsOf(story, sandbox, proxies.get(story.name)));
  const gateway = await startGateway({
    providers: JSON.stringify({ providers }),
    rules: priorityRules(ids, options.rules),
    ...(options.apiKeys === undefined ? {} : { apiKeys: options.apiKeys }),
    env: { RESOLVER_SCHEDULE_MS: SCHEDULE_MS.join(','), LEASE_MS: '1000', ...options.env },
  });
  return new FaultStage(gateway, sandbox, proxies);
}

function contractsOf(story: Story, sandbox: TestSandbox, proxy: CuttingProxy | undefined): object[] {
  const { name, timeoutMs = TIMEOUT_MS, semantics = {} } = story;
  const baseUrl = story.baseUrl ?? proxy?.url ?? sandbox.url(`${name}-a`);
  const windows = { not_found_after_ms: WINDOW_MS, operation_not_found_after_ms: WINDOW_MS };
  const written = { ...windows, ...semantics };
  const yaml = providersYaml([
    { id: `${name}-a`, merchants: [name], timeoutMs, baseUrl, semantics: written },
    { id: `${name}-b`, merchants: [name], timeoutMs: 2000, baseUrl: sandbox.url(`${name}-b`) },
  ]);
  const { providers } = JSON.parse(yaml) as { readonly providers: readonly Record<string, unknown>[] };
  return providers.map((contract, index) => {
    const breaker = index === 0 ? story.breaker : undefined;
    return {
      ...contract,
      ...(breaker === undefined ? {} : { breaker: { ...(contract['breaker'] as object), ...breaker } }),
      // Long, unless a story is about it: a busy machine is not to be taken for a provider that cannot be reached.
      connect_timeout_ms: (index === 0 ? story.connectTimeoutMs : undefined) ?? 5_000,
    };
  });
}
