import { type SandboxChild, startSandboxChild } from '../../src/providers/sandbox/sandbox-child.ts';
import type { FaultBody } from '../../src/sandbox/faults.ts';
import { Callers } from '../road/crash-campaign/caller.ts';
import { NoticeProxy } from '../road/crash-campaign/notice-proxy.ts';
import { playPayment } from '../road/crash-campaign/scripts.ts';
import { Trap } from '../road/crash-campaign/trap.ts';
import { eventually, pause } from '../support/eventually.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { SandboxControl, startGateway, type TestGateway } from '../support/start-gateway.ts';
import { CountingProxy } from './counting-proxy.ts';

/** Gateways that share a database and a Redis, a sandbox in a process of its own, and callers who ask any of them. */

export const PODS = 3;
/** What each provider's contract allows, calls per second over all pods. */
export const PER_SECOND = { 'sandbox-a': 12, 'sandbox-b': 60, 'sandbox-c': 400 } as const;
const PROVIDERS = Object.keys(PER_SECOND) as (keyof typeof PER_SECOND)[];
/** After which a balancer leaves a pod out that does not answer, milliseconds. */
const NOTICED_MS = 500;
const CALLERS = 24;
/** Between two payments of a caller, at most. */
const CALLER_PAUSE_MS = 250;
const PROVIDER_TIMEOUT_MS = 900;
const NOT_FOUND_AFTER_MS = 300;
/** Everything is to be found out within this time after the last fault: a lease that nobody ends is watched for three minutes. */
const SETTLED_WITHIN_MS = 300_000;
/** The longest that an answer may take: the rule's deadline, and what a busy machine adds. */
export const DEADLINE_MS = 4_000;

/** Faults of providers all the while: what is unknown must be found out by whichever pod takes it up. */
const FAULTS: readonly Omit<FaultBody, 'provider'>[] = [
  { kind: 'reset_after', probability: 0.03 },
  { kind: 'error', probability: 0.03 },
  { kind: 'hang', processed: true, probability: 0.01 },
  { kind: 'late', delay_ms: 250, probability: 0.04 },
  { kind: 'webhook_twice', probability: 0.03 },
  ...(['capture', 'void', 'refund'] as const).flatMap((operation) => [
    { operation, kind: 'reset_after' as const, probability: 0.04 },
    { operation, kind: 'error' as const, probability: 0.03 },
  ]),
];

export interface Stores {
  readonly databaseUrl: string;
  readonly redisUrl: string;
}

/** One gateway of several, and whether callers may be sent to it. */
interface Pod {
  readonly gateway: TestGateway;
  isUp: boolean;
}

export class ClusterWorld implements AsyncDisposable {
  readonly control: SandboxControl;
  readonly callers: Callers;
  readonly notices: NoticeProxy;
  readonly proxies: ReadonlyMap<string, CountingProxy>;
  readonly tally = { payments: 0, approvals: 0, operations: 0, kills: 0, drained: 0 };
  readonly wrong: string[] = [];
  readonly #pods: readonly Pod[];
  readonly #sandbox: SandboxChild;
  readonly #random: SeededRandom;
  readonly #seed: number;
  #isLoading = false;
  #load: Promise<unknown> = Promise.resolve();

  private constructor(seed: number, parts: Parts) {
    this.#seed = seed;
    this.#random = parts.random;
    this.#pods = parts.pods;
    this.#sandbox = parts.sandbox;
    this.control = parts.control;
    this.callers = parts.callers;
    this.notices = parts.notices;
    this.proxies = parts.proxies;
  }

