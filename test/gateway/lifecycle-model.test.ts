import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Authorization } from '../../src/core/authorization.ts';
import { authorize } from '../../src/gateway/authorize.ts';
import { operate } from '../../src/gateway/operate.ts';
import type { Journal, Provider } from '../../src/gateway/ports.ts';
import { Resolver } from '../../src/gateway/resolve.ts';
import { faultyJournal, never } from '../support/faulty-journal.ts';
import { GatewayWorld, type WorldProcess } from '../support/gateway-world.ts';
import { sampleRequest } from '../support/sample-request.ts';
import {
  type InquiryStep,
  OPERATION_STEPS,
  type OperationStep,
  SCRIPT_STEPS,
  type ScriptStep,
} from '../support/scripted-provider.ts';

/** FUZZ_SEED repeats a run, FUZZ_RUNS makes it longer. */
const SEED = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 25);
/** On a machine that does other things too. */
const TIMEOUT_MS = Math.max(280_000, RUNS * 4_000);
const DAY_MS = 24 * 3_600_000;

const KINDS = ['capture', 'void', 'refund'] as const;
type Kind = (typeof KINDS)[number];

/** What was told under a key: it must be told again once it is final. */
type Told = Map<string, string>;

/** The plainest account of what happened: who was told what, and which authorizations there are. */
interface Model {
  readonly told: Told;
  readonly ids: Set<string>;
  calls: number;
}

/** The gateway under test: one process at a time on one journal, which dies and is followed by the next. */
class Real {
  readonly scripts: ScriptStep[] = [];
  readonly operationSteps: OperationStep[] = [];
  readonly inquirySteps: InquiryStep[] = [];
  readonly world: GatewayWorld;
  #life = { dead: false };
  #process: WorldProcess;

  /** @param keyed whether the providers know idempotency keys */
  constructor(keyed: boolean) {
    this.world = new GatewayWorld({
      latencyMs: 20,
      action: { attemptsMax: 3, afterUnknown: 'hold' },
      provider: {
        semantics: {
          notFoundAfterMs: 10_000,
          operationNotFoundAfterMs: 10_000,
          validityMs: 7 * DAY_MS,
          replay: keyed ? 'same_answer' : 'none',
        },
        operationStep: () => this.operationSteps.shift() ?? 'ok',
        inquiryStep: () => this.inquirySteps.shift() ?? 'ok',
      },
      step: () => this.scripts.shift() ?? 'approve',
    });
    this.#process = this.#start();
  }

  get process(): WorldProcess {
    return this.#process;
  }

  /** A process to which nothing comes back once it is dead. */
  #start(): WorldProcess {
    const life = { dead: false };
    this.#life = life;
    const { deps } = this.world.process();
    const mortal = (provider: Provider): Provider =>
      new Proxy(provider, {
        get: (target, property) => {
          const value: unknown = Reflect.get(target, property, target);
          if (typeof value !== 'function') return value;
          return async (...args: unknown[]) => {
            if (life.dead) return never();
            const result = await (value as (...args: unknown[]) => unknown).apply(target, args);
            return life.dead ? never() : result;
          };
        },
      });
    const journal: Journal = faultyJournal(
      deps.journal,
      () => 'none',
      () => life.dead,
    );
    const providers = new Map([...this.world.providers].map(([id, provider]) => [id, mortal(provider)]));
    const mortalDeps = { ...deps, journal, provider: (id: string) => providers.get(id) };
    return { deps: mortalDeps, resolver: new Resolver(mortalDeps) };
  }

  crash(): void {
    this.#life.dead = true;
    this.#process = this.#start();
  }
}

abstract class Step implements fc.AsyncCommand<Model, Real> {
  check(): boolean {
    return true;
  }
  abstract act(model: Model, real: Real): Promise<void>;
  async run(model: Model, real: Real): Promise<void> {
    model.calls += 1;
    await this.act(model, real);
    await checkAll(model, real);
  }
  abstract toString(): string;
}

