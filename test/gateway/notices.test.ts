import { describe, expect, it } from 'vitest';
import type { AttemptOutcome } from '../../src/core/attempt.ts';
import { applyOutcome, withVoid } from '../../src/core/lifecycle.ts';
import { newOperation, type Operation } from '../../src/core/operation.ts';
import type { ProviderSemantics } from '../../src/core/resolution.ts';
import { settled } from '../../src/core/settlement.ts';
import { changeAuthorization } from '../../src/gateway/change.ts';
import type { GatewayDeps } from '../../src/gateway/gateway-deps.ts';
import { KeptHere } from '../../src/gateway/kept-here.ts';
import { keepNotices, workOutNotices } from '../../src/gateway/notices.ts';
import {
  type Dispute,
  type InquiryAnswer,
  type Journal,
  JournalError,
  type Notice,
  type NoticeEvidence,
  type NoticeReading,
  type NoticeSubject,
  type OperationInquiry,
  type Provider,
} from '../../src/gateway/ports.ts';
import { oneRowJournal, type StubAnswers, stage, stubProvider } from '../support/gateway-stubs.ts';
import { GatewayWorld, idIn } from '../support/gateway-world.ts';
import { hangingJournal } from '../support/hanging-journal.ts';
import { sampleAuthorization, sampleOperation } from '../support/sample-authorization.ts';
import { SAMPLE_OUTCOMES, type SampleOutcome } from '../support/sample-outcomes.ts';
import { sampleRequest } from '../support/sample-request.ts';
import { sampleContract, sampleRuleset } from '../support/sample-ruleset.ts';

const MESSAGE = { headers: {}, body: '{}' };

/** A payment that is pending, and deps whose providers read and understand notices as told. */
async function scene(reading: NoticeReading | null, evidence: NoticeEvidence = { kind: 'nothing' }) {
  const world = new GatewayWorld({
    script: { 'sandbox-a': ['hang_unprocessed'] },
    provider: { semantics: { notFoundAfterMs: null, replay: 'none' } },
  });
  const process = world.process();
  const id = idIn(await world.authorize(process));
  const attemptId = (await world.get(id)).attempts[0]?.id ?? '';
  const notice: Notice = { eventId: 'evt_1', type: 'authorization.authorized', attemptId, data: {} };
  const deps = understanding(process.deps, reading ?? { kind: 'read', notices: [notice] }, evidence);
  return { world, deps, id, attemptId, notice };
}

