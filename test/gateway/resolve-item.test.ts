import { describe, expect, it } from 'vitest';
import type { AttemptOutcome } from '../../src/core/attempt.ts';
import type { Authorization, AuthorizationRequest } from '../../src/core/authorization.ts';
import type { Operation } from '../../src/core/operation.ts';
import { NEVER_CONFIRMED, type ProviderSemantics } from '../../src/core/resolution.ts';
import type { ProviderContract } from '../../src/core/rules/ruleset.ts';
import { sentSighting } from '../../src/gateway/attempt.ts';
import type { GatewayDeps } from '../../src/gateway/gateway-deps.ts';
import {
  type HistoryEvent,
  type Journal,
  JournalError,
  type LearnedOutcome,
  type StepResult,
  type WorkItem,
} from '../../src/gateway/ports.ts';
import { Resolver, resolveItem } from '../../src/gateway/resolve.ts';
import { routingFacts } from '../../src/gateway/routing-facts.ts';
import { oneRowJournal, type StubAnswers, stage, stubProvider } from '../support/gateway-stubs.ts';
import { SILENT, VISA_FACTS } from '../support/road-deps.ts';
import {
  SAMPLE_T0,
  sampleAttempt,
  sampleAuthorization,
  sampleOperation,
} from '../support/sample-authorization.ts';
import { SAMPLE_OUTCOMES, type SampleOutcome, sampleDecline } from '../support/sample-outcomes.ts';
import { sampleRequest } from '../support/sample-request.ts';
import { sampleContract, sampleRuleset } from '../support/sample-ruleset.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const TIMEOUT_MS = 3_000;
/** The window in which "not found" is no evidence, and the end of the sample attempt's own time. */
const WINDOW_MS = 10_000;
const DEADLINE_MS = 4_000;
const THREE_DS = { eci: '05', cavv: null, dsTransactionId: null, version: null, exemption: null } as const;
const CONFIRMED = { kind: 'confirmed', providerReference: 'op_1' } as const;
const REFUSED = { kind: 'refused', code: 'invalid_state' } as const;
const LOST = { kind: 'no_answer', code: 'timeout' } as const;
const ID = sampleAttempt(1, null).id;

type Named = SampleOutcome | AttemptOutcome | null;
const outcomeOf = (name: Named): AttemptOutcome | null =>
  typeof name === 'string' ? SAMPLE_OUTCOMES[name] : name;
const found = (name: Exclude<Named, null>) =>
  ({ kind: 'found', outcome: outcomeOf(name) as AttemptOutcome }) as const;

interface Scene {
  readonly outcomes?: readonly Named[];
  readonly operations?: readonly Partial<Operation>[];
  readonly over?: Partial<Omit<Authorization, 'request'>>;
  readonly request?: Partial<AuthorizationRequest>;
  readonly item?: Partial<WorkItem>;
  readonly answers?: StubAnswers;
  readonly semantics?: Partial<ProviderSemantics>;
  readonly contract?: Partial<ProviderContract>;
  /** What the journal says to each step. */
  readonly results?: readonly (StepResult | 'fails')[];
  readonly newer?: Authorization;
  /** What the history holds of repeats. */
  readonly history?:
    | readonly (Pick<HistoryEvent, 'atMs' | 'kind' | 'data'> & Partial<HistoryEvent>)[]
    | 'fails';
  /** When the look is, after the attempt began. */
  readonly atMs?: number;
  /** Since when this process has seen something unsettled, before the look; left out: it has not. */
  readonly seenMs?: Readonly<Record<string, number>>;
  /** By how much the wall clock has jumped since. */
  readonly jumpMs?: number;
  readonly isConnected?: boolean;
  readonly isInRuleset?: boolean;
  readonly more?: Partial<GatewayDeps>;
}

function authorizationOf(scene: Scene): Authorization {
  const operations = (scene.operations ?? []).map((over, index) => sampleOperation(index + 1, over));
  return sampleAuthorization((scene.outcomes ?? ['unknown']).map(outcomeOf), {
    operations,
    ...scene.over,
    ...(scene.request === undefined ? {} : { request: scene.request }),
  });
}

/** The journal as the scene has it, and every plan that is put into it. */
function journalOf(scene: Scene) {
  const row = oneRowJournal(scene.newer ?? null, scene.results);
  const put: unknown[] = [];
  const journal: Partial<Journal> = {
    ...row,
    postponeWork: async (...how) => {
      put.push(how);
      return true;
    },
    history: async () => {
      if (scene.history === 'fails') throw new JournalError('disk full');
      return (scene.history ?? []).map((event) => ({
        sequence: 1,
        actor: 'resolver',
        begun: [],
        ...event,
      }));
    },
  };
  return { row, put, journal };
}

/** Lets the time pass until the look, with what this process has seen before. */
async function passUntilLook(scene: Scene, { deps, clock }: ReturnType<typeof stage>): Promise<void> {
  const atMs = scene.atMs ?? 5_000;
  const seen = Object.entries(scene.seenMs ?? {}).toSorted(([, one], [, other]) => other - one);
  for (const [what, agoMs] of seen) {
    await clock.advance(atMs - agoMs - clock.monotonicMs());
    deps.sightings.seenForMs(what);
  }
  await clock.advance(atMs - clock.monotonicMs());
  clock.jumpWall(scene.jumpMs ?? 0);
}

/** One look at an item. */
async function look(scene: Scene = {}) {
  const authorization = authorizationOf(scene);
  const { row, put, journal } = journalOf(scene);
  const learned: LearnedOutcome[] = [];
  const provider = stubProvider(scene.answers ?? {}, scene.semantics ?? {});
  const contract = sampleContract('sandbox-a', {
    timeoutMs: TIMEOUT_MS,
    connectTimeoutMs: 700,
    ...scene.contract,
  });
  const ruleset = sampleRuleset(scene.isInRuleset === false ? [] : [contract]);
  const unmapped: unknown[] = [];
  const here = stage({ journal, providers: scene.isConnected === false ? [] : [provider] });
  const { deps, clock } = here;
  const observer = { ...SILENT, ...deps.observer, unmappedCode: (event: unknown) => unmapped.push(event) };
  const learner = { ...deps.learner, observe: (event: LearnedOutcome) => learned.push(event) };
  const all: GatewayDeps = {
    ...deps,
    observer,
    learner,
    rulesets: { current: () => ruleset },
    ...scene.more,
  };
  await passUntilLook(scene, here);
  const item: WorkItem = {
    authorization,
    step: 0,
    failures: 0,
    sinceMs: SAMPLE_T0 + 1_000,
    lease: { owner: 'process-1', untilMs: SAMPLE_T0 + HOUR_MS },
    leftBy: null,
    ...scene.item,
  };
  await resolveItem(item, all);
  return {
    ...here,
    authorization,
    steps: row.steps,
    last: row.steps.at(-1)?.after,
    put,
    /** The plan for the next look, with its time from now. */
    plan: put.map((how) => {
      const [, , plan] = how as [string, string, { step: number; failures: number; dueAtMs: number | null }];
      return [plan.step, plan.failures, plan.dueAtMs === null ? null : plan.dueAtMs - clock.wallMs()];
    })[0],
    learned,
    unmapped,
    asked: provider.asked.map(({ what }) => what),
    calls: provider.asked.map(({ call }) => call),
    /** Lines of the log: what, by what, result. */
    lines: here.told.flatMap(({ what, subject, by, result }) =>
      what === 'resolved' ? [`${subject} ${by} ${result}`] : [],
    ),
    alerts: here.told.flatMap(({ what, kind }) => (what === 'alert' ? [kind] : [])),
  };
}

const BUDGET = (deps: GatewayDeps, nowMs: number) => ({
  deadlineMs: nowMs + TIMEOUT_MS,
  connectTimeoutMs: 700,
  signal: deps.stopSignal,
  traceparent: null,
});

