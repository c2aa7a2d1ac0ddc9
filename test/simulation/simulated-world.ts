import { providerReferenceOf } from '../../src/core/attempt.ts';
import type { Authorization, AuthorizationRequest } from '../../src/core/authorization.ts';
import { isNegative } from '../../src/core/settlement.ts';
import { authorize } from '../../src/gateway/authorize.ts';
import type { GatewayDeps } from '../../src/gateway/gateway-deps.ts';
import type { AuthorizeCall, Journal, Provider } from '../../src/gateway/ports.ts';
import { recoverLapsed } from '../../src/gateway/recover.ts';
import type { AuthorizeCommand, AuthorizeResult } from '../../src/gateway/road-results.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { faultyJournal, type JournalFault, never } from '../support/faulty-journal.ts';
import { roadDeps } from '../support/road-deps.ts';
import { sampleRequest } from '../support/sample-request.ts';
import { SCRIPT_STEPS, ScriptedProvider, type ScriptStep } from '../support/scripted-provider.ts';
import { SeededRandom } from '../support/seeded-random.ts';

/** What a run did: a test that injected nothing proves nothing. */
export interface Work {
  calls: number;
  answers: number;
  approved: number;
  declined: number;
  pending: number;
  failed: number;
  failovers: number;
  unknowns: number;
  replays: number;
  inFlight: number;
  otherBody: number;
  paymentLive: number;
  noRoute: number;
  journalFaults: number;
  unavailable: number;
  crashes: number;
  /** Attempts that a dead process left behind. */
  lapsed: number;
  /** Outcomes that the journal took at a later try. */
  recorded: number;
}

export function noWork(): Work {
  return {
    calls: 0,
    answers: 0,
    approved: 0,
    declined: 0,
    pending: 0,
    failed: 0,
    failovers: 0,
    unknowns: 0,
    replays: 0,
    inFlight: 0,
    otherBody: 0,
    paymentLive: 0,
    noRoute: 0,
    journalFaults: 0,
    unavailable: 0,
    crashes: 0,
    lapsed: 0,
    recorded: 0,
  };
}

/** A gateway process: it can die at any moment, and then nothing comes back to it. */
interface GatewayProcess {
  readonly deps: GatewayDeps;
  dead: boolean;
}

interface Caller {
  readonly atMs: number;
  readonly command: Omit<AuthorizeCommand, 'receivedAtMs'>;
}

const PROVIDERS = ['sandbox-a', 'sandbox-b', 'sandbox-c'] as const;
const LEASE_MS = 5_000;

/**
 * One seeded day of a gateway on a fake clock: callers, lying and failing providers, a journal that fails before and
 * after it wrote, and processes that die at any step. Returns every broken promise in words.
 */
export class SimulatedWorld {
  readonly broken: string[] = [];
  readonly work = noWork();
  readonly #random: SeededRandom;
  readonly #clock = new FakeClock();
  readonly #journal: Journal;
  readonly #providers: ReadonlyMap<string, ScriptedProvider>;
  #process: GatewayProcess;
  #faultsOn = true;
  #ids = 0;
  /** Bodies of final answers by key and fingerprint. */
  readonly #frozen = new Map<string, string>();
  readonly #fingerprintOfKey = new Map<string, string>();

  constructor(seed: number, journal: Journal) {
    this.#random = new SeededRandom(seed);
    this.#journal = journal;
    const favourites = PROVIDERS.map(() => this.#random.pick(SCRIPT_STEPS));
    this.#providers = new Map(
      PROVIDERS.map((id, index) => [
        id,
        new ScriptedProvider(
          id,
          this.#clock,
          () => this.#step(favourites[index] as ScriptStep),
          () => this.#random.integer(1, this.#random.chance(0.1) ? 9_000 : 300),
        ),
      ]),
    );
    this.#process = this.#start();
  }