/** Deps whose providers read and understand every notice as told. */
function understanding(
  deps: GatewayDeps,
  reading: NoticeReading | null,
  evidence: NoticeEvidence,
): GatewayDeps {
  const so = (provider: Provider): Provider =>
    new Proxy(provider, {
      get: (target, property) => {
        if (property === 'readNotices') return () => reading;
        if (property === 'evidenceIn') return () => evidence;
        const value: unknown = Reflect.get(target, property, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  return {
    ...deps,
    provider: (each) => {
      const provider = deps.provider(each);
      return provider === undefined ? undefined : so(provider);
    },
  };
}

const approved = (reference = 'psp_1'): NoticeEvidence => ({
  kind: 'attempt',
  outcome: { kind: 'approved', providerReference: reference, networkTransaction: null },
});

/** The provider, which tells what its notices are read against and understands none. */
function listening(
  provider: Provider | undefined,
  onAsked: (asked: NoticeSubject) => void,
): Provider | undefined {
  return provider === undefined
    ? undefined
    : new Proxy(provider, {
        get: (target, property) =>
          property === 'evidenceIn'
            ? (_: unknown, asked: NoticeSubject) => {
                onAsked(asked);
                return { kind: 'nothing' };
              }
            : Reflect.get(target, property, target),
      });
}

/** A journal that fails in one of its methods. */
function failing(journal: Journal, method: keyof Journal): Journal {
  return new Proxy(journal, {
    get: (target, property) => {
      if (property === method) return async () => Promise.reject(new JournalError('disk full'));
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

it('what one notice runs into as a bug keeps none of its provider behind it', async () => {
  const { world, deps, id, notice } = await scene(null, approved());
  const poison = { ...notice, eventId: 'evt_0', attemptId: 'att_nobody_1' };
  for (const each of [poison, notice]) await world.journal.keepNotice('sandbox-a', each, 1);
  const journal = new Proxy(world.journal, {
    get: (target, property) => {
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== 'function') return value;
      if (property !== 'findAuthorization') return value.bind(target);
      return async (named: string) => {
        if (named === 'auth_nobody') throw new TypeError('no such thing');
        return target.findAuthorization(named);
      };
    },
  });
  const alerts: string[] = [];
  const observer = { ...deps.observer, alert: ({ kind }: { readonly kind: string }) => alerts.push(kind) };
  expect(await workOutNotices({ ...deps, journal, observer })).toBe(1);
  expect((await world.get(id)).status).toBe('approved');
  expect(alerts).toEqual(['housekeeping_failed']);
  expect(await world.journal.openNotices(10)).toMatchObject([{ eventId: 'evt_0' }]);
});

describe('what comes in', () => {
  it.each(['signature', 'stale', 'malformed', 'not_configured'] as const)(
    '%s is refused, and not kept',
    async (reason) => {
      const { deps, world } = await scene({ kind: 'refused', reason });
      const taken: unknown[] = [];
      const told = { ...deps, observer: { ...deps.observer, noticeTaken: (it: unknown) => taken.push(it) } };
      expect(await keepNotices('sandbox-a', MESSAGE, told)).toEqual({ kind: 'refused', reason });
      expect(taken).toStrictEqual([{ provider: 'sandbox-a', result: reason }]);
      expect(await world.journal.openNotices(10)).toEqual([]);
    },
  );

  it('is refused with the member that is wrong, which is told', async () => {
    const refused = { kind: 'refused', reason: 'malformed', member: 'live' } as const;
    const { deps } = await scene(refused);
    const taken: unknown[] = [];
    const told = { ...deps, observer: { ...deps.observer, noticeTaken: (it: unknown) => taken.push(it) } };
    expect(await keepNotices('sandbox-a', MESSAGE, told)).toEqual(refused);
    expect(taken).toEqual([{ provider: 'sandbox-a', result: 'malformed', member: 'live' }]);
  });

  it('for nobody is refused', async () => {
    const { deps } = await scene(null);
    expect(await keepNotices('nobody', MESSAGE, deps)).toEqual({ kind: 'no_such_provider' });
  });

  it('is kept before it is acknowledged, once', async () => {
    const { deps, world, notice } = await scene(null);
    expect(await keepNotices('sandbox-a', MESSAGE, deps)).toEqual({ kind: 'kept', isNew: true });
    for (let repeat = 0; repeat < 50; repeat += 1) {
      expect(await keepNotices('sandbox-a', MESSAGE, deps)).toEqual({ kind: 'kept', isNew: false });
    }
    expect(await world.journal.openNotices(10)).toMatchObject([{ ...notice, provider: 'sandbox-a' }]);
  });

  it('is to be sent again when what verifies it cannot be had now', async () => {
    const { deps, world } = await scene({ kind: 'unverifiable', code: 'ECONNREFUSED' });
    const taken: unknown[] = [];
    const told = { ...deps, observer: { ...deps.observer, noticeTaken: (it: unknown) => taken.push(it) } };
    expect(await keepNotices('sandbox-a', MESSAGE, told)).toEqual({
      kind: 'unverifiable',
      code: 'ECONNREFUSED',
    });
    expect(taken).toEqual([{ provider: 'sandbox-a', result: 'unverifiable' }]);
    expect(await world.journal.openNotices(10)).toEqual([]);
  });

  it('is to be sent again when the adapter throws, which is told', async () => {
    const { deps } = await scene(null);
    const alerts: string[] = [];
    const broken: GatewayDeps = {
      ...deps,
      observer: { ...deps.observer, alert: ({ kind }) => alerts.push(kind) },
      provider: (each) => {
        const provider = deps.provider(each);
        const readNotices = () => Promise.reject(new TypeError('a bug'));
        return provider === undefined ? undefined : { ...provider, readNotices };
      },
    };
    expect(await keepNotices('sandbox-a', MESSAGE, broken)).toEqual({
      kind: 'unverifiable',
      code: 'adapter_failed',
    });
    expect(alerts).toEqual(['adapter_threw']);
  });

  it.each(['lands', 'lost'] as const)(
    'is not acknowledged in time while the journal hangs (%s), and is kept once',
    async (landing) => {
      const { deps, world, notice } = await scene(null);
      const { hanging, hang, letGo } = hangingJournal(deps.journal);
      const process = { ...deps, journal: hanging };
      const kept = new KeptHere();
      hang(['keepNotice']);
      const fromMs = world.clock.monotonicMs();
      const keeping = keepNotices('sandbox-a', MESSAGE, process, kept).then((result) => {
        expect(world.clock.monotonicMs() - fromMs).toBeLessThanOrEqual(4_000);
        return result;
      });
      expect(await world.finish(keeping)).toEqual({ kind: 'journal_unavailable' });
      expect(letGo(landing)).toBe(1);
      await world.clock.advance(10);
      expect(kept.has('sandbox-a', notice)).toBe(landing === 'lands');
      const again = await keepNotices('sandbox-a', MESSAGE, process, kept);
      expect(again).toEqual({ kind: 'kept', isNew: landing === 'lost' });
      expect(await world.journal.openNotices(10)).toHaveLength(1);
    },
  );

  it('has its time to be kept after its verification, however long that took', async () => {
    const { deps, world } = await scene(null);
    const slow: GatewayDeps = {
      ...deps,
      provider: (each) => {
        const provider = deps.provider(each);
        const readNotices = async (message: typeof MESSAGE) => {
          await new Promise<void>((resolve) => world.clock.after(20_000, resolve));
          return provider?.readNotices(message) ?? { kind: 'refused', reason: 'malformed' };
        };
        return provider === undefined ? undefined : ({ ...provider, readNotices } as Provider);
      },
    };
    const keeping = keepNotices('sandbox-a', MESSAGE, slow);
    expect(await world.finish(keeping)).toEqual({ kind: 'kept', isNew: true });
  });

  it('is not acknowledged when it cannot be kept', async () => {
    const { deps } = await scene(null);
    const broken = { ...deps, journal: failing(deps.journal, 'keepNotice') };
    expect(await keepNotices('sandbox-a', MESSAGE, broken)).toEqual({ kind: 'journal_unavailable' });
  });
});

describe('what it means', () => {
  it('an approval settles the attempt, and a repeat of the event changes nothing', async () => {
    const { deps, world, id, notice } = await scene(null, approved());
    await keepNotices('sandbox-a', MESSAGE, deps);
    expect(await workOutNotices(deps)).toBe(1);
    expect(await world.get(id)).toMatchObject({ status: 'approved', providerReference: 'psp_1' });
    const { version } = await world.get(id);
    await world.journal.keepNotice('sandbox-a', { ...notice, eventId: 'evt_2' }, 0);
    expect(await workOutNotices(deps)).toBe(1);
    expect(await workOutNotices(deps)).toBe(0);
    expect((await world.get(id)).version).toBe(version);
    expect((await world.journal.history(id)).at(-1)).toMatchObject({
      kind: 'noticed',
      actor: 'webhook sandbox-a',
    });
  });

  it('an approval that is known is completed by what only the event tells, as an event of its own', async () => {
    const { deps, world, id, attemptId } = await scene(null, approved());
    await keepNotices('sandbox-a', MESSAGE, deps);
    await workOutNotices(deps);
    const before = await world.get(id);
    expect(before).toMatchObject({ status: 'approved', networkTransaction: null });
    const networkTransaction = { id: 'nti_1', network: 'visa', date: '2026-11-23' };
    const { outcome } = approved() as Extract<NoticeEvidence, { kind: 'attempt' }>;
    const told = { kind: 'attempt', outcome: { ...outcome, networkTransaction } } as NoticeEvidence;
    const later = understanding(deps, null, told);
    for (const eventId of ['evt_2', 'evt_3']) {
      await world.journal.keepNotice('sandbox-a', { eventId, type: 'later', attemptId, data: {} }, 0);
    }
    expect(await workOutNotices(later)).toBe(2);
    const after = await world.get(id);
    expect(after).toMatchObject({ status: 'approved', networkTransaction, version: before.version + 1 });
    expect((await world.journal.history(id)).at(-1)).toMatchObject({
      kind: 'noticed',
      data: { notice: 'evt_2', changes: { attempts: [{ outcome: { networkTransaction } }] } },
    });
    expect(world.told.alerts).toEqual([]);
  });

  it('is read against what was asked of this attempt, and of no other', async () => {
    const world = new GatewayWorld({ script: { 'sandbox-a': ['decline_soft'], 'sandbox-b': ['approve'] } });
    const process = world.process();
    const id = idIn(await world.authorize(process, { capture: 'automatic' }));
    const { attempts, operations, providerReference } = await world.get(id);
    const [first, second] = attempts.map((attempt) => attempt.id);
    const [capture] = operations;
    const subjects: NoticeSubject[] = [];
    const deps: GatewayDeps = {
      ...process.deps,
      provider: () =>
        listening(process.deps.provider('sandbox-a'), (asked) => {
          subjects.push(asked);
        }),
    };
    for (const { provider, id: attemptId } of attempts) {
      const notice = { eventId: `evt_${attemptId}`, type: 'capture.confirmed', attemptId, data: {} };
      await world.journal.keepNotice(provider, notice, 0);
    }
    expect(await workOutNotices(deps)).toBe(2);
    expect(providerReference).not.toBeNull();
    expect(subjects).toMatchObject([
      { attemptId: first, operations: [] },
      {
        attemptId: second,
        providerReference,
        operations: [
          {
            operation: 'capture',
            operationId: capture?.id,
            attemptId: second,
            providerReference,
            amount: sampleRequest().amount,
          },
        ],
      },
    ]);
  });

  it.each<[string, Partial<Notice>, string]>([
    ['about no attempt', { attemptId: null }, 'sandbox-a'],
    ['about an attempt that is not ours', { attemptId: 'order-7' }, 'sandbox-a'],
    ['about an authorization that is not here', { attemptId: 'att_zzzz_1' }, 'sandbox-a'],
    ['from another provider than was asked', {}, 'sandbox-b'],
  ])('%s is kept, and proves nothing', async (_, over, provider) => {
    const { deps, world, id, notice } = await scene(null, approved());
    await world.journal.keepNotice(provider, { ...notice, ...over }, 0);
    expect(await workOutNotices(deps)).toBe(1);
    expect((await world.get(id)).status).toBe('pending');
    expect(await world.journal.openNotices(10)).toEqual([]);
    expect(await world.journal.keepNotice(provider, { ...notice, ...over }, 0), 'it is still there').toBe(
      'known',
    );
  });

  it('another amount is alerted, and proves nothing', async () => {
    const { deps, world, id } = await scene(null, { kind: 'mismatch' });
    await keepNotices('sandbox-a', MESSAGE, deps);
    await workOutNotices(deps);
    expect(world.told.alerts).toContain('notice_mismatch');
    expect((await world.get(id)).status).toBe('pending');
  });

  it('an end of an operation that is not known changes nothing', async () => {
    const inquiry = { kind: 'confirmed', providerReference: null } as const;
    const { deps, world, id } = await scene(null, {
      kind: 'operation',
      operationId: 'cap_nobody_1',
      inquiry,
    });
    await keepNotices('sandbox-a', MESSAGE, deps);
    const { version } = await world.get(id);
    expect(await workOutNotices(deps)).toBe(1);
    expect((await world.get(id)).version).toBe(version);
  });

  it('ends no operation about an attempt at another provider', async () => {
    const world = new GatewayWorld({ script: { 'sandbox-a': ['decline_soft'] } });
    const process = world.process();
    const { deps } = process;
    const id = idIn(await world.authorize(process));
    const late = SAMPLE_OUTCOMES.approved;
    const context = { nowMs: world.clock.wallMs(), validityMs: 1_000, durationMs: null };
    const event = { kind: 'noticed', actor: 'webhook sandbox-a', data: {} };
    const before = await world.get(id);
    await changeAuthorization(before, (current) => applyOutcome(current, 1, late, context), { event }, deps);
    const reversing = await world.get(id);
    expect(reversing.operations).toMatchObject([{ kind: 'void', status: 'pending', attemptNumber: 1 }]);
    const operationId = reversing.operations[0]?.id ?? '';
    const inquiry = { kind: 'confirmed', providerReference: null } as const;
    const tellFrom = async (number: number) => {
      const { id: attemptId, provider } = reversing.attempts[number - 1] ?? { id: '', provider: '' };
      await world.journal.keepNotice(provider, { eventId: 'evt_1', type: 'void', attemptId, data: {} }, 0);
      return workOutNotices(understanding(deps, null, { kind: 'operation', operationId, inquiry }));
    };
    expect(await tellFrom(2)).toBe(1);
    expect(await world.get(id)).toEqual(reversing);
    expect(world.told.resolved).toEqual([]);
    expect(await tellFrom(1)).toBe(1);
    expect((await world.get(id)).operations).toMatchObject([{ status: 'succeeded' }]);
  });

  it.each(['findAuthorization', 'advance', 'settleNotice'] as const)(
    'when the journal fails in %s, it is worked out later, with the same end',
    async (method) => {
      const { deps, world, id } = await scene(null, approved());
      await keepNotices('sandbox-a', MESSAGE, deps);
      expect(await workOutNotices({ ...deps, journal: failing(deps.journal, method) })).toBe(0);
      expect(await world.journal.openNotices(10)).toHaveLength(1);
      expect(await workOutNotices(deps)).toBe(1);
      expect((await world.get(id)).status).toBe('approved');
    },
  );

  it('an adapter that throws is a bug that is told, and no evidence', async () => {
    const { deps, world, id } = await scene(null);
    await keepNotices('sandbox-a', MESSAGE, deps);
    const throwing: GatewayDeps = {
      ...deps,
      provider: (each) => {
        const provider = deps.provider(each);
        return provider === undefined
          ? undefined
          : new Proxy(provider, {
              get: (target, property) =>
                property === 'evidenceIn'
                  ? () => {
                      throw new TypeError('a bug');
                    }
                  : Reflect.get(target, property, target),
            });
      },
    };
    expect(await workOutNotices(throwing)).toBe(1);
    expect(world.told.alerts).toContain('adapter_threw');
    expect((await world.get(id)).status).toBe('pending');
  });
});

describe('an approval that is told of what is undone already', () => {
  const undone = {
    kind: 'partially_approved',
    providerReference: 'psp_1',
    authorizedAmount: 4_999,
    networkTransaction: null,
    reversal: 'confirmed',
  } as const;
  const standing = { kind: 'approved', providerReference: 'psp_1', networkTransaction: null } as const;
  const another = { ...standing, providerReference: 'psp_2' };
  const found = (outcome: AttemptOutcome): InquiryAnswer => ({ kind: 'found', outcome });

  /** Hides an approval, or did: it reads the same once what it hides is undone. */
  const hiding = { ...SAMPLE_OUTCOMES.declinedHidingApproval, providerReference: 'psp_1' };

  /** What it was at first, what is told in the end, what the provider then answers, those asked about, alerts. */
  it.each<[string, AttemptOutcome, AttemptOutcome, InquiryAnswer, readonly string[], readonly string[]]>([
    ['late, when the provider says that it is undone', standing, standing, found(undone), ['psp_1'], []],
    [
      'and stands, when the provider says so',
      standing,
      standing,
      found(standing),
      ['psp_1'],
      ['evidence_conflict'],
    ],
    [
      'by a provider that does not answer',
      standing,
      standing,
      { kind: 'no_answer', code: 'timeout' },
      ['psp_1'],
      [],
    ],
    ['by a provider that does not find it', standing, standing, { kind: 'not_found' }, ['psp_1'], []],
    ['under another reference, once', standing, another, found(standing), [], ['evidence_conflict']],
    ['as the decline that hid it, again', hiding, hiding, found(hiding), [], []],
    ['late, when the provider says what hid it', hiding, standing, found(hiding), ['psp_1'], []],
    ['and stands after all', hiding, standing, found(standing), ['psp_1'], ['evidence_conflict']],
  ])('%s', async (_, first, told, answer, asks, alerts) => {
    const { deps, world, id, notice } = await scene(null);
    const asked: (string | null)[] = [];
    const tell = async (eventId: string, outcome: AttemptOutcome) => {
      await world.journal.keepNotice('sandbox-a', { ...notice, eventId }, 0);
      const says: Readonly<Record<string, unknown>> = {
        evidenceIn: () => ({ kind: 'attempt', outcome }),
        inquire: async (query: Parameters<Provider['inquire']>[0]) => {
          asked.push(query.providerReference);
          return answer;
        },
      };
      const provider = (name: string) => {
        const real = deps.provider(name);
        return real === undefined
          ? undefined
          : new Proxy(real, { get: (target, key) => says[String(key)] ?? Reflect.get(target, key, target) });
      };
      expect(await workOutNotices({ ...deps, provider })).toBe(1);
    };
    await tell('evt_1', first);
    await tell('evt_2', undone);
    const { status, version, operations } = await world.get(id);
    expect(operations).toMatchObject([{ kind: 'void', status: 'succeeded' }]);
    expect([status, asked]).toEqual([first === hiding ? 'declined' : 'voided', []]);
    await tell('evt_3', told);
    expect(world.told.alerts).toEqual(alerts);
    expect(asked, 'what is told already needs no asking').toEqual(asks);
    expect(await world.get(id)).toMatchObject({ status, version });
  });
});

describe('what it is about', () => {
  /** A payment that is approved, and a notice that names it by something else than our attempt. */
  async function noticed(names: Partial<Notice>, evidence: NoticeEvidence) {
    const world = new GatewayWorld({});
    const process = world.process();
    const id = idIn(await world.authorize(process));
    const { attempts, providerReference } = await world.get(id);
    const notice: Notice = {
      eventId: 'evt_1',
      type: 'told',
      attemptId: null,
      data: {},
      ...names,
      ...(names.providerReference === THEIRS && { providerReference }),
    };
    const seen: NoticeSubject[] = [];
    const deps: GatewayDeps = {
      ...process.deps,
      provider: (each) => {
        const provider = process.deps.provider(each);
        if (provider === undefined) return undefined;
        const evidenceIn = (_: unknown, asked: NoticeSubject) => {
          seen.push(asked);
          return evidence;
        };
        return { ...provider, semantics: provider.semantics, evidenceIn };
      },
    };
    await world.journal.keepNotice('sandbox-a', notice, 0);
    return { world, deps, id, seen, attemptId: attempts[0]?.id ?? '' };
  }

  /** Stands for the authorization's own id at the provider. */
  const THEIRS = '<theirs>';
  const NOTHING: NoticeEvidence = { kind: 'nothing' };

  it('is found by the id of the authorization at the provider', async () => {
    const { deps, seen, attemptId } = await noticed({ providerReference: THEIRS }, NOTHING);
    expect(await workOutNotices(deps)).toBe(1);
    expect(seen.map((asked) => asked.attemptId)).toEqual([attemptId]);
  });

  it('is nobody where that id is not known', async () => {
    const { deps, seen } = await noticed({ providerReference: 'psp_other' }, NOTHING);
    expect(await workOutNotices(deps)).toBe(1);
    expect(seen).toEqual([]);
  });

  it('is found by the id of a capture at the provider, whose ids the adapter is told', async () => {
    const { world, deps, seen, id, attemptId } = await noticed({ providerReference: 'op_1' }, NOTHING);
    const found = await world.get(id);
    const attempt = found.attempts[0];
    if (attempt === undefined) throw new Error('no attempt');
    const capture = newOperation(found, attempt, {
      kind: 'capture',
      purpose: 'requested',
      target: null,
      amount: 4_999,
      final: true,
      createdAtMs: world.clock.wallMs(),
    });
    const done = { status: 'succeeded', providerReference: 'op_1', settledAtMs: 0 } as const;
    await changeAuthorization(
      found,
      (current) => ({
        authorization: settled({ ...current, operations: [{ ...capture, ...done }] }),
        remarks: [],
        changed: true,
      }),
      { event: { kind: 'operation_ended', actor: 'resolver', data: {} } },
      deps,
    );
    expect(await workOutNotices(deps)).toBe(1);
    expect(seen).toMatchObject([{ attemptId, operationReferences: ['op_1'] }]);
  });

  it('waits where the journal cannot be asked by it', async () => {
    const { deps, seen } = await noticed({ providerReference: THEIRS }, NOTHING);
    const broken = { ...deps, journal: failing(deps.journal, 'findAttemptByReference') };
    expect(await workOutNotices(broken)).toBe(0);
    expect(await workOutNotices(deps)).toBe(1);
    expect(seen).toHaveLength(1);
  });

  it('is found by an operation of ours', async () => {
    const { world, deps, seen, id, attemptId } = await noticed({}, NOTHING);
    const operationId = await begunVoid(world, deps, id);
    await world.journal.keepNotice(
      'sandbox-a',
      { eventId: 'evt_2', type: 'told', attemptId: null, operationId, data: {} },
      0,
    );
    expect(await workOutNotices(deps)).toBe(2);
    expect(seen.map((asked) => asked.attemptId)).toEqual([attemptId]);
    expect(seen[0]).toMatchObject({ operations: [{ operationId }], operationReferences: [] });
  });

  it('is nobody where the operation is not one of that authorization', async () => {
    const { world, deps, seen, id } = await noticed({}, NOTHING);
    const operationId = (await begunVoid(world, deps, id)).replace(/_1$/, '_7');
    await world.journal.keepNotice(
      'sandbox-a',
      { eventId: 'evt_2', type: 'told', attemptId: null, operationId, data: {} },
      0,
    );
    expect(await workOutNotices(deps)).toBe(2);
    expect(seen).toEqual([]);
  });

  it('a dispute is kept in the history and moves nothing', async () => {
    const dispute = {
      disputeId: 'dp_1',
      stage: 'opened',
      reason: 'fraudulent',
      amount: { value: 4999, currency: 'EUR' },
      respondByMs: 1_800_000_000_000,
    } as const;
    const told = await noticed({ providerReference: THEIRS }, { kind: 'dispute', dispute });
    const before = await told.world.get(told.id);
    expect(await workOutNotices(told.deps)).toBe(1);
    const after = await told.world.get(told.id);
    expect(after).toEqual({ ...before, version: before.version + 1 });
    expect((await told.world.journal.history(told.id)).at(-1)).toMatchObject({
      kind: 'disputed',
      actor: 'webhook sandbox-a',
      data: { notice: 'evt_1', attempt: told.attemptId, dispute },
    });
    expect(await workOutNotices(told.deps), 'once').toBe(0);
  });

  it('a dispute waits while the journal cannot be written', async () => {
    const dispute = {
      disputeId: 'dp_1',
      stage: 'lost',
      reason: null,
      amount: null,
      respondByMs: null,
    } as const;
    const { deps } = await noticed({ providerReference: THEIRS }, { kind: 'dispute', dispute });
    expect(await workOutNotices({ ...deps, journal: failing(deps.journal, 'advance') })).toBe(0);
    expect(await workOutNotices(deps)).toBe(1);
  });
});

describe("a caller's void that is told to have failed, where operations cannot be asked about", () => {
  const UNDONE = { ...SAMPLE_OUTCOMES.partialReversed, authorizedAmount: 4999 };
  it.each<[string, InquiryAnswer, string, string]>([
    ['is done where nothing stands any more', { kind: 'found', outcome: UNDONE }, 'succeeded', 'voided'],
    [
      'has failed where it stands',
      { kind: 'found', outcome: SAMPLE_OUTCOMES.approved },
      'failed',
      'approved',
    ],
    [
      'is left to the worker while nobody answers',
      { kind: 'no_answer', code: 'timeout' },
      'pending',
      'reversing',
    ],
  ])('%s', async (_, answer, ended, status) => {
    const world = new GatewayWorld({});
    const process = world.process();
    const id = idIn(await world.authorize(process));
    const operationId = await begunVoid(world, process.deps, id);
    const evidence: NoticeEvidence = {
      kind: 'operation',
      operationId,
      inquiry: { kind: 'failed', code: 'invalid_state' },
    };
    const asked: unknown[] = [];
    const deps: GatewayDeps = {
      ...process.deps,
      provider: (each) => {
        const provider = process.deps.provider(each);
        if (provider === undefined) return undefined;
        return {
          ...provider,
          semantics: { ...provider.semantics, operationInquiry: false },
          evidenceIn: () => evidence,
          inquire: async (query) => {
            asked.push(query.providerReference);
            return answer;
          },
        };
      },
    };
    const { attempts, providerReference } = await world.get(id);
    const notice = { eventId: 'evt_1', type: 'told', attemptId: attempts[0]?.id ?? '', data: {} };
    await world.journal.keepNotice('sandbox-a', notice, 0);
    expect(await workOutNotices(deps)).toBe(1);
    expect(asked).toEqual([providerReference]);
    expect(await world.get(id)).toMatchObject({ status, operations: [{ status: ended }] });
  });
});

/** Begins a void of an authorization, and returns its id. */
async function begunVoid(world: GatewayWorld, deps: GatewayDeps, id: string): Promise<string> {
  const authorization = await world.get(id);
  const result = await changeAuthorization(
    authorization,
    (current) => {
      const attempt = current.attempts[0];
      if (attempt === undefined) throw new Error('it has an attempt');
      return {
        authorization: settled(withVoid(current, attempt, 'requested', 0)),
        remarks: [],
        changed: true,
      };
    },
    { event: { kind: 'operation_begun', actor: 'test', data: {} } },
    deps,
  );
  if (result.kind !== 'written') throw new Error(`the void was not written: ${result.kind}`);
  return result.authorization.operations[0]?.id ?? '';
}

describe('what becomes of a notice', () => {
  interface Piece {
    readonly evidence: NoticeEvidence;
    readonly outcome?: SampleOutcome;
    readonly operation?: Partial<Operation>;
    readonly open?: boolean;
    readonly answers?: StubAnswers;
    readonly semantics?: Partial<ProviderSemantics>;
    readonly isInRuleset?: boolean;
  }
  const { id: operationId } = sampleOperation(2);
  const ended = (inquiry: OperationInquiry): NoticeEvidence => ({ kind: 'operation', operationId, inquiry });
  const FAILED = ended({ kind: 'failed', code: 'void_failed' });
  const CONFIRMED = ended({ kind: 'confirmed', providerReference: 'op_2' });
  const found = (name: SampleOutcome) => ({ kind: 'found', outcome: SAMPLE_OUTCOMES[name] }) as const;

  /** One notice about the second operation of a payment. */
  async function worked(piece: Piece) {
    const operations = [
      sampleOperation(1, { kind: 'refund', amount: 1, status: 'failed', settledAtMs: 0 }),
      sampleOperation(2, { kind: 'void', ...piece.operation }),
    ];
    const authorization = sampleAuthorization([SAMPLE_OUTCOMES[piece.outcome ?? 'approved']], {
      operations,
      open: piece.open ?? false,
    });
    const row = oneRowJournal(authorization);
    const results: string[] = [];
    const stub = stubProvider(piece.answers, piece.semantics);
    const provider = { ...stub, evidenceIn: () => piece.evidence };
    const attemptId = authorization.attempts[0]?.id ?? '';
    const notice = {
      eventId: 'evt_1',
      type: 'told',
      attemptId,
      data: {},
      sequence: 1,
      provider: 'sandbox-a',
    };
    const ruleset = sampleRuleset(piece.isInRuleset === false ? [] : [sampleContract('sandbox-a', {})]);
    const here = stage({
      journal: {
        ...row,
        openNotices: async () => [{ ...notice, receivedAtMs: 0 }],
        settleNotice: async (_, result) => {
          results.push(result);
        },
      },
      providers: [provider],
      more: { rulesets: { current: () => ruleset } },
    });
    await here.clock.advance(5_000);
    expect(await workOutNotices(here.deps)).toBe(1);
    return {
      result: results[0],
      asked: stub.asked.map(({ what }) => what),
      operations: row.steps.at(-1)?.after.operations.slice(1) ?? null,
      resolved: here.told.filter(({ what }) => what === 'resolved'),
      remarks: here.told.filter(({ what }) => what === 'remarked').map(({ remark }) => remark),
      calls: here.journalCalls,
    };
  }

  const blind = { operationInquiry: false } as const;
  const dispute: Dispute = {
    disputeId: 'd_1',
    stage: 'opened',
    reason: null,
    amount: null,
    respondByMs: null,
  };
  /** What became of it, what the provider was asked, and the states of the operation and of what follows it. */
  it.each<[string, Piece, string, readonly string[], readonly string[] | null]>([
    ['a void is done', { evidence: CONFIRMED }, 'applied', [], ['succeeded']],
    ['a void is worked on', { evidence: ended({ kind: 'pending' }) }, 'nothing', [], null],
    ["a caller's void failed: the worker asks", { evidence: FAILED }, 'asked', [], null],
    [
      "a caller's void failed, of what is undone",
      { evidence: FAILED, semantics: blind, answers: { inquire: found('partialReversed') } },
      'applied',
      ['inquire'],
      ['succeeded'],
    ],
    [
      "a caller's void failed, of what stands",
      { evidence: FAILED, semantics: blind, answers: { inquire: found('approved') } },
      'applied',
      ['inquire'],
      ['failed'],
    ],
    [
      "a caller's void failed, and nobody can say why",
      { evidence: FAILED, semantics: blind, answers: { inquire: { kind: 'not_found' } } },
      'asked',
      ['inquire'],
      null,
    ],
    [
      "a caller's void failed, of what is not known itself",
      { evidence: FAILED, semantics: blind, outcome: 'unknownMismatch' },
      'asked',
      [],
      null,
    ],
    [
      "a caller's void failed where nothing can be asked",
      { evidence: FAILED, semantics: { ...blind, inquiry: 'none' } },
      'applied',
      [],
      ['failed'],
    ],
    [
      "a caller's void failed while the road is open",
      { evidence: FAILED, open: true },
      'applied',
      [],
      ['failed'],
    ],
    [
      "a caller's void failed at a provider that is not connected",
      { evidence: FAILED, isInRuleset: false },
      'applied',
      [],
      ['failed'],
    ],
    [
      'a reversal of ours failed, and is begun anew',
      { evidence: FAILED, operation: { purpose: 'late_approval' } },
      'applied',
      [],
      ['failed', 'pending'],
    ],
    ['a capture failed', { evidence: FAILED, operation: { kind: 'capture' } }, 'applied', [], ['failed']],
    [
      'what is done failed',
      { evidence: FAILED, operation: { status: 'succeeded', settledAtMs: 0 } },
      'known',
      [],
      null,
    ],
    [
      'an operation that there is not',
      { evidence: { ...CONFIRMED, operationId: 'void_x_9' } as NoticeEvidence },
      'unmatched',
      [],
      null,
    ],
    ['a dispute', { evidence: { kind: 'dispute', dispute } }, 'dispute', [], ['pending']],
    ['nothing', { evidence: { kind: 'nothing' } }, 'nothing', [], null],
    ['something else than was asked', { evidence: { kind: 'mismatch' } }, 'mismatch', [], null],
    ['what is known', { evidence: approved('p1') }, 'known', [], null],
  ])('%s', async (_, piece, result, asked, states) => {
    const done = await worked(piece);
    expect([done.result, done.asked]).toEqual([result, asked]);
    expect(done.operations?.map(({ status }) => status) ?? null).toEqual(states);
    const isContradiction = result === 'known' && piece.evidence.kind === 'operation';
    const isAnew = states?.length === 2;
    expect(done.remarks).toEqual(
      isContradiction ? ['failed_after_success'] : isAnew ? ['reversal_refused'] : [],
    );
    const isWritten = states !== null;
    expect(done.calls).toEqual(['open_notices', 'find', ...(isWritten ? ['advance'] : []), 'settle_notice']);
  });

  it('is told with what it is about', async () => {
    const told = { what: 'resolved', provider: 'sandbox-a', by: 'webhook', ageMs: 5_000 };
    const { id: authorizationId } = sampleAuthorization([]);
    const done = await worked({ evidence: CONFIRMED, operation: { kind: 'capture' } });
    expect(done.resolved).toEqual([{ ...told, authorizationId, subject: 'capture', result: 'confirmed' }]);
    const known = await worked({ evidence: approved('p1') });
    expect(known.resolved).toEqual([{ ...told, authorizationId, subject: 'attempt', result: 'approved' }]);
  });
});

describe('a notice that proves nothing by itself', () => {
  const HINT: NoticeEvidence = { kind: 'hint', operationId: null };
  const found: InquiryAnswer = {
    kind: 'found',
    outcome: { kind: 'approved', providerReference: 'psp_1', networkTransaction: null },
  };

  /** The same, and what the provider answers when it is asked. */
  async function asking(answer: InquiryAnswer) {
    const here = await scene(null, HINT);
    const { provider } = here.deps;
    let inquiries = 0;
    const deps: GatewayDeps = {
      ...here.deps,
      provider: (id) => {
        const each = provider(id);
        if (each === undefined) return undefined;
        return new Proxy(each, {
          get: (target, property) => {
            if (property !== 'inquire') return Reflect.get(target, property, target) as unknown;
            return async () => {
              inquiries += 1;
              return answer;
            };
          },
        });
      },
    };
    const reading: NoticeReading = { kind: 'read', notices: [here.notice] };
    await keepNotices('sandbox-a', MESSAGE, understanding(deps, reading, HINT));
    return { ...here, deps: understanding(deps, reading, HINT), inquiries: () => inquiries };
  }

  it('has the provider asked at once, whose answer counts', async () => {
    const { world, deps, id, inquiries } = await asking(found);
    expect(await workOutNotices(deps)).toBe(1);
    expect(inquiries()).toBe(1);
    expect(await world.get(id)).toMatchObject({ status: 'approved' });
  });

  it.each<InquiryAnswer>([{ kind: 'not_found' }, { kind: 'no_answer', code: 'timeout' }])(
    'changes nothing where the provider does not tell: %j',
    async (answer) => {
      const { world, deps, id, inquiries } = await asking(answer);
      expect(await workOutNotices(deps)).toBe(1);
      expect(inquiries()).toBe(1);
      expect(await world.get(id)).toMatchObject({ status: 'pending' });
      expect(await workOutNotices(deps), 'it is left to the resolver').toBe(0);
    },
  );
});
