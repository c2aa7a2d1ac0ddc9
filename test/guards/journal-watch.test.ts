import { expect, it } from 'vitest';
import { JournalWatch } from '../../src/guards/journal-watch.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { SILENT } from '../support/road-deps.ts';

it.each([
  { writes: 0, failures: 0, reads: 0, failing: null },
  { writes: 9, failures: 0, reads: 0, failing: null },
  { writes: 10, failures: 4, reads: 0, failing: null },
  { writes: 10, failures: 5, reads: 50, failing: 'failing: 5 of 10 writes of the last ten seconds' },
  { writes: 1, failures: 1, reads: 0, failing: 'failing: 1 of 1 writes of the last ten seconds' },
])(
  '$failures of $writes writes failed, beside $reads reads: $failing',
  async ({ writes, failures, reads, failing }) => {
    const clock = new FakeClock();
    const watch = new JournalWatch(clock);
    const observer = watch.observing(SILENT);
    for (let write = 0; write < writes; write += 1) {
      observer.journalTook({ operation: 'open', durationMs: 1, failed: write < failures });
    }
    for (let read = 0; read < reads; read += 1) {
      observer.journalTook({ operation: 'find_claim', durationMs: 1, failed: false });
    }
    expect(watch.failing()).toBe(failing);
    await clock.advance(10_001);
    expect(watch.failing()).toBeNull();
  },
);
