import { join } from 'node:path';
import { type SandboxChild, startSandboxChild } from '../../../src/providers/sandbox/sandbox-child.ts';
import type { FaultBody } from '../../../src/sandbox/faults.ts';
import { eventually, pause } from '../../support/eventually.ts';
import { providersYaml } from '../../support/gateway-files.ts';
import { SeededRandom } from '../../support/seeded-random.ts';
import { SandboxControl, startGateway, type TestGateway } from '../../support/start-gateway.ts';
import { Callers } from './caller.ts';
import { readDeadJournal } from './dead-journal.ts';
import type { KillPlan, Moment } from './moments.ts';
import { NoticeProxy } from './notice-proxy.ts';
import { ProviderProxy, ProviderTraffic } from './provider-proxy.ts';
import { playPayment } from './scripts.ts';
import { journalWrite, type Sprung, Trap } from './trap.ts';

/**
 * One gateway that dies again and again, on one journal, beside a sandbox in a process of its own that lives through it
 * all, and callers who repeat their keys until they know.
 */

const PROVIDERS = ['sandbox-a', 'sandbox-b', 'sandbox-c'] as const;
const CALLERS = 10;
/** Between two payments of a caller, at most. */
const CALLER_PAUSE_MS = 60;
/** A kill that is not to strike at once waits for up to that many final answers, and no longer than this. */
const LOADED_FINALS = 20;
const LOADED_MS = 800;
/** A start that changed nothing yet is waited for that long. */
const START_MS = 2_500;
const DRAIN_MS = 600;
/** Finals of a life that are asked for again in the next. */
const ASKED_AGAIN = 12;
/** Everything is to be found out within this time after the last start. */
const SETTLED_WITHIN_MS = 60_000;
const NOT_FOUND_AFTER_MS = 300;

const FAULTS: readonly Omit<FaultBody, 'provider'>[] = [
  { kind: 'reset_after', probability: 0.04 },
  { kind: 'error', probability: 0.05 },
  { kind: 'error', processed: true, probability: 0.03 },
  { kind: 'hang', processed: true, probability: 0.02 },
  { kind: 'hang', probability: 0.02 },
  { kind: 'late', delay_ms: 250, probability: 0.05 },
  { kind: 'truncated', probability: 0.02 },
  { kind: 'webhook_twice', probability: 0.03 },
  { kind: 'webhook_first', probability: 0.05 },
  ...(['capture', 'void', 'refund'] as const).flatMap((operation) => [
    { operation, kind: 'reset_after' as const, probability: 0.06 },
    { operation, kind: 'reset_before' as const, probability: 0.04 },
    { operation, kind: 'hang' as const, processed: true, probability: 0.02 },
    { operation, kind: 'error' as const, probability: 0.04 },
    { operation, kind: 'late' as const, delay_ms: 250, probability: 0.05 },
  ]),
  { operation: 'inquire', kind: 'error', probability: 0.05 },
  { operation: 'inquire', kind: 'late', delay_ms: 200, probability: 0.05 },
];

/** What a world went through. */
export interface Tally {
  /** Kills by point, and by point and kind. */
  readonly kills: Map<string, number>;
  readonly killsByKind: Map<string, number>;
  /** How far the requests that set kills off had come in the journal, by point. */
  readonly leftBehind: Map<string, number>;
  /** Kills while something was found out or done that an earlier kill had left. */
  killsOfOld: number;
  /** Sums over all kills. */
  left: { openRoads: number; pendingOperations: number; work: number };
  starts: number;
  terminated: number;
  payments: number;
  approvals: number;
  operations: number;
  askedAgain: number;
  /** Moments that did not come in time. */
  missed: number;
}

function count(map: Map<string, number>, name: string): void {
  map.set(name, (map.get(name) ?? 0) + 1);
}

/** Callers wait here while the gateway is down, instead of knocking all the time. */
class Gate {
  #isOpen: Promise<void> = Promise.resolve();
  #open: () => void = () => {};

  passed(): Promise<void> {
    return this.#isOpen;
  }

  shut(): void {
    this.#open();
    this.#isOpen = new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  open(): void {
    this.#open();
  }
}

