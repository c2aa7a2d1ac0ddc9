import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type AttemptOutcome, isUnsettled } from '../../../src/core/attempt.ts';
import { type Authorization, HOLDS_PAYMENT, isAnswerable } from '../../../src/core/authorization.ts';
import { beginFollowOn } from '../../../src/core/follow-on.ts';
import { applyExpiry } from '../../../src/core/lifecycle.ts';
import {
  hasUndone,
  NOTHING_TO_VOID,
  OPERATION_KINDS,
  type Operation,
  sumOf,
} from '../../../src/core/operation.ts';
import { isNegative } from '../../../src/core/settlement.ts';
import { mayFollow } from '../../../src/core/transitions.ts';
import { type Journal, JournalError, type Step } from '../../../src/gateway/ports.ts';
import { authorizationFromEvents } from '../../../src/stores/replay.ts';
import { openInProcessJournal } from '../../../src/stores/sqlite/in-process-journal.ts';
import {
  type OpeningOver,
  OUTCOME_NAMES,
  OUTCOMES,
  refusedOpening,
  sampleBegin,
  sampleConclusion,
  sampleEnd,
  sampleFailOver,
  sampleFinding,
  sampleOpening,
  sampleScope,
  sampleStep,
  T0,
  VALIDITY_MS,
} from '../../contracts/journal-fixtures.ts';

/** FUZZ_SEED repeats a run. */
const SEED = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 100);

const LIMIT = { name: 'three', windowMs: 60_000, max: 3, sameAmount: false };
const AMOUNT = 4999;

/** `before` and `after`: the journal fails before or after it has committed. */
type Fault = 'none' | 'before' | 'after';
const fault = fc.oneof(
  { weight: 8, arbitrary: fc.constant<Fault>('none') },
  { weight: 1, arbitrary: fc.constantFrom<Fault>('before', 'after') },
);
const road = fc.nat(5);
/** How many versions the caller is behind. */
const lag = fc.oneof({ weight: 7, arbitrary: fc.constant(0) }, { weight: 2, arbitrary: fc.nat(2) });
const outcome = fc.oneof(
  { weight: 1, arbitrary: fc.constant<AttemptOutcome>(OUTCOMES.approved) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(...OUTCOME_NAMES).map((name): AttemptOutcome => OUTCOMES[name]),
  },
);
const work = fc.constantFrom('unchanged' as const, 'none' as const, 'due' as const, 'parked' as const);
const at = { fault, road, lag, work };
const amount = fc.constantFrom(1, 1000, 2500, AMOUNT);

const open = fc.record({
  do: fc.constant('open' as const),
  fault,
  key: fc.nat(8),
  reference: fc.nat(4),
  acceptPartial: fc.boolean(),
  capture: fc.constantFrom('manual' as const, 'automatic' as const),
  card: fc.constantFrom(null, 'card-1', 'card-2'),
  refused: fc.oneof(
    { weight: 9, arbitrary: fc.constant(false) },
    { weight: 1, arbitrary: fc.constant(true) },
  ),
});
const failOver = fc.record({ do: fc.constant('failOver' as const), ...at, outcome });
const conclude = fc.record({ do: fc.constant('conclude' as const), ...at, outcome });
const resolve = fc.record({
  do: fc.constant('resolve' as const),
  ...at,
  outcome,
  late: fc.boolean(),
  attempt: fc.nat(2),
});
const begin = fc.record({
  do: fc.constantFrom('begin' as const, 'begin' as const, 'beginRecklessly' as const),
  ...at,
  kind: fc.constantFrom(...OPERATION_KINDS),
  amount,
  key: fc.oneof(fc.constant(null), fc.nat(2)),
});
const end = fc.record({
  do: fc.constant('end' as const),
  ...at,
  operation: fc.nat(3),
  status: fc.constantFrom('succeeded' as const, 'succeeded' as const, 'failed' as const),
});
const expire = fc.record({ do: fc.constant('expire' as const), ...at });
const takeWork = fc.record({
  do: fc.constant('takeWork' as const),
  fault,
  atMs: fc.constantFrom(T0 + 999, T0 + 1_000, T0 + 2_000, T0 + 3_000),
  limit: fc.constantFrom(1, 10),
  owner: fc.constantFrom('pod-1', 'pod-2'),
});
const postpone = fc.record({
  do: fc.constant('postpone' as const),
  fault,
  road,
  owner: fc.constantFrom('pod-1', 'pod-2'),
});
const purge = fc.record({ do: fc.constant('purge' as const), fault, limit: fc.constantFrom(1, 10) });
const seal = fc.record({ do: fc.constant('seal' as const), fault, limit: fc.constantFrom(1, 5) });