class AuthorizeStep extends Step {
  readonly payment: number;
  readonly key: number;
  readonly steps: readonly ScriptStep[];
  readonly automatic: boolean;
  /** The process dies so long after it began, milliseconds; null: it lives. */
  readonly diesAfterMs: number | null;
  constructor(
    payment: number,
    key: number,
    steps: readonly ScriptStep[],
    automatic: boolean,
    dies: number | null,
  ) {
    super();
    this.payment = payment;
    this.key = key;
    this.steps = steps;
    this.automatic = automatic;
    this.diesAfterMs = dies;
  }
  async act(model: Model, real: Real): Promise<void> {
    real.scripts.splice(0, real.scripts.length, ...this.steps);
    const reference = `order-${this.payment}`;
    const key = `${reference}-${this.key}-${this.automatic}`;
    const request = sampleRequest({ reference, capture: this.automatic ? 'automatic' : 'manual' });
    const call = authorize(
      {
        account: 'acme',
        idempotencyKey: key,
        bodyFingerprint: `${this.automatic}`.padEnd(64, '0'),
        request,
        traceId: 't',
        traceparent: null,
        receivedAtMs: real.world.clock.monotonicMs(),
      },
      real.process.deps,
    );
    if (this.diesAfterMs !== null) {
      await real.world.clock.advance(this.diesAfterMs);
      real.crash();
      return;
    }
    const result = await real.world.finish(call);
    if (result.kind !== 'answered') return;
    model.ids.add(result.authorizationId);
    checkTold(model, key, result.httpStatus, result.body);
  }
  toString(): string {
    return `authorize(${this.payment}, key ${this.key}, ${this.steps.join()}, ${this.automatic}, dies ${this.diesAfterMs})`;
  }
}

class OperateStep extends Step {
  readonly kind: Kind;
  readonly which: number;
  readonly amount: number | null;
  readonly key: number;
  readonly step: OperationStep;
  constructor(kind: Kind, which: number, amount: number | null, key: number, step: OperationStep) {
    super();
    this.kind = kind;
    this.which = which;
    this.amount = amount;
    this.key = key;
    this.step = step;
  }
  override check(): boolean {
    return true;
  }
  async act(model: Model, real: Real): Promise<void> {
    const id = [...model.ids].at(this.which % Math.max(1, model.ids.size));
    if (id === undefined) return;
    real.operationSteps.splice(0, real.operationSteps.length, this.step);
    const key = `${id}-${this.kind}-${this.key}`;
    const amount = this.kind === 'void' ? null : this.amount;
    const result = await real.world.finish(
      operate(
        {
          account: 'acme',
          covers: () => true,
          authorizationId: id,
          kind: this.kind,
          amount,
          final: false,
          currency: null,
          idempotencyKey: key,
          bodyFingerprint: `${amount}`.padEnd(64, '0'),
          traceparent: null,
          receivedAtMs: real.process.deps.clock.monotonicMs(),
        },
        real.process.deps,
      ),
    );
    if (result.kind === 'answered') checkTold(model, `${key}-${amount}`, result.httpStatus, result.body);
  }
  toString(): string {
    return `${this.kind}(${this.which}, ${this.amount}, key ${this.key}, ${this.step})`;
  }
}

class PassStep extends Step {
  readonly ms: number;
  readonly failing: number;
  constructor(ms: number, failing: number) {
    super();
    this.ms = ms;
    this.failing = failing;
  }
  async act(_model: Model, real: Real): Promise<void> {
    real.inquirySteps.splice(
      0,
      real.inquirySteps.length,
      ...Array.from({ length: this.failing }, () => 'fail' as const),
    );
    await real.world.pass(this.ms, real.process);
  }
  toString(): string {
    return `pass(${this.ms}, ${this.failing} inquiries fail)`;
  }
}

class JumpStep extends Step {
  readonly ms: number;
  constructor(ms: number) {
    super();
    this.ms = ms;
  }
  async act(_model: Model, real: Real): Promise<void> {
    real.world.clock.jumpWall(this.ms);
  }
  toString(): string {
    return `jump(${this.ms})`;
  }
}

/** Same key, same answer: once it is final it never changes. */
function checkTold({ told }: Model, key: string, httpStatus: number, body: string): void {
  if (httpStatus === 202) return;
  const before = told.get(key);
  if (before !== undefined) expect(body, key).toBe(before);
  told.set(key, body);
}

async function everything(real: Real): Promise<readonly Authorization[]> {
  const page = await real.world.journal.listAuthorizations({ account: 'acme', merchants: 'all', limit: 200 });
  return page.data;
}