export class CrashWorld implements AsyncDisposable {
  readonly tally: Tally = {
    kills: new Map(),
    killsByKind: new Map(),
    leftBehind: new Map(),
    killsOfOld: 0,
    left: { openRoads: 0, pendingOperations: 0, work: 0 },
    starts: 1,
    terminated: 0,
    payments: 0,
    approvals: 0,
    operations: 0,
    askedAgain: 0,
    missed: 0,
  };
  readonly wrong: string[] = [];
  readonly callers: Callers;
  readonly gateway: TestGateway;
  readonly control: SandboxControl;
  readonly traffic: ProviderTraffic;
  readonly notices: NoticeProxy;
  readonly #sandbox: SandboxChild;
  readonly #proxies: readonly ProviderProxy[];
  readonly #trap: Trap;
  readonly #gate: Gate;
  readonly #journalFile: string;
  readonly #seed: number;
  readonly #random: SeededRandom;
  #load: Promise<unknown> = Promise.resolve();
  #isLoading = false;
  readonly #asking: Promise<void>[] = [];
  #askedThrough = 0;

  private constructor(seed: number, parts: Parts) {
    this.#seed = seed;
    this.#random = new SeededRandom(seed);
    this.gateway = parts.gateway;
    this.control = parts.control;
    this.traffic = parts.traffic;
    this.notices = parts.notices;
    this.callers = parts.callers;
    this.#sandbox = parts.sandbox;
    this.#proxies = parts.proxies;
    this.#trap = parts.trap;
    this.#gate = parts.gate;
    this.#journalFile = parts.journalFile;
  }

  static async start(seed: number): Promise<CrashWorld> {
    const sandbox = await startSandboxChild(PROVIDERS, 0, () => {});
    const control = new SandboxControl(sandbox.controlUrl);
    for (const fault of FAULTS) await control.addFault({ provider: '*', times: null, ...fault });
    const late: { gateway: TestGateway | null; file: string } = { gateway: null, file: '' };
    const live = (): TestGateway => {
      if (late.gateway === null) throw new Error('the gateway is not started yet');
      return late.gateway;
    };
    // The folder is known once the gateway is there; until then nothing is armed.
    const trap = new Trap(
      () => live().signal('SIGKILL'),
      () => late.file,
      new SeededRandom(seed + 1),
    );
    const traffic = new ProviderTraffic(trap);
    const proxies = await Promise.all(
      PROVIDERS.map((id) => ProviderProxy.start(sandbox.providers.get(id) ?? '', traffic)),
    );
    const notices = await NoticeProxy.start(() => live().url, trap);
    await setUpProviders(sandbox.controlUrl, notices.url);
    const gateway = await startGateway({
      providers: providersFile(proxies),
      rules: RULES,
      env: {
        LEASE_MS: '1000',
        DRAIN_TIMEOUT_MS: String(DRAIN_MS),
        RESOLVER_SCHEDULE_MS: [...Array(12).fill(250), ...Array(8).fill(1000)].join(','),
      },
    });
    late.gateway = gateway;
    late.file = join(gateway.folders.data, 'journal.sqlite-wal');
    const gate = new Gate();
    const callers = new Callers(async () => {
      await gate.passed();
      return gateway.url;
    }, trap);
    const parts = {
      sandbox,
      control,
      trap,
      traffic,
      proxies,
      notices,
      gateway,
      callers,
      gate,
      journalFile: late.file,
    };
    return new CrashWorld(seed, parts);
  }

  /** Callers begin, and go on over all lives. */
  beginLoad(): void {
    this.#isLoading = true;
    this.#load = Promise.all(Array.from({ length: CALLERS }, () => this.#oneCaller()));
  }

