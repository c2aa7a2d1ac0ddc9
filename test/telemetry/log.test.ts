import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findCardNumber } from '../../src/core/cards/card-number.ts';
import { createLog, type LogLevel } from '../../src/telemetry/log.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { DECIDED, ENDED, REPORTED } from './telemetry-fixture.ts';

const PAN = '4111111111111111';

function captured(level: LogLevel = 'info', clock = new FakeClock()) {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  return { lines, log: createLog({ level, clock, destination }) };
}

describe('the log', () => {
  it('tells refused webhooks once a minute for each provider and reason, and those that were taken not at all', async () => {
    const clock = new FakeClock();
    const { lines, log } = captured('info', clock);
    const tell = (provider: string, result: string, member?: string) =>
      log.observer.noticeTaken({ provider, result, ...(member === undefined ? {} : { member }) });
    for (let time = 0; time < 3; time += 1) {
      tell('a', 'signature');
      tell('a', 'malformed', 'live');
      tell('b', 'signature');
      for (const taken of ['kept', 'repeated']) tell('a', taken);
    }
    await clock.advance(60_000);
    tell('a', 'signature');
    const told = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(told.map(({ level, event }) => [level, event])).toEqual(
      Array(4).fill(['warn', 'webhook_refused']),
    );
    expect(
      told.map(({ provider, reason, member, more_since_last }) => [
        provider,
        reason,
        member,
        more_since_last,
      ]),
    ).toEqual([
      ['a', 'signature', undefined, undefined],
      ['a', 'malformed', 'live', undefined],
      ['b', 'signature', undefined, undefined],
      ['a', 'signature', undefined, 2],
    ]);
  });

  it('tells a journal that fails at its beginning, once a minute with the count, and at its end', async () => {
    const clock = new FakeClock();
    const { lines, log } = captured('info', clock);
    const took = (failed: boolean) => log.observer.journalTook({ operation: 'open', durationMs: 5, failed });
    const fail = () => {
      took(true);
      log.observer.alert({ kind: 'journal_failed', detail: 'open: gone', authorizationId: null });
    };
    // What works beside it is no end of it.
    for (let second = 0; second < 150; second += 1) {
      for (let time = 0; time < 7; time += 1) fail();
      took(false);
      await clock.advance(1_000);
    }
    log.observer.alert({ kind: 'outcome_not_recorded', detail: 'attempt 1', authorizationId: 'auth_one' });
    for (let second = 0; second < 20; second += 1) {
      took(false);
      await clock.advance(1_000);
    }
    fail();
    const told = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(
      told.map(({ level, event, kind, failures, failing_s, failed_s }) => [
        level,
        event,
        kind,
        failures,
        failing_s ?? failed_s,
      ]),
    ).toEqual([
      ['error', 'alert', 'journal_failed', undefined, undefined],
      ['error', 'alert', 'journal_failed', 421, 60],
      ['error', 'alert', 'journal_failed', 841, 120],
      ['error', 'alert', 'outcome_not_recorded', undefined, undefined],
      ['warn', 'journal_answers_again', undefined, 1_050, 149],
      ['error', 'alert', 'journal_failed', undefined, undefined],
    ]);
  });

  it('tells an authorization in one line', () => {
    const { lines, log } = captured();
    log.observer.authorizationEnded(ENDED);
    expect(lines).toHaveLength(1);
    expect(lines[0]?.endsWith('\n')).toBe(true);
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      level: 'info',
      time: '2026-11-23T10:00:00.000Z',
      event: 'authorization',
      trace_id: ENDED.traceId,
      authorization_id: 'auth_b',
      account: 'acme',
      merchant: 'acme-eu',
      reference: 'order-7781',
      status: 'approved',
      provider: 'sandbox-b',
      rule: 'eu-debit',
      ruleset: 12,
      stopped: 'approved',
      attempts: [
        { provider: 'sandbox-a', outcome: 'not_sent', code: 'ECONNREFUSED', ms: 2 },
        { provider: 'sandbox-b', outcome: 'approved', code: null, ms: 84 },
      ],
      amount: 73_104_692,
      currency: 'EUR',
      brand: 'visa',
      duration_ms: 91.3,
    });
  });

  it('tells of one that nobody could take why each was passed over', () => {
    const { lines, log } = captured();
    const passedOver = [
      { provider: 'sandbox-a', reason: 'breaker_open' },
      { provider: 'sandbox-b', reason: 'limit_exhausted' },
    ];
    log.observer.authorizationEnded({ ...ENDED, status: 'no_route', attempts: [], passedOver });
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      status: 'no_route',
      attempts: [],
      passed_over: passedOver,
    });
  });

  it('tells a decision for a caller that sends itself, and each report of it, in one line', () => {
    const { lines, log } = captured();
    log.observer.callerDecided(DECIDED);
    log.observer.callerDecided({ ...DECIDED, decisionId: null, result: 'no_route', experiment: null });
    log.observer.outcomeReported(REPORTED);
    log.observer.outcomeReported({ ...REPORTED, next: 'wait', nextProvider: null, reason: 'unknown' });
    const payment = { account: 'acme', merchant: 'acme-eu', reference: 'order-7781' };
    const [made, refused, told, waits] = lines.map((line) => JSON.parse(line) as object);
    expect(made).toEqual({
      level: 'info',
      time: '2026-11-23T10:00:00.000Z',
      event: 'decision',
      trace_id: DECIDED.traceId,
      decision_id: 'dec_b',
      ...payment,
      result: 'offered',
      provider: 'a',
      rule: 'eu-debit',
      ruleset: 12,
      experiment: 'checkout',
      arm: 'treatment',
      amount: 73_104_692,
      currency: 'EUR',
      duration_ms: 1.3,
    });
    expect(refused).toMatchObject({ decision_id: null, result: 'no_route' });
    expect(told).toEqual({
      level: 'info',
      time: '2026-11-23T10:00:00.000Z',
      event: 'decision_reported',
      trace_id: REPORTED.traceId,
      decision_id: 'dec_b',
      ...payment,
      attempt: 1,
      provider: 'a',
      outcome: 'rejected',
      code: '503',
      next: 'b',
      reason: 'rejected',
      age_ms: 211,
    });
    expect(waits).toMatchObject({ next: 'wait', reason: 'unknown' });
  });

  it('keeps to its level', () => {
    const { lines, log } = captured('warn');
    log.info('started');
    log.warn('limping', { port: 8080 });
    log.error('fallen');
    expect(lines.map((line) => (JSON.parse(line) as { event: string }).event)).toEqual(['limping', 'fallen']);
  });

  it('cannot be made to begin a second line', () => {
    const { lines, log } = captured();
    log.info('x', { note: 'a\n{"event":"forged"}\r\n\u2028' });
    expect(lines.join('').trimEnd().split('\n')).toHaveLength(1);
  });

  it('tells a fault with its stack, and what is no Error too', () => {
    const { lines, log } = captured();
    log.fault('broken', new TypeError(`cannot read ${PAN}`), { route: '/v1' });
    log.fault('odd', `thrown ${PAN}`);
    expect(lines[0]).toMatch(/TypeError: cannot read .*log\.test\.ts/);
    expect(lines[1]).toContain('thrown');
    expect(lines.join('')).not.toContain(PAN);
  });

  it('lets no card number through, wherever one is put (property over every text of every method)', () => {
    const grouped = fc.constantFrom(PAN, '4111 1111 1111 1111', '5555-5555-5555-4444', '378282246310005');
    const dirty = fc
      .tuple(fc.stringMatching(/^[a-z :.]{0,12}$/), grouped, fc.stringMatching(/^[a-z :.]{0,12}$/))
      .map(([before, number, after]) => `${before}:${number}:${after}`);
    const [attempt] = ENDED.attempts;
    if (attempt === undefined) throw new Error('the fixture has attempts');
    fc.assert(
      fc.property(dirty, (text) => {
        const { lines, log } = captured('trace');
        const outcome = { kind: 'unknown' as const, code: text, providerReference: text };
        const attempts = [{ ...attempt, outcome }];
        log.observer.authorizationEnded({ ...ENDED, merchant: text, reference: text, attempts });
        log.observer.callerDecided({ ...DECIDED, merchant: text, reference: text });
        log.observer.outcomeReported({ ...REPORTED, merchant: text, reference: text, code: text });
        log.observer.alert({ kind: 'k', detail: text, authorizationId: null });
        log.observer.unmappedCode({
          provider: 'a',
          authorizationId: 'auth_b',
          code: text,
          networkCode: text,
          advice: text,
        });
        log.info('e', { text });
        log.warn('e', { text });
        log.error('e', { text });
        log.fault('e', new Error(text), { text });
        expect(lines).toHaveLength(9);
        for (const line of lines) expect(findCardNumber(line.replace(/"stack":.*/, ''))).toBeNull();
        expect(lines.join('').replace(/[ -]/g, '')).not.toMatch(
          /4111111111111111|5555555555554444|378282246310005/,
        );
      }),
    );
  });

  it('has written everything to standard output once it is flushed, even when the process ends at once', async () => {
    const script = `
      const { createLog } = await import('./src/telemetry/log.ts');
      const { systemClock } = await import('./src/guards/system-clock.ts');
      const log = createLog({ level: 'info', clock: systemClock });
      for (let line = 0; line < 500; line += 1) log.info('line', { line });
      log.flush();
      process.exit(0);`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
    expect(stdout.trimEnd().split('\n')).toHaveLength(500);
  });
});
