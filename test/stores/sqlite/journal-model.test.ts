import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { AttemptOutcome } from '../../../src/core/attempt.ts';
import { type AuthorizationStatus, HOLDS_PAYMENT } from '../../../src/core/authorization.ts';
import { settle } from '../../../src/core/settlement.ts';
import { JournalError } from '../../../src/gateway/ports.ts';
import { openInProcessJournal } from '../../../src/stores/sqlite/in-process-journal.ts';
import { isDefiniteNegative } from '../../../src/stores/stored-outcome.ts';
import {
  LEASE_MS,
  OUTCOMES,
  type OutcomeName,
  sampleConclusion,
  sampleFailOver,
  sampleIntent,
  sampleOpening,
  T0,
} from '../../contracts/journal-fixtures.ts';

/** FUZZ_SEED repeats a run. */
const SEED = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 150);

type Fault = 'none' | 'before' | 'after';
type Step = { readonly fault: Fault } & (
  | { readonly do: 'open'; readonly key: number; readonly reference: number; readonly leaseMs: number }
  | {
      readonly do: 'failOver' | 'conclude';
      readonly road: number;
      readonly lag: number;
      readonly outcome: OutcomeName;
    }
  | { readonly do: 'lapse'; readonly atMs: number; readonly limit: number }
);

const fault = fc.oneof(
  { weight: 8, arbitrary: fc.constant<Fault>('none') },
  { weight: 1, arbitrary: fc.constantFrom<Fault>('before', 'after') },
);
const leaseMs = fc.constantFrom(LEASE_MS, LEASE_MS * 2);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('open' as const), fault, key: fc.nat(5), reference: fc.nat(2), leaseMs }),
  fc.record({
    do: fc.constantFrom('failOver' as const, 'conclude' as const),
    fault,
    road: fc.nat(5),
    // How many versions behind the caller is.
    lag: fc.oneof(
      { weight: 6, arbitrary: fc.constant(0) },
      { weight: 2, arbitrary: fc.integer({ min: -1, max: 2 }) },
    ),
    outcome: fc.constantFrom(...(Object.keys(OUTCOMES) as OutcomeName[])),
  }),
  fc.record({
    do: fc.constant('lapse' as const),
    fault,
    atMs: fc.constantFrom(T0, T0 + LEASE_MS, T0 + LEASE_MS * 2),
    limit: fc.constantFrom(1, 10),
  }),
);

interface ModelRoad {
  readonly id: string;
  readonly key: number;
  readonly reference: number;
  readonly leaseUntilMs: number[];
  readonly outcomes: (AttemptOutcome | null)[];
  version: number;
  open: boolean;
  status: AuthorizationStatus;
  /** The last outcome is an assumption of `lapse`. */
  lapsed: boolean;
  frozen: boolean;
}

/** What faults are injected into: the model's own look-ups are spared. */
const WRITES: ReadonlySet<string> = new Set(['open', 'failOver', 'conclude', 'lapse']);

const LAPSED: AttemptOutcome = { kind: 'unknown', code: 'lease_expired', providerReference: null };

/** The port's comments in the plainest form: a list of roads and nothing else. */
class Model {
  readonly roads: ModelRoad[] = [];

  open(id: string, { key, reference, leaseMs: lease }: Extract<Step, { do: 'open' }>): string {
    const claimed = this.roads.find((road) => road.key === key);
    if (claimed !== undefined) return `claimed ${claimed.id} ${claimed.open} ${claimed.frozen}`;
    const holder = this.roads.find((road) => road.reference === reference && HOLDS_PAYMENT[road.status]);
    if (holder !== undefined) return `payment_live ${holder.id}`;
    this.roads.push({
      id,
      key,
      reference,
      leaseUntilMs: [T0 + lease],
      outcomes: [null],
      version: 1,
      open: true,
      status: 'pending',
      lapsed: false,
      frozen: false,
    });
    return 'opened';
  }

  failOver(road: ModelRoad, version: number, outcome: AttemptOutcome): string {
    if (!road.open || road.version !== version || !isDefiniteNegative(outcome)) return 'stale';
    road.outcomes[road.outcomes.length - 1] = outcome;
    road.outcomes.push(null);
    road.leaseUntilMs.push(T0 + LEASE_MS);
    road.version += 1;
    return `written ${road.version}`;
  }

  conclude(road: ModelRoad, version: number, outcome: AttemptOutcome): string {
    const onTime = road.open && road.version === version;
    const late = road.lapsed && road.version === version + 1;
    if (!onTime && !late) return 'stale';
    road.outcomes[road.outcomes.length - 1] = outcome;
    road.status = statusOf(road.outcomes);
    road.frozen = road.status !== 'pending' && road.status !== 'reversing';
    road.open = false;
    road.lapsed = false;
    road.version += 1;
    return `written ${road.version}`;
  }

  lapse(road: ModelRoad): void {
    road.outcomes[road.outcomes.length - 1] = LAPSED;
    Object.assign(road, { open: false, lapsed: true, version: road.version + 1 });
  }

  isOver(road: ModelRoad, nowMs: number): boolean {
    return road.open && (road.leaseUntilMs.at(-1) ?? 0) <= nowMs;
  }
}