describe('an attempt is asked about', () => {
  /** Known, answer, what logs say, whether something is written, whether the answer is the end of it. */
  it.each<[string, Named, StubAnswers['inquire'], string, boolean, boolean]>([
    ['approved', 'unknown', found('approved'), 'approved', true, true],
    ['approved, of one that was lost', null, found('approved'), 'approved', true, true],
    ['approved, of one that was worked on', 'pending', found('approved'), 'approved', true, true],
    ['declined', 'unknown', found('declinedSoft'), 'declined', true, true],
    ['worked on', 'unknown', found('pending'), 'pending', true, false],
    ['as unknown as before', 'unknown', found('unknown'), 'unknown', false, false],
    ['not known yet', 'unknown', { kind: 'not_found' }, 'not_found', false, false],
    ['nobody answers', 'unknown', LOST, 'no_answer timeout', false, false],
    ['the adapter throws', 'unknown', new Error('bug'), 'no_answer adapter_failed', false, false],
  ])('%s', async (_, known, inquire, line, isWritten, isEnd) => {
    const answers = { inquire } as StubAnswers;
    const seenMs = { [ID]: 10, [sentSighting(ID)]: 10 };
    const done = await look({ outcomes: [known], answers, seenMs });
    expect(done.asked).toEqual(['inquire']);
    expect(done.lines).toEqual([`attempt inquiry ${line}`]);
    expect(done.steps).toHaveLength(isWritten ? 1 : 0);
    expect(done.learned).toHaveLength(isEnd ? 1 : 0);
    // What has ended is out of sight.
    await done.clock.advance(100);
    const sighted = [ID, sentSighting(ID)].map((what) => done.deps.sightings.seenForMs(what));
    expect(sighted).toEqual(isEnd ? [0, 0] : [110, 110]);
    expect(done.put).toHaveLength(isEnd ? 0 : 1);
  });

  it('with all that a provider needs to know it', async () => {
    const done = await look({ outcomes: ['unknownMismatch'], answers: { inquire: found('approved') } });
    const { request, brand, scaRegion } = done.authorization;
    const budget = BUDGET(done.deps, 5_000);
    expect(done.calls).toEqual([
      { attemptId: ID, providerReference: 'p1', request, brand, scaRegion, budget },
    ]);
  });

  it('and what is found is recorded with how it was found, told, and learned', async () => {
    const approved = SAMPLE_OUTCOMES.approved;
    const done = await look({ outcomes: [null], answers: { inquire: found('approved') } });
    const validityMs = 7 * DAY_MS;
    expect(done.steps).toMatchObject([
      {
        after: {
          status: 'approved',
          expiresAtMs: done.clock.wallMs() + validityMs,
          attempts: [{ outcome: approved, durationMs: null }],
        },
        event: {
          kind: 'resolved',
          actor: 'resolver',
          atMs: done.clock.wallMs(),
          data: { attempt: ID, by: 'inquiry', outcome: approved },
        },
      },
    ]);
    expect(done.told).toEqual([
      {
        what: 'resolved',
        authorizationId: done.authorization.id,
        provider: 'sandbox-a',
        subject: 'attempt',
        by: 'inquiry',
        result: 'approved',
        ageMs: 4_000,
      },
    ]);
    expect(done.learned).toEqual([
      {
        provider: 'sandbox-a',
        facts: routingFacts(done.authorization.request, VISA_FACTS, SAMPLE_T0),
        attemptNumber: 1,
        outcome: approved,
        durationMs: 0,
        resolvedLater: true,
      },
    ]);
    expect(done.unmapped).toEqual([]);
  });

  it('and is learned in the arm that the payment is in', async () => {
    const { routing } = sampleAuthorization([]);
    const experiment = {
      id: 'checkout',
      arm: 'treatment',
      unit: 'payment',
      holdout: false,
      propensity: 0.5,
      redirectedFrom: null,
    } as const;
    const done = await look({
      over: { routing: { ...routing, experiment } },
      answers: { inquire: found('approved') },
    });
    expect(done.learned).toMatchObject([{ provider: 'sandbox-a', scope: 'checkout/treatment' }]);
    const plain = await look({ answers: { inquire: found('approved') } });
    expect(plain.learned.map((learned) => 'scope' in learned)).toEqual([false]);
  });

  it('and a code that no table knows is told', async () => {
    const decline = sampleDecline({ category: 'unmapped', code: 'x_1' });
    const outcome: AttemptOutcome = { kind: 'declined', decline, providerReference: null };
    const done = await look({ answers: { inquire: found(outcome) } });
    expect(done.learned).toMatchObject([{ durationMs: 5 }]);
    expect(done.unmapped).toEqual([
      {
        provider: 'sandbox-a',
        authorizationId: done.authorization.id,
        code: 'x_1',
        networkCode: '05',
        advice: null,
      },
    ]);
  });

  it('and what others found first is not learned twice', async () => {
    const newer = sampleAuthorization([SAMPLE_OUTCOMES.approved], { version: 3 });
    const done = await look({ answers: { inquire: found('approved') }, results: [{ kind: 'stale' }], newer });
    expect([done.learned, done.put]).toEqual([[], []]);
    expect(done.lines).toEqual(['attempt inquiry approved']);
    const networkTransaction = { id: 'nti_1', network: 'visa', date: '2026-11-23' };
    const inquire = found({ ...SAMPLE_OUTCOMES.approved, networkTransaction });
    const completed = await look({ answers: { inquire }, results: [{ kind: 'stale' }], newer });
    expect([completed.last?.networkTransaction, completed.learned]).toEqual([networkTransaction, []]);
  });

  it('and what cannot be recorded is asked again, as if nobody had answered', async () => {
    const done = await look({ answers: { inquire: found('approved') }, results: ['fails'] });
    expect([done.lines, done.learned, done.plan]).toEqual([[], [], [0, 1, 10_000]]);
  });

  it.each<[string, Scene]>([
    ['is not connected', { isConnected: false }],
    ['is not in the ruleset', { isInRuleset: false }],
  ])('again later where the provider %s', async (_, scene) => {
    const done = await look(scene);
    expect(done.asked).toEqual([]);
    expect(done.lines).toEqual(['attempt inquiry provider_not_connected']);
    expect(done.plan).toEqual([0, 1, 10_000]);
  });

  it('only while it is unsettled', async () => {
    const done = await look({ outcomes: ['rejectedTransient', 'approved'] });
    expect([done.asked, done.lines, done.put]).toEqual([[], [], []]);
  });

  it('whichever of them it is', async () => {
    const done = await look({ outcomes: ['declinedSoft', 'unknown'] });
    expect(done.told).toMatchObject([{ provider: 'sandbox-b', result: 'provider_not_connected' }]);
  });
});

describe('"not found"', () => {
  const notFound: Scene = { answers: { inquire: { kind: 'not_found' } } };
  const past = DEADLINE_MS + WINDOW_MS + 1;
  // Another's clock may show the attempt before its time is over: that time is waited for here too.
  const seen = DEADLINE_MS + WINDOW_MS;
  /** When the look is, since when it was seen, and what that makes of the attempt; the next look, from now. */
  it.each<[string, Scene, boolean, number | null]>([
    ['is evidence past the window', { atMs: past, seenMs: { [ID]: seen } }, true, null],
    ['not in it', { atMs: past - 1, seenMs: { [ID]: seen } }, false, 1],
    ['not before it was seen for as long', { atMs: past, seenMs: { [ID]: seen - 1 } }, false, 1],
    ['by the later of both', { atMs: 5_000 }, false, seen],
    [
      'never where a provider may lag behind',
      { atMs: DAY_MS, seenMs: { [ID]: DAY_MS }, semantics: { notFoundAfterMs: null } },
      false,
      30_000,
    ],
  ])('%s', async (_, scene, isEvidence, dueInMs) => {
    const done = await look({ ...notFound, ...scene });
    expect(done.lines).toEqual([`attempt inquiry ${isEvidence ? 'rejected' : 'not_found'}`]);
    expect(done.last?.attempts ?? null).toEqual(
      isEvidence ? [{ ...sampleAttempt(1, SAMPLE_OUTCOMES.rejectedNotFound), durationMs: 5 }] : null,
    );
    // Until it is evidence, the schedule stands still.
    const step = dueInMs === 30_000 ? 1 : 0;
    expect(done.plan).toEqual(isEvidence ? undefined : [step, 0, dueInMs]);
    if (isEvidence) expect(done.steps).toMatchObject([{ event: { data: { by: 'inquiry' } } }]);
  });
});

describe('an attempt that cannot be asked about', () => {
  const blind: Scene = { semantics: { inquiry: 'none' }, answers: { authorize: SAMPLE_OUTCOMES.approved } };
  const usable = 22 * HOUR_MS + 40 * MINUTE_MS - 1;

  it.each<[string, Scene]>([
    ['at all', blind],
    ['without a reference that is not known', { ...blind, semantics: { inquiry: 'provider_reference' } }],
    ['just before its key is too old', { ...blind, atMs: usable }],
    ['at the time at which it began', { ...blind, jumpMs: -5_000, atMs: 5_000 }],
  ])('%s is sent again under its key', async (_, scene) => {
    const done = await look({ outcomes: [null], ...scene });
    expect([done.asked, done.lines]).toEqual([['authorize'], ['attempt replay approved']]);
    expect(done.steps).toMatchObject([{ event: { data: { by: 'replay' } } }]);
  });

  it('is sent again as it was', async () => {
    const done = await look({ ...blind, outcomes: ['notSent', 'unknown'], more: {}, isConnected: true });
    expect(done.asked).toEqual([]);
    const first = await look(blind);
    const { request, brand, scaRegion } = first.authorization;
    const budget = BUDGET(first.deps, 5_000);
    const providerKey = sampleAttempt(1, null).providerKey;
    expect(first.calls).toEqual([
      {
        attemptId: ID,
        providerKey,
        request,
        token: 'tok_visa',
        brand,
        scaRegion,
        budget,
        isRepeat: true,
        preparedReference: null,
        prepared: expect.any(Function),
      },
    ]);
    const { prepared } = first.calls[0] as { readonly prepared: (reference: string) => Promise<boolean> };
    expect(await prepared('pi_1'), 'a second step is taken on the road or never').toBe(false);
  });

  it('is asked about where the provider named it', async () => {
    const done = await look({
      outcomes: ['unknownMismatch'],
      semantics: { inquiry: 'provider_reference' },
      answers: { inquire: found('approved') },
    });
    expect(done.asked).toEqual(['inquire']);
  });

  it('nor by a reference that the provider does not take', async () => {
    const done = await look({ ...blind, outcomes: ['unknownMismatch'] });
    expect(done.asked).toEqual(['authorize']);
  });

  it('is sent with the token of another simulated account, if it has none of its own', async () => {
    const card = { ...sampleRequest().card, token: null, tokens: { 'sandbox-b': 'tok_b' } };
    const done = await look({ ...blind, request: { card } });
    expect(done.calls).toMatchObject([{ token: 'tok_b' }]);
  });

  it.each<[string, Scene]>([
    ['whose provider keeps no keys', { semantics: { inquiry: 'none', replay: 'none' } }],
    ['whose provider does not keep failures', { semantics: { inquiry: 'none', replay: 'success_only' } }],
    ['whose key is too old', { atMs: usable + 1 }],
    [
      'that this process has seen for too long',
      { jumpMs: -DAY_MS, atMs: DAY_MS, seenMs: { [ID]: usable + 1 } },
    ],
    [
      'that this process has sent too long ago',
      { jumpMs: -DAY_MS, atMs: DAY_MS, seenMs: { [sentSighting(ID)]: usable + 1 } },
    ],
    ['that began in what is now the future', { jumpMs: -6_000 }],
    ['that was sent with authentication data, which is not stored', { request: { threeDs: THREE_DS } }],
    [
      'that is to be undone',
      {
        operations: [{ kind: 'void', status: 'pending' }],
        semantics: { inquiry: 'none', cancelByReference: false },
      },
    ],
    ['whose card has no token', { request: { card: { ...sampleRequest().card, token: null, tokens: {} } } }],
  ])('%s, is not sent again', async (_, scene) => {
    const done = await look({ ...blind, ...scene });
    expect(done.asked).toEqual([]);
    expect(done.lines).toEqual(['attempt inquiry no_way_to_ask']);
    expect(done.plan).toEqual([1, 0, 30_000]);
  });

  it.each<[string, StubAnswers['authorize'], string]>([
    ['was not sent', SAMPLE_OUTCOMES.notSent, 'not_sent'],
    ['was turned away', SAMPLE_OUTCOMES.rejectedLimited, 'rejected'],
    ['was lost too', SAMPLE_OUTCOMES.unknown, 'unknown'],
    ['met a bug', new Error('bug'), 'unknown'],
  ])('and whose repeat %s, is as unknown as before', async (_, authorize, code) => {
    const done = await look({ ...blind, answers: { authorize } as StubAnswers });
    expect(done.lines).toEqual([`attempt inquiry no_answer ${code}`]);
    expect([done.steps, done.plan]).toEqual([[], [0, 1, 10_000]]);
    const alert = {
      what: 'alert',
      kind: 'adapter_threw',
      detail: expect.stringContaining('bug'),
      authorizationId: done.authorization.id,
    };
    const alerts = done.told.filter(({ what }) => what === 'alert');
    expect(alerts).toEqual(authorize instanceof Error ? [alert] : []);
  });
});