const command = fc.oneof(
  { weight: 4, arbitrary: open },
  { weight: 3, arbitrary: failOver },
  { weight: 5, arbitrary: conclude },
  { weight: 4, arbitrary: resolve },
  { weight: 9, arbitrary: begin },
  { weight: 9, arbitrary: end },
  { weight: 2, arbitrary: expire },
  { weight: 2, arbitrary: takeWork },
  { weight: 1, arbitrary: postpone },
  { weight: 1, arbitrary: purge },
  { weight: 1, arbitrary: seal },
);
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;
type Change = Extract<Command, { readonly lag: number }>;

interface Work {
  dueAtMs: number | null;
  owner: string | null;
  untilMs: number;
}

/** One authorization of the model: every state it was in, newest last. */
interface Road {
  readonly id: string;
  readonly states: Authorization[];
  readonly key: string;
  readonly card: string | null;
  purged: boolean;
  work: Work | null;
}

const now = (road_: Road): Authorization => road_.states.at(-1) as Authorization;

/** The port's comments in the plainest form: lists, and the pure functions of core. */
class Model {
  readonly roads: Road[] = [];
  readonly operationKeys = new Map<string, string>();
  sealed = 0;
  /** Whose event is the newest: it is not purged, so that its number is not given again. */
  #newest: Road | null = null;

  holderOf(reference: string): Road | undefined {
    return this.roads.find(
      (road_) => now(road_).request.reference === reference && HOLDS_PAYMENT[now(road_).status],
    );
  }

  /** Attempts that count against the card: none of these tests lets one stop counting. */
  tried(card: string): number {
    const roads = this.roads.filter((road_) => road_.card === card && !road_.purged);
    return roads.reduce((sum, road_) => sum + now(road_).attempts.length, 0);
  }

  open(
    id: string,
    { key, reference, card, refused }: Extract<Command, { do: 'open' }>,
    over: OpeningOver,
  ): string {
    const claimed = this.roads.find((road_) => road_.key === `k${key}` && !road_.purged);
    if (claimed !== undefined) return `claimed ${claimed.id} ${now(claimed).open} ${now(claimed).answered}`;
    const holder = this.holderOf(`r${reference}`);
    if (holder !== undefined) return `payment_live ${holder.id}`;
    if (!refused && card !== null && this.tried(card) >= LIMIT.max) return 'scheme_stop';
    const { authorization } = refused ? refusedOpening(id, over) : sampleOpening(id, over);
    this.roads.push({
      id,
      states: [authorization],
      key: `k${key}`,
      card: refused ? null : card,
      purged: false,
      work: null,
    });
    this.#newest = this.roads.at(-1) ?? null;
    return 'opened';
  }

  /** What the journal must answer to a step, and does. */
  advance(road_: Road, step: Step): string {
    const key = step.claim?.scope.key;
    const used = key === undefined ? undefined : this.operationKeys.get(key);
    if (used !== undefined) return `claimed ${used}`;
    if (road_.purged || step.before.version !== now(road_).version) return 'stale';
    const { card } = road_;
    if (step.intent !== null && card !== null && this.tried(card) >= LIMIT.max) return 'scheme_stop';
    if (!isPermitted(step)) return 'refused';
    road_.states.push({ ...step.after, version: step.before.version + 1 });
    this.#newest = road_;
    if (key !== undefined) this.operationKeys.set(key, `${road_.id} ${step.after.operations.length}`);
    this.#plan(road_, step);
    return `written ${now(road_).version}`;
  }

  #plan(road_: Road, { work: plan }: Step): void {
    if (plan === 'unchanged') return;
    const had = road_.work;
    road_.work = plan === null ? null : { dueAtMs: plan.dueAtMs, owner: null, untilMs: 0 };
    if (plan?.lease === 'keep' && had !== null && road_.work !== null) {
      Object.assign(road_.work, { owner: had.owner, untilMs: had.untilMs });
    }
  }

  takeWork({ atMs, limit, owner }: Extract<Command, { do: 'takeWork' }>): string[] {
    const due = this.roads.filter(
      ({ work: item }) =>
        item !== null &&
        item.dueAtMs !== null &&
        item.dueAtMs <= atMs &&
        (item.owner === null || item.untilMs <= atMs),
    );
    const taken = due
      .sort((one, other) => (one.work?.dueAtMs ?? 0) - (other.work?.dueAtMs ?? 0))
      .slice(0, limit);
    for (const { work: item } of taken)
      if (item !== null) Object.assign(item, { owner, untilMs: atMs + 1_000 });
    return taken.map(({ id }) => id);
  }

  /** All but the newest, oldest first; what holds its payment stays as a name. */
  purge(limit: number): string[] {
    const purgeable = this.roads.filter((road_, index) => {
      const { status, open, operations } = now(road_);
      const isOver = !open && (!HOLDS_PAYMENT[status] || status === 'refunded');
      const isDone = road_.work === null && operations.every((operation) => operation.status !== 'pending');
      const isNewest = index === this.roads.length - 1 || road_ === this.#newest;
      return !road_.purged && isOver && isDone && !isNewest;
    });
    return purgeable.slice(0, limit).map((road_) => {
      road_.purged = true;
      return road_.id;
    });
  }
}

