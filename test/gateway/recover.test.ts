import { describe, expect, it } from 'vitest';
import type { Authorization } from '../../src/core/authorization.ts';
import { NEVER_CONFIRMED } from '../../src/core/resolution.ts';
import type { GatewayDeps } from '../../src/gateway/gateway-deps.ts';
import type { Lapsed, Step, StepResult } from '../../src/gateway/ports.ts';
import { expireDue, recoverLapsed } from '../../src/gateway/recover.ts';
import { oneRowJournal, stage, stubProvider } from '../support/gateway-stubs.ts';
import { sampleAuthorization } from '../support/sample-authorization.ts';
import { SAMPLE_OUTCOMES, type SampleOutcome } from '../support/sample-outcomes.ts';

const LEASE_MS = 5_000;
const LAPSED_OUTCOME = { kind: 'unknown', code: 'lease_expired', providerReference: null };
const STALE: StepResult = { kind: 'stale' };

const left = (names: readonly (SampleOutcome | null)[], over: Partial<Omit<Authorization, 'request'>> = {}) =>
  sampleAuthorization(
    names.map((name) => (name === null ? null : SAMPLE_OUTCOMES[name])),
    { open: true, ...over },
  );

interface Scene {
  readonly authorization?: Authorization;
  /** What is read after somebody else was first. */
  readonly newer?: Authorization;
  readonly owner?: string;
  readonly results?: readonly (StepResult | 'fails')[];
  readonly deps?: Partial<GatewayDeps>;
}

/** A lease that was found to be over, and a look at it by another process. */
function lapsed(scene: Scene = {}) {
  const { authorization = left([null]), newer = null, owner = 'process-2' } = scene;
  const found: Lapsed = { authorization, owner, leaseMs: LEASE_MS };
  const journal = oneRowJournal(newer, scene.results);
  const asked: unknown[] = [];
  const listLapsed = async (...how: readonly unknown[]) => {
    asked.push(how);
    return [found];
  };
  const here = stage({ journal: { ...journal, listLapsed }, more: scene.deps ?? {} });
  return { ...here, asked, steps: journal.steps, look: () => recoverLapsed(here.deps) };
}

/** Looks at once, and again when the whole lease was seen to be over. */
async function twice({ look, clock }: ReturnType<typeof lapsed>): Promise<readonly number[]> {
  const first = await look();
  await clock.advance(LEASE_MS);
  return [first, await look()];
}

describe('a lease that is over', () => {
  it.each<[string, Scene, readonly number[]]>([
    ['is taken from another process once it was seen to be over for its whole length', {}, [0, 1]],
    ['at once where nobody else can write the journal', { deps: { soleOwner: true } }, [1, 1]],
    ['not at once where it is our own', { owner: 'process-1', deps: { soleOwner: true } }, [0, 1]],
  ])('%s', async (_, scene, taken) => {
    const here = lapsed(scene);
    expect(await twice(here)).toEqual(taken);
    expect(here.asked).toEqual([
      [here.clock.wallMs() - LEASE_MS, 200],
      [here.clock.wallMs(), 200],
    ]);
  });

  it('is not over a moment before', async () => {
    const { look, clock } = lapsed();
    await look();
    await clock.advance(LEASE_MS - 1);
    expect(await look()).toBe(0);
  });

  it('that was prolonged meanwhile begins anew', async () => {
    let authorization = left([null], { version: 2 });
    const listLapsed = async () => [{ authorization, owner: 'process-2', leaseMs: LEASE_MS }];
    const { deps, clock } = stage({ journal: { ...oneRowJournal(null), listLapsed } });
    expect(await recoverLapsed(deps)).toBe(0);
    await clock.advance(LEASE_MS);
    authorization = { ...authorization, version: 3 };
    expect(await recoverLapsed(deps)).toBe(0);
  });

  it('is a matter of its authorization alone', async () => {
    let authorization = left([null]);
    const listLapsed = async () => [{ authorization, owner: 'process-2', leaseMs: LEASE_MS }];
    const { deps, clock } = stage({ journal: { ...oneRowJournal(null), listLapsed } });
    await recoverLapsed(deps);
    await clock.advance(LEASE_MS);
    authorization = { ...authorization, id: 'auth_zzzzz' };
    expect(await recoverLapsed(deps)).toBe(0);
  });

  it('is forgotten once it is taken', async () => {
    const here = lapsed();
    expect(await twice(here)).toEqual([0, 1]);
    expect(await here.look()).toBe(0);
  });

  it('is remembered while it could not be taken', async () => {
    const here = lapsed({ results: ['fails'] });
    expect(await twice(here)).toEqual([0, 0]);
    expect(await here.look()).toBe(1);
  });

  it('is told, with what became of it', async () => {
    const here = lapsed({ authorization: left(['rejectedTransient', null]) });
    await twice(here);
    expect(here.told).toEqual([
      {
        what: 'alert',
        kind: 'lease_expired',
        detail: 'its process left it open; it is now pending',
        authorizationId: here.steps[0]?.before.id,
      },
    ]);
    expect(here.steps).toMatchObject([
      { event: { kind: 'lapsed', actor: 'recovery', data: { reason: 'lease_expired', owner: 'process-2' } } },
    ]);
  });

  it('and an authorization whose validity is over are taken up although one before them runs into a bug', async () => {
    const one = left([null]);
    const other = { ...one, id: 'auth_zzzzz' };
    const expired = sampleAuthorization([SAMPLE_OUTCOMES.approved], { status: 'approved', expiresAtMs: 1 });
    const journal = oneRowJournal(null);
    const advance = (step: Step) => {
      if (step.before.id === one.id) throw new TypeError('no such thing');
      return journal.advance(step);
    };
    const { deps, clock, told } = stage({
      journal: {
        ...journal,
        advance,
        listLapsed: async () => [one, other].map((each) => ({ authorization: each, owner: 'x', leaseMs: 1 })),
        listExpired: async () => [
          { ...expired, id: one.id },
          { ...expired, id: other.id },
        ],
      },
    });
    await recoverLapsed(deps);
    await clock.advance(1);
    expect([await recoverLapsed(deps), await expireDue(deps)]).toEqual([1, 1]);
    expect(told.filter(({ kind }) => kind === 'housekeeping_failed')).toMatchObject([
      { authorizationId: one.id },
      { authorizationId: one.id },
    ]);
  });

  it('is nobody’s business where the journal cannot be read', async () => {
    const { deps, told, journalCalls } = stage();
    expect([await recoverLapsed(deps), await expireDue(deps)]).toEqual([0, 0]);
    expect(told.map(({ kind }) => kind)).toEqual(['journal_failed', 'journal_failed']);
    expect(journalCalls).toEqual(['list_lapsed', 'list_expired']);
  });
});