describe('a void of an attempt that is not known', () => {
  const waits: Scene = {
    outcomes: ['unknown'],
    operations: [{ kind: 'void' }],
    answers: { inquire: LOST, operate: CONFIRMED, inquireOperation: { kind: 'not_found' } },
  };
  it.each<[string, Scene, readonly string[]]>([
    ['is sent by our reference', { semantics: { cancelByReference: true } }, ['inquire', 'void']],
    ['waits where the provider does not take that', { semantics: { cancelByReference: false } }, ['inquire']],
    [
      "is sent by the provider's, if it named one",
      { outcomes: ['unknownMismatch'], semantics: { cancelByReference: false } },
      ['inquire', 'inquireOperation', 'void'],
    ],
    ['is all that does not wait', { operations: [{ kind: 'capture' }] }, ['inquire']],
    ['whatever was named', { outcomes: ['unknownMismatch'], operations: [{ kind: 'capture' }] }, ['inquire']],
    ['waits where the provider is not connected', { isConnected: false }, []],
  ])('%s', async (_, scene, asked) => {
    const done = await look({ ...waits, ...scene });
    expect(done.asked).toEqual(asked);
    const isSent = asked.includes('void');
    expect(done.last?.operations[0]?.status).toBe(isSent ? 'succeeded' : undefined);
  });

  it('does not put off the look at which "not found" is evidence', async () => {
    const done = await look({
      ...waits,
      answers: { inquire: { kind: 'not_found' }, operate: { kind: 'accepted' } },
      atMs: DEADLINE_MS + WINDOW_MS,
      seenMs: { [ID]: DEADLINE_MS + WINDOW_MS },
    });
    expect(done.asked).toEqual(['inquire', 'void', 'inquire']);
    expect(done.plan).toEqual([0, 0, 1]);
  });

  it('and that is refused, stays open: it may still become money', async () => {
    const done = await look({
      ...waits,
      answers: { inquire: found('unknown'), operate: { kind: 'refused', code: 'unknown_payment' } },
    });
    expect(done.asked).toEqual(['inquire', 'void']);
    expect(done.lines).toEqual(['attempt inquiry unknown', 'void answer refused unknown_payment']);
    expect([done.steps, done.plan]).toEqual([[], [1, 0, 30_000]]);
  });
});

describe('an attempt at a provider with two steps', () => {
  const TWO_STEPS = { inquiry: 'provider_reference', twoSteps: true } as const;

  it('of which no id is recorded was never authorized: nobody is asked', async () => {
    const done = await look({ outcomes: ['unknown'], semantics: TWO_STEPS });
    expect([done.asked, done.lines]).toEqual([[], ['attempt record rejected']]);
    expect(done.last).toMatchObject({ status: 'failed', attempts: [{ outcome: NEVER_CONFIRMED }] });
  });

  const prepared = (outcome: Named): Partial<Authorization> => ({
    attempts: [{ ...sampleAttempt(1, outcomeOf(outcome)), preparedReference: 'pi_1' }],
  });

  it('is asked about by the id that was prepared', async () => {
    const done = await look({
      over: prepared('unknown'),
      semantics: TWO_STEPS,
      answers: { inquire: found('approved') },
    });
    expect(done.calls).toMatchObject([{ providerReference: 'pi_1' }]);
    expect(done.last).toMatchObject({ status: 'approved' });
  });

  it('whose second step was never seen is cancelled, and the confirmation is the evidence', async () => {
    const done = await look({
      over: prepared('unknown'),
      semantics: TWO_STEPS,
      answers: { inquire: { kind: 'unconfirmed' }, operate: CONFIRMED },
    });
    expect(done.asked).toEqual(['inquire', 'void']);
    expect(done.calls[1]).toMatchObject({ providerReference: 'pi_1' });
    expect(done.steps.map(({ event }) => event)).toMatchObject([
      { kind: 'cancellation_begun', actor: 'resolver', data: { attempt: ID, by: 'unconfirmed' } },
      { kind: 'operation_ended' },
    ]);
    expect(done.lines).toEqual(['attempt inquiry unconfirmed', 'void answer succeeded']);
    expect(done.last).toMatchObject({
      status: 'failed',
      attempts: [{ outcome: { kind: 'rejected', reason: 'cancelled', providerReference: 'pi_1' } }],
      operations: [{ kind: 'void', purpose: 'unknown_outcome', status: 'succeeded' }],
    });
  });

  it('is not cancelled a second time while a void is under way', async () => {
    const done = await look({
      over: prepared('unknown'),
      operations: [{ kind: 'void', purpose: 'unknown_outcome' }],
      semantics: TWO_STEPS,
      answers: { inquire: { kind: 'unconfirmed' }, inquireOperation: { kind: 'pending' } },
    });
    expect(done.asked).toEqual(['inquire', 'inquireOperation']);
    expect(done.steps).toEqual([]);
    expect(done.plan?.slice(0, 2), 'it was answered').toEqual([1, 0]);
  });

  it.each<[string, readonly Named[]]>([
    ['has found it out', ['approved']],
    ['has found it out, and another is under way', ['rejectedTransient', null]],
  ])('is not cancelled where somebody else %s meanwhile', async (_, outcomes) => {
    const done = await look({
      over: prepared('unknown'),
      semantics: TWO_STEPS,
      answers: { inquire: { kind: 'unconfirmed' } },
      results: [{ kind: 'stale' }],
      newer: sampleAuthorization(outcomes.map(outcomeOf), { version: 9 }),
    });
    expect(done.asked).toEqual(['inquire']);
    expect(done.steps).toHaveLength(1);
  });

  it('is asked about again, and not cancelled, when the cancellation cannot be written', async () => {
    const done = await look({
      over: prepared('unknown'),
      semantics: TWO_STEPS,
      answers: { inquire: { kind: 'unconfirmed' } },
      results: ['fails'],
    });
    expect(done.asked).toEqual(['inquire']);
    expect(done.plan?.slice(0, 2)).toEqual([0, 1]);
  });

  it('stays unknown while the cancellation is not confirmed', async () => {
    const done = await look({
      over: prepared('unknown'),
      semantics: TWO_STEPS,
      answers: {
        inquire: { kind: 'unconfirmed' },
        operate: { kind: 'unknown', code: 'timeout' },
        inquireOperation: { kind: 'not_found' },
      },
    });
    expect(done.last).toMatchObject({ status: 'pending', attempts: [{ outcome: { kind: 'unknown' } }] });
    expect(done.put).toHaveLength(1);
  });
});

