import { SHARED_FUNCTIONS } from '../../src/gateway/shared-state.ts';
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
/**
 * What each provider's contract allows over all pods: two of them few calls a second, one few at once, and the last takes
 * what is over.
 */
export const CONTRACTS = {
  'sandbox-a': { perSecond: 3, concurrent: 1_000 },
  'sandbox-b': { perSecond: 5, concurrent: 1_000 },
  'sandbox-c': { perSecond: 1_000, concurrent: 4 },
  'sandbox-d': { perSecond: 1_000, concurrent: 1_000 },
} as const;
export type ProviderId = keyof typeof CONTRACTS;
export const PROVIDERS = Object.keys(CONTRACTS) as ProviderId[];
/** After which a balancer leaves a pod out that does not answer, milliseconds. */
const NOTICED_MS = 1_500;
/** A payment is begun in each such time, whatever becomes of the others: who waits for what died with a pod holds up nobody. */
const PAYMENT_EVERY_MS = 70;
/** So many are under way at the most, and so many calls of them. */
const PAYMENTS_MAX = 300;
const CALLS_MAX = 16;
const PROVIDER_TIMEOUT_MS = 900;
const NOT_FOUND_AFTER_MS = 300;
/** Everything is to be found out within this time after the last fault: a lease that nobody ends is watched for three minutes. */
const SETTLED_WITHIN_MS = 300_000;
/** Of the rule: an authorization is answered within this time, and half a second. */
export const DEADLINE_MS = 3_000;
/** After which the pods go by what works again, or are ready for what a stretch is to show. */
const CALM_AFTER_MS = 1_000;

/** Faults of all providers all the while: what is unknown must be found out by whichever pod takes it up. */
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

/** So that its places are taken. */
const ALWAYS_LATE: FaultBody = { provider: 'sandbox-c', kind: 'late', delay_ms: 1_000, times: null };
/** What that provider may take. */
const LATE_TIMEOUT_MS = 2_000;