/** What may never be written, in words of core alone. */
function isPermitted({ before, after, intent }: Step): boolean {
  if (!mayFollow(before.status, after.status) || (after.open && !before.open)) return false;
  for (const [index, attempt] of before.attempts.entries()) {
    const next = after.attempts[index]?.outcome ?? null;
    if (next === attempt.outcome) continue;
    const isDefinite = attempt.outcome !== null && !isUnsettled(attempt.outcome);
    if (isDefinite) return false;
  }
  if (intent !== null) {
    const earlier = after.attempts.slice(0, -1);
    const mayGoOn = before.open && HOLDS_PAYMENT[before.status];
    if (!mayGoOn || !earlier.every((attempt) => isNegative(after, attempt))) return false;
    if (after.operations.some(({ status }) => status === 'pending')) return false;
  }
  if (!HOLDS_PAYMENT[after.status] && after.attempts.some((attempt) => !isLetGo(after, attempt.number)))
    return false;
  return after.operations.slice(before.operations.length).every((operation, index) => {
    const earlier = after.operations.slice(0, before.operations.length + index);
    return mayBegin({ ...after, operations: earlier }, operation);
  });
}

function isLetGo(authorization: Authorization, number: number): boolean {
  const attempt = authorization.attempts[number - 1];
  if (attempt === undefined) return true;
  return attempt.outcome?.kind === 'authentication_required' || isNegative(authorization, attempt);
}

function mayBegin(authorization: Authorization, operation: Operation): boolean {
  const { operations, attempts } = authorization;
  const same = operations.filter(({ attemptNumber }) => attemptNumber === operation.attemptNumber);
  const isVoiding = same.some(({ kind, status }) => kind === 'void' && status === 'pending');
  const captured = sumOf(operations, 'capture', ['succeeded']);
  switch (operation.kind) {
    case 'void':
      return (
        // One that only joins the void that is under way is never sent.
        (!isVoiding || operation.code === NOTHING_TO_VOID) &&
        // One that was cancelled before anything was known of it may be found approved after all.
        (!same.some(hasUndone) || attempts[operation.attemptNumber - 1]?.outcome?.kind === 'rejected') &&
        !same.some(({ kind, status }) => kind === 'capture' && status !== 'failed')
      );
    case 'refund':
      return sumOf(operations, 'refund', ['succeeded', 'pending']) + operation.amount <= captured;
    case 'capture': {
      const attempt = attempts[operation.attemptNumber - 1];
      if (attempt === undefined || isNegative(authorization, attempt)) return false;
      const obtained = attempt.outcome;
      const limit =
        obtained?.kind === 'approved'
          ? AMOUNT
          : obtained?.kind === 'partially_approved'
            ? obtained.authorizedAmount
            : 0;
      const taken = sumOf(operations, 'capture', ['succeeded', 'pending']);
      return limit > 0 && !isVoiding && !same.some(hasUndone) && taken + operation.amount <= limit;
    }
  }
}

/** Whether something is still to be found out or done. */
function isUnsettledYet({ open, status, operations }: Authorization): boolean {
  return open || !isAnswerable(status) || operations.some((operation) => operation.status === 'pending');
}

/** The step that a caller makes of a command, from the state that it knows; null when it would make none. */
function stepOf(current: Change, road_: Road): Step | null {
  const before = road_.states.at(-1 - current.lag) ?? now(road_);
  const step = bareStepOf(current, before);
  if (step === null) return null;
  const plans: Readonly<Record<Change['work'], Step['work']>> = {
    unchanged: 'unchanged',
    none: null,
    due: { step: 0, failures: 0, dueAtMs: T0 + 1_000, lease: 'keep' },
    parked: { step: 0, failures: 0, dueAtMs: null, lease: null },
  };
  const hasCard = step.intent !== null && road_.card !== null;
  const scheme = hasCard ? { cardKey: road_.card ?? '', limits: [LIMIT], nowMs: T0 } : null;
  return { ...step, work: plans[current.work], scheme };
}