function statusOf(outcomes: readonly (AttemptOutcome | null)[]): AuthorizationStatus {
  const attempts = outcomes.map((outcome, index) => ({
    id: '',
    number: index + 1,
    provider: '',
    outcome,
    propensity: 1,
    durationMs: null,
    startedAtMs: 0,
  }));
  return settle(attempts, { amount: { value: 4999 }, acceptPartial: false }).status;
}

/** Runs the same steps on the journal and on the model, and compares every answer and every state. */
async function runBoth(steps: readonly Step[]): Promise<void> {
  let fault: Fault = 'none';
  const journal = openInProcessJournal(':memory:', {
    beforeCommit: (command) => {
      if (fault === 'before' && WRITES.has(command)) throw new Error('injected before the commit');
    },
    afterCommit: (command) => {
      if (fault === 'after' && WRITES.has(command)) throw new JournalError('injected after the commit');
    },
  });
  const model = new Model();
  /** What the journal says, or `failed`; what the model says if it was written. */
  const both = async (act: () => Promise<string>, expected: () => string) => {
    if (fault === 'before') return expect(act()).rejects.toMatchObject({ name: 'JournalError' });
    if (fault === 'after') {
      await expect(act()).rejects.toMatchObject({ name: 'JournalError' });
      return expected();
    }
    expect(await act()).toBe(expected());
  };
  for (const [index, current] of steps.entries()) {
    fault = current.fault;
    await runStep(current, `road${index}`, journal, model, both);
    fault = 'none';
    await compare(journal, model);
  }
  await journal.close();
}

type Both = (act: () => Promise<string>, expected: () => string) => Promise<unknown>;
type InProcessJournal = ReturnType<typeof openInProcessJournal>;

async function runStep(
  current: Step,
  id: string,
  journal: InProcessJournal,
  model: Model,
  both: Both,
): Promise<void> {
  if (current.do === 'open') {
    const opening = sampleOpening(id, {
      key: `k${current.key}`,
      request: { reference: `r${current.reference}` },
      intent: { leaseUntilMs: T0 + current.leaseMs },
    });
    const act = async () => {
      const result = await journal.open(opening);
      if (result.kind === 'opened') return result.kind;
      if (result.kind === 'payment_live') return `${result.kind} ${result.authorizationId}`;
      const { authorizationId, open, frozen } = result.claim;
      return `${result.kind} ${authorizationId} ${open} ${frozen !== null}`;
    };
    await both(act, () => model.open(id, current));
    return;
  }
  if (current.do === 'lapse') {
    await runLapse(current, journal, model);
    return;
  }
  const road = model.roads.at(current.road % Math.max(1, model.roads.length));
  if (road === undefined) return;
  const outcome = OUTCOMES[current.outcome];
  const version = road.version - current.lag;
  const number = road.outcomes.length;
  const said = (result: { readonly kind: string; readonly version?: number }) =>
    result.kind === 'written' ? `written ${result.version}` : result.kind;
  if (current.do === 'failOver') {
    const base = sampleFailOver(road.id, number + 1, outcome);
    const next = { ...base, expectedVersion: version, intent: sampleIntent(road.id, number + 1) };
    await both(
      async () => said(await journal.failOver(next)),
      () => model.failOver(road, version, outcome),
    );
    return;
  }
  const status = statusOf([...road.outcomes.slice(0, -1), outcome]);
  const conclusion = sampleConclusion(road.id, outcome, status, { number, expectedVersion: version });
  await both(
    async () => said(await journal.conclude(conclusion)),
    () => model.conclude(road, version, outcome),
  );
}

/** Which of several lapse first is the journal's choice: the model follows, and counts. */
async function runLapse(
  current: Extract<Step, { do: 'lapse' }>,
  journal: InProcessJournal,
  model: Model,
): Promise<void> {
  const over = model.roads.filter((road) => model.isOver(road, current.atMs));
  const lapsing = journal.lapse(current.atMs, current.limit);
  let told = 0;
  if (current.fault === 'none') {
    const found = await lapsing;
    expect(found.unconcluded).toEqual([]);
    told = found.lapsed.length;
  } else await expect(lapsing).rejects.toMatchObject({ name: 'JournalError' });
  let lapsed = 0;
  for (const road of over) {
    const found = await journal.findAuthorization(road.id);
    if (found?.open !== false) continue;
    model.lapse(road);
    lapsed += 1;
  }
  if (current.fault === 'none') expect(told).toBe(lapsed);
  expect(lapsed).toBe(current.fault === 'before' ? 0 : Math.min(over.length, current.limit));
}

async function compare(journal: InProcessJournal, model: Model): Promise<void> {
  for (const road of model.roads) {
    const found = await journal.findAuthorization(road.id);
    expect(found, road.id).toMatchObject({ version: road.version, open: road.open, status: road.status });
    expect(found?.attempts.map((attempt) => attempt.outcome)).toEqual(road.outcomes);
    expect(await journal.history(road.id)).toHaveLength(road.version);
  }
  const page = await journal.listAuthorizations({ account: 'acme', merchants: 'all', limit: 200 });
  expect(page.data.map((found) => found.id)).toEqual(model.roads.map((road) => road.id).reverse());
  const held = page.data.filter((found) => HOLDS_PAYMENT[found.status]);
  expect(new Set(held.map((found) => found.request.reference)).size).toBe(held.length);
}

test(`random commands and faults against a model (FUZZ_SEED=${SEED})`, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), (steps) => runBoth(steps)),
    { seed: SEED, numRuns: RUNS },
  );
});
