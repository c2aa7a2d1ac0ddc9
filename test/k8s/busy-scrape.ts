import { AUTHORIZATION_STATUSES } from '../../src/core/authorization.ts';
import { CARD_BRANDS, type CardBrand, REGIONS } from '../../src/core/card.ts';
import type { BreakerState } from '../../src/core/decision.ts';
import { OPERATION_KINDS } from '../../src/core/operation.ts';
import type { Observer } from '../../src/gateway/ports.ts';
import { SHARED_FUNCTIONS } from '../../src/gateway/shared-state.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { SAMPLE_OUTCOMES } from '../support/sample-outcomes.ts';
import { ENDED, REPORTED } from '../telemetry/telemetry-fixture.ts';

type Metrics = ReturnType<typeof createMetrics>;

const BREAKER_STATES: Readonly<Record<BreakerState, true>> = {
  closed: true,
  half_open: true,
  open: true,
  forced_open: true,
  forced_closed: true,
  draining: true,
  metrics_only: true,
};
const PASSED_OVER = [
  'breaker_open',
  'draining',
  'limit_per_second',
  'limit_concurrent',
  'queue_full',
  'queue_timeout',
];
const STOPS = [
  'approved',
  'decline_is_final',
  'unknown',
  'pending',
  'retry_budget',
  'attempts_max',
  'deadline',
];
const WEBHOOK_RESULTS = ['kept', 'repeated', 'signature', 'stale', 'malformed', 'not_configured'];
const LOOKS = [
  'approved',
  'declined',
  'rejected',
  'no_answer',
  'not_found',
  'succeeded',
  'failed',
  'accepted',
];
const JOURNAL_OPERATIONS = [
  'open',
  'advance',
  'find',
  'find_claim',
  'take_work',
  'settle_delivery',
  'seal',
  'purge',
];
const ROUTES = ['/v1/authorizations', '/v1/authorizations/:id', '/v1/decisions', '/v1/providers', 'unrouted'];

/**
 * The scrape of a gateway that has met everything: all brands, outcomes, statuses, breakers, webhooks at each provider.
 * @param count of providers
 * @param brands that each of them takes
 */
export async function busyScrape(count: number, brands: readonly CardBrand[] = CARD_BRANDS): Promise<string> {
  const metrics = createMetrics('0.1.0');
  const { observer } = metrics;
  const providers = Array.from({ length: count }, (_, index) => `psp-${index + 1}`);
  for (const provider of providers) {
    tellProvider(metrics, provider, brands);
    for (const to of providers) {
      if (to !== provider) observer.failedOver({ from: provider, to, reason: 'not_sent' });
    }
  }
  for (const status of [
    ...AUTHORIZATION_STATUSES,
    'no_route',
    'journal_unavailable',
    'card_testing',
  ] as const) {
    observer.authorizationEnded({ ...ENDED, status });
  }
  for (const stopped of STOPS) observer.authorizationEnded({ ...ENDED, stopped });
  for (let rule = 1; rule <= 50; rule += 1) {
    observer.decided({ rule: `rule-${rule}`, strategy: 'score', provider: null });
  }
  for (const operation of JOURNAL_OPERATIONS) {
    observer.journalTook({ operation, durationMs: 1, failed: false });
    observer.journalTook({ operation, durationMs: 1, failed: true });
  }
  metrics.database.batch({ commands: 5, committed: false, tookMs: 12, again: 5 });
  for (const pool of ['reads', 'writes'] as const) {
    metrics.database.pools([{ pool, size: 6, inUse: 2, waiting: 1 }]);
  }
  for (const what of ['made', 'reported', 'unreported'] as const)
    observer.callerDecisions({ what, count: 1 });
  for (const route of ROUTES) {
    for (const method of ['GET', 'POST']) {
      for (const status of [200, 201, 400, 503])
        metrics.requestEnded({ route, method, status, durationMs: 9 });
    }
  }
  for (const provider of providers) {
    for (const region of REGIONS) {
      for (const blame of ['provider', 'unclear'] as const) {
        observer.approvalMoved({ provider, region, blame, drop: 0.05 });
      }
    }
  }
  for (const region of REGIONS)
    observer.approvalMoved({ provider: 'all', region, blame: 'issuers', drop: 0.05 });
  tellTheRest(metrics, observer);
  return (await metrics.render()).body;
}

/** Everything that one provider can meet by itself. */
function tellProvider(metrics: Metrics, provider: string, brands: readonly CardBrand[]): void {
  const { observer } = metrics;
  for (const brand of brands) {
    for (const outcome of Object.values(SAMPLE_OUTCOMES)) {
      observer.attemptEnded({ provider, brand, outcome, durationMs: 300 });
    }
    for (const state of Object.keys(BREAKER_STATES) as BreakerState[]) {
      metrics.breakerChanged({ provider, brand, state });
    }
  }
  for (const reason of PASSED_OVER) observer.passedOver({ provider, reason });
  for (const result of WEBHOOK_RESULTS) observer.noticeTaken({ provider, result });
  observer.unmappedCode({
    provider,
    authorizationId: 'auth_b',
    code: 'Z9',
    networkCode: null,
    advice: null,
  });
  observer.outcomeReported({ ...REPORTED, provider });
  observer.remarked({ remark: 'late_approval', provider, authorizationId: 'auth_b' });
  metrics.credentialsRotated(provider);
  metrics.sharing.leased(provider, 1);
  for (const subject of ['attempt', ...OPERATION_KINDS] as const) {
    for (const by of ['inquiry', 'webhook', 'person']) {
      for (const result of LOOKS) {
        observer.resolved({ authorizationId: 'auth_b', provider, subject, by, result, ageMs: 5_000 });
      }
    }
  }
}

function tellTheRest(metrics: Metrics, observer: Observer): void {
  const arm = { experiment: 'x', arm: 'b', reason: 'r', author: 'guardrail', createdAtMs: 0 } as const;
  observer.armChanged({ ...arm, state: 'stopped' });
  const sent = {
    endpoint: 'orders',
    delivery: 'evt_x',
    type: 'capture.failed',
    authorizationId: 'auth_b',
  } as const;
  for (const result of ['delivered', 'failed', 'dead'] as const) {
    observer.eventSent({ ...sent, result, detail: '503', ageMs: 5 });
  }
  metrics.workShown({ waiting: 1, overdue: 1, parked: 1, oldestSinceMs: 0 }, 1_000);
  metrics.deliveriesShown([{ endpoint: 'orders', waiting: 2, dead: 1, oldestWaitingAtMs: 0 }], 1_000);
  metrics.endpointsShown([{ id: 'orders', state: 'told' }]);
  metrics.rulesetActivated(2, 'rollback');
  for (const what of SHARED_FUNCTIONS) {
    metrics.sharing.function(what, true);
    metrics.sharing.refused('votes', 'unsigned');
    metrics.sharing.failed(what);
  }
}

/** Series of a scrape: one line each that is no comment. */
export function seriesOf(
  scrape: string,
): readonly { readonly name: string; readonly labels: ReadonlyMap<string, string> }[] {
  return scrape
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [, name = '', labels = ''] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
      return {
        name,
        labels: new Map(
          [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, label = '', value = '']) => [label, value]),
        ),
      };
    });
}