describe('an operation', () => {
  const pendingVoid: Scene = { outcomes: ['approved'], operations: [{ kind: 'void' }] };
  const pendingCapture: Scene = { outcomes: ['approved'], operations: [{}] };
  const undone = found('partialReversed');
  const notFound = { kind: 'not_found' } as const;

  /** What is asked, what logs say, the state and code of the operation, the plan for what is left. */
  it.each<[string, Scene, readonly string[], string, string | null, (number | null)[] | undefined]>([
    [
      'is confirmed by an inquiry',
      { ...pendingCapture, answers: { inquireOperation: CONFIRMED } },
      ['inquireOperation'],
      'capture inquiry succeeded',
      'succeeded',
      undefined,
    ],
    [
      'has failed by an inquiry',
      { ...pendingCapture, answers: { inquireOperation: { kind: 'failed', code: 'capture_refused' } } },
      ['inquireOperation'],
      'capture inquiry failed',
      'failed',
      undefined,
    ],
    [
      'is still worked on',
      { ...pendingCapture, answers: { inquireOperation: { kind: 'pending' } } },
      ['inquireOperation'],
      'capture inquiry pending',
      null,
      [1, 0, 30_000],
    ],
    [
      'is not told of',
      { ...pendingCapture, answers: { inquireOperation: LOST } },
      ['inquireOperation'],
      'capture inquiry no_answer timeout',
      null,
      [0, 1, 10_000],
    ],
    [
      'that never arrived is sent again',
      { ...pendingCapture, answers: { inquireOperation: notFound, operate: CONFIRMED } },
      ['inquireOperation', 'capture'],
      'capture answer succeeded',
      'succeeded',
      undefined,
    ],
    [
      'that is refused then has failed',
      { ...pendingCapture, answers: { inquireOperation: notFound, operate: REFUSED } },
      ['inquireOperation', 'capture'],
      'capture answer failed',
      'failed',
      undefined,
    ],
    [
      'that is only acknowledged then is asked about later',
      { ...pendingCapture, answers: { inquireOperation: notFound, operate: { kind: 'accepted' } } },
      ['inquireOperation', 'capture'],
      'capture answer accepted',
      null,
      [1, 0, 30_000],
    ],
    ...(
      [
        [{ kind: 'not_sent', code: 'ECONNREFUSED' }, 'not_sent ECONNREFUSED'],
        [{ kind: 'unknown', code: 'timeout' }, 'unknown timeout'],
        [{ kind: 'rejected', code: 'http_503', retryAfterMs: null }, 'rejected http_503'],
      ] as const
    ).map(([operate, result]): [string, Scene, readonly string[], string, null, (number | null)[]] => [
      `whose repeat is answered ${result} is as open as before`,
      { ...pendingCapture, answers: { inquireOperation: notFound, operate } },
      ['inquireOperation', 'capture'],
      `capture answer ${result}`,
      null,
      [0, 1, 10_000],
    ]),
    [
      'that cannot be inquired is sent again under its key',
      { ...pendingCapture, semantics: { operationInquiry: false }, answers: { operate: CONFIRMED } },
      ['capture'],
      'capture answer succeeded',
      'succeeded',
      undefined,
    ],
    [
      'that cannot be inquired and is only acknowledged waits',
      {
        ...pendingCapture,
        semantics: { operationInquiry: false },
        answers: { operate: { kind: 'accepted' } },
      },
      ['capture'],
      'capture answer accepted',
      null,
      [1, 0, 30_000],
    ],
    [
      'that cannot be inquired, nor repeated, waits',
      { ...pendingCapture, semantics: { operationInquiry: false, replay: 'none' } },
      [],
      'capture inquiry no_way_to_ask',
      null,
      [1, 0, 30_000],
    ],
    [
      'a void that is only acknowledged is over when its authorization is undone',
      {
        ...pendingVoid,
        semantics: { operationInquiry: false },
        answers: { operate: { kind: 'accepted' }, inquire: undone },
      },
      ['void', 'inquire'],
      'void answer succeeded',
      'succeeded',
      undefined,
    ],
    [
      'and not before',
      {
        ...pendingVoid,
        semantics: { operationInquiry: false },
        answers: { operate: { kind: 'accepted' }, inquire: found('approved') },
      },
      ['void', 'inquire'],
      'void answer accepted',
      null,
      [1, 0, 30_000],
    ],
    [
      'a void that is acknowledged where voids can be inquired is asked about later',
      { ...pendingVoid, answers: { inquireOperation: notFound, operate: { kind: 'accepted' } } },
      ['inquireOperation', 'void'],
      'void answer accepted',
      null,
      [1, 0, 30_000],
    ],
    [
      'a void that is refused has succeeded when nothing stands',
      { ...pendingVoid, answers: { inquireOperation: notFound, operate: REFUSED, inquire: undone } },
      ['inquireOperation', 'void', 'inquire'],
      'void answer succeeded',
      'succeeded',
      undefined,
    ],
    [
      'a void that is refused has failed when it stands',
      {
        ...pendingVoid,
        answers: { inquireOperation: notFound, operate: REFUSED, inquire: found('approved') },
      },
      ['inquireOperation', 'void', 'inquire'],
      'void answer failed',
      'failed',
      undefined,
    ],
    [
      'a void that failed by an inquiry is looked behind too',
      {
        ...pendingVoid,
        answers: { inquireOperation: { kind: 'failed', code: 'invalid_state' }, inquire: LOST },
      },
      ['inquireOperation', 'inquire'],
      'void inquiry failed invalid_state',
      null,
      [1, 0, 30_000],
    ],
    [
      'for which the attempt names nothing waits',
      {
        outcomes: [
          { kind: 'declined', decline: sampleDecline({ mayHideApproval: true }), providerReference: null },
        ],
        operations: [{ kind: 'void', purpose: 'hidden_approval' }],
        semantics: { cancelByReference: false },
      },
      [],
      'void inquiry no_way_to_ask',
      null,
      [1, 0, 30_000],
    ],
    [
      'but a void may name it by our own reference',
      {
        outcomes: [
          { kind: 'declined', decline: sampleDecline({ mayHideApproval: true }), providerReference: null },
        ],
        operations: [{ kind: 'void', purpose: 'hidden_approval' }],
        answers: { operate: CONFIRMED },
      },
      ['void'],
      'void answer succeeded',
      'succeeded',
      undefined,
    ],
    [
      'a capture may not',
      { outcomes: ['notSent'], operations: [{}] },
      [],
      'capture inquiry no_way_to_ask',
      null,
      [1, 0, 30_000],
    ],
  ])('%s', async (_, scene, asked, line, status, plan) => {
    const done = await look(scene);
    expect(done.asked).toEqual(asked);
    expect(done.lines).toEqual([line]);
    expect(done.last?.operations[0]?.status ?? null).toBe(status);
    expect(done.plan).toEqual(plan);
    for (const call of done.calls) expect(call).toMatchObject({ budget: BUDGET(done.deps, 5_000) });
  });

  it('is recorded with how it ended, and no longer in sight', async () => {
    const done = await look({
      outcomes: ['approved'],
      operations: [{ purpose: 'automatic_capture' }],
      answers: { inquireOperation: notFound, operate: CONFIRMED },
      seenMs: { [`${ID} ${sampleOperation(1).id}`]: 10 },
    });
    expect(done.steps).toMatchObject([
      {
        event: {
          kind: 'operation_ended',
          actor: 'resolver',
          data: {
            operation: sampleOperation(1).id,
            purpose: 'automatic_capture',
            by: 'answer',
            status: 'succeeded',
            code: null,
            providerReference: 'op_1',
          },
        },
      },
    ]);
    expect(done.last?.operations).toMatchObject([{ settledAtMs: done.clock.wallMs() }]);
    await done.clock.advance(100);
    expect(done.deps.sightings.seenForMs(`${ID} ${sampleOperation(1).id}`)).toBe(0);
  });

  it('is asked again where its end cannot be recorded', async () => {
    const done = await look({
      ...pendingCapture,
      answers: { inquireOperation: CONFIRMED },
      results: ['fails'],
    });
    expect(done.plan).toEqual([0, 1, 10_000]);
  });

  it.each<[string, Scene]>([
    ['is not connected', { isConnected: false }],
    ['is not in the ruleset', { isInRuleset: false }],
  ])('waits where its provider %s', async (_, scene) => {
    const done = await look({ ...pendingCapture, ...scene });
    expect([done.asked, done.lines]).toEqual([[], ['capture inquiry provider_not_connected']]);
    expect(done.plan).toEqual([0, 1, 10_000]);
  });

  it('that has ended is over', async () => {
    const done = await look({ outcomes: ['approved'], operations: [{ status: 'succeeded' }] });
    expect([done.asked, done.put]).toEqual([[], []]);
  });

  it('whose record lacks its attempt is left alone', async () => {
    const done = await look({ outcomes: ['approved'], operations: [{ attemptNumber: 9 }] });
    expect([done.asked, done.lines, done.put.length]).toEqual([[], [], 1]);
  });

  it('each is looked at, and the worst of them plans the next look', async () => {
    const partly: Partial<Operation> = { amount: 1_000 };
    const done = await look({
      outcomes: ['approved'],
      operations: [partly, partly],
      answers: { inquireOperation: CONFIRMED },
    });
    expect(done.asked).toEqual(['inquireOperation', 'inquireOperation']);
    expect(done.last).toMatchObject({ capturedAmount: 2_000 });
    const one = await look({
      outcomes: ['approved'],
      operations: [partly, partly],
      answers: { inquireOperation: [CONFIRMED, { kind: 'pending' }] },
    });
    expect(one.plan).toEqual([0, 0, 5_000]);
    const half = await look({
      outcomes: ['approved'],
      operations: [
        { ...partly, attemptNumber: 1 },
        { ...partly, status: 'pending' },
      ],
      answers: { inquireOperation: CONFIRMED },
      results: ['fails'],
    });
    expect(half.plan).toEqual([-1, 1, 10_000]);
  });

  it('that this look has begun is sent without an inquiry: it cannot have been sent before', async () => {
    const done = await look({
      outcomes: ['unknown'],
      answers: { inquire: found('partial'), operate: CONFIRMED },
    });
    expect(done.asked).toEqual(['inquire', 'void']);
    expect(done.calls.at(-1)).not.toMatchObject({ isRepeat: true });
    expect(done.lines).toEqual(['attempt inquiry partially_approved', 'void answer succeeded']);
    expect(done.last).toMatchObject({ status: 'voided' });
  });

  it.each<[string, SampleOutcome]>([
    ['began it meanwhile', 'unknown'],
    ['found the same, and began it', 'partial'],
  ])('that somebody else %s, may be on its way', async (_, outcome) => {
    const operations = [sampleOperation(1, { kind: 'void' })];
    const done = await look({
      outcomes: ['unknown'],
      answers: { inquire: found('partial'), operate: CONFIRMED, inquireOperation: notFound },
      results: [{ kind: 'stale' }],
      newer: sampleAuthorization([SAMPLE_OUTCOMES[outcome]], { operations, version: 9 }),
    });
    expect(done.asked).toEqual(['inquire', 'inquireOperation', 'void']);
  });
});

describe('a reversal that is not known there, and whose repeat is lost again', () => {
  const { id } = sampleOperation(1);
  const key = `${ID} ${id}`;
  /** At which "not found" is evidence. */
  const past = 1_000 + TIMEOUT_MS + WINDOW_MS + 1;
  const spent: Scene = {
    outcomes: ['approved'],
    operations: [{ kind: 'void', purpose: 'late_approval' }],
    answers: {
      inquireOperation: { kind: 'not_found' },
      operate: { kind: 'unknown', code: 'http_500' },
      inquire: found('approved'),
    },
    atMs: past,
    seenMs: { [key]: WINDOW_MS },
  };
  const sent = ['inquireOperation', 'void'];

  it.each([
    { kind: 'unknown', code: 'http_500' },
    { kind: 'unknown', code: 'http_500', answered: 'failure' },
  ] as const)(
    'has a key that undoes nothing any more: it is begun anew under another: %j',
    async (operate) => {
      const done = await look({ ...spent, answers: { ...spent.answers, operate } });
      expect(done.asked).toEqual([...sent, 'inquire']);
      expect(done.lines).toEqual(['void answer failed']);
      expect(done.steps).toMatchObject([
        { event: { data: { status: 'failed', code: 'key_spent', providerReference: null } } },
      ]);
      expect(done.last?.operations).toMatchObject([{ status: 'failed' }, { status: 'pending', number: 2 }]);
    },
  );

  it.each<[string, Scene]>([
    ['not in the window', { atMs: past - 1 }],
    ['not before it was seen for as long', { seenMs: { [key]: WINDOW_MS - 1 } }],
    ['not when it was acknowledged', { answers: { ...spent.answers, operate: { kind: 'accepted' } } }],
    ['not at once when a caller asked for it', { operations: [{ kind: 'void' }] }],
    [
      'not what may be done twice',
      { operations: [{ kind: 'capture', purpose: 'automatic_capture' }], atMs: past, semantics: {} },
    ],
  ])('%s', async (_, scene) => {
    const done = await look({ ...spent, ...scene });
    expect(done.asked).toHaveLength(2);
    expect(done.steps).toEqual([]);
  });

  it('not when the provider was not asked', async () => {
    const done = await look({ ...spent, semantics: { operationInquiry: false } });
    expect([done.asked, done.steps]).toEqual([['void'], []]);
  });

  it('not while nothing is known of its attempt', async () => {
    const done = await look({
      ...spent,
      outcomes: ['unknownMismatch'],
      answers: { ...spent.answers, inquire: found('unknown') },
      operations: [{ kind: 'void', purpose: 'quarantine' }],
    });
    expect([done.asked, done.steps]).toEqual([['inquire', ...sent], []]);
    expect(done.lines.at(-1)).toBe('void answer unknown http_500');
  });
});

