import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { allObservers } from '../../src/telemetry/all-observers.ts';
import { ALERT_KINDS, createMetrics } from '../../src/telemetry/metrics.ts';
import { DECIDED, ENDED, REPORTED } from './telemetry-fixture.ts';

async function scraped(metrics: ReturnType<typeof createMetrics>): Promise<string> {
  return (await metrics.render()).body;
}

function expectLines(text: string, expected: readonly string[]): void {
  for (const line of expected) expect(text.split('\n')).toContain(line);
}

describe('the metrics', () => {
  it('count what the road tells', async () => {
    const metrics = createMetrics('0.1.0');
    const { observer } = metrics;
    const outcome = { kind: 'approved' as const, providerReference: 'p', networkTransaction: null };
    observer.attemptEnded({ provider: 'a', brand: 'visa', outcome, durationMs: 84 });
    observer.attemptEnded({ provider: 'a', brand: 'visa', outcome, durationMs: 84 });
    for (const code of ['ECONNREFUSED', 'deadline_passed', 'draining', 'not_supported']) {
      const unsent = { kind: 'not_sent' as const, code };
      observer.attemptEnded({ provider: 'a', brand: 'visa', outcome: unsent, durationMs: 2 });
    }
    observer.failedOver({ from: 'a', to: 'b', reason: 'not_sent' });
    observer.passedOver({ provider: 'a', reason: 'limit_per_second' });
    observer.passedOver({ provider: 'a', reason: 'breaker_open' });
    observer.decided({ rule: 'eu-debit', strategy: 'score', provider: 'a' });
    observer.authorizationEnded(ENDED);
    observer.journalTook({ operation: 'open', durationMs: 0.4, failed: false });
    observer.journalTook({ operation: 'open', durationMs: 3, failed: true });
    observer.callerDecisions({ what: 'made', count: 1 });
    observer.callerDecisions({ what: 'unreported', count: 7 });
    observer.outcomeReported(REPORTED);
    observer.alert({ kind: 'journal_failed', detail: 'd', authorizationId: null });
    const text = await scraped(metrics);
    expectLines(text, [
      'pointsman_attempts_total{provider="a",brand="visa",outcome="approved"} 2',
      'pointsman_attempts_total{provider="a",brand="visa",outcome="not_sent"} 1',
      'pointsman_attempts_total{provider="a",brand="visa",outcome="held_back"} 3',
      'pointsman_attempt_duration_seconds_bucket{le="0.1",provider="a",brand="visa"} 6',
      'pointsman_attempt_duration_seconds_bucket{le="0.05",provider="a",brand="visa"} 4',
      'pointsman_failovers_total{from="a",to="b",reason="not_sent"} 1',
      'pointsman_passed_over_total{provider="a",reason="breaker_open"} 1',
      'pointsman_limit_refusals_total{provider="a",reason="limit_per_second"} 1',
      'pointsman_decisions_total{rule="eu-debit",strategy="score"} 1',
      'pointsman_authorizations_total{status="approved"} 1',
      'pointsman_stops_total{reason="approved"} 1',
      'pointsman_caller_decisions_total{result="made"} 1',
      'pointsman_caller_decisions_total{result="unreported"} 7',
      'pointsman_caller_reports_total{provider="a",outcome="rejected",next="provider"} 1',
      'pointsman_journal_duration_seconds_count{operation="open"} 2',
      'pointsman_journal_failures_total{operation="open"} 1',
      'pointsman_alerts_total{kind="journal_failed"} 1',
    ]);
    expect(text).not.toContain('limit_refusals_total{provider="a",reason="breaker_open"}');
  });

  it('count what the process tells of itself', async () => {
    const metrics = createMetrics('0.1.0');
    metrics.breakerChanged({ provider: 'a', brand: 'visa', state: 'open' });
    metrics.breakerChanged({ provider: 'a', brand: 'visa', state: 'half_open' });
    metrics.rulesetActivated(11, null);
    metrics.rulesetActivated(12, 'rollback');
    metrics.rulesetRejected();
    metrics.rulesetWaiting({ kind: 'candidate', version: 13 });
    metrics.rulesetBehind(true);
    metrics.requestEnded({ route: '/v1/authorizations', method: 'POST', status: 201, durationMs: 90 });
    expectLines(await scraped(metrics), [
      'pointsman_breaker_state{provider="a",brand="visa"} 1',
      'pointsman_breaker_transitions_total{provider="a",brand="visa",to="open"} 1',
      'pointsman_ruleset_version 12',
      'pointsman_ruleset_rejected 1',
      'pointsman_ruleset_rejections_total 1',
      'pointsman_ruleset_activations_total{cause="rollback"} 1',
      'pointsman_ruleset_candidate 13',
      'pointsman_ruleset_rolled_back 0',
      'pointsman_ruleset_behind 1',
      'pointsman_http_requests_total{method="POST",route="/v1/authorizations",status="201"} 1',
      'pointsman_http_request_duration_seconds_count{method="POST",route="/v1/authorizations"} 1',
      `pointsman_build_info{version="0.1.0",node="${process.version}"} 1`,
    ]);
  });

  it('count what is shared with other processes', async () => {
    const metrics = createMetrics('0.1.0');
    metrics.sharing.function('limits', true);
    metrics.sharing.function('breakers', false);
    metrics.sharing.failed('breakers');
    metrics.sharing.reconnecting();
    metrics.sharing.leased('a', 4);
    metrics.sharing.leased('a', 3);
    metrics.sharing.lag(1_500);
    metrics.sharing.dropped(2);
    metrics.sharing.pods(3);
    expectLines(await scraped(metrics), [
      'pointsman_shared_state_up{function="limits"} 1',
      'pointsman_shared_state_up{function="breakers"} 0',
      'pointsman_shared_state_failures_total{function="breakers"} 1',
      'pointsman_shared_state_reconnects_total 1',
      'pointsman_shared_state_leased_calls_total{provider="a"} 7',
      'pointsman_shared_state_lag_seconds 1.5',
      'pointsman_shared_state_dropped_outcomes_total 2',
      'pointsman_shared_state_pods 3',
    ]);
  });

  it('show what stands in the folder, until it does not', async () => {
    const metrics = createMetrics('0.1.0');
    metrics.rulesetRejected();
    metrics.rulesetWaiting({ kind: 'rolled_back', version: 13 });
    metrics.rulesetBehind(true);
    const shown = await scraped(metrics);
    for (const name of ['rejected', 'rolled_back', 'behind']) {
      expect(shown).toContain(`pointsman_ruleset_${name} 1\n`);
    }
    expect(shown).toContain('pointsman_ruleset_candidate 0\n');
    metrics.rulesetTakenBack();
    metrics.rulesetWaiting(null);
    metrics.rulesetBehind(false);
    const over = await scraped(metrics);
    for (const name of ['rejected', 'rolled_back', 'behind']) {
      expect(over).toContain(`pointsman_ruleset_${name} 0\n`);
    }
  });

  it('stay bounded whatever labels come', async () => {
    const metrics = createMetrics('0.1.0');
    for (let index = 0; index < 5_000; index += 1) {
      metrics.observer.decided({ rule: `rule-${index}`, strategy: 'score', provider: null });
      metrics.observer.journalTook({ operation: `op-${index}`, durationMs: 1, failed: false });
    }
    const text = await scraped(metrics);
    expect(text.match(/pointsman_decisions_total\{/g)).toHaveLength(401);
    expect(text).toContain('pointsman_decisions_total{rule="other",strategy="other"} 4600');
    expect(text.match(/pointsman_journal_duration_seconds_count\{/g)).toHaveLength(81);
  });

  it('count webhooks by what became of them', async () => {
    const metrics = createMetrics('0.1.0');
    for (const result of ['kept', 'signature', 'signature']) {
      metrics.observer.noticeTaken({ provider: 'a', result });
    }
    const text = await scraped(metrics);
    expect(text).toContain('pointsman_webhooks_total{provider="a",result="kept"} 1');
    expect(text).toContain('pointsman_webhooks_total{provider="a",result="signature"} 2');
  });

  it("keep unmapped codes, which are a provider's own words, to a hundred series, and free of card numbers", async () => {
    const metrics = createMetrics('0.1.0');
    const of = (code: string) => ({
      provider: 'a',
      authorizationId: 'auth_b',
      code,
      networkCode: null,
      advice: null,
    });
    metrics.observer.unmappedCode(of('card 4111111111111111'));
    for (let index = 0; index < 1_000; index += 1)
      metrics.observer.unmappedCode(of(`${index}`.padEnd(500, 'x')));
    const text = await scraped(metrics);
    const series = text.split('\n').filter((line) => line.startsWith('pointsman_unmapped_codes_total{'));
    expect(series).toHaveLength(101);
    expect(series.at(-1)).toBe('pointsman_unmapped_codes_total{provider="other",code="other"} 901');
    expect(series.join('')).not.toContain('4111111111111111');
    for (const line of series) expect(line.length).toBeLessThan(150);
  });

  it('name everything as Prometheus wants it', async () => {
    const text = await scraped(createMetrics('0.1.0'));
    const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => ({
      name: name ?? '',
      type,
    }));
    expect(types.length).toBeGreaterThan(30);
    for (const { name, type } of types) {
      expect([name, name.endsWith('_total')]).toEqual([name, type === 'counter']);
    }
  });

  it('show an arm that is stopped for everybody, not one that is for an account alone', async () => {
    const metrics = createMetrics('0.1.0');
    const change = { experiment: 'x', arm: 'b', reason: 'r', author: 'guardrail', createdAtMs: 0 } as const;
    const stopped = 'pointsman_experiment_arm_stopped{experiment="x",arm="b"} 1';
    metrics.observer.armChanged({ ...change, state: 'stopped', account: 'acme' });
    expect(await scraped(metrics)).not.toContain(stopped);
    metrics.observer.armChanged({ ...change, state: 'stopped' });
    metrics.observer.armChanged({ ...change, state: 'stopped', account: 'other' });
    expect(await scraped(metrics)).toContain(stopped);
  });

  it('count every kind of alert from zero, as docs/watching.md lists them and the source raises them', async () => {
    const root = new URL('../../', import.meta.url);
    const page = readFileSync(new URL('docs/watching.md', root), 'utf8');
    const table = page.slice(page.indexOf('| alert | it means |'));
    const rows = table.slice(0, table.indexOf('\n\n')).split('\n').slice(2);
    const listed = rows.flatMap((row) =>
      [...(row.split('|')[1] ?? '').matchAll(/`(\w+)`/g)].map(([, k]) => k),
    );
    expect([...ALERT_KINDS]).toEqual(listed.sort());
    const raised = [];
    for (const file of readdirSync(new URL('src/', root), { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.ts')) continue;
      const text = readFileSync(new URL(`src/${file}`, root), 'utf8');
      for (const [, kind] of text.matchAll(/\balert\(\{\s*kind: '(\w+)'/g)) raised.push(kind);
    }
    expect(raised.length).toBeGreaterThan(15);
    expect(raised.filter((kind) => !listed.includes(kind))).toEqual([]);
    const text = await scraped(createMetrics('0.1.0'));
    for (const kind of ALERT_KINDS) expect(text).toContain(`pointsman_alerts_total{kind="${kind}"} 0\n`);
  });

  it('tell how long the oldest of what is unsettled has been so', async () => {
    const metrics = createMetrics('0.1.0');
    metrics.workShown({ waiting: 1, overdue: 0, parked: 1, oldestSinceMs: 5_000 }, 65_500);
    expect(await scraped(metrics)).toContain('pointsman_unsettled_oldest_seconds 60.5\n');
    metrics.workShown({ waiting: 0, overdue: 0, parked: 0, oldestSinceMs: null }, 66_000);
    expect(await scraped(metrics)).toContain('pointsman_unsettled_oldest_seconds 0\n');
  });

  it('escape what labels hold', async () => {
    const metrics = createMetrics('0.1.0');
    metrics.observer.alert({ kind: 'a"b\nc', detail: '', authorizationId: null });
    expect(await scraped(metrics)).toContain('pointsman_alerts_total{kind="a\\"b\\nc"} 1');
  });

  it('carry neither reference nor merchant nor amount of an authorization', async () => {
    const metrics = createMetrics('0.1.0');
    const told: string[] = [];
    const log = {
      authorizationEnded: () => told.push('ended'),
      callerDecided: () => told.push('decided'),
      outcomeReported: () => told.push('reported'),
      unmappedCode: () => told.push('unmapped'),
      resolved: () => {},
      sealed: () => {},
      purged: () => {},
      eventSent: () => {},
      noticeTaken: () => told.push('notice'),
      armChanged: () => {},
      journalTook: () => {},
      alert: () => told.push('alert'),
    };
    const both = allObservers(metrics.observer, log);
    both.authorizationEnded(ENDED);
    both.alert({ kind: 'k', detail: 'order-7781', authorizationId: 'auth_b' });
    const code = { code: 'issuer_ZZ', networkCode: 'ZZ', advice: null };
    both.unmappedCode({ provider: 'a', authorizationId: 'auth_b', ...code });
    both.noticeTaken({ provider: 'a', result: 'signature' });
    both.outcomeReported(REPORTED);
    both.callerDecided(DECIDED);
    expect(told).toEqual(['ended', 'alert', 'unmapped', 'notice', 'reported', 'decided']);
    expect(await scraped(metrics)).toMatch(/webhooks_total\{provider="a",result="signature"\} 1/);
    expect(await scraped(metrics)).not.toMatch(/order-7781|acme|73104692|auth_b/);
  });

  it('tell how busy the database is, in series that do not grow', async () => {
    const metrics = createMetrics('0.1.0');
    const idle = (await scraped(metrics)).split('\n').length;
    for (let time = 0; time < 3; time += 1) {
      metrics.database.pools([
        { pool: 'reads', size: 6, inUse: 5, waiting: 0 },
        { pool: 'writes', size: 4, inUse: 4, waiting: 7 },
      ]);
      metrics.database.batch({ commands: 20, committed: true, tookMs: 8, again: 0 });
      metrics.database.batch({ commands: 20, committed: false, tookMs: 3, again: 20 });
    }
    metrics.heldBackShown(90_500);
    metrics.unsealedShown(1_000, 701_000);
    const text = await scraped(metrics);
    for (const line of [
      'pointsman_database_connections_in_use{pool="reads"} 5',
      'pointsman_database_connections_max{pool="writes"} 4',
      'pointsman_database_connections_waiting{pool="writes"} 7',
      'pointsman_database_batch_commands_sum 120',
      'pointsman_database_commit_seconds_bucket{le="0.01"} 6',
      'pointsman_database_commit_seconds_bucket{le="0.005"} 3',
      'pointsman_database_batch_failures_total 3',
      'pointsman_database_commands_alone_total 60',
      'pointsman_events_held_back_seconds 90.5',
      'pointsman_unsealed_oldest_seconds 700',
    ]) {
      expect(text.split('\n')).toContain(line);
    }
    expect(text.split('\n').length).toBe(idle + 6);
  });

  it('tell what is not delivered to endpoints, and forget what is', async () => {
    const metrics = createMetrics('0.1.0');
    const event = {
      endpoint: 'orders',
      delivery: 'evt_x',
      type: 'capture.failed',
      authorizationId: 'auth_b',
    } as const;
    metrics.observer.eventSent({ ...event, result: 'failed', detail: '503', ageMs: 5 });
    metrics.deliveriesShown([{ endpoint: 'orders', waiting: 2, dead: 1, oldestWaitingAtMs: 1_000 }], 61_000);
    const text = await scraped(metrics);
    expect(text).toContain('pointsman_event_deliveries_total{endpoint="orders",result="failed"} 1');
    expect(text).toContain('pointsman_event_backlog{endpoint="orders",state="waiting"} 2');
    expect(text).toContain('pointsman_event_backlog{endpoint="orders",state="dead"} 1');
    expect(text).toContain('pointsman_event_lag_seconds{endpoint="orders"} 60');
    metrics.endpointsShown([
      { id: 'orders', state: 'paused' },
      { id: 'ledger', state: 'told' },
    ]);
    expect(await scraped(metrics)).toMatch(
      /event_endpoint_paused\{endpoint="orders"\} 1\n.*endpoint="ledger"\} 0/,
    );
    metrics.deliveriesShown([], 62_000);
    expect(await scraped(metrics)).not.toMatch(/pointsman_event_(backlog|lag_seconds)\{/);
  });
});