  async #oneCaller(): Promise<void> {
    while (this.#isLoading) {
      this.tally.payments += 1;
      const number = this.tally.payments;
      const played = await playPayment(
        number,
        this.callers,
        new SeededRandom(this.#seed * 1_000_003 + number),
      );
      if (played.approved !== null) this.tally.approvals += 1;
      this.tally.operations += played.operations;
      await pause(this.#random.integer(0, CALLER_PAUSE_MS));
    }
  }

  /** Makes one kill, or the nearest that comes, and starts the gateway again. */
  async killAt(moment: Moment, plan: KillPlan): Promise<void> {
    this.#asking.push(this.#askAgain());
    // At once as often as later: what the kill before left is taken up right after the start.
    if (this.#random.chance(0.5)) await this.#loaded();
    const sprung =
      moment.kind === 'process' ? await this.#killProcess(moment) : await this.#killRequest(moment, plan);
    await this.gateway.ended();
    this.#gate.shut();
    count(this.tally.kills, sprung.point);
    count(this.tally.killsByKind, sprung.kind);
    if (sprung.isOld) this.tally.killsOfOld += 1;
    this.#lookAtJournal(sprung);
    await this.#restart();
  }

  /** Callers have been answered a few times in this life; not for ever on a busy machine. */
  async #loaded(): Promise<void> {
    const finals = this.callers.finals.length + this.#random.integer(0, LOADED_FINALS);
    const untilMs = performance.now() + LOADED_MS;
    while (this.callers.finals.length < finals && performance.now() < untilMs) await pause(5);
  }

  async #killRequest(moment: Moment, plan: KillPlan): Promise<Sprung> {
    const sprung = await this.#trap.arm(moment, plan);
    if (sprung === null) {
      this.tally.missed += 1;
      return this.#killNow('any_moment');
    }
    if (sprung.point !== moment.point || sprung.kind !== moment.kind) plan.swap(moment, sprung);
    return sprung;
  }