describe('what a caller may ask for anew, is not known there, and whose repeat fails again', () => {
  const { id } = sampleOperation(1);
  const key = `${ID} ${id}`;
  const past = 1_000 + TIMEOUT_MS + WINDOW_MS + 1;
  const failing: Scene = {
    outcomes: ['approved'],
    operations: [{}],
    answers: {
      inquireOperation: { kind: 'not_found' },
      operate: { kind: 'unknown', code: 'http_500', answered: 'failure' },
      inquire: found('approved'),
    },
    atMs: past,
    seenMs: { [key]: WINDOW_MS },
  };
  const OPERATIONS: readonly Partial<Operation>[] = [
    { kind: 'capture' },
    { kind: 'capture', purpose: 'automatic_capture' },
    { kind: 'refund' },
    { kind: 'void' },
  ];

  it.each<[string, Scene]>([
    ['not where the provider was not asked', { semantics: { operationInquiry: false } }],
    [
      'not while nothing is known of its attempt',
      {
        outcomes: ['unknownMismatch'],
        operations: [{ kind: 'void' }],
        answers: { ...failing.answers, inquire: found('unknown') },
      },
    ],
  ])('%s', async (_, scene) => {
    const done = await look({ ...failing, ...scene });
    expect(done.asked.at(-1)).toMatch(/^(capture|void)$/);
    expect(done.steps.filter(({ event }) => event.kind === 'operation_key_spent')).toEqual([]);
    expect(done.lines.at(-1)).toMatch(/answer unknown http_500$/);
  });

  it.each(OPERATIONS)('has a spent key, which is recorded: %j', async (operation) => {
    const done = await look({ ...failing, operations: [operation] });
    expect(done.asked).toEqual(['inquireOperation', operation.kind]);
    expect(done.lines).toEqual([`${operation.kind} answer key_spent`]);
    expect(done.steps).toMatchObject([
      {
        after: { operations: [{ status: 'pending', code: 'key_spent' }] },
        event: { kind: 'operation_key_spent', actor: 'resolver', data: { operation: id, code: 'key_spent' } },
      },
    ]);
    expect(done.plan).toEqual([0, 0, 5_000]);
  });

  it.each<[string, Scene]>([
    ['in the window', { atMs: past - 1 }],
    ['before it was seen for as long', { seenMs: { [key]: WINDOW_MS - 1 } }],
    [
      'when it timed out, and may be on its way',
      { answers: { ...failing.answers, operate: { kind: 'unknown', code: 'timeout' } } },
    ],
    ['when it was acknowledged', { answers: { ...failing.answers, operate: { kind: 'accepted' } } }],
    [
      'when it was turned away',
      {
        answers: { ...failing.answers, operate: { kind: 'rejected', code: 'http_503', retryAfterMs: null } },
      },
    ],
    [
      'a void where failures are not kept',
      { operations: [{ kind: 'void' }], semantics: { replay: 'success_only' } },
    ],
  ])('but not %s', async (_, scene) => {
    const done = await look({ ...failing, ...scene });
    expect([done.asked.length, done.steps]).toEqual([2, []]);
  });

  it('is sent again whatever an earlier repeat came to, while its key is good', async () => {
    const answers = { ...failing.answers, operate: CONFIRMED };
    const done = await look({ ...failing, answers, operations: [{ code: 'invalid_state' }] });
    expect(done.asked).toEqual(['inquireOperation', 'capture']);
    expect(done.last?.operations).toMatchObject([{ status: 'succeeded' }]);
  });

  /** The repeat whose answer was the failure was long after the first request. */
  const spentAtMs = HOUR_MS;
  const spent: Scene = {
    ...failing,
    history: [{ kind: 'operation_key_spent', atMs: SAMPLE_T0 + spentAtMs, data: { operation: id } }],
    atMs: spentAtMs + TIMEOUT_MS + WINDOW_MS + 1,
    seenMs: { [`${key} 1`]: TIMEOUT_MS + WINDOW_MS },
  };
  const code = 'key_spent';

  it.each(OPERATIONS)('is not sent again, and has failed a window later: %j', async (operation) => {
    const done = await look({ ...spent, operations: [{ ...operation, code }] });
    expect(done.asked).toEqual(['inquireOperation', ...(operation.kind === 'void' ? ['inquire'] : [])]);
    expect(done.last).toMatchObject({ status: 'approved', operations: [{ status: 'failed', code }] });
    expect(done.steps).toMatchObject([{ event: { kind: 'operation_ended', data: { by: 'inquiry', code } } }]);
  });

  it('is not over in the window, by either clock', async () => {
    const early = await look({ ...spent, operations: [{ code }], atMs: (spent.atMs ?? 0) - 1 });
    expect([early.asked, early.steps, early.plan]).toEqual([['inquireOperation'], [], [0, 0, 1]]);
    const unseen = await look({ ...spent, operations: [{ code }], seenMs: { [key]: HOUR_MS } });
    expect([unseen.asked, unseen.steps]).toEqual([['inquireOperation'], []]);
    expect(unseen.plan).toEqual([0, 0, TIMEOUT_MS + WINDOW_MS]);
  });

  it.each<[string, StubAnswers['inquireOperation'], string | undefined]>([
    ['was carried out after all', CONFIRMED, 'succeeded'],
    ['is worked on', { kind: 'pending' }, undefined],
    ['is not told of', LOST, undefined],
  ])('is not over by itself where it %s', async (_, inquireOperation, status) => {
    const answers = { ...failing.answers, inquireOperation } as StubAnswers;
    const done = await look({ ...spent, operations: [{ code }], answers });
    expect([done.asked, done.last?.operations[0]?.status]).toEqual([['inquireOperation'], status]);
  });

  it('and stood in for a reversal that we owe: the reversal is ours now, under another key', async () => {
    const done = await look({
      ...spent,
      outcomes: ['partial'],
      request: { acceptPartial: false },
      operations: [{ kind: 'void', code }],
      answers: { ...failing.answers, inquire: found('partial') },
    });
    expect(done.last).toMatchObject({
      status: 'reversing',
      operations: [
        { status: 'failed', code },
        { status: 'pending', purpose: 'partial_approval', number: 2 },
      ],
    });
  });
});