/** A stretch of time, monotonic clock. */
export interface Stretch {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** One life of a pod on its way out, from the signal on: its callers may be cut off. */
interface Ending extends Stretch {
  readonly url: string;
}

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
  readonly proxies: ReadonlyMap<ProviderId, CountingProxy>;
  readonly tally = { payments: 0, leftOut: 0, approvals: 0, operations: 0, kills: 0, drained: 0 };
  readonly wrong: string[] = [];
  /** In which nothing was done to pods and stores: what a contract allows is then to be used. */
  readonly calms: Stretch[] = [];
  /** What was done when: for whoever reads a failure. */
  readonly marks: string[] = [];
  /** In which no database answers: a call that was granted then goes out when it is back. */
  readonly away: Stretch[] = [];
  readonly #endings: Ending[] = [];
  readonly #pods: readonly Pod[];
  readonly #sandbox: SandboxChild;
  readonly #random: SeededRandom;
  readonly #seed: number;
  readonly #startedAtMs = performance.now();
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
    await control.addFault(ALWAYS_LATE);
    const proxies = new Map<ProviderId, CountingProxy>();
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
    const callers = new Callers(async () => anyUrl(), trap, CALLS_MAX);
    return new ClusterWorld(seed, { random, pods, sandbox, control, callers, notices, proxies });
  }

  get gateways(): readonly TestGateway[] {
    return this.#pods.map(({ gateway }) => gateway);
  }

  /** Callers begin, and go on until {@link settle}. */
  beginLoad(): void {
    this.#isLoading = true;
    this.#load = this.#beginPayments();
  }

  async #beginPayments(): Promise<void> {
    const underWay = new Set<Promise<void>>();
    while (this.#isLoading) {
      if (underWay.size < PAYMENTS_MAX) {
        const payment = this.#onePayment();
        underWay.add(payment);
        void payment.then(() => underWay.delete(payment));
      } else this.tally.leftOut += 1;
      await pause(this.#random.integer(0, 2 * PAYMENT_EVERY_MS));
    }
    await Promise.all(underWay);
  }

  async #onePayment(): Promise<void> {
    this.tally.payments += 1;
    const number = this.tally.payments;
    const random = new SeededRandom(this.#seed * 1_000_003 + number);
    const played = await playPayment(number, this.callers, random);
    this.tally.operations += played.operations;
    if (played.approved === null) return;
    this.tally.approvals += 1;
    await this.callers.read(played.approved);
  }

  /** Of the run. @param atMs monotonic clock */
  second(atMs: number): number {
    return Math.round((atMs - this.#startedAtMs) / 100) / 10;
  }

  mark(what: string): void {
    this.marks.push(`${this.second(performance.now())} s: ${what}`);
  }

  /** Lets a stretch pass in which nothing is done, and takes it for one to be judged. */
  async calm(ms: number): Promise<void> {
    await pause(CALM_AFTER_MS);
    this.mark('calm');
    const fromMs = performance.now();
    await pause(ms);
    this.calms.push({ fromMs, untilMs: performance.now() });
  }

  /** The database is away while this goes on, until all pods are ready again. */
  async withoutDatabase(during: () => Promise<void>): Promise<void> {
    const fromMs = performance.now();
    await during();
    await this.allReady();
    this.away.push({ fromMs, untilMs: performance.now() + DEADLINE_MS });
  }

  /** As if its machine had failed: its callers notice before the balancer does. It comes back after a while. */
  async killPod(index: number, downMs: number): Promise<void> {
    const pod = this.#pod(index);
    this.mark(`pod ${index} is killed`);
    await this.#ending(pod, async () => {
      await pod.gateway.kill9();
      this.tally.kills += 1;
      await pause(NOTICED_MS);
      pod.isUp = false;
      await pause(downMs - NOTICED_MS);
      await pod.gateway.restart();
    });
    pod.isUp = true;
  }

  async #ending(pod: Pod, during: () => Promise<void>): Promise<void> {
    const { url } = pod.gateway;
    const fromMs = performance.now();
    await during();
    this.#endings.push({ url, fromMs, untilMs: performance.now() });
  }

  /** Calls that were cut off although nobody was killing or draining the pod that they were made to, in words. */
  cutOffWithoutCause(): readonly string[] {
    return this.callers.cutOff
      .filter(
        (call) =>
          !this.#endings.some(
            ({ url, fromMs, untilMs }) =>
              url === call.url && call.untilMs >= fromMs && call.fromMs <= untilMs,
          ),
      )
      .map(({ kind, url, fromMs, untilMs }) => `${kind} at ${url} after ${Math.round(untilMs - fromMs)} ms`);
  }

  /** Each in its turn: out of the balancer, drained, ended, started, ready. */
  async rollingRestart(): Promise<void> {
    for (const [index, pod] of this.#pods.entries()) {
      pod.isUp = false;
      this.mark(`pod ${index} is drained`);
      await this.#ending(pod, async () => {
        const { code } = await pod.gateway.stop();
        if (code !== 0) this.wrong.push(`pod ${index} ended with ${code}: ${pod.gateway.output.text()}`);
        this.tally.drained += 1;
        await pod.gateway.restart();
      });
      await this.#ready(pod.gateway);
      pod.isUp = true;
    }
  }

  /** Resolves when every pod says of everything that it shares that it is shared, or of everything that it is not. */
  async allShare(isUp: boolean): Promise<void> {
    const wanted = SHARED_FUNCTIONS.map(
      (name) => `pointsman_shared_state_up{function="${name}"} ${Number(isUp)}`,
    );
    for (const [index, { gateway }] of this.#pods.entries()) {
      let text = '';
      await eventually(
        `pod ${index} says that it ${isUp ? 'shares' : 'is on its own'}`,
        async () => {
          text = (await gateway.get('/metrics', { key: null })).text;
          const lines = new Set(text.split('\n'));
          return wanted.every((line) => lines.has(line)) ? true : null;
        },
        { describe: () => text.match(/^pointsman_shared_state_up.*$/gm)?.join('\n') ?? text },
      );
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
  readonly proxies: ReadonlyMap<ProviderId, CountingProxy>;
}

// All would go to the provider with the smallest contract: what is over its limit is for the next, and so on.
const RULES = [
  'rules:',
  '  - name: smallest-first',
  `    then: ${JSON.stringify({ priority: PROVIDERS, attempts_max: 3, deadline_ms: DEADLINE_MS })}`,
  '',
].join('\n');

function providersFile(proxies: ReadonlyMap<ProviderId, CountingProxy>): string {
  const entries = PROVIDERS.map((id) => ({
    id,
    adapter: 'sandbox',
    base_url: proxies.get(id)?.url,
    merchants: 'all',
    timeout_ms: id === ALWAYS_LATE.provider ? LATE_TIMEOUT_MS : PROVIDER_TIMEOUT_MS,
    limits: { per_second: CONTRACTS[id].perSecond, concurrent: CONTRACTS[id].concurrent },
    breaker: { volume: 100_000, reset_ms: LATE_TIMEOUT_MS },
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