  #step(favourite: ScriptStep): ScriptStep {
    const draw = this.#random.unit();
    if (draw < 0.3) return 'approve';
    if (draw < 0.5) return this.#random.pick(['not_sent', 'rejected'] as const);
    return draw < 0.75 ? favourite : this.#random.pick(SCRIPT_STEPS);
  }

  #start(): GatewayProcess {
    const process: { deps: GatewayDeps; dead: boolean } = { deps: undefined as never, dead: false };
    const dead = () => process.dead;
    const fault = (): JournalFault => {
      if (!this.#faultsOn || !this.#random.chance(0.06)) return 'none';
      this.work.journalFaults += 1;
      return this.#random.pick(['before', 'after'] as const);
    };
    const owner = `process-${this.#ids++}`;
    process.deps = roadDeps({
      clock: this.#clock,
      random: this.#random,
      journal: faultyJournal(this.#journal, fault, dead),
      provider: (id) => this.#guarded(id, owner, dead),
      owner,
      leaseMs: LEASE_MS,
      refuse: () => this.#faultsOn && this.#random.chance(0.2),
    });
    return process;
  }

  /** Checks promise 2 before every send, and lets nothing come back to a dead process. */
  #guarded(id: string, owner: string, dead: () => boolean): Provider | undefined {
    const provider = this.#providers.get(id);
    if (provider === undefined) return undefined;
    return new Proxy(provider, {
      get: (target, property) => {
        if (property === 'authorize') {
          return async (call: AuthorizeCall) => {
            if (dead()) return never();
            await this.#checkIntent(id, owner, call);
            const outcome = await target.authorize(call);
            return dead() ? never() : outcome;
          };
        }
        if (property === 'void') {
          return async (call: Parameters<ScriptedProvider['void']>[0]) => {
            if (dead()) return never();
            const outcome = await target.void(call);
            return dead() ? never() : outcome;
          };
        }
        const value = Reflect.get(target, property, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }

  async #checkIntent(provider: string, owner: string, call: AuthorizeCall): Promise<void> {
    const authorizationId = `auth_${call.attemptId.split('_')[1]}`;
    const found = await this.#journal.findAuthorization(authorizationId);
    const attempt = found?.attempts.find((candidate) => candidate.id === call.attemptId);
    if (attempt === undefined)
      this.broken.push(`promise 2: ${owner} sent ${call.attemptId} without an intent`);
    else if (attempt.provider !== provider)
      this.broken.push(`promise 2: ${call.attemptId} sent to ${provider}`);
    else if (attempt.outcome !== null)
      this.broken.push(`promise 2: ${call.attemptId} sent after its outcome`);
    const earlier = found?.attempts.filter((candidate) => candidate.number < (attempt?.number ?? 0)) ?? [];
    for (const before of earlier) {
      if (found === null || !isNegative(found, before)) {
        this.broken.push(`promise 1: ${call.attemptId} sent after ${before.outcome?.kind ?? 'no outcome'}`);
      }
    }
  }

  /** Runs the whole scenario and checks it to the end. */
  async run(): Promise<void> {
    const callers = this.#callers();
    for (const caller of callers) this.#clock.after(caller.atMs, () => void this.#call(caller));
    this.#scheduleCrashes();
    this.#scheduleRecovery();
    await this.#until(120_000);
    this.#faultsOn = false;
    await this.#until(240_000);
    await this.#checkAtRest(callers);
  }

  #callers(): Caller[] {
    const payments = Array.from({ length: this.#random.integer(1, 4) }, (_, index) => `order-${index}`);
    return Array.from({ length: this.#random.integer(4, 20) }, () => {
      const reference = this.#random.pick(payments);
      const request = this.#requestFor(reference);
      const key = `${reference}-key-${this.#random.integer(1, 3)}`;
      return {
        atMs: this.#random.integer(0, this.#random.chance(0.5) ? 20 : 60_000),
        command: {
          account: 'account-1',
          idempotencyKey: key,
          bodyFingerprint: `${reference}:${request.amount.value}`.padEnd(64, '0'),
          request,
          traceId: '0af7651916cd43dd8448eb211c80319c',
          traceparent: null,
        },
      };
    });
  }

  #requestFor(reference: string): AuthorizationRequest {
    const value = this.#random.chance(0.1) ? 5_000 : 4_999;
    return sampleRequest({
      reference,
      amount: { value, currency: 'EUR' },
      deadlineMs: this.#random.pick([300, 2_000, 8_000]),
      acceptPartial: reference.endsWith('1'),
    });
  }

  #scheduleCrashes(): void {
    for (let count = this.#random.integer(0, 3); count > 0; count -= 1) {
      this.#clock.after(this.#random.integer(0, 60_000), () => {
        this.work.crashes += 1;
        this.#process.dead = true;
        this.#process = this.#start();
      });
    }
  }

  #scheduleRecovery(): void {
    this.#clock.after(1_000, () => {
      const { deps } = this.#process;
      void deps.unrecorded.retry(deps).then((count) => {
        this.work.recorded += count;
      });
      void recoverLapsed(deps);
      if (this.#clock.monotonicMs() < 239_000) this.#scheduleRecovery();
    });
  }

  async #until(endMs: number): Promise<void> {
    while (this.#clock.monotonicMs() < endMs && this.#clock.fireNext()) {
      await new Promise((resolve) => setImmediate(resolve));
      this.#checkLive();
    }
  }

  async #call(caller: Caller): Promise<void> {
    this.work.calls += 1;
    const process = this.#process;
    const command = { ...caller.command, receivedAtMs: this.#clock.monotonicMs() };
    try {
      this.#checkAnswer(command, await authorize(command, process.deps));
    } catch (error) {
      this.broken.push(`the road threw: ${error instanceof Error ? error.stack : String(error)}`);
    }
  }

  #checkAnswer(command: AuthorizeCommand, result: AuthorizeResult): void {
    this.work.answers += 1;
    const key = `${command.account}/${command.request.merchant}/${command.idempotencyKey}`;
    const claimed = this.#fingerprintOfKey.get(key);
    switch (result.kind) {
      case 'in_flight':
        this.work.inFlight += 1;
        return;
      case 'payment_live':
        this.work.paymentLive += 1;
        return;
      case 'no_route':
        this.work.noRoute += 1;
        return;
      case 'journal_unavailable':
        this.work.unavailable += 1;
        return;
      case 'other_body':
        this.work.otherBody += 1;
        if (claimed === command.bodyFingerprint) this.broken.push(`promise 5: ${key} refused its own body`);
        return;
      case 'card_testing':
        this.broken.push('nobody watches for card testing here');
        return;
      case 'answered':
        break;
    }
    if (claimed !== undefined && claimed !== command.bodyFingerprint) {
      this.broken.push(`promise 5: ${key} answered two bodies`);
    }
    this.#fingerprintOfKey.set(key, command.bodyFingerprint);
    if (result.replayed) this.work.replays += 1;
    if (result.httpStatus !== 202) {
      const before = this.#frozen.get(key);
      if (before !== undefined && before !== result.body)
        this.broken.push(`promise 5: ${key} changed its answer`);
      this.#frozen.set(key, result.body);
    }
    this.#checkAgainstBooks(result.authorizationId, JSON.parse(result.body) as { status: string });
  }

  #checkAgainstBooks(authorizationId: string, answer: { readonly status: string }): void {
    const suffix = authorizationId.slice('auth_'.length);
    const live = this.#liveEntries().filter((entry) => entry.attemptId.includes(suffix));
    switch (answer.status) {
      case 'approved':
      case 'partially_approved':
        this.work.approved += 1;
        if (live.length !== 1)
          this.broken.push(`${authorizationId} ${answer.status} but ${live.length} live`);
        return;
      case 'declined':
      case 'failed':
      case 'authentication_required':
      case 'voided':
        if (answer.status === 'failed') this.work.failed += 1;
        else this.work.declined += 1;
        if (live.length !== 0)
          this.broken.push(`promise 3: ${authorizationId} ${answer.status} but money is held`);
        return;
      case 'pending':
      case 'reversing':
        this.work.pending += 1;
        return;
      default:
        this.broken.push(`${authorizationId} has a status nobody expects: ${answer.status}`);
    }
  }

  #liveEntries() {
    return [...this.#providers.values()].flatMap((provider) => provider.books.filter((entry) => entry.live));
  }

  /** Promise 1, after every step: at most one live authorization per payment, over all providers. */
  #checkLive(): void {
    const byPayment = new Map<string, number>();
    for (const entry of this.#liveEntries()) {
      byPayment.set(entry.payment, (byPayment.get(entry.payment) ?? 0) + 1);
    }
    for (const [payment, count] of byPayment) {
      const words = `promise 1: ${payment} has ${count} live authorizations`;
      if (count > 1 && !this.broken.includes(words)) this.broken.push(words);
    }
  }

  async #checkAtRest(callers: readonly Caller[]): Promise<void> {
    this.#checkLive();
    const page = await this.#journal.listAuthorizations({
      account: 'account-1',
      merchants: 'all',
      limit: 200,
    });
    for (const authorization of page.data) {
      if (authorization.open) this.broken.push(`${authorization.id} is still open after every lease is over`);
      this.#checkAttempts(authorization);
      this.#checkAgainstBooks(authorization.id, authorization);
    }
    const references = new Set(page.data.map((authorization) => authorization.request.reference));
    for (const entry of this.#liveEntries()) {
      if (!references.has(entry.payment.split('/')[1] ?? ''))
        this.broken.push(`${entry.attemptId} is in no record`);
    }
    if (callers.length === 0) this.broken.push('nobody called');
  }

  /** Promises 1 and 4 on the record: only definite negatives before the last attempt, and a hard decline stops. */
  #checkAttempts(authorization: Authorization): void {
    const { id: authorizationId, attempts } = authorization;
    if (attempts.length > 1) this.work.failovers += attempts.length - 1;
    attempts.forEach((attempt, index) => {
      if (attempt.outcome?.kind === 'unknown') this.work.unknowns += 1;
      if (attempt.outcome?.kind === 'unknown' && attempt.outcome.code === 'lease_expired')
        this.work.lapsed += 1;
      if (attempt.outcome === null) this.broken.push(`${attempt.id} never got an outcome`);
      if (index === attempts.length - 1) return;
      if (!isNegative(authorization, attempt)) {
        this.broken.push(
          `promise 1: ${authorizationId} went on after ${attempt.outcome?.kind ?? 'no outcome'}`,
        );
      }
      if (attempt.outcome?.kind === 'declined' && attempt.outcome.decline.otherProvider !== 'yes_once') {
        this.broken.push(`promise 4: ${authorizationId} went on after a final decline`);
      }
    });
    const withReference = attempts.filter(
      (attempt) => attempt.outcome && providerReferenceOf(attempt.outcome),
    );
    for (const attempt of withReference) {
      const reference = attempt.outcome === null ? null : providerReferenceOf(attempt.outcome);
      if (!reference?.includes(attempt.id))
        this.broken.push(`${attempt.id} carries ${reference}, another's reference`);
    }
  }
}