describe('a capture or refund that may have been sent', () => {
  const notFound = { kind: 'not_found' } as const;
  const { id } = sampleOperation(1);
  const key = `${ID} ${id}`;
  const createdMs = 1_000;
  const keyless = { replay: 'none' } as const;
  /** At which "not found" is evidence about the first request, and since when no repeat was seen. */
  const past = createdMs + TIMEOUT_MS + WINDOW_MS + 1;
  const seenMs = { [`${key} 0`]: TIMEOUT_MS + WINDOW_MS };
  const unsure: Scene = {
    outcomes: ['approved'],
    operations: [{}],
    answers: { inquireOperation: notFound, operate: CONFIRMED },
  };
  const evident: Scene = { ...unsure, semantics: keyless, atMs: past, seenMs };
  const young = createdMs + 22 * HOUR_MS + 40 * MINUTE_MS - 1;
  const repeat = (atMs: number, over: Partial<HistoryEvent> = {}) => ({
    kind: 'operation_sent_again',
    atMs: SAMPLE_T0 + atMs,
    data: { operation: id },
    ...over,
  });

  it.each<[string, Scene, boolean]>([
    ['while its key is known', { atMs: young }, true],
    ['not when it may be forgotten', { atMs: young + 1 }, false],
    [
      'not when it was seen for too long',
      { atMs: DAY_MS, jumpMs: 2_000 - DAY_MS, seenMs: { [key]: DAY_MS - 15 * MINUTE_MS } },
      false,
    ],
    [
      'not when it began further in the future than clocks differ',
      { atMs: 5_000, jumpMs: -1_204_001 },
      false,
    ],
    ['when it began in a future that a clock behind explains', { atMs: 5_000, jumpMs: -1_204_000 }, true],
    ['at the time at which it began', { atMs: 5_000, jumpMs: -4_000 }, true],
    ['not where failures are not kept', { semantics: { replay: 'success_only' } }, false],
    ['not without keys', { semantics: keyless }, false],
    ['a void always', { semantics: keyless, operations: [{ kind: 'void' }] }, true],
    ['a key sees to it', { answers: { operate: CONFIRMED }, semantics: { operationInquiry: false } }, true],
    [
      'not by "not found" that nobody said',
      { ...evident, semantics: { ...keyless, operationInquiry: false } },
      false,
    ],
  ])('is sent again %s', async (_, scene, isSent) => {
    const done = await look({ ...unsure, ...scene });
    expect(done.asked.some((what) => what !== 'inquireOperation')).toBe(isSent);
    if (isSent) expect(done.calls.at(-1), 'told that it is one').toMatchObject({ isRepeat: true });
    // With nothing that must be recorded first.
    expect(done.steps.map(({ event }) => event.kind)).toEqual(isSent ? ['operation_ended'] : []);
  });

  it('is looked up in the history, and asked about where that can tell', async () => {
    const blind = await look({ ...evident, semantics: { ...keyless, operationInquiry: false } });
    expect(blind.journalCalls).toEqual(['history', 'postpone_work']);
    const asked = await look(evident);
    expect(asked.journalCalls).toEqual(['history', 'advance', 'advance']);
  });

  const shortKey = { replay: 'same_answer', keyLifetimeMs: HOUR_MS } as const;
  /** For how long a machine may stand still with its clocks before it sends. */
  const STILL_MS = 30 * MINUTE_MS;
  const left = (kind: string, afterMs: number) => repeat(afterMs, { kind, data: { owner: 'pod-1' } });
  /** When the next look is, from now; null: it is sent now. */
  it.each<[string, Scene, number | null]>([
    ['once "not found" is evidence', {}, null],
    ['not in the window', { atMs: past - 1 }, 1],
    ['not before it was seen for as long', { seenMs: { [`${key} 0`]: TIMEOUT_MS + WINDOW_MS - 1 } }, 1],
    [
      'not by what was seen of the operation as such',
      { seenMs: { [key]: DAY_MS, [`${key} 1`]: DAY_MS }, atMs: DAY_MS },
      TIMEOUT_MS + WINDOW_MS,
    ],
    ['not while its key was good lately', { semantics: shortKey, atMs: past + HOUR_MS - 1 }, 1],
    ['once its key was not for as long', { semantics: shortKey, atMs: past + HOUR_MS }, null],
    ['whose key keeps no failures', { semantics: { replay: 'success_only', keyLifetimeMs: HOUR_MS } }, null],
    ['by a window of its own', { semantics: { ...keyless, notFoundAfterMs: null } }, null],
    ['never where it has none', { semantics: { ...keyless, operationNotFoundAfterMs: null } }, 30_000],
    [
      'not after a repeat that may be on its way',
      {
        history: [repeat(5_000)],
        atMs: past + 3_999 + STILL_MS,
        seenMs: { [`${key} 1`]: TIMEOUT_MS + WINDOW_MS },
      },
      1,
    ],
    [
      'after one that is not',
      {
        history: [repeat(5_000)],
        atMs: past + 4_000 + STILL_MS,
        seenMs: { [`${key} 1`]: TIMEOUT_MS + WINDOW_MS },
      },
      null,
    ],
    [
      'not after it was sent late',
      {
        history: [repeat(5_000, { kind: 'operation_sent' })],
        atMs: past + 3_999 + STILL_MS,
        seenMs: { [`${key} 1`]: TIMEOUT_MS + WINDOW_MS },
      },
      1,
    ],
    [
      'by the last of several',
      {
        history: [repeat(5_000), repeat(2_000)],
        atMs: past + 3_999 + STILL_MS,
        seenMs: { [`${key} 2`]: TIMEOUT_MS + WINDOW_MS },
      },
      1,
    ],
    [
      'whatever else is in the history',
      { history: [repeat(5_000, { kind: 'resolved' }), repeat(5_000, { data: { operation: 'cap_other' } })] },
      null,
    ],
    [
      'not while whoever began it may stand still, since others ended its lease',
      { history: [left('lease_ended', 5_000)], atMs: past + 3_999 + STILL_MS },
      1,
    ],
    [
      'nor whoever went along its road',
      { history: [left('lapsed', 5_000)], atMs: past + 3_999 + STILL_MS },
      1,
    ],
    [
      'once they would have gone on',
      { history: [left('lease_ended', 5_000), left('lapsed', 4_000)], atMs: past + 4_000 + STILL_MS },
      null,
    ],
    [
      'at once where nobody but this process has the journal: whoever had it before is dead',
      { history: [left('lease_ended', 5_000), left('lapsed', 5_000)], more: { soleOwner: true } },
      null,
    ],
    [
      'there too, not after a repeat that may be on its way',
      {
        history: [repeat(5_000)],
        atMs: past + 3_999,
        seenMs: { [`${key} 1`]: TIMEOUT_MS + WINDOW_MS },
        more: { soleOwner: true },
      },
      1,
    ],
    [
      'there after one that is not',
      {
        history: [repeat(5_000)],
        atMs: past + 4_000,
        seenMs: { [`${key} 1`]: TIMEOUT_MS + WINDOW_MS },
        more: { soleOwner: true },
      },
      null,
    ],
  ])('without a key is sent again, %s', async (_, scene, dueInMs) => {
    const done = await look({ ...evident, ...scene });
    expect(done.asked).toEqual(dueInMs === null ? ['inquireOperation', 'capture'] : ['inquireOperation']);
    // Nothing of it was carried out: it is no repeat.
    if (dueInMs === null) expect(done.calls.at(-1)).not.toMatchObject({ isRepeat: true });
    // Until it is evidence, the schedule stands still.
    const step = dueInMs === 30_000 ? 1 : 0;
    expect(done.plan).toEqual(dueInMs === null ? undefined : [step, 0, dueInMs]);
  });

  const begunBy = (kind: string, begun: readonly number[] = [1]) => ({
    kind,
    atMs: SAMPLE_T0,
    data: {},
    begun,
  });
  const early: Scene = { ...unsure, semantics: keyless };
  it.each<[string, Scene]>([
    ['a webhook began', { history: [begunBy('noticed')] }],
    ['a person began', { history: [begunBy('resolved_by_person')] }],
    ['a recovery began', { history: [begunBy('lapsed')] }],
    ['an expiry began', { history: [begunBy('expired')] }],
    ['the end of a road began', { history: [begunBy('concluded')] }],
    [
      'nobody can be asked about',
      { history: [begunBy('noticed')], semantics: { ...keyless, operationInquiry: false } },
    ],
    ['others began besides', { history: [begunBy('noticed', [1, 2])] }],
    [
      'stands beside another that was sent',
      { history: [begunBy('noticed'), repeat(0, { kind: 'operation_sent', data: { operation: 'cap_x' } })] },
    ],
  ])('that %s is sent for the first time, and that is recorded before', async (_, scene) => {
    const done = await look({ ...early, ...scene });
    expect(done.asked).toContain('capture');
    expect(done.steps).toMatchObject([
      { event: { kind: 'operation_sent', actor: 'resolver', data: { operation: id } } },
      { event: { kind: 'operation_ended' } },
    ]);
  });

  it.each<[string, Scene]>([
    ['nobody is known to have begun', { history: [] }],
    ['its caller began, who sends it', { history: [begunBy('operation_begun')] }],
    ['another look began, which sends it', { history: [begunBy('resolved')] }],
    ['is not the one that a webhook began', { history: [begunBy('noticed', [2])] }],
    ['was sent since', { history: [begunBy('noticed'), repeat(0, { kind: 'operation_sent' })] }],
    ['was sent again since', { history: [begunBy('noticed'), repeat(0)] }],
  ])('that %s is not sent for the first time', async (_, scene) => {
    const done = await look({ ...early, ...scene });
    expect([done.asked, done.steps]).toEqual([['inquireOperation'], []]);
  });

  it('that is sent for the first time has failed when it is refused', async () => {
    const answers = { inquireOperation: notFound, operate: REFUSED };
    const done = await look({ ...early, answers, history: [begunBy('noticed')] });
    expect(done.asked).toEqual(['inquireOperation', 'capture']);
    expect(done.last?.operations).toMatchObject([{ status: 'failed', code: 'invalid_state' }]);
  });

  /** The event that a sending surely was not processed. */
  const unprocessed = (sending: number, over: Partial<HistoryEvent> = {}) => ({
    kind: 'operation_not_processed',
    atMs: SAMPLE_T0,
    data: { operation: id, sending },
    ...over,
  });
  const begun = begunBy('operation_begun');
  const never = { replay: 'success_only', operationNotFoundAfterMs: null } as const;
  /** Nothing is evidence there: only that no sending was processed can free it. */
  const turnedAway: Scene = { ...unsure, semantics: never, history: [begun, unprocessed(0)] };

  it.each<[string, Scene, boolean]>([
    ['whose sending surely was not processed', {}, true],
    ['nor without any key', { semantics: { ...never, replay: 'none' } }, true],
    ['and that cannot be asked about', { semantics: { ...never, operationInquiry: false } }, true],
    ['and whose beginning is not known', { history: [unprocessed(0)] }, true],
    ['nor its repeat', { history: [begun, unprocessed(0), repeat(0), unprocessed(1)] }, true],
    [
      'that a webhook began, and whose first sending was not',
      { history: [begunBy('noticed'), repeat(0, { kind: 'operation_sent' }), unprocessed(1)] },
      true,
    ],
    ['not when it was sent again since', { history: [begun, unprocessed(0), repeat(0)] }, false],
    [
      'not when that is told of the sending before the last',
      { history: [begun, repeat(0), unprocessed(0)] },
      false,
    ],
    [
      'not when that is told of a sending that somebody else recorded meanwhile',
      { history: [begun, unprocessed(1)] },
      false,
    ],
    [
      'not when that is told of another operation',
      { history: [begun, unprocessed(0, { data: { operation: 'cap_other', sending: 0 } })] },
      false,
    ],
    ['not by another event', { history: [begun, unprocessed(0, { kind: 'resolved' })] }, false],
    ['not when its repeat was refused', { operations: [{ code: 'invalid_state' }] }, false],
    [
      'not when it is known there',
      { answers: { ...unsure.answers, inquireOperation: { kind: 'pending' } } },
      false,
    ],
    ['not when nobody answers', { answers: { ...unsure.answers, inquireOperation: LOST } }, false],
  ])('%s, is sent again, and that is recorded before', async (_, scene, isSent) => {
    const done = await look({ ...turnedAway, ...scene });
    expect(done.asked.includes('capture')).toBe(isSent);
    expect(done.steps.map(({ event }) => event.kind)).toEqual(
      isSent ? ['operation_sent_again', 'operation_ended'] : [],
    );
  });

  it.each<[string, Scene['history']]>([
    ['its first sending', [begun, unprocessed(0)]],
    ['a repeat too', [begun, unprocessed(0), repeat(0), unprocessed(1)]],
    ['what nobody sent before', [begunBy('noticed'), repeat(0, { kind: 'operation_sent' }), unprocessed(1)]],
  ])('of which %s surely was not processed, has failed when it is refused', async (_, history) => {
    const answers = { inquireOperation: notFound, operate: REFUSED };
    const done = await look({ ...turnedAway, history: history ?? [], answers });
    expect(done.asked).toEqual(['inquireOperation', 'capture']);
    expect(done.last?.operations).toMatchObject([{ status: 'failed', code: 'invalid_state' }]);
  });

  it.each<[string, Scene['history']]>([
    ['its first sending', [begun, repeat(0), unprocessed(1)]],
    ['a repeat in between', [begun, unprocessed(0), repeat(0), repeat(1), unprocessed(2)]],
  ])('of which %s was only not found, is asked about when its repeat is refused', async (_, history) => {
    const answers = { inquireOperation: notFound, operate: REFUSED };
    const done = await look({ ...turnedAway, history: history ?? [], answers });
    expect(done.asked).toEqual(['inquireOperation', 'capture', 'inquireOperation']);
    expect(done.last?.operations).toMatchObject([{ status: 'pending', code: 'invalid_state' }]);
  });

  it('that a key sees to, is recorded where the sending before was told not to be processed', async () => {
    const done = await look({ ...unsure, history: [begun, unprocessed(0)] });
    expect(done.steps.map(({ event }) => event.kind)).toEqual(['operation_sent_again', 'operation_ended']);
    const later = await look({ ...unsure, history: [begun, unprocessed(0), repeat(0)] });
    expect(later.steps.map(({ event }) => event.kind)).toEqual(['operation_ended']);
  });

  const limited = { kind: 'rejected', code: 'http_429', retryAfterMs: null } as const;
  const unreached = { kind: 'not_sent', code: 'ECONNREFUSED' } as const;
  it.each([limited, unreached])('that is turned away again: %j', async (operate) => {
    const answers = { inquireOperation: notFound, operate };
    const done = await look({ ...turnedAway, answers, item: { step: 1, failures: 2 } });
    const data = { operation: id, sending: 1, because: operate.kind, code: operate.code };
    expect(done.steps).toMatchObject([
      { event: { kind: 'operation_sent_again' } },
      {
        before: { version: done.authorization.version + 1 },
        work: 'unchanged',
        event: { kind: 'operation_not_processed', actor: 'resolver', data },
      },
    ]);
    expect(done.last?.operations).toMatchObject([{ status: 'pending', code: null }]);
    expect(done.lines).toEqual([`capture answer ${operate.kind} ${operate.code}`]);
    // Nothing new was found out: the schedule goes on, ever later.
    expect(done.plan).toEqual([1, 3, 40_000]);
  });

  it.each<[string, Scene, readonly string[], readonly unknown[]]>([
    [
      'for the first time',
      { history: [begunBy('noticed')] },
      ['operation_sent', 'operation_not_processed'],
      [0, 1, 10_000],
    ],
    [
      'by whom it began',
      { outcomes: ['unknown'], operations: [], request: { capture: 'automatic' } },
      ['resolved', 'operation_not_processed'],
      [-1, 1, 10_000],
    ],
    [
      'where that cannot be recorded',
      { results: [{ kind: 'written', version: 3 }, 'fails'] },
      ['operation_sent_again', 'operation_not_processed'],
      [0, 1, 10_000],
    ],
  ])('that is turned away %s', async (_, scene, kinds, plan) => {
    const answers = { inquire: found('approved'), inquireOperation: notFound, operate: limited };
    const done = await look({ ...turnedAway, answers, ...scene });
    expect(done.steps.map(({ event }) => event.kind)).toEqual(kinds);
    expect(done.plan).toEqual(plan);
  });

  it('and begun by this look, and that cannot be recorded: what the look found begins the schedule anew', async () => {
    const scene: Scene = { outcomes: ['unknown'], operations: [], request: { capture: 'automatic' } };
    const answers = { inquire: found('approved'), operate: limited };
    const results = [{ kind: 'written', version: 3 }, 'fails'] as const;
    const item = { step: 2, failures: 2 };
    const done = await look({ ...turnedAway, ...scene, answers, results, item });
    expect(done.plan).toEqual([-1, 1, 10_000]);
  });

  it.each<[string, Scene]>([
    ['a capture that a key sees to', { semantics: {}, request: { capture: 'automatic' } }],
    ['a reversal', { answers: { inquire: found('partial') } }],
  ])('%s that this look has begun is not told to be unprocessed', async (_, scene) => {
    const answers = { inquire: found('approved'), operate: limited, ...scene.answers };
    const done = await look({ ...turnedAway, outcomes: ['unknown'], operations: [], ...scene, answers });
    expect(done.asked).toHaveLength(2);
    expect(done.steps.map(({ event }) => event.kind)).toEqual(['resolved']);
  });

  it.each<[string, Scene]>([
    ['of which nobody knows', { answers: { operate: { kind: 'unknown', code: 'timeout' } } }],
    ['that is only acknowledged', { answers: { operate: { kind: 'accepted' } } }],
    ['that a key sees to', { answers: { operate: limited }, semantics: {}, history: [begun] }],
    ['that undoes', { answers: { operate: limited }, operations: [{ kind: 'void' }] }],
  ])('and a sending %s, is not told to be unprocessed', async (_, scene) => {
    const answers = { inquireOperation: notFound, inquire: found('approved'), ...scene.answers };
    const done = await look({ ...turnedAway, ...scene, answers } as Scene);
    expect(done.asked).toHaveLength(2);
    expect(done.steps.map(({ event }) => event.kind)).not.toContain('operation_not_processed');
  });

  it('without a key is recorded before it is sent', async () => {
    const done = await look(evident);
    expect(done.steps).toMatchObject([
      {
        before: done.authorization,
        after: { operations: [{ status: 'pending' }] },
        event: { kind: 'operation_sent_again', actor: 'resolver', data: { operation: id } },
      },
      { before: { version: done.authorization.version + 1 }, event: { kind: 'operation_ended' } },
    ]);
    expect(done.lines).toEqual(['capture answer succeeded']);
    expect(done.told).toHaveLength(1);
  });

  it('without a key, and that is only acknowledged, is not over', async () => {
    const done = await look({
      ...evident,
      answers: { inquireOperation: notFound, operate: { kind: 'accepted' } },
    });
    expect(done.asked).toEqual(['inquireOperation', 'capture']);
    expect(done.last?.operations).toMatchObject([{ status: 'pending', code: null }]);
    expect(done.plan).toEqual([0, 0, 5_000]);
  });

  it('is looked at as soon as "not found" is evidence about any of several', async () => {
    const partly = (createdMs_: number): Partial<Operation> => ({
      amount: 1_000,
      createdAtMs: SAMPLE_T0 + createdMs_,
    });
    const seen = {
      [`${key} 0`]: TIMEOUT_MS + WINDOW_MS,
      [`${ID} ${sampleOperation(2).id} 0`]: TIMEOUT_MS + WINDOW_MS,
    };
    const done = await look({
      ...evident,
      operations: [partly(createdMs + 500), partly(createdMs)],
      atMs: past - 1,
      seenMs: seen,
    });
    expect(done.plan).toEqual([0, 0, 1]);
  });

  const newer = sampleAuthorization([SAMPLE_OUTCOMES.approved], {
    version: 9,
    operations: [sampleOperation(1)],
  });
  it.each<[string, Scene, readonly unknown[]]>([
    ['its history cannot be read', { history: 'fails' }, [1, 0, 30_000]],
    ['that cannot be recorded', { results: ['fails'] }, [0, 1, 10_000]],
    ['somebody else changed something meanwhile', { results: [{ kind: 'stale' }], newer }, [1, 0, 30_000]],
  ])('without a key is not sent where %s', async (_, scene, plan) => {
    const done = await look({ ...evident, ...scene });
    expect([done.asked, done.lines.length]).toEqual([['inquireOperation'], done.lines.length]);
    expect(done.plan).toEqual(plan);
  });

  it('and whose repeat was refused before, and is not known there, has failed', async () => {
    const before: Scene = { ...evident, operations: [{ code: 'invalid_state' }] };
    const done = await look(before);
    expect(done.asked).toEqual(['inquireOperation']);
    expect(done.lines).toEqual(['capture inquiry failed']);
    expect(done.steps).toMatchObject([
      {
        event: {
          kind: 'operation_ended',
          data: { by: 'inquiry', status: 'failed', code: 'invalid_state', providerReference: null },
        },
      },
    ]);
    const early = await look({ ...before, atMs: past - 1 });
    expect([early.steps, early.plan]).toEqual([[], [0, 0, 1]]);
  });

  const refusal = { operate: REFUSED } as const;
  /** What an inquiry tells then; how the operation ended by it; the plan for what is left. */
  it.each<
    [string, StubAnswers['inquireOperation'], string | null, string | null, readonly unknown[] | undefined]
  >([
    ['was carried out after all', [notFound, CONFIRMED], 'succeeded', null, undefined],
    [
      'has failed',
      [notFound, { kind: 'failed', code: 'capture_refused' }],
      'failed',
      'capture_refused',
      undefined,
    ],
    ['is worked on', [notFound, { kind: 'pending' }], 'pending', 'invalid_state', [0, 0, 5_000]],
    ['is not known', notFound, 'pending', 'invalid_state', [0, 0, 5_000]],
    ['is not told of', [notFound, LOST], 'pending', 'invalid_state', [-1, 1, 10_000]],
  ])('and whose repeat is refused, %s', async (_, inquireOperation, status, code, plan) => {
    const done = await look({ ...evident, answers: { ...refusal, inquireOperation } as StubAnswers });
    expect(done.asked).toEqual(['inquireOperation', 'capture', 'inquireOperation']);
    expect(done.last?.operations).toMatchObject([{ status, code }]);
    expect(done.plan).toEqual(plan);
    const isOpen = status === 'pending';
    expect(done.steps[1]).toMatchObject({
      before: { version: 3 },
      event: isOpen
        ? { kind: 'operation_refused', actor: 'resolver', data: { operation: id, code } }
        : { kind: 'operation_ended', data: { by: 'inquiry' } },
    });
    const [second] = [inquireOperation].flat().slice(-1);
    const told = second instanceof Error || second === undefined ? '' : second.kind;
    const line = isOpen ? (told === 'no_answer' ? 'no_answer timeout' : told) : status;
    expect(done.lines).toEqual([`capture inquiry ${line}`]);
    expect(done.calls[2]).toMatchObject({ budget: BUDGET(done.deps, past) });
  });

  it.each<[string, Scene, readonly unknown[] | undefined]>([
    ['cannot be recorded', { results: [{ kind: 'written', version: 3 }, 'fails'] }, [-1, 1, 10_000]],
    [
      'meets somebody who has ended it',
      {
        results: [{ kind: 'written', version: 3 }, { kind: 'stale' }],
        newer: sampleAuthorization([SAMPLE_OUTCOMES.approved], {
          version: 9,
          operations: [sampleOperation(1, { status: 'succeeded' })],
        }),
      },
      undefined,
    ],
  ])('and whose refusal %s', async (_, scene, plan) => {
    const done = await look({ ...evident, answers: { ...refusal, inquireOperation: notFound }, ...scene });
    expect(done.steps).toHaveLength(2);
    expect(done.plan).toEqual(plan);
  });

  it('and whose key sees to it that it is done once, has failed when it is refused', async () => {
    const done = await look({ ...unsure, answers: { ...refusal, inquireOperation: notFound } });
    expect(done.asked).toEqual(['inquireOperation', 'capture']);
    expect(done.last?.operations).toMatchObject([{ status: 'failed' }]);
  });
});