function bareStepOf(current: Change, before: Authorization): Step | null {
  const last = before.attempts.length;
  switch (current.do) {
    case 'failOver':
      return last > 0 && last < 3 ? sampleFailOver(before, current.outcome) : null;
    case 'conclude':
      return before.open && last > 0 ? sampleConclusion(before, current.outcome) : null;
    case 'resolve': {
      const number = 1 + (current.attempt % Math.max(1, last));
      if (before.attempts[number - 1] === undefined) return null;
      const event = { atMs: current.late ? T0 + 120_000 : T0 + 200 };
      const step = sampleFinding(before, number, current.outcome, { event });
      return step.after === before ? null : step;
    }
    case 'begin':
    case 'beginRecklessly': {
      const claim =
        current.key === null
          ? null
          : { scope: sampleScope('x', { operation: 'op', key: `o${current.key}` }), bodyFingerprint: 'ef' };
      if (current.do === 'beginRecklessly') {
        return last === 0
          ? null
          : sampleBegin(before, { kind: current.kind, amount: current.amount }, { claim });
      }
      const verdict = beginFollowOn(before, { ...current, final: false }, true, T0 + 250);
      return verdict.allowed ? sampleStep(before, verdict.authorization, { claim }) : null;
    }
    case 'end': {
      const operation = before.operations[current.operation % Math.max(1, before.operations.length)];
      if (operation === undefined) return null;
      const code = current.status === 'failed' ? 'no' : null;
      const step = sampleEnd(before, operation.number, { status: current.status, code });
      return step.after === before ? null : step;
    }
    case 'expire': {
      const change = applyExpiry(before, { nowMs: T0 + 120_000 + VALIDITY_MS });
      return change.changed ? sampleStep(before, change.authorization) : null;
    }
  }
}

/** What faults are injected into: the model's own look-ups are spared. */
const WRITES: ReadonlySet<string> = new Set(['open', 'advance', 'takeWork', 'postponeWork', 'purge', 'seal']);

/** Runs the same commands on the journal and on the model, and compares every answer and every state. */
class Comparison {
  readonly #model = new Model();
  readonly #journal: Journal;
  #fault: Fault = 'none';

  constructor() {
    this.#journal = openInProcessJournal(':memory:', {
      beforeCommit: (name) => {
        if (this.#fault === 'before' && WRITES.has(name)) throw new Error('injected before the commit');
      },
      afterCommit: (name) => {
        if (this.#fault === 'after' && WRITES.has(name)) throw new JournalError('injected after the commit');
      },
    });
  }

  async run(commands: readonly Command[]): Promise<void> {
    for (const [index, current] of commands.entries()) {
      this.#fault = current.fault;
      await this.#runCommand(current, `auth_${index}`);
      this.#fault = 'none';
      await this.#compare();
    }
    await this.#journal.close();
  }

  /** Both answers must be the same. With a fault the journal says nothing, and has done it all or nothing. */
  async #both(act: () => Promise<string>, expected: () => string): Promise<void> {
    const said = act().catch((error: unknown) => {
      if (error instanceof JournalError) return 'refused';
      throw error;
    });
    if (this.#fault === 'before') expect(await said).toBe('refused');
    else if (this.#fault === 'after') {
      expect(await said).toBe('refused');
      expected();
    } else expect(await said).toBe(expected());
  }

  async #runCommand(current: Command, id: string): Promise<void> {
    const model = this.#model;
    switch (current.do) {
      case 'open':
        return this.#open(current, id);
      case 'takeWork': {
        const lease = { owner: current.owner, untilMs: current.atMs + 1_000 };
        const act = async () => {
          const taken = await this.#journal.takeWork(current.atMs, current.limit, lease);
          return taken.map((item) => item.authorization.id).join();
        };
        return this.#both(act, () => model.takeWork(current).join());
      }
      case 'purge':
        return this.#both(
          async () => String(await this.#journal.purge(T0 + 1_000_000_000_000, current.limit)),
          () => String(this.#purged(current.limit)),
        );
      case 'seal':
        return this.#seal(current.limit);
      default:
    }
    const road_ = model.roads.at(current.road % Math.max(1, model.roads.length));
    if (road_ === undefined) return;
    if (current.do === 'postpone') return this.#postpone(road_, current.owner);
    const step = stepOf(current, road_);
    if (step === null) return;
    const act = async () => {
      const result = await this.#journal.advance(step);
      if (result.kind === 'written') return `written ${result.version}`;
      if (result.kind !== 'claimed') return result.kind;
      return `claimed ${result.claim.authorizationId} ${result.claim.operationNumber}`;
    };
    return this.#both(act, () => model.advance(road_, step));
  }