  static async start(seed: number, stores: Stores): Promise<ClusterWorld> {
    const random = new SeededRandom(seed);
    const pods: Pod[] = [];
    const anyUrl = (): string => {
      const up = pods.filter(({ isUp }) => isUp);
      return (up.length === 0 ? pods : up)[random.integer(0, Math.max(1, up.length) - 1)]?.gateway.url ?? '';
    };
    // Nothing is armed: here the faults come by the clock.
    const trap = new Trap(
      () => {},
      () => '',
      random,
    );
    const sandbox = await startSandboxChild(PROVIDERS, 0, () => {});
    const control = new SandboxControl(sandbox.controlUrl);
    for (const fault of FAULTS) await control.addFault({ provider: '*', times: null, ...fault });
    const proxies = new Map<string, CountingProxy>();
    for (const id of PROVIDERS) {
      proxies.set(id, await CountingProxy.start(sandbox.providers.get(id) ?? ''));
    }
    const notices = await NoticeProxy.start(anyUrl, trap);
    await putWebhooks(sandbox.controlUrl, notices.url);
    for (let index = 0; index < PODS; index += 1) {
      const gateway = await startGateway({
        providers: providersFile(proxies),
        rules: RULES,
        env: {
          DATABASE_URL: stores.databaseUrl,
          REDIS_URL: stores.redisUrl,
          LEASE_MS: '1500',
          DRAIN_TIMEOUT_MS: '3000',
          RESOLVER_SCHEDULE_MS: [...Array(12).fill(300), ...Array(8).fill(1_000)].join(','),
        },
      });
      pods.push({ gateway, isUp: true });
    }
    const callers = new Callers(async () => anyUrl(), trap);
    return new ClusterWorld(seed, { random, pods, sandbox, control, callers, notices, proxies });
  }

  get gateways(): readonly TestGateway[] {
    return this.#pods.map(({ gateway }) => gateway);
  }

  /** Callers begin, and go on until {@link settle}. */
  beginLoad(): void {
    this.#isLoading = true;
    this.#load = Promise.all(Array.from({ length: CALLERS }, () => this.#oneCaller()));
  }

  async #oneCaller(): Promise<void> {
    while (this.#isLoading) {
      this.tally.payments += 1;
      const number = this.tally.payments;
      const random = new SeededRandom(this.#seed * 1_000_003 + number);
      const played = await playPayment(number, this.callers, random);
      if (played.approved) this.tally.approvals += 1;
      this.tally.operations += played.operations;
      await pause(this.#random.integer(0, CALLER_PAUSE_MS));
    }
  }

  /** As if its machine had failed: its callers notice before the balancer does. It comes back after a while. */
  async killPod(index: number, downMs: number): Promise<void> {
    const pod = this.#pod(index);
    await pod.gateway.kill9();
    this.tally.kills += 1;
    await pause(NOTICED_MS);
    pod.isUp = false;
    await pause(downMs - NOTICED_MS);
    await pod.gateway.restart();
    pod.isUp = true;
  }

  /** Each in its turn: out of the balancer, drained, ended, started, ready. */
  async rollingRestart(): Promise<void> {
    for (const [index, pod] of this.#pods.entries()) {
      pod.isUp = false;
      const { code } = await pod.gateway.stop();
      if (code !== 0) this.wrong.push(`pod ${index} ended with ${code}: ${pod.gateway.output.text()}`);
      this.tally.drained += 1;
      await pod.gateway.restart();
      await this.#ready(pod.gateway);
      pod.isUp = true;
    }
  }

  async #ready(gateway: TestGateway): Promise<void> {
    await eventually(
      'a pod is ready',
      async () => ((await gateway.get('/readyz', { key: null })).status === 200 ? true : null),
      { withinMs: 20_000, describe: () => gateway.output.text() },
    );
  }

  /** Resolves when all pods say that they are ready. */
  async allReady(): Promise<void> {
    for (const { gateway } of this.#pods) await this.#ready(gateway);
  }

  /** Faults of providers end, callers go on until they know, and the resolvers until nothing is open. Bounded. */
  async settle(): Promise<void> {
    await this.control.clearFaults();
    this.#isLoading = false;
    let isOver = false;
    void this.#load.then(() => {
      isOver = true;
    });
    await eventually('every caller has a final answer', () => (isOver ? true : null), {
      withinMs: SETTLED_WITHIN_MS,
      describe: () => this.callers.waiting().join('\n'),
    });
    try {
      await eventually('everything is found out', async () => ((await this.#open()) === 0 ? true : null), {
        withinMs: SETTLED_WITHIN_MS,
      });
    } catch (error) {
      throw new Error(`${(error as Error).message}${await this.#whatIsOpen()}`);
    }
    // Told by one pod, asked of any: byte for byte the same.
    for (const { ask, text } of this.callers.finals) await this.callers.askAgain(ask, text);
  }

