import { describe, expect, it } from 'vitest';
import type { Operation } from '../../src/core/operation.ts';
import { operationLeaseMs } from '../../src/gateway/operate.ts';
import type { Resolution } from '../../src/gateway/resolve-by-person.ts';
import { GatewayWorld, idIn, type WorldProcess } from '../support/gateway-world.ts';
import { hangingJournal, type Landing } from '../support/hanging-journal.ts';

/** What a person found out, while the journal hangs: answered in time, and taken once at most. */

const DAY_MS = 24 * 3_600_000;
/** Of a provider in {@link GatewayWorld}. */
const TIMEOUT_MS = 2_000;
/** Time that the journal has before the provider is asked, and until the answer. */
const READ_WITHIN_MS = 4_000;
const ANSWERED_WITHIN_MS = 8_500;
/** A provider that tells nothing, and knows no keys. */
const DUMB = {
  notFoundAfterMs: null,
  operationNotFoundAfterMs: null,
  replay: 'none',
  operationInquiry: false,
  validityMs: 2 * DAY_MS,
} as const;
const LANDINGS = ['lands', 'lost'] as const satisfies readonly Landing[];

function hangingProcess(world: GatewayWorld) {
  const plain = world.process();
  const { hanging, hang, letGo } = hangingJournal(world.journal);
  const process: WorldProcess = { ...plain, deps: { ...plain.deps, journal: hanging } };
  return { plain, process, hang, letGo };
}

async function timed<T>(world: GatewayWorld, work: Promise<T>) {
  const fromMs = world.clock.monotonicMs();
  let tookMs = Number.NaN;
  const result = await world.finish(
    work.finally(() => {
      tookMs = world.clock.monotonicMs() - fromMs;
    }),
  );
  return { result, tookMs };
}

/** How often a person's word is in the history. */
async function wordsIn(world: GatewayWorld, id: string): Promise<number> {
  return (await world.journal.history(id)).filter(({ kind }) => kind === 'resolved_by_person').length;
}

/** What hangs, and how long the answer takes at the most. */
const OF_ATTEMPT: readonly (readonly [Resolution, readonly string[], number])[] = [
  ['approved', ['findAuthorization'], READ_WITHIN_MS],
  ['approved', ['isReferenceElsewhere'], READ_WITHIN_MS],
  ['approved', ['advance'], ANSWERED_WITHIN_MS],
  ['not_processed', ['advance'], ANSWERED_WITHIN_MS],
  ['undone', ['advance'], ANSWERED_WITHIN_MS],
];

describe.each(LANDINGS)('the resolution of an attempt that hangs, and %s', (landing) => {
  it.each(OF_ATTEMPT)(
    '%s, at %j: answered within %d ms, and recorded once',
    async (resolution, names, withinMs) => {
      const isThere = resolution !== 'not_processed';
      const world = new GatewayWorld({
        script: { 'sandbox-a': [isThere ? 'hang_processed' : 'hang_unprocessed'] },
        action: { attemptsMax: 1 },
        // Until a person asks, it does not answer.
        provider: { semantics: DUMB, inquiryStep: () => (isAsked ? 'ok' : 'fail') },
      });
      let isAsked = false;
      const { plain, process, hang, letGo } = hangingProcess(world);
      const id = idIn(await world.authorize(plain));
      const attemptId = (await world.get(id)).attempts[0]?.id ?? '';
      const close = (by: WorldProcess) =>
        world.resolveByPerson(by, {
          attemptId,
          resolution,
          ...(resolution !== 'approved' && { providerReference: null }),
        });
      isAsked = true;
      hang(names);
      const { result, tookMs } = await timed(world, close(process));
      expect(result).toEqual({ kind: 'journal_unavailable' });
      expect(tookMs).toBeLessThanOrEqual(withinMs);
      expect(letGo(landing)).toBe(1);
      await world.clock.advance(1_000);
      const again = await close(process);
      const isWritten = landing === 'lands' && names.includes('advance');
      expect(again.kind).toBe(isWritten ? 'not_open' : 'resolved');
      await world.pass(60_000, process);
      expect(await wordsIn(world, id)).toBe(1);
      const status = { approved: 'approved', not_processed: 'failed', undone: 'voided' }[resolution];
      expect(await world.get(id)).toMatchObject({ status });
    },
  );
});

const OF_OPERATION: readonly (readonly ['succeeded' | 'failed', readonly string[], number])[] = [
  ['succeeded', ['findAuthorization'], READ_WITHIN_MS],
  ['succeeded', ['advance'], ANSWERED_WITHIN_MS],
  ['failed', ['findAuthorization'], READ_WITHIN_MS],
  ['failed', ['history'], READ_WITHIN_MS],
  ['failed', ['holdWork'], READ_WITHIN_MS],
  ['failed', ['advance'], ANSWERED_WITHIN_MS],
];

describe.each(LANDINGS)('the resolution of a capture that hangs, and %s', (landing) => {
  it.each(OF_OPERATION)(
    '%s, at %j: answered within %d ms, recorded once, and never sent again',
    async (resolution, names, withinMs) => {
      const world = new GatewayWorld({
        provider: { semantics: DUMB, operationStep: () => 'lose_unprocessed' },
      });
      const { plain, process, hang, letGo } = hangingProcess(world);
      const id = idIn(await world.authorize(plain));
      await world.operate(plain, id, { kind: 'capture', amount: 1_000 });
      await world.clock.advance(operationLeaseMs(TIMEOUT_MS));
      const capture = async (): Promise<Operation | undefined> => (await world.get(id)).operations[0];
      const operationId = (await capture())?.id ?? '';
      const close = () => world.resolveOperation(process, { operationId, resolution });
      hang(names);
      const { result, tookMs } = await timed(world, close());
      expect(result).toEqual({ kind: 'journal_unavailable' });
      expect(tookMs).toBeLessThanOrEqual(withinMs);
      expect(letGo(landing)).toBe(1);
      await world.clock.advance(1_000);
      const again = await world.finish(close());
      const isWritten = landing === 'lands' && names.includes('advance');
      expect(again).toMatchObject(isWritten ? { kind: 'not_open', reason: 'ended' } : { kind: 'resolved' });
      const before = world.providers.get('sandbox-a')?.carriedOut.capture;
      await world.pass(DAY_MS, process);
      expect(await wordsIn(world, id)).toBe(1);
      expect(await capture()).toMatchObject({ status: resolution });
      expect(world.providers.get('sandbox-a')?.carriedOut.capture).toBe(before);
    },
  );
});
