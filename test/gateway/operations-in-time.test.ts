import { describe, expect, it } from 'vitest';
import { outgoingEvents } from '../../src/core/outgoing-event.ts';
import type { OperateResult } from '../../src/gateway/operate.ts';
import { GatewayWorld, idIn, type WorldProcess } from '../support/gateway-world.ts';
import { hangingJournal } from '../support/hanging-journal.ts';
import type { OperationStep } from '../support/scripted-provider.ts';

/** Captures, voids and refunds while the journal hangs: answered in time, and done once at most. */

const KINDS = ['capture', 'void', 'refund'] as const;
type Kind = (typeof KINDS)[number];

/** Time that the journal has before anything is sent, and until the answer. */
const INTENDED_WITHIN_MS = 4_000;
const DEADLINE_MS = 8_000;
/** What recording may take beyond the deadline, and the look for what stands after it. */
const AFTER_MS = 500;
/** The clock of {@link GatewayWorld.finish} moves in steps. */
const STEP_MS = 50;

function stageOf(operationStep: () => OperationStep = () => 'ok', latencyMs = 100, keyed = true) {
  const semantics = keyed ? {} : ({ replay: 'none' } as const);
  const world = new GatewayWorld({ latencyMs, provider: { operationStep, semantics } });
  const plain = world.process();
  const { hanging, hang, letGo } = hangingJournal(world.journal);
  const process: WorldProcess = { ...plain, deps: { ...plain.deps, journal: hanging } };
  const provider = world.providers.get('sandbox-a');
  const prepared = async (kind: Kind): Promise<string> => {
    const id = idIn(await world.authorize(plain));
    if (kind === 'refund') await world.operate(plain, id, { kind: 'capture' }, 'before');
    return id;
  };
  const ask = async (id: string, kind: Kind, key = 'op-1') => {
    const fromMs = world.clock.monotonicMs();
    const result = await world.operate(process, id, { kind, ...(kind !== 'void' && { amount: 1_000 }) }, key);
    return { result, tookMs: world.clock.monotonicMs() - fromMs };
  };
  const doneOf = (kind: Kind) => provider?.carriedOut[kind] ?? 0;
  return { world, plain, process, hang, letGo, prepared, ask, doneOf };
}

const told = (result: OperateResult): string =>
  result.kind === 'answered' ? `${result.httpStatus} ${JSON.parse(result.body).status}` : result.kind;

/** What an endpoint hears of the last capture, void or refund that is not told what answers have told. */
async function heardOf(world: GatewayWorld, id: string): Promise<readonly string[]> {
  const current = await world.get(id);
  const last = current.operations.at(-1);
  const pending = {
    ...current,
    operations: current.operations.map((each) =>
      each === last ? { ...each, status: 'pending' as const } : each,
    ),
  };
  return (await world.journal.history(id)).flatMap((entry) => {
    const { operation, reason, told } = entry.data as Readonly<Record<string, unknown>>;
    const isItsEnd = operation === last?.id && entry.kind === 'operation_ended';
    if (!isItsEnd && !(entry.kind === 'concluded' && reason === 'journal_failed')) return [];
    return outgoingEvents(told === 'pending' ? current : pending, current, entry)
      .filter(({ type, answered }) => !answered && !type.startsWith('authorization.'))
      .map(({ type }) => type);
  });
}

/** Calls that hang before anything is sent; what the key gives once they have landed, or never do. */
const BEFORE: readonly (readonly [readonly string[], landed: string, lost: string])[] = [
  [['findAuthorization'], '201 succeeded', '201 succeeded'],
  [['findClaim'], '201 succeeded', '201 succeeded'],
  [['advance'], '201 failed', '201 succeeded'],
  [['advance', 'findClaim', 'findAuthorization'], '201 succeeded', '201 succeeded'],
];