  async #open(): Promise<number> {
    const { text } = await this.#pod(0).gateway.get('/metrics', { key: null });
    const values = [...text.matchAll(/^pointsman_unsettled_(?:work\{[^}]*\}|authorizations) (\d+)/gm)].map(
      ([, value]) => Number(value),
    );
    return values.reduce((sum, value) => sum + value, 0);
  }

  /** For whoever reads a failure: what is open by the first pod, and what all pods were alarmed about. */
  async #whatIsOpen(): Promise<string> {
    const { gateway } = this.#pod(0);
    const texts = [
      (await gateway.get('/metrics', { key: null })).text.match(/^pointsman_unsettled.*$/gm)?.join('\n'),
    ];
    for (const status of ['pending', 'reversing', 'approved', 'captured']) {
      const { json } = await gateway.get(`/v1/authorizations?status=${status}&limit=200`);
      const { data } = json as { readonly data: readonly Readonly<Record<string, unknown>>[] };
      const open = data.filter(
        (each) =>
          status === 'pending' ||
          status === 'reversing' ||
          JSON.stringify(each['operations']).includes('"pending"'),
      );
      texts.push(
        ...open.slice(0, 3).map((each) =>
          JSON.stringify({
            id: each['id'],
            status,
            attempts: each['attempts'],
            operations: each['operations'],
          }),
        ),
      );
    }
    for (const {
      gateway: { output },
    } of this.#pods) {
      const alerts = output
        .events('alert')
        .map(
          (event) =>
            `${String(event['kind'])} ${String(event['detail']).slice(0, 200)} ${String(event['authorization_id'])}`,
        );
      texts.push(`alerts ${alerts.length}`, ...alerts.slice(-5));
    }
    return texts.join('\n');
  }

  #pod(index: number): Pod {
    const pod = this.#pods[index];
    if (pod === undefined) throw new Error(`no pod ${index}`);
    return pod;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isLoading = false;
    for (const proxy of this.proxies.values()) proxy.close();
    this.notices.close();
    this.#sandbox.close();
    await Promise.all(this.#pods.map(({ gateway }) => gateway[Symbol.asyncDispose]()));
  }
}

interface Parts {
  readonly random: SeededRandom;
  readonly pods: readonly Pod[];
  readonly sandbox: SandboxChild;
  readonly control: SandboxControl;
  readonly callers: Callers;
  readonly notices: NoticeProxy;
  readonly proxies: ReadonlyMap<string, CountingProxy>;
}

// Most would go to the provider with the smallest contract: what is over its limit is for the next.
const RULES = [
  'rules:',
  '  - name: smallest-first',
  `    then: ${JSON.stringify({ priority: PROVIDERS, attempts_max: 3, deadline_ms: DEADLINE_MS - 1_000 })}`,
  '',
].join('\n');

function providersFile(proxies: ReadonlyMap<string, CountingProxy>): string {
  const entries = PROVIDERS.map((id) => ({
    id,
    adapter: 'sandbox',
    base_url: proxies.get(id)?.url,
    merchants: 'all',
    timeout_ms: PROVIDER_TIMEOUT_MS,
    limits: { per_second: PER_SECOND[id], concurrent: 1_000 },
    breaker: { volume: 100_000, reset_ms: PROVIDER_TIMEOUT_MS },
    capabilities: { features: ['partial_capture'] },
    semantics: { not_found_after_ms: NOT_FOUND_AFTER_MS },
  }));
  return JSON.stringify({ providers: entries }, null, 2);
}

async function putWebhooks(controlUrl: string, url: string): Promise<void> {
  const body = JSON.stringify({ url, secret: 'sandbox-webhook-secret' });
  const { status } = await fetch(`${controlUrl}/webhooks`, { method: 'PUT', body });
  if (status >= 300) throw new Error(`PUT /webhooks: ${status}`);
}