  async #open(current: Extract<Command, { do: 'open' }>, id: string): Promise<void> {
    const { card, acceptPartial, capture, reference, key } = current;
    const over: OpeningOver = {
      key: `k${key}`,
      request: { reference: `r${reference}`, acceptPartial, capture },
      scheme: card === null || current.refused ? null : { cardKey: card, limits: [LIMIT], nowMs: T0 },
    };
    const act = async () => {
      const opening = current.refused ? refusedOpening(id, over) : sampleOpening(id, over);
      const result = await this.#journal.open(opening);
      if (result.kind === 'payment_live') return `${result.kind} ${result.authorizationId}`;
      if (result.kind !== 'claimed') return result.kind;
      const { authorizationId, open, frozen } = result.claim;
      return `${result.kind} ${authorizationId} ${open} ${frozen !== null}`;
    };
    return this.#both(act, () => this.#model.open(id, current, over));
  }

  async #postpone(road_: Road, owner: string): Promise<void> {
    const plan = { step: 1, failures: 0, dueAtMs: T0 + 2_000, lease: null };
    const act = async () => {
      await this.#journal.postponeWork(road_.id, owner, plan);
      return 'done';
    };
    return this.#both(act, () => {
      if (road_.work?.owner === owner) road_.work = { dueAtMs: plan.dueAtMs, owner: null, untilMs: 0 };
      return 'done';
    });
  }

  /** The operations' keys of what is purged go with it. */
  #purged(limit: number): number {
    const model = this.#model;
    const gone = model.purge(limit);
    for (const [key, owner] of model.operationKeys) {
      if (gone.includes(owner.split(' ')[0] ?? '')) model.operationKeys.delete(key);
    }
    return gone.length;
  }

  async #seal(limit: number): Promise<void> {
    const act = async () => {
      const seal = await this.#journal.seal(T0, limit);
      return seal === null ? 'nothing' : `seal ${seal.number}`;
    };
    const events = this.#model.roads.reduce((sum, { states }) => sum + states.length, 0);
    const sealed = this.#sealedEvents;
    return this.#both(act, () => {
      if (events === sealed) return 'nothing';
      this.#sealedEvents = Math.min(events, sealed + limit);
      this.#model.sealed += 1;
      return `seal ${this.#model.sealed}`;
    });
  }
  #sealedEvents = 0;

  async #compare(): Promise<void> {
    const { roads } = this.#model;
    for (const road_ of roads) {
      const found = await this.#journal.findAuthorization(road_.id);
      expect(found, road_.id).toEqual(road_.purged ? null : now(road_));
      const history = await this.#journal.history(road_.id);
      expect(history).toHaveLength(road_.purged ? 0 : now(road_).version);
      if (road_.purged) continue;
      const replayed = authorizationFromEvents(
        road_.id,
        history.map((event) => ({ ...event, answers: false })),
      );
      // What an open road has not settled yet follows from its attempts.
      const { provider, answered } = now(road_);
      expect({ ...replayed, provider, answered }).toEqual(now(road_));
    }
    const page = await this.#journal.listAuthorizations({ account: 'acme', merchants: 'all', limit: 200 });
    const kept = roads.filter((road_) => !road_.purged);
    expect(page.data.map(({ id }) => id)).toEqual(kept.map(({ id }) => id).reverse());
    const held = roads.filter((road_) => HOLDS_PAYMENT[now(road_).status]);
    expect(new Set(held.map((road_) => now(road_).request.reference)).size).toBe(held.length);
    const { waiting, overdue, parked } = await this.#journal.countWork(T0 + 5_000);
    // As the port says, what is settled and only asked about once more is not counted.
    const items = roads.filter((road_) => road_.work !== null && isUnsettledYet(now(road_)));
    expect(waiting + overdue + parked).toBe(items.length);
    expect(parked).toBe(items.filter(({ work: item }) => item?.dueAtMs === null).length);
  }
}

test(
  `random commands and faults against a model (FUZZ_SEED=${SEED})`,
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { minLength: 10, maxLength: 60, size: 'max' }), (commands) =>
        new Comparison().run(commands),
      ),
      { seed: SEED, numRuns: RUNS },
    );
  },
  Math.max(120_000, RUNS * 1_200),
);