describe('the next look', () => {
  const ATTEMPT_ID = sampleAttempt(1, null).id;
  const open: Scene = { answers: { inquire: found('unknown') } };
  it('is the next of the schedule, under nobody’s lease', async () => {
    const done = await look({ ...open, item: { step: 1, failures: 4 } });
    const dueAtMs = done.clock.wallMs() + 120_000;
    const { id } = done.authorization;
    expect(done.put).toEqual([[id, 'process-1', { step: 2, failures: 0, dueAtMs, lease: null }]]);
    expect(done.journalCalls).toEqual(['postpone_work']);
  });

  it('comes later the more often nobody answered', async () => {
    const done = await look({ answers: { inquire: LOST }, item: { step: 1, failures: 1 } });
    expect(done.plan).toEqual([1, 2, 20_000]);
  });

  it.each<[string, Scene, (number | null)[]]>([
    ['begins its schedule anew once something was found', { item: { step: 2, failures: 0 } }, [0, 0, 5_000]],
    [
      'further on after a void that failed',
      {
        item: { step: 2, failures: 0 },
        operations: [
          { kind: 'void', purpose: 'late_approval', status: 'failed' },
          { kind: 'void', purpose: 'late_approval', status: 'failed' },
          { kind: 'void', purpose: 'late_approval' },
        ],
      },
      [1, 0, 30_000],
    ],
  ])('%s', async (_, scene, plan) => {
    const done = await look({
      ...scene,
      answers: { inquire: found('pending'), inquireOperation: { kind: 'pending' } },
    });
    expect(done.plan).toEqual(plan);
  });

  it.each<[string, Scene, (number | null)[], readonly string[], path?: string]>([
    [
      'is the last at the end of the validity',
      { item: { sinceMs: SAMPLE_T0 - 7 * DAY_MS + 6_000 } },
      [1, 0, 1_000],
      [],
    ],
    [
      'is none after it: a person has to close it',
      { item: { sinceMs: SAMPLE_T0 - 7 * DAY_MS + 5_000 } },
      [1, 0, null],
      ['unresolved'],
      `attempts/${ATTEMPT_ID}`,
    ],
    [
      'is none after the longest validity where nobody knows it',
      { isConnected: false, item: { sinceMs: SAMPLE_T0 - 31 * DAY_MS + 5_000 } },
      [0, 1, null],
      ['unresolved'],
      `attempts/${ATTEMPT_ID}`,
    ],
    [
      'but one before that',
      { isConnected: false, item: { sinceMs: SAMPLE_T0 - 31 * DAY_MS + 5_001 } },
      [0, 1, 1],
      [],
    ],
    [
      'is one while what was authorized is good',
      {
        outcomes: ['partial'],
        operations: [{ kind: 'void', purpose: 'partial_approval' }],
        answers: { inquireOperation: { kind: 'pending' } },
        over: { expiresAtMs: SAMPLE_T0 + 6_000 },
        item: { sinceMs: SAMPLE_T0 - 7 * DAY_MS },
      },
      [1, 0, 1_000],
      [],
    ],
    [
      'is none after it where only an operation is open: that is what a person has to close',
      {
        outcomes: ['approved'],
        operations: [{ status: 'succeeded', amount: 1 }, {}],
        answers: { inquireOperation: { kind: 'pending' } },
        item: { sinceMs: SAMPLE_T0 - 7 * DAY_MS + 5_000 },
      },
      [1, 0, null],
      ['unresolved'],
      `operations/${sampleOperation(2).id}`,
    ],
    [
      'is none after it where an operation waits for its attempt: the attempt comes first',
      {
        ...open,
        operations: [{ kind: 'void' }],
        semantics: { cancelByReference: false },
        item: { sinceMs: SAMPLE_T0 - 7 * DAY_MS + 5_000 },
      },
      [1, 0, null],
      ['unresolved'],
      `attempts/${ATTEMPT_ID}`,
    ],
  ])('%s', async (_, scene, plan, alerts, path) => {
    const done = await look({ ...open, ...scene });
    expect(done.plan).toEqual(plan);
    expect(done.alerts).toEqual(alerts);
    if (alerts.length === 0) return;
    expect(done.told.at(-1)).toEqual({
      what: 'alert',
      kind: 'unresolved',
      detail: `sandbox-a could not tell within the validity; close it with evidence: POST /v1/${path}/resolutions`,
      authorizationId: done.authorization.id,
    });
  });

  it('is told by what age the work has, never less than none', async () => {
    const done = await look({ ...open, item: { sinceMs: SAMPLE_T0 + 6_000 } });
    expect(done.told).toMatchObject([{ ageMs: 0 }]);
  });
});

