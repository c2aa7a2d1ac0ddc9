import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readEnvironment } from '../../src/config/environment.ts';
import { openRulesetStore, type RulesetStore } from '../../src/config/ruleset-store.ts';
import type { Journal } from '../../src/gateway/ports.ts';
import { JournalWatch } from '../../src/guards/journal-watch.ts';
import { readiness } from '../../src/start/readiness.ts';
import { openInProcessJournal } from '../../src/stores/sqlite/in-process-journal.ts';
import { GOOD, SOME_CREDENTIALS } from '../config/ruleset-files.ts';
import { FakeClock } from '../support/fake-clock.ts';

let folder: string;
let journal: Journal;
let rules: RulesetStore;
const clock = new FakeClock();

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pointsman-readiness-'));
  for (const [name, text] of Object.entries(GOOD)) writeFileSync(join(folder, name), text);
  journal = openInProcessJournal(':memory:');
  const opening = await openRulesetStore({ folder, credentials: SOME_CREDENTIALS, clock, journal });
  if (opening.kind === 'refused') throw new Error(JSON.stringify(opening));
  rules = opening.store;
});

afterEach(async () => {
  await rules.close();
  await journal.close();
  rmSync(folder, { recursive: true });
});

const settingsOf = (variables: Readonly<Record<string, string>>) =>
  readEnvironment({ RULES_DIR: folder, ...variables }).settings;

it('says that the journal is writable, where it and shared state are, and which rules are gone by', () => {
  const settings = settingsOf({ DATA_DIR: '/var/data' });
  const journalWatch = new JournalWatch(clock, 0);
  expect(readiness({ journalWatch, rules, settings }, false)).toMatchObject({
    ready: true,
    detail: {
      journal: 'writable',
      stores: { journal: 'sqlite /var/data/journal.sqlite', shared_state: null },
      draining: false,
      ruleset: { version: 1, folder, rejected: null },
    },
  });
  expect(readiness({ journalWatch, rules, settings }, true)).toMatchObject({ ready: false });
});

it('names database and Redis without who logs in there', () => {
  const settings = settingsOf({
    DATABASE_URL: 'postgres://pod:hidden@db.example:5432/pay?sslmode=disable',
    REDIS_URL: 'redis://pod:hidden@cache.example:6379/0',
  });
  const { detail } = readiness({ journalWatch: new JournalWatch(clock, 0), rules, settings }, false);
  expect(detail.stores).toEqual({
    journal: 'postgres db.example:5432/pay sslmode=disable',
    shared_state: 'redis cache.example:6379/0 tls=off',
  });
  expect(JSON.stringify(detail)).not.toContain('hidden');
});

it('is not ready while the journal cannot be written, and says since when', async () => {
  const journalWatch = new JournalWatch(clock, 0);
  await journal.close();
  journalWatch.begin(() => journal.ping());
  await clock.advance(5_000);
  const { ready, detail } = readiness({ journalWatch, rules, settings: settingsOf({}) }, false);
  journalWatch.end();
  expect(ready).toBe(false);
  expect(detail.journal).toMatch(/^not writable for \d+ s: nothing is sent until it is$/);
  expect(detail.stores.journal).toMatch(/^sqlite /);
});

it('is ready for a short stall of a journal that others share, and does not call it writable meanwhile', async () => {
  const journalWatch = new JournalWatch(clock, 15_000);
  journalWatch.begin(() => Promise.reject(new Error('the database stalls')));
  await clock.advance(4_000);
  const stalled = readiness({ journalWatch, rules, settings: settingsOf({}) }, false);
  expect(stalled.ready).toBe(true);
  expect(stalled.detail.journal).toMatch(
    /^not writable for \d s: nothing is sent until it is; not ready from 15 s on$/,
  );
  await clock.advance(15_000);
  const { ready, detail } = readiness({ journalWatch, rules, settings: settingsOf({}) }, false);
  journalWatch.end();
  expect(ready).toBe(false);
  expect(detail.journal).toMatch(/^not writable for \d+ s: nothing is sent until it is$/);
});