/** Promise 1, and that no more is told to be captured or refunded than the providers' books hold. */
async function checkAll(model: Model, real: Real): Promise<void> {
  const livePayments = real.world.live().map(({ payment }) => payment);
  expect(new Set(livePayments).size, 'live authorizations of one payment').toBe(livePayments.length);
  for (const authorization of await everything(real)) {
    model.ids.add(authorization.id);
    const books = [...real.world.providers.values()]
      .flatMap((provider) => provider.books)
      .filter(({ attemptId }) => authorization.attempts.some(({ id }) => id === attemptId));
    const sum = (of: 'captured' | 'refunded') => books.reduce((total, entry) => total + entry[of], 0);
    expect(authorization.capturedAmount, authorization.id).toBeLessThanOrEqual(sum('captured'));
    expect(authorization.refundedAmount, authorization.id).toBeLessThanOrEqual(sum('refunded'));
    for (const entry of books) {
      expect(entry.captured).toBeLessThanOrEqual(entry.amount);
      expect(entry.refunded).toBeLessThanOrEqual(entry.captured);
    }
    const isHeld = ['approved', 'partially_approved', 'captured', 'partially_captured'].includes(
      authorization.status,
    );
    if (isHeld)
      expect(
        books.filter(({ live }) => live),
        authorization.id,
      ).toHaveLength(1);
    if (
      ['declined', 'failed', 'voided', 'expired', 'authentication_required'].includes(authorization.status)
    ) {
      expect(
        books.filter(({ live }) => live),
        `${authorization.id} ${authorization.status}`,
      ).toEqual([]);
    }
    expect(await real.world.journal.history(authorization.id)).toHaveLength(authorization.version);
  }
}

/** When nothing happens any more, everything is known, and the books are ours. */
async function checkAtRest(model: Model, real: Real): Promise<void> {
  real.operationSteps.length = 0;
  real.inquirySteps.length = 0;
  await real.world.pass(300_000, real.process);
  await real.world.pass(2 * DAY_MS, real.process);
  await checkAll(model, real);
  for (const authorization of await everything(real)) {
    const told = `${authorization.id} ${authorization.status}`;
    expect(authorization.open, told).toBe(false);
    expect(['pending', 'reversing'], told).not.toContain(authorization.status);
    expect(
      authorization.operations.filter(({ status }) => status === 'pending'),
      told,
    ).toEqual([]);
    const books = [...real.world.providers.values()]
      .flatMap((provider) => provider.books)
      .filter(({ attemptId }) => authorization.attempts.some(({ id }) => id === attemptId));
    expect(
      books.reduce((sum, { captured }) => sum + captured, 0),
      told,
    ).toBe(authorization.capturedAmount);
    expect(
      books.reduce((sum, { refunded }) => sum + refunded, 0),
      told,
    ).toBe(authorization.refundedAmount);
  }
  const counts = await real.world.journal.countWork(real.world.clock.wallMs());
  expect(counts).toEqual({ waiting: 0, overdue: 0, parked: 0, oldestSinceMs: null });
}

const amount = fc.option(fc.constantFrom(1, 500, 2_499, 4_999, 5_000));
const dies = fc.option(fc.integer({ min: 0, max: 120 }), { freq: 4 });
const commands = fc.commands(
  [
    fc
      .tuple(
        fc.nat(2),
        fc.nat(1),
        fc.array(fc.constantFrom(...SCRIPT_STEPS), { minLength: 1, maxLength: 3 }),
        fc.boolean(),
        dies,
      )
      .map((args) => new AuthorizeStep(...args)),
    fc
      .tuple(fc.constantFrom(...KINDS), fc.nat(5), amount, fc.nat(2), fc.constantFrom(...OPERATION_STEPS))
      .map((args) => new OperateStep(...args)),
    fc
      .tuple(fc.constantFrom(1_000, 10_000, 60_000, 3_600_000), fc.nat(3))
      .map((args) => new PassStep(...args)),
    fc.constantFrom(-600_000, 600_000).map((ms) => new JumpStep(ms)),
  ],
  { maxCommands: 14 },
);

describe('the whole lifecycle against a simple account of money', () => {
  const work = { calls: 0, authorizations: 0, operations: 0 };
  test(
    `commands in any order, processes that die, clocks that jump (FUZZ_SEED=${SEED})`,
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.boolean(), commands, async (keyed, steps) => {
          const real = new Real(keyed);
          const model: Model = { told: new Map(), ids: new Set(), calls: 0 };
          await fc.asyncModelRun(() => ({ model, real }), steps);
          await checkAtRest(model, real);
          work.calls += model.calls;
          const all = await everything(real);
          work.authorizations += all.length;
          work.operations += all.reduce((sum, { operations }) => sum + operations.length, 0);
          await real.world.journal.close();
        }),
        { seed: SEED, numRuns: RUNS },
      );
      console.log(`lifecycle: ${JSON.stringify(work)}`);
      // A run in which nothing happened proves nothing.
      expect(work.authorizations).toBeGreaterThan(RUNS / 2);
      expect(work.operations).toBeGreaterThan(Math.floor(RUNS / 20));
    },
    TIMEOUT_MS,
  );
});

