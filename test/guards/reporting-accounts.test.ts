import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { AttemptOutcome } from '../../src/core/attempt.ts';
import { Lanes } from '../../src/guards/lanes.ts';
import { LearnerFile } from '../../src/guards/learner-file.ts';
import { OutcomeLearner } from '../../src/guards/outcome-learner.ts';
import { ReportingAccounts } from '../../src/guards/reporting-accounts.ts';
import { systemClock } from '../../src/guards/system-clock.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { routingFacts } from '../support/routing-facts.ts';
import { sampleContract } from '../support/sample-ruleset.ts';

it('gives each account lanes, learning and a retry budget of its own, and the same ones each time', () => {
  const clock = new FakeClock();
  const lanes = new Lanes(new Map([['a', sampleContract('a')]]), { clock, onTransition: () => {} });
  const accounts = new ReportingAccounts(clock, lanes, new OutcomeLearner(clock));
  const lane = { provider: 'a', brand: 'visa', merchant: 'acme' } as const;
  const withdrawn = (account: string) => accounts.of(account).retryBudget.withdraw();
  // The floor of ten, and then a fifth of its own payments.
  expect(Array.from({ length: 11 }, () => withdrawn('one')).lastIndexOf(true)).toBe(9);
  expect(withdrawn('two')).toBe(true);
  for (let offer = 0; offer < 10; offer += 1) {
    accounts.of('one').offered({ lane, name: `offer ${offer}` });
    accounts.of('one').reported({ lane, name: `offer ${offer}` }, 'failure');
  }
  expect(accounts.of('one').view(lane).breaker).toBe('open');
  expect(accounts.of('two').view(lane).breaker).toBe('closed');
  lanes.close();
});