describe('what a dead process left', () => {
  const unknown = { status: 'pending', open: false, attempts: [{ outcome: LAPSED_OUTCOME }] };
  it.each<[string, Authorization, object]>([
    ['an attempt without an outcome may have been sent', left([null]), unknown],
    [
      'also after another',
      left(['rejectedTransient', null]),
      { ...unknown, attempts: [{ outcome: SAMPLE_OUTCOMES.rejectedTransient }, { outcome: LAPSED_OUTCOME }] },
    ],
    [
      'what is recorded stands',
      left(['approved']),
      { status: 'approved', open: false, attempts: [{ outcome: SAMPLE_OUTCOMES.approved }] },
    ],
    ['a decline is the answer', left(['declinedSoft']), { status: 'declined', open: false }],
    [
      'what is still worked on is no less known',
      left(['pending']),
      { status: 'pending', open: false, attempts: [{ outcome: SAMPLE_OUTCOMES.pending }] },
    ],
    ['nothing was attempted', left([]), { status: 'failed', open: false, attempts: [] }],
  ])('%s', async (_, authorization, after) => {
    const here = lapsed({ authorization });
    expect(await twice(here)).toEqual([0, 1]);
    expect(here.steps).toMatchObject([{ before: authorization, after }]);
    expect(here.told.map(({ what, kind }) => [what, kind])).toEqual([['alert', 'lease_expired']]);
  });

  describe('at a provider with two steps', () => {
    const provider = () => stubProvider({}, { twoSteps: true });
    it('may have been sent once an id of it is durable', async () => {
      const attempts = left([null]).attempts.map((attempt) => ({ ...attempt, preparedReference: 'pi_1' }));
      const here = lapsed({ authorization: left([null], { attempts }), deps: { provider } });
      expect(await twice(here)).toEqual([0, 1]);
      const outcome = { ...LAPSED_OUTCOME, providerReference: 'pi_1' };
      expect(here.steps).toMatchObject([{ after: { status: 'pending', attempts: [{ outcome }] } }]);
    });

    it('was never authorized before that', async () => {
      const here = lapsed({ deps: { provider } });
      expect(await twice(here)).toEqual([0, 1]);
      expect(here.steps).toMatchObject([
        { after: { status: 'failed', open: false, attempts: [{ outcome: NEVER_CONFIRMED }] } },
      ]);
    });
  });

  it('is left as it is when its process was not dead after all', async () => {
    const newer = left(['approved'], { open: false, version: 3 });
    const here = lapsed({ newer, results: [STALE] });
    expect(await twice(here)).toEqual([0, 0]);
    expect(here.steps).toHaveLength(1);
    expect(here.told).toEqual([]);
    // Its sighting is over with it.
    expect(here.deps.sightings.seenForMs(`lease ${newer.id} 2`)).toBe(0);
  });

  it('is tried the next time when the journal fails', async () => {
    const here = lapsed({ results: ['fails'] });
    expect(await twice(here)).toEqual([0, 0]);
    expect(here.told.map(({ kind }) => kind)).toEqual(['journal_failed']);
  });
});

describe('what was never captured', () => {
  async function expire(results: readonly (StepResult | 'fails')[] = [], expiresInMs = 0) {
    const journal = oneRowJournal(null, results);
    const asked: unknown[] = [];
    const here = stage({
      journal: {
        ...journal,
        listExpired: async (...how) => {
          asked.push(how);
          const expiresAtMs = here.clock.wallMs() + expiresInMs;
          const approved = sampleAuthorization([SAMPLE_OUTCOMES.approved], { expiresAtMs });
          return [approved, approved];
        },
      },
    });
    return { taken: await expireDue(here.deps), asked, steps: journal.steps, nowMs: here.clock.wallMs() };
  }

  it('is given back once its validity is over', async () => {
    const { taken, asked, steps, nowMs } = await expire();
    expect([taken, asked]).toEqual([2, [[nowMs, 200]]]);
    const step = {
      after: { status: 'reversing', operations: [{ purpose: 'expiry', createdAtMs: nowMs }] },
      event: { kind: 'expired', actor: 'recovery', data: { expires_at_ms: nowMs } },
    };
    expect(steps).toMatchObject([step, step]);
  });

  it('is not given back before', async () => {
    expect(await expire([], 1)).toMatchObject({ taken: 0, steps: [] });
  });

  it('counts only where that could be written', async () => {
    expect(await expire(['fails'])).toMatchObject({ taken: 1 });
  });
});
