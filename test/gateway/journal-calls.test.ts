import { describe, expect, it } from 'vitest';
import { callJournal, inTime } from '../../src/gateway/journal-calls.ts';
import { JournalError } from '../../src/gateway/ports.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { SILENT } from '../support/road-deps.ts';

const WITHIN_MS = 1_000;
const BUG = new TypeError('a bug of the store');
const AWAY = new JournalError('the database is away');

/** A call that hangs until it is told how it ends, and who is told of what. */
function stage() {
  const clock = new FakeClock();
  const told: string[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const observer = {
    ...SILENT,
    alert: ({ kind, detail }: { kind: string; detail: string }) => void told.push(`${kind}: ${detail}`),
  };
  const untilMs = clock.monotonicMs() + WITHIN_MS;
  const onLateFault = (error: unknown) => void told.push(String(error));
  let begun = 0;
  const begin = () => {
    begun += 1;
    return promise;
  };
  return {
    clock,
    told,
    begin,
    resolve,
    reject,
    begun: () => begun,
    calling: () => callJournal('find', { clock, observer }, begin, null, untilMs),
    waiting: () => inTime(begin, { untilMs, clock, onLateFault }),
  };
}

/** What becomes of a call after it was given up, and what is told of it then. */
const LATE: readonly (readonly [string, (here: ReturnType<typeof stage>) => void, RegExp | null])[] = [
  ['comes back', ({ resolve }) => resolve('row'), null],
  ['fails as a journal does', ({ reject }) => reject(AWAY), null],
  ['meets a bug', ({ reject }) => reject(BUG), /TypeError: a bug of the store/],
];

describe.each(LATE)('a call that was given up, and %s', (_, end, bug) => {
  it('is told by the journal calls of the road as every other bug, and once', async () => {
    const here = stage();
    const calling = here.calling();
    await here.clock.advance(WITHIN_MS);
    const call = await calling;
    expect(call).toMatchObject({ ok: false, isUnsent: false });
    expect(here.told).toEqual([expect.stringMatching(/^journal_failed: not confirmed after 1000 ms/)]);
    end(here);
    if (!call.ok) await call.ended;
    await here.clock.advance(0);
    expect(here.told.slice(1)).toEqual(
      bug === null ? [] : [expect.stringMatching(new RegExp(`^late_fault: ${bug.source} .*met by find`))],
    );
  });

  it('is told to whoever waited for it', async () => {
    const here = stage();
    const waiting = here.waiting().catch((error: unknown) => error);
    await here.clock.advance(WITHIN_MS);
    expect(await waiting).toMatchObject({ name: 'JournalError', isUnsent: false });
    end(here);
    await here.clock.advance(0);
    expect(here.told).toEqual(bug === null ? [] : [expect.stringMatching(bug)]);
  });
});

describe('a call that comes back in time', () => {
  it('gives what it comes to', async () => {
    const here = stage();
    const waiting = here.waiting();
    await here.clock.advance(WITHIN_MS - 1);
    here.resolve('row');
    expect(await waiting).toBe('row');
    expect(here.clock.pendingTimers).toBe(0);
  });

  it.each([AWAY, BUG])('rejects as it does: %s', async (error) => {
    const here = stage();
    const waiting = here.waiting();
    here.reject(error);
    await expect(waiting).rejects.toBe(error);
    await here.clock.advance(WITHIN_MS);
    expect(here.told).toEqual([]);
  });
});

it('nothing is begun once the time is over', async () => {
  const here = stage();
  await here.clock.advance(WITHIN_MS);
  await expect(here.waiting()).rejects.toMatchObject({ name: 'JournalError', isUnsent: true });
  expect(here.begun()).toBe(0);
});