describe('the resolver', () => {
  const work = (names: readonly Named[], operations: readonly Partial<Operation>[] = []): WorkItem => ({
    authorization: sampleAuthorization(names.map(outcomeOf), {
      operations: operations.map((over, index) => sampleOperation(index + 1, over)),
    }),
    step: 0,
    failures: 0,
    sinceMs: SAMPLE_T0,
    lease: { owner: 'process-1', untilMs: SAMPLE_T0 + HOUR_MS },
    leftBy: null,
  });

  function resolver(items: readonly WorkItem[], more: Partial<GatewayDeps> = {}) {
    const asked: unknown[] = [];
    const put: unknown[] = [];
    const lanes: string[] = [];
    const here = stage({
      journal: {
        takeWork: async (...how) => {
          asked.push(how);
          return items.slice(0, how[1]);
        },
        postponeWork: async (...how) => put.push(how) > 0,
      },
      more: {
        pacer: {
          run: (provider, task) => {
            lanes.push(provider);
            return task();
          },
        },
        ...more,
      },
    });
    return { ...here, asked, put, lanes, resolver: new Resolver(here.deps) };
  }

  it('takes up what is due under a lease of three minutes, as much as it may have in hand', async () => {
    const here = resolver([work(['unknown']), work(['unknown'])]);
    expect(await here.resolver.takeUp()).toBe(2);
    const nowMs = here.clock.wallMs();
    expect(here.asked).toEqual([[nowMs, 200, { owner: 'process-1', untilMs: nowMs + 180_000 }]]);
    await here.resolver.idle();
    expect(here.put).toHaveLength(2);
    expect(here.journalCalls[0]).toBe('take_work');
  });

  it('takes no more than it may have in hand', async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const run = async <T>(_: string, task: () => Promise<T>): Promise<T> => {
      await held;
      return task();
    };
    const here = resolver(Array<WorkItem>(199).fill(work(['unknown'])), { pacer: { run } });
    expect(await here.resolver.takeUp()).toBe(199);
    expect(await here.resolver.takeUp()).toBe(1);
    expect(here.asked).toMatchObject([{ 1: 200 }, { 1: 1 }]);
    expect(await here.resolver.takeUp()).toBe(0);
    expect(here.asked).toHaveLength(2);
    release();
    await here.resolver.idle();
    expect(here.put).toHaveLength(200);
    await here.resolver.takeUp();
    expect(here.asked[2]).toMatchObject({ 1: 200 });
    await here.resolver.idle();
  });

  it('takes nothing where the journal cannot say', async () => {
    const { deps, told } = stage();
    expect(await new Resolver(deps).takeUp()).toBe(0);
    expect(told).toMatchObject([{ kind: 'journal_failed' }]);
  });

  it.each<[string, WorkItem, string]>([
    ['of the attempt that is not known', work(['declinedSoft', 'unknown']), 'sandbox-b'],
    ['of the operation that waits', work(['declinedSoft', 'approved'], [{ kind: 'void' }]), 'sandbox-a'],
    ['not of one that has ended', work(['declinedSoft', 'unknown'], [{ status: 'failed' }]), 'sandbox-b'],
    ['of nobody, where the record lacks it', work([]), 'none'],
  ])('works at the pace %s', async (_, item, lane) => {
    const here = resolver([item]);
    await here.resolver.takeUp();
    await here.resolver.idle();
    expect(here.lanes).toEqual([lane]);
  });

  it.each([
    ['begins', 55_000, false, true],
    ['leaves to others', 55_001, false, false],
    ['leaves, when it is stopped,', 0, true, false],
  ])(
    '%s what it can look at within its lease, which nobody has to wait for',
    async (_, waitMs, isStopped, isBegun) => {
      const stop = new AbortController();
      if (isStopped) stop.abort();
      const item = { ...work(['unknown']), step: 3, failures: 1 };
      const here = resolver([item], {
        stopSignal: stop.signal,
        pacer: {
          run: async (_lane, task) => {
            await here.clock.advance(waitMs);
            return task();
          },
        },
      });
      await here.clock.advance(500);
      await here.resolver.takeUp();
      await here.resolver.idle();
      const dueAtMs = here.clock.wallMs();
      const left = [item.authorization.id, 'process-1', { step: 3, failures: 1, dueAtMs, lease: null }];
      expect(here.put).toHaveLength(1);
      if (isBegun) expect(here.put[0]).toMatchObject({ 2: { lease: null, dueAtMs: expect.any(Number) } });
      expect(here.put.some((each) => JSON.stringify(each) === JSON.stringify(left))).toBe(!isBegun);
    },
  );

  it('pages for a bug of ours, and goes on with the next item', async () => {
    const bad = work(['unknown']);
    let looks = 0;
    const here = resolver([bad, work(['unknown'])], {
      rulesets: {
        current: () => {
          looks += 1;
          if (looks === 1) throw new TypeError('a bug');
          return sampleRuleset([]);
        },
      },
    });
    await here.resolver.takeUp();
    await here.resolver.idle();
    expect(here.told.find(({ what }) => what === 'alert')).toEqual({
      what: 'alert',
      kind: 'resolver_failed',
      detail: expect.stringContaining('a bug'),
      authorizationId: bad.authorization.id,
    });
    expect(here.put).toHaveLength(1);
  });
});