  #killNow(point: Sprung['point']): Sprung {
    this.gateway.signal('SIGKILL');
    return { point, kind: 'process', reference: null, isOld: false };
  }

  async #killProcess({ point }: Moment): Promise<Sprung> {
    switch (point) {
      case 'starting':
      case 'start_written': {
        this.#killNow('any_moment');
        await this.gateway.ended();
        this.#gate.shut();
        const started = this.gateway.restart().catch(() => 'ended while it started');
        this.tally.starts += 1;
        if (point === 'starting') await pause(this.#random.integer(50, 900));
        else {
          await journalWrite(this.#journalFile, START_MS);
          await pause(this.#random.integer(0, 5));
        }
        const sprung = this.#killNow(point);
        await started;
        return sprung;
      }
      case 'draining':
      case 'drain_written':
        this.gateway.signal('SIGTERM');
        if (point === 'draining') await pause(this.#random.integer(0, 400));
        else await journalWrite(this.#journalFile, DRAIN_MS);
        return this.#killNow(point);
      default:
        return this.#killNow('any_moment');
    }
  }

  /** SIGTERM under load: the process ends by itself, in order, in time. */
  async terminate(): Promise<void> {
    await pause(this.#random.integer(50, 200));
    const { code, signal } = await this.gateway.stop();
    if (code !== 0 || signal !== null) this.wrong.push(`SIGTERM ended it with ${code} ${signal}`);
    this.#gate.shut();
    this.tally.terminated += 1;
    this.#lookAtJournal(null);
    await this.#restart();
  }

  async #restart(): Promise<void> {
    try {
      await this.gateway.restart();
    } catch (error) {
      // A machine that is very busy starts nothing in time; a start that hangs will do so again.
      if (!(error instanceof Error) || !error.message.startsWith('not within')) throw error;
      await this.gateway.kill9();
      await this.gateway.restart();
    }
    this.tally.starts += 1;
    this.traffic.life += 1;
    this.#gate.open();
  }

  #lookAtJournal(sprung: Sprung | null): void {
    const found = readDeadJournal(this.gateway.folders.data, this.traffic.sent, sprung);
    this.traffic.sent.clear();
    for (const key of found.withoutIntent)
      this.wrong.push(`${key} was sent without an intent in the journal`);
    if (sprung !== null && found.victim !== null)
      count(this.tally.leftBehind, `${sprung.point} ${found.victim}`);
    this.tally.left.openRoads += found.openRoads;
    this.tally.left.pendingOperations += found.pendingOperations;
    this.tally.left.work += found.work;
  }

  /** What the life before told last, and some of what was told long ago. */
  async #askAgain(): Promise<void> {
    const { finals } = this.callers;
    const recent = finals.slice(Math.max(this.#askedThrough, finals.length - ASKED_AGAIN));
    this.#askedThrough = finals.length;
    const old = finals.length === 0 ? [] : Array.from({ length: 3 }, () => this.#random.pick(finals));
    await this.#askAgainFor([...recent, ...old]);
  }

  async #askAgainFor(finals: Callers['finals']): Promise<void> {
    const queue = [...finals];
    const asking = async (): Promise<void> => {
      for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
        await this.callers.askAgain(next.ask, next.text);
        this.tally.askedAgain += 1;
      }
    };
    await Promise.all(Array.from({ length: 16 }, asking));
  }

  /** Faults end, callers go on until they know, and the resolver until nothing is open. Bounded. */
  async settle(): Promise<void> {
    await this.control.clearFaults();
    this.#isLoading = false;
    let isOver = false;
    void this.#load.then(() => {
      isOver = true;
    });
    await Promise.all(this.#asking);
    await eventually('every caller has a final answer', () => (isOver ? true : null), {
      withinMs: SETTLED_WITHIN_MS,
    });
    await eventually('everything is found out', async () => ((await this.#open()) === 0 ? true : null), {
      withinMs: SETTLED_WITHIN_MS,
    });
    await this.#askAgainFor(this.callers.finals);
  }

  async #open(): Promise<number> {
    const unsettled = await this.gateway.metric('pointsman_unsettled_authorizations');
    const { text } = await this.gateway.get('/metrics', { key: null });
    const work = [...text.matchAll(/^pointsman_unsettled_work\{[^}]*\} (\d+)/gm)].map(([, value]) =>
      Number(value),
    );
    return (unsettled ?? 0) + work.reduce((sum, value) => sum + value, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isLoading = false;
    for (const proxy of this.#proxies) proxy.close();
    this.notices.close();
    this.#sandbox.close();
    await this.gateway[Symbol.asyncDispose]();
  }
}

interface Parts {
  readonly sandbox: SandboxChild;
  readonly control: SandboxControl;
  readonly trap: Trap;
  readonly traffic: ProviderTraffic;
  readonly proxies: readonly ProviderProxy[];
  readonly notices: NoticeProxy;
  readonly gateway: TestGateway;
  readonly callers: Callers;
  readonly gate: Gate;
  readonly journalFile: string;
}

const SHARES = { 'sandbox-a': 40, 'sandbox-b': 30, 'sandbox-c': 30 };
const ACTION = { split: SHARES, fallback: true, attempts_max: 3 };
const CANCELS = { ...ACTION, after_unknown: 'cancel_then_fail_over' };
const RULES = [
  'rules:',
  '  - name: cancels',
  '    when: { field: merchant, is: acme-cancel }',
  `    then: ${JSON.stringify(CANCELS)}`,
  '  - name: holds',
  `    then: ${JSON.stringify(ACTION)}`,
  '',
].join('\n');

/** One provider confirms operations later, one keeps only answers that are a success. */
function providersFile(proxies: readonly ProviderProxy[]): string {
  return providersYaml(
    PROVIDERS.map((id, index) => ({
      id,
      timeoutMs: 700,
      baseUrl: proxies[index]?.url ?? '',
      semantics: {
        not_found_after_ms: NOT_FOUND_AFTER_MS,
        ...(id === 'sandbox-c' ? { replay: 'success_only' } : {}),
      },
    })),
  );
}

async function setUpProviders(controlUrl: string, noticeUrl: string): Promise<void> {
  const bodies = [
    ['/traits', { provider: 'sandbox-b', operations: 'received', operation_delay_ms: 120 }],
    ['/traits', { provider: 'sandbox-c', replay: 'success_only' }],
    ['/webhooks', { url: noticeUrl, secret: 'sandbox-webhook-secret' }],
  ] as const;
  for (const [path, body] of bodies) {
    const { status } = await fetch(`${controlUrl}${path}`, { method: 'PUT', body: JSON.stringify(body) });
    if (status >= 300) throw new Error(`PUT ${path}: ${status}`);
  }
}