describe('over a restart', () => {
  const LANE = { provider: 'a', brand: 'visa', merchant: 'acme' } as const;
  const FACTS = routingFacts();
  const approved: AttemptOutcome = { kind: 'approved', providerReference: 'r', networkTransaction: null };
  const sent: AttemptOutcome = {
    kind: 'partially_approved',
    providerReference: 'p',
    authorizedAmount: 1,
    networkTransaction: null,
    reversal: 'none',
  };
  let path = '';
  const open: Lanes[] = [];

  beforeEach(() => {
    vi.useFakeTimers();
    path = join(mkdtempSync(join(tmpdir(), 'accounts-')), 'account-state');
  });
  afterEach(() => {
    for (const lanes of open.splice(0)) lanes.close();
    vi.useRealTimers();
    rmSync(dirname(path), { recursive: true, force: true });
  });

  /** A process, and how it keeps its accounts. */
  function begin(providers: readonly string[] = ['a']) {
    const told: string[] = [];
    const contracts = new Map(providers.map((id) => [id, sampleContract(id)]));
    const lanes = new Lanes(contracts, {
      clock: systemClock,
      onTransition: ({ from, to }) => told.push(`${from} ${to}`),
    });
    open.push(lanes);
    const accounts = new ReportingAccounts(systemClock, lanes, new OutcomeLearner(systemClock));
    const failures: unknown[] = [];
    const file = new LearnerFile({
      path,
      clock: systemClock,
      learner: accounts,
      onFailed: (error) => failures.push(error),
    });
    let offers = 0;
    const report = async (account: string, signal: 'success' | 'failure', times: number) => {
      for (let time = 0; time < times; time += 1) {
        offers += 1;
        const offer = { lane: LANE, name: `offer ${offers}` };
        accounts.of(account).offered(offer);
        accounts.of(account).reported(offer, signal);
      }
      await vi.advanceTimersByTimeAsync(0);
    };
    const teach = (account: string, outcome: AttemptOutcome, times: number, scope = '') => {
      for (let time = 0; time < times; time += 1) {
        accounts.of(account).learner.observe({
          provider: 'a',
          facts: FACTS,
          attemptNumber: 1,
          outcome,
          durationMs: 100,
          resolvedLater: false,
          scope,
        });
      }
    };
    const seenBy = (account: string) => accounts.of(account).view(LANE).closedBecause;
    const mean = (account: string, scope = '') =>
      accounts.of(account).learner.approval('a', FACTS, { name: scope, later: false }).mean;
    return { lanes, accounts, file, failures, told, report, teach, seenBy, mean };
  }

  it('an account goes on with what it had learned, in each arm, and the others with what they had', async () => {
    const before = begin();
    before.teach('one', sent, 300);
    before.teach('one', approved, 100, 'checkout/treatment');
    before.teach('two', approved, 50);
    await before.file.save();
    const after = begin();
    expect(await after.file.restore()).toMatchObject({ kind: 'restored', ageMs: 0 });
    for (const [account, scope] of [
      ['one', ''],
      ['one', 'checkout/treatment'],
      ['two', ''],
      ['three', ''],
    ] as const) {
      expect(after.mean(account, scope)).toBe(before.mean(account, scope));
    }
    expect(after.mean('one')).toBeLessThan(0.5);
    expect(before.failures).toEqual([]);
    // Who reported is in it, and nothing of a card.
    expect(readFileSync(path, 'latin1')).not.toContain(String(FACTS.cardBin));
  });

  it('a lane that its reports closed to it stays so until its probe is due, and to nobody else', async () => {
    const before = begin();
    await before.report('one', 'failure', 10);
    expect(before.seenBy('one')).toBe('breaker_open');
    await before.file.save();
    await vi.advanceTimersByTimeAsync(1_000);
    const after = begin();
    await after.file.restore();
    expect([after.seenBy('one'), after.seenBy('two')]).toEqual(['breaker_open', null]);
    await vi.advanceTimersByTimeAsync(6_000);
    expect(after.seenBy('one')).toBeNull();
    await after.report('one', 'success', 1);
    expect(after.accounts.of('one').view(LANE).breaker).toBe('closed');
  });

  it('two accounts that stood against a lane still do, and it is told', async () => {
    const before = begin();
    await before.report('one', 'failure', 10);
    await before.report('two', 'failure', 10);
    await before.file.save();
    const after = begin();
    await after.file.restore();
    expect(after.seenBy('three')).toBe('breaker_open');
    expect(after.told).toEqual(['closed open']);
  });

  it('what is old, or of a provider that is gone, closes nothing', async () => {
    const before = begin();
    await before.report('one', 'failure', 10);
    await before.file.save();
    const without = begin(['b']);
    expect(await without.file.restore()).toMatchObject({ kind: 'restored' });
    expect(without.accounts.savedBeside().lanes).toEqual([]);
    await vi.advanceTimersByTimeAsync(600_000);
    const later = begin();
    await later.file.restore();
    expect(later.seenBy('one')).toBeNull();
  });

  it('a file whose first line was changed is refused as a whole, and said to be', async () => {
    const before = begin();
    await before.report('one', 'failure', 10);
    before.teach('one', sent, 300);
    await before.file.save();
    const text = readFileSync(path, 'latin1');
    writeFileSync(path, text.replace('wait_resets', 'wait_resetz'), 'latin1');
    const after = begin();
    expect(await after.file.restore()).toEqual({
      kind: 'refused',
      problem: expect.stringMatching(/checksum/),
    });
    expect(after.seenBy('one')).toBeNull();
    expect(after.accounts.restoreBeside({ lanes: [{}], outcomes: [] }, 0, 1)).toBe(false);
  });

  it('a file of our own attempts is none of accounts', async () => {
    const shared = new LearnerFile({
      path,
      clock: systemClock,
      learner: new OutcomeLearner(systemClock),
      onFailed: () => {},
    });
    await shared.save();
    expect(await begin().file.restore()).toEqual({
      kind: 'refused',
      problem: expect.stringMatching(/another form/),
    });
  });
});