describe.each(KINDS)('a %s', (kind) => {
  it.each(BEFORE)(
    'that hangs at %j before it is sent is told so in time, and never sent by that call',
    async (names, landed, lost) => {
      for (const landing of ['lands', 'lost'] as const) {
        const { world, process, hang, letGo, prepared, ask, doneOf } = stageOf();
        const id = await prepared(kind);
        const before = doneOf(kind);
        hang(names);
        const { result, tookMs } = await ask(id, kind);
        expect(result).toEqual({ kind: 'journal_unavailable', retryAfterMs: 1_000 });
        expect(tookMs).toBeLessThanOrEqual(INTENDED_WITHIN_MS + STEP_MS);
        await world.clock.advance(60_000);
        expect(letGo(landing)).toBe(1);
        await world.pass(10_000, process);
        expect(doneOf(kind) - before).toBe(0);
        const end = await ask(id, kind);
        expect(told(end.result)).toBe(landing === 'lands' ? landed : lost);
        await world.pass(4 * 60_000, process);
        expect(doneOf(kind) - before).toBe(told(end.result) === '201 succeeded' ? 1 : 0);
        expect(told((await ask(id, kind)).result)).toBe(told(end.result));
      }
    },
  );

  /** What the provider does, what hangs afterwards, the answer, and what the key gives in the end. */
  const AFTER: readonly (readonly [OperationStep, boolean, readonly string[]])[] = [
    ['ok', true, ['advance']],
    ['ok', true, ['advance', 'findClaim']],
    ['ok', true, ['advance', 'findClaim', 'findAuthorization', 'postponeWork']],
    ['lose_processed', true, ['postponeWork', 'findClaim']],
    ['lose_processed', false, ['postponeWork', 'findClaim']],
    ['lose_unprocessed', true, ['postponeWork']],
    ['not_sent', false, ['advance', 'postponeWork', 'findClaim']],
    ['reject', false, ['advance']],
  ];
  it.each(AFTER)(
    'that its provider answers with %s (keys: %s), and then hangs at %j, is pending in time and done once',
    async (step, keyed, names) => {
      for (const landing of ['lands', 'lost'] as const) {
        let steps: OperationStep[] = [];
        const { world, process, hang, letGo, prepared, ask, doneOf } = stageOf(
          () => {
            const next = steps.shift() ?? 'ok';
            if (next === step && steps.length === 0 && isArmed) {
              isArmed = false;
              hang(names);
            }
            return next;
          },
          100,
          keyed,
        );
        let isArmed = false;
        const id = await prepared(kind);
        const before = doneOf(kind);
        steps = [step];
        isArmed = true;
        const { result, tookMs } = await ask(id, kind);
        expect(told(result)).toBe('202 pending');
        expect(tookMs).toBeLessThanOrEqual(DEADLINE_MS + AFTER_MS + STEP_MS);
        await world.clock.advance(20_000);
        letGo(landing);
        // Every ten seconds: each second of it would be most of what this file takes.
        for (let passed = 0; passed < 80 * 60_000; passed += 10_000) {
          await world.clock.advance(9_000);
          await world.pass(1_000, process);
        }
        expect(told((await ask(id, kind)).result)).toBe('201 succeeded');
        expect(doneOf(kind) - before).toBe(1);
        if (step === 'ok') expect(await heardOf(world, id)).toEqual([`${kind}.settled`]);
        expect(process.deps.unrecorded).toMatchObject({ size: 0, missing: 0 });
      }
    },
  );

  it('that its journal confirms in time is told by its answer, and by no event', async () => {
    const { world, prepared, ask } = stageOf(() => 'ok', 1_900);
    const id = await prepared(kind);
    const { result } = await ask(id, kind);
    expect(told(result)).toBe('201 succeeded');
    expect(await heardOf(world, id)).toEqual([]);
  });
});

describe.each(['capture', 'refund'] as const)('a second %s of an authorization', (kind) => {
  it.each(['lands', 'lost'] as const)(
    'that hangs where it asks whether the first is out of the way (%s) holds nobody up afterwards',
    async (landing) => {
      const steps: OperationStep[] = [];
      const { world, process, hang, letGo, prepared, ask, doneOf } = stageOf(() => steps.shift() ?? 'ok');
      const id = await prepared(kind);
      const before = doneOf(kind);
      steps.push('lose_unprocessed');
      expect(told((await ask(id, kind, 'one')).result)).toBe('202 pending');
      hang(['holdWork']);
      const { result, tookMs } = await ask(id, kind, 'two');
      expect(result.kind).toBe('journal_unavailable');
      expect(tookMs).toBeLessThanOrEqual(INTENDED_WITHIN_MS + STEP_MS);
      // It has been looked for in vain before it lands.
      await world.clock.advance(1_000);
      await process.deps.unrecorded.retry(process.deps);
      expect(process.deps.unrecorded.missing).toBe(1);
      letGo(landing);
      await world.pass(15_000, process);
      expect(told((await ask(id, kind, 'two')).result)).toBe('201 succeeded');
      expect(told((await ask(id, kind, 'one')).result)).toBe('201 succeeded');
      expect(doneOf(kind) - before).toBe(2);
      await world.pass(4 * 60_000, process);
      expect(process.deps.unrecorded).toMatchObject({ size: 0, missing: 0 });
      expect(world.told.alerts).not.toContain('lease_expired');
    },
  );
});
