import { expect, it } from 'vitest';
import type { Journal } from '../../src/gateway/ports.ts';
import { scrape } from '../../src/start/scrape.ts';
import { openInProcessJournal } from '../../src/stores/sqlite/in-process-journal.ts';
import { HeldBackWatch } from '../../src/telemetry/held-back-watch.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { sampleOpening } from '../contracts/journal-fixtures.ts';
import { FakeClock } from '../support/fake-clock.ts';

function scraping(journal: Journal): () => Promise<number> {
  const quiet = { warn: () => {}, info: () => {} };
  const parts = {
    journal,
    metrics: createMetrics('0.1.0'),
    heldBack: new HeldBackWatch(new FakeClock(), quiet),
    poolLoads: () => [],
    lanes: { snapshot: () => [] },
  };
  return async () => {
    const { body } = await scrape(parts, { eventEndpoints: () => [] });
    return Number(/^pointsman_unsealed_oldest_seconds (\S+)$/m.exec(body)?.[1]);
  };
}

it('tells the age of the oldest event without a seal, and none once it has one', async () => {
  const journal = openInProcessJournal(':memory:');
  const age = scraping(journal);
  expect(await age()).toBe(0);
  const atMs = Date.now() - 90_000;
  await journal.open(sampleOpening('auth_one', { atMs }));
  await journal.open(sampleOpening('auth_two', { atMs: atMs + 60_000 }));
  const told = await age();
  expect(told).toBeGreaterThanOrEqual(90);
  expect(told).toBeLessThan(150);
  await journal.seal(atMs, 100);
  expect(await age()).toBe(0);
  await journal.close();
});

it('is answered although the journal is away, with what was told last', async () => {
  const journal = openInProcessJournal(':memory:');
  const age = scraping(journal);
  await journal.open(sampleOpening('auth_one', { atMs: Date.now() - 90_000 }));
  const told = await age();
  await journal.close();
  expect(await age()).toBe(told);
});