describe('several at once on one authorization', () => {
  test(
    `in every order of their steps (FUZZ_SEED=${SEED})`,
    async () => {
      let overlapping = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.scheduler(),
          fc.constantFrom<ScriptStep>(
            'approve',
            'hang_processed',
            'pending_processed',
            'decline_soft',
            'partial',
          ),
          fc.array(fc.constantFrom('capture', 'void', 'refund', 'resolve', 'authorize' as const), {
            minLength: 2,
            maxLength: 5,
          }),
          async (scheduler, step, actions) => {
            const real = new GatewayWorld({
              script: { 'sandbox-a': [step] },
              latencyMs: 0,
              action: { attemptsMax: 2 },
            });
            const process = real.process();
            const first = await real.authorize(process);
            const id = 'authorizationId' in first ? first.authorizationId : '';
            await real.clock.advance(6_000);
            const scheduled = scheduledProcess(real, scheduler);
            const running = actions.map((action, index) => begin(action, index, id, real, scheduled()));
            await drain(scheduler, real, Promise.allSettled(running));
            overlapping += actions.length;
            const after = real.process();
            await real.pass(180_000, after);
            const authorization = await real.get(id);
            expect(['pending', 'reversing']).not.toContain(authorization.status);
            const live = real.live();
            expect(live.length).toBeLessThanOrEqual(1);
            for (const entry of live) {
              expect(entry.captured).toBeLessThanOrEqual(entry.amount);
              expect(entry.captured).toBe(authorization.capturedAmount);
              expect(entry.refunded).toBe(authorization.refundedAmount);
            }
            for (const provider of real.providers.values())
              expect(provider.carriedOut.void).toBeLessThanOrEqual(1);
            expect(await real.journal.history(id)).toHaveLength(authorization.version);
            await real.journal.close();
          },
        ),
        { seed: SEED, numRuns: RUNS },
      );
      expect(overlapping).toBeGreaterThan(RUNS);
    },
    TIMEOUT_MS,
  );
});

/** Processes whose every journal call is a step of the scheduler. */
function scheduledProcess(world: GatewayWorld, scheduler: fc.Scheduler): () => WorldProcess {
  return () => {
    const { deps } = world.process();
    const journal = new Proxy(deps.journal, {
      get: (target, property) => {
        const value: unknown = Reflect.get(target, property, target);
        if (typeof value !== 'function') return value;
        const bound = value.bind(target) as (...args: unknown[]) => Promise<unknown>;
        return scheduler.scheduleFunction(bound);
      },
    });
    const scheduledDeps = { ...deps, journal };
    return { deps: scheduledDeps, resolver: new Resolver(scheduledDeps) };
  };
}

async function begin(
  action: 'capture' | 'void' | 'refund' | 'resolve' | 'authorize',
  index: number,
  id: string,
  world: GatewayWorld,
  process: WorldProcess,
): Promise<void> {
  if (action === 'resolve') {
    await process.resolver.takeUp();
    await process.resolver.idle();
    return;
  }
  if (action === 'authorize') {
    await world.begin(process, {}, `again-${index}`);
    return;
  }
  await operate(
    {
      account: 'acme',
      covers: () => true,
      authorizationId: id,
      kind: action,
      amount: action === 'void' ? null : 2_000,
      final: false,
      currency: null,
      idempotencyKey: `k${index}`,
      bodyFingerprint: `${index}`.padEnd(64, '0'),
      traceparent: null,
      receivedAtMs: process.deps.clock.monotonicMs(),
    },
    process.deps,
  );
}

/** Lets the scheduler choose whose step is next, and the clock move when everybody waits for it. */
async function drain(scheduler: fc.Scheduler, world: GatewayWorld, all: Promise<unknown>): Promise<void> {
  let done = false;
  void all.then(() => {
    done = true;
  });
  for (let turn = 0; turn < 20_000 && !done; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    if (scheduler.count() > 0) await scheduler.waitOne();
    else if (!done) world.clock.fireNext();
  }
  expect(done, 'everything came to an end').toBe(true);
}
