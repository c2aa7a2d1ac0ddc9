import { expect, it } from 'vitest';
import { HeldBackWatch } from '../../src/telemetry/held-back-watch.ts';
import { FakeClock } from '../support/fake-clock.ts';

const BY = {
  pid: 4711,
  user: 'report',
  application: 'psql',
  state: 'idle in transaction',
  openForMs: 90_400,
};

function setUp() {
  const clock = new FakeClock();
  const lines: Readonly<Record<string, unknown>>[] = [];
  const keep = (event: string, fields?: object) => lines.push({ event, ...fields });
  const watch = new HeldBackWatch(clock, { warn: keep, info: keep });
  /** As a process looks, once a second. */
  const lookFor = async (s: number, by: typeof BY | null = BY) => {
    for (let second = 0; second < s; second += 1) {
      await clock.advance(1_000);
      heldMs += 1_000;
      watch.tell({ forMs: heldMs, by });
    }
  };
  let heldMs = 0;
  return { clock, lines, watch, lookFor };
}

it('tells who holds events back and what to do, once a minute, and the end with how long it was', async () => {
  const { clock, lines, watch, lookFor } = setUp();
  await lookFor(14);
  expect(lines, 'what our own sessions hold is over by then').toEqual([]);
  expect(watch.heldMs()).toBe(14_000);
  await lookFor(130);
  expect(lines.map(({ event, held_s }) => [event, held_s])).toEqual([
    ['events_held_back', 15],
    ['events_held_back', 75],
    ['events_held_back', 135],
  ]);
  expect(lines[0]).toMatchObject({ pid: 4711, user: 'report', application: 'psql', transaction_s: 90 });
  expect(lines[0]?.['remedy']).toContain('SELECT pg_terminate_backend(4711)');
  await clock.advance(1_000);
  watch.tell(null);
  expect(lines.at(-1)).toEqual({ event: 'events_go_on', held_s: 145 });
  expect(watch.heldMs()).toBe(0);
  watch.tell(null);
  expect(lines).toHaveLength(4);
});

it('says nothing of what is over soon, and nothing of its end', async () => {
  const { lines, watch, lookFor } = setUp();
  await lookFor(5);
  watch.tell(null);
  expect(lines).toEqual([]);
});

it('says where to look when no session has it', async () => {
  const { lines, lookFor } = setUp();
  await lookFor(20, null);
  expect(lines[0]).toMatchObject({ pid: null, transaction_s: null });
  expect(lines[0]?.['remedy']).toContain('pg_prepared_xacts');
});

it('claims nothing for long that it looks at no more: another process may do so by now', async () => {
  const { clock, watch, lookFor } = setUp();
  await lookFor(20);
  await clock.advance(190_000);
  expect(watch.heldMs()).toBe(210_000);
  await clock.advance(20_000);
  expect(watch.heldMs()).toBe(0);
});
