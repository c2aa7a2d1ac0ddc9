/** What an alert has to do at a moment, given series of one sample a minute in promtool's notation. */
export interface AlertCase {
  readonly alert: string;
  readonly title: string;
  /** `name{label="value"}` and its samples from minute 0. Every series gets the namespace `pay`. */
  readonly series: Readonly<Record<string, string>>;
  /** When it is looked at, minutes. */
  readonly atMinute: number;
  /** Labels beside `severity` and `namespace` of what fires; null: it must be silent. */
  readonly fires: Readonly<Record<string, string>> | null;
}

const authorizations = (status: string) => `pointsman_authorizations_total{status="${status}"}`;
const attempts = (outcome: string) =>
  `pointsman_attempts_total{provider="psp-a",brand="visa",outcome="${outcome}"}`;
const alerts = (kind: string) => `pointsman_alerts_total{kind="${kind}"}`;
const requests = (metric: string, method: string, more = '') =>
  `pointsman_http_request_duration_seconds_${metric}{method="${method}",route="/v1/authorizations"${more}}`;
/** Answers to authorizations, or to lists of them by `GET`: those within 2.5 s, and all. */
const answered = (inTime: string, all: string, method = 'POST') => ({
  [requests('bucket', method, ',le="2.5"')]: inTime,
  [requests('bucket', method, ',le="+Inf"')]: all,
  [requests('count', method)]: all,
});
const webhooks = (result: string) => `pointsman_webhooks_total{provider="psp-a",result="${result}"}`;
const backlog = (state: string) => `pointsman_event_backlog{endpoint="orders",state="${state}"}`;
const dropped = (blame: string, provider = 'psp-a') =>
  `pointsman_approval_drop_ratio{provider="${provider}",region="eea",blame="${blame}"}`;
const sharedState = (pod: string) => `pointsman_shared_state_up{function="limits",pod="${pod}"}`;
const breaker = 'pointsman_breaker_state{provider="psp-a",brand="visa"}';

/** A count of alerts that moves once, and how long after it is still told. */
function counted(alert: string, kinds: readonly string[], other: string, labelled: boolean, stillAt: number) {
  return [
    ...kinds.map((kind) => ({
      alert,
      title: `${kind} once, counted from zero`,
      series: { [alerts(kind)]: '0x9 1x30' },
      atMinute: 12,
      fires: labelled ? { kind } : {},
    })),
    {
      alert,
      title: 'long after it',
      series: { [alerts(kinds[0] ?? '')]: '0x9 1x60' },
      atMinute: 10 + stillAt + 1,
      fires: null,
    },
    { alert, title: `${other} instead`, series: { [alerts(other)]: '0x9 1x30' }, atMinute: 12, fires: null },
  ];
}

/** A gauge of one process that has to be 1 for five minutes. */
function standing(alert: string, gauge: string) {
  return [
    { alert, title: 'for six minutes', series: { [gauge]: '0x4 1x20' }, atMinute: 11, fires: {} },
    { alert, title: 'for two minutes', series: { [gauge]: '0x4 1x2 0x20' }, atMinute: 7, fires: null },
    { alert, title: 'over again', series: { [gauge]: '1x9 0x20' }, atMinute: 15, fires: null },
  ];
}

/** Each alert where it must fire, and close to where it must not. */
export const ALERT_CASES: readonly AlertCase[] = [
  ...['failed', 'no_route', 'journal_unavailable', 'pending'].map((status) => ({
    alert: 'PointsmanAvailabilityBurnsFast',
    title: `3 % ${status} for an hour`,
    series: { [authorizations('approved')]: '0+97x90', [authorizations(status)]: '0+3x90' },
    atMinute: 80,
    fires: {},
  })),
  {
    alert: 'PointsmanAvailabilityBurnsFast',
    title: '1 % is slower than that',
    series: { [authorizations('approved')]: '0+99x90', [authorizations('failed')]: '0+1x90' },
    atMinute: 80,
    fires: null,
  },
  {
    alert: 'PointsmanAvailabilityBurnsFast',
    title: 'over for ten minutes',
    series: { [authorizations('approved')]: '0+97x90', [authorizations('failed')]: '0+6x60 360x30' },
    atMinute: 72,
    fires: null,
  },
  {
    alert: 'PointsmanAvailabilityBurnsFast',
    title: 'four of eight at night',
    series: {
      [authorizations('approved')]: '0x80 1 2 3 4x10',
      [authorizations('failed')]: '0x80 1 2 3 4x10',
    },
    atMinute: 85,
    fires: null,
  },
  {
    alert: 'PointsmanAvailabilityBurnsFast',
    title: 'declines and refused card testing are answers',
    series: {
      [authorizations('approved')]: '0+50x90',
      [authorizations('declined')]: '0+50x90',
      [authorizations('card_testing')]: '0+500x90',
    },
    atMinute: 80,
    fires: null,
  },
  {
    alert: 'PointsmanAvailabilityBurnsFast',
    title: '3 % of all but a wave of refused card testing',
    series: {
      [authorizations('approved')]: '0+97x90',
      [authorizations('failed')]: '0+3x90',
      [authorizations('card_testing')]: '0+500x90',
    },
    atMinute: 80,
    fires: {},
  },
  {
    alert: 'PointsmanAvailabilityBurnsSlowly',
    title: '1 % for six hours',
    series: { [authorizations('approved')]: '0+99x400', [authorizations('failed')]: '0+1x400' },
    atMinute: 390,
    fires: {},
  },
  {
    alert: 'PointsmanAvailabilityBurnsSlowly',
    title: '0.4 % for six hours',
    series: { [authorizations('approved')]: '0+249x400', [authorizations('failed')]: '0+1x400' },
    atMinute: 390,
    fires: null,
  },
  {
    alert: 'PointsmanAvailabilityBurnsSlowly',
    title: 'over for forty minutes',
    series: { [authorizations('approved')]: '0+99x400', [authorizations('failed')]: '0+2x340 680x60' },
    atMinute: 390,
    fires: null,
  },
  {
    alert: 'PointsmanAnswersSlow',
    title: 'a fifth takes five seconds, for an hour',
    series: answered('0+80x90', '0+100x90'),
    atMinute: 80,
    fires: {},
  },
  {
    alert: 'PointsmanAnswersSlow',
    title: 'lists that are answered at once between them',
    series: { ...answered('0+80x90', '0+100x90'), ...answered('0+500x90', '0+500x90', 'GET') },
    atMinute: 80,
    fires: {},
  },
  {
    alert: 'PointsmanAnswersSlow',
    title: 'a tenth is slower than that',
    series: answered('0+90x90', '0+100x90'),
    atMinute: 80,
    fires: null,
  },
  {
    alert: 'PointsmanAnswersSlow',
    title: 'over for ten minutes',
    series: answered('0+60x60 3700+100x30', '0+100x90'),
    atMinute: 72,
    fires: null,
  },
  {
    alert: 'PointsmanAnswersSlow',
    title: 'half of sixty at night',
    series: answered('0+0.5x90', '0+1x90'),
    atMinute: 80,
    fires: null,
  },
  {
    alert: 'PointsmanAnswersOftenSlow',
    title: 'a tenth takes five seconds, for six hours',
    series: answered('0+90x400', '0+100x400'),
    atMinute: 390,
    fires: {},
  },
  {
    alert: 'PointsmanAnswersOftenSlow',
    title: 'lists that are answered at once between them',
    series: { ...answered('0+90x400', '0+100x400'), ...answered('0+500x400', '0+500x400', 'GET') },
    atMinute: 390,
    fires: {},
  },
  {
    alert: 'PointsmanAnswersOftenSlow',
    title: 'a twenty-fifth is slower than that',
    series: answered('0+96x400', '0+100x400'),
    atMinute: 390,
    fires: null,
  },
  {
    alert: 'PointsmanAnswersOftenSlow',
    title: 'over for forty minutes',
    series: answered('0+90x340 30700+100x60', '0+100x400'),
    atMinute: 390,
    fires: null,
  },
  {
    alert: 'PointsmanAnswersOftenSlow',
    title: 'half of ninety in a night',
    series: answered('0+0.125x400', '0+0.25x400'),
    atMinute: 390,
    fires: null,
  },
  {
    alert: 'PointsmanAbsent',
    title: 'gone for five minutes',
    series: { 'pointsman_build_info{version="1"}': '1x5 stale' },
    atMinute: 11,
    fires: {},
  },
  {
    alert: 'PointsmanAbsent',
    title: 'back within two minutes',
    series: { 'pointsman_build_info{version="1"}': '1x5 stale _ 1x20' },
    atMinute: 11,
    fires: null,
  },
  ...counted('PointsmanJournalFailing', ['outcome_not_recorded'], 'lease_expired', true, 5),
  {
    alert: 'PointsmanJournalFailing',
    title: 'for four minutes',
    series: { [alerts('journal_failed')]: '0x9 0+60x20' },
    atMinute: 14,
    fires: { kind: 'journal_failed' },
  },
  {
    alert: 'PointsmanJournalFailing',
    title: 'once',
    series: { [alerts('journal_failed')]: '0x9 1x30' },
    atMinute: 11,
    fires: null,
  },
  {
    alert: 'PointsmanJournalFailing',
    title: 'many times in a minute, and a little later it is over',
    series: { [alerts('journal_failed')]: '0x9 300x30' },
    atMinute: 12,
    fires: null,
  },
  {
    alert: 'PointsmanJournalFailing',
    title: 'an outage that is over for four minutes',
    series: { [alerts('journal_failed')]: '0x4 0+60x10 600x20' },
    atMinute: 19,
    fires: null,
  },
  ...counted('PointsmanJournalWentBack', ['journal_went_back'], 'journal_failed', false, 60),
  ...counted(
    'PointsmanOwnFaults',
    ['adapter_threw', 'resolver_failed', 'event_delivery_failed', 'housekeeping_failed', 'late_fault'],
    'lease_expired',
    true,
    15,
  ),
  ...standing('PointsmanRulesRejected', 'pointsman_ruleset_rejected'),
  ...standing('PointsmanRulesBehind', 'pointsman_ruleset_behind'),
  ...standing('PointsmanRulesSuperseded', 'pointsman_ruleset_superseded'),
  {
    alert: 'PointsmanSharedStateLost',
    title: 'one of two processes for six minutes',
    series: { [sharedState('a')]: '1x30', [sharedState('b')]: '1x4 0x20' },
    atMinute: 11,
    fires: { function: 'limits' },
  },
  {
    alert: 'PointsmanSharedStateLost',
    title: 'for two minutes',
    series: { [sharedState('a')]: '1x30', [sharedState('b')]: '1x4 0x2 1x20' },
    atMinute: 8,
    fires: null,
  },
  {
    alert: 'PointsmanSharedStateLost',
    title: 'nothing is shared',
    series: { pointsman_ruleset_version: '1x30' },
    atMinute: 20,
    fires: null,
  },
  ...counted(
    'PointsmanFileRefused',
    ['event_endpoints_refused', 'credential_rotation_failed'],
    'event_dead',
    true,
    15,
  ),
  ...counted('PointsmanCardTesting', ['card_testing'], 'lease_expired', false, 10),
  ...['rejected', 'not_sent', 'unknown'].map((outcome) => ({
    alert: 'PointsmanTechnicalFailures',
    title: `a tenth ${outcome}`,
    series: { [attempts('approved')]: '0+90x30', [attempts(outcome)]: '0+10x30' },
    atMinute: 15,
    fires: { provider: 'psp-a' },
  })),
  {
    alert: 'PointsmanTechnicalFailures',
    title: 'a fiftieth not sent, half declined',
    series: {
      [attempts('approved')]: '0+48x30',
      [attempts('declined')]: '0+50x30',
      [attempts('not_sent')]: '0+2x30',
    },
    atMinute: 15,
    fires: null,
  },
  {
    alert: 'PointsmanTechnicalFailures',
    title: 'half held back by ourselves',
    series: { [attempts('approved')]: '0+50x30', [attempts('held_back')]: '0+50x30' },
    atMinute: 15,
    fires: null,
  },
  {
    alert: 'PointsmanTechnicalFailures',
    title: 'all held back by ourselves',
    series: { [attempts('approved')]: '100x30', [attempts('held_back')]: '0+100x30' },
    atMinute: 15,
    fires: null,
  },
  {
    alert: 'PointsmanTechnicalFailures',
    title: 'most held back by ourselves, a tenth of the others not sent',
    series: {
      [attempts('approved')]: '0+9x30',
      [attempts('not_sent')]: '0+1x30',
      [attempts('held_back')]: '0+90x30',
    },
    atMinute: 15,
    fires: { provider: 'psp-a' },
  },
  {
    alert: 'PointsmanTechnicalFailures',
    title: 'many held back by ourselves, one attempt a minute beside them',
    series: {
      [attempts('approved')]: '0 0 1 1 2 2 3 3 4 4 5 5x9',
      [attempts('not_sent')]: '0 1 1 2 2 3 3 4 4 5 5 6x9',
      [attempts('held_back')]: '0+100x20',
    },
    atMinute: 11,
    fires: null,
  },
  {
    alert: 'PointsmanTechnicalFailures',
    title: 'half of one attempt a minute',
    series: {
      [attempts('approved')]: '0 0 1 1 2 2 3 3 4 4 5 5x9',
      [attempts('not_sent')]: '0 1 1 2 2 3 3 4 4 5 5 6x9',
    },
    atMinute: 11,
    fires: null,
  },
  {
    alert: 'PointsmanProviderTimesOut',
    title: 'a twentieth unknown',
    series: { [attempts('approved')]: '0+95x30', [attempts('unknown')]: '0+5x30' },
    atMinute: 15,
    fires: { provider: 'psp-a' },
  },
  {
    alert: 'PointsmanProviderTimesOut',
    title: 'a hundredth unknown, a tenth not sent',
    series: {
      [attempts('approved')]: '0+89x30',
      [attempts('unknown')]: '0+1x30',
      [attempts('not_sent')]: '0+10x30',
    },
    atMinute: 15,
    fires: null,
  },
  {
    alert: 'PointsmanProviderTimesOut',
    title: 'a twentieth unknown of what was not held back by ourselves',
    series: {
      [attempts('approved')]: '0+95x30',
      [attempts('unknown')]: '0+5x30',
      [attempts('held_back')]: '0+900x30',
    },
    atMinute: 15,
    fires: { provider: 'psp-a' },
  },
  ...[2, 3].map((state) => ({
    alert: 'PointsmanBreakerOpen',
    title: `state ${state} for twelve minutes`,
    series: { [breaker]: `0x4 ${state}x20` },
    atMinute: 17,
    fires: { provider: 'psp-a', brand: 'visa' },
  })),
  {
    alert: 'PointsmanBreakerOpen',
    title: 'open for five minutes, then probing and closed',
    series: { [breaker]: '0x4 2x5 1 0x20' },
    atMinute: 17,
    fires: null,
  },
  {
    alert: 'PointsmanBreakerOpen',
    title: 'open for twelve minutes, and mostly looked at while its probes time out',
    series: { [breaker]: '0x4 2 1 1 2 1 1 1 2 1 1 2 1 1 1 2 1 1 2' },
    atMinute: 18,
    fires: { provider: 'psp-a', brand: 'visa' },
  },
  {
    alert: 'PointsmanBreakerOpen',
    title: 'half open for long, since nobody pays with it',
    series: { [breaker]: '0x4 2 1x40' },
    atMinute: 30,
    fires: null,
  },
  {
    alert: 'PointsmanBreakerOpen',
    title: 'forced closed, draining or only watched',
    series: {
      [breaker]: '4x20',
      'pointsman_breaker_state{provider="psp-b",brand="visa"}': '5x20',
      'pointsman_breaker_state{provider="psp-c",brand="visa"}': '6x20',
    },
    atMinute: 17,
    fires: null,
  },
  ...counted('PointsmanProviderRefusesUs', ['provider_refuses_us'], 'credential_rotation_failed', false, 10),
  {
    alert: 'PointsmanWebhooksRefused',
    title: 'one a minute with a wrong signature',
    series: { [webhooks('signature')]: '0+1x60' },
    atMinute: 40,
    fires: { provider: 'psp-a', result: 'signature' },
  },
  {
    alert: 'PointsmanWebhooksRefused',
    title: 'three forged ones, many good and repeated ones',
    series: {
      [webhooks('signature')]: '0x9 1 2 3x60',
      [webhooks('kept')]: '0+10x60',
      [webhooks('repeated')]: '0+10x60',
    },
    atMinute: 40,
    fires: null,
  },
  {
    alert: 'PointsmanMoneyUnresolved',
    title: 'for more than two hours',
    series: { pointsman_unsettled_oldest_seconds: '0+60x140' },
    atMinute: 130,
    fires: {},
  },
  {
    alert: 'PointsmanMoneyUnresolved',
    title: 'for an hour, and again and again for less',
    series: { pointsman_unsettled_oldest_seconds: '0+60x60 0+60x60 0+60x60' },
    atMinute: 170,
    fires: null,
  },
  {
    alert: 'PointsmanMoneyParked',
    title: 'one is parked',
    series: { 'pointsman_unsettled_work{state="parked"}': '0x4 1x20' },
    atMinute: 6,
    fires: {},
  },
  {
    alert: 'PointsmanMoneyParked',
    title: 'what was closed cannot be told by its provider, and nothing is parked',
    series: { 'pointsman_unsettled_work{state="parked"}': '0x40', [alerts('unresolved')]: '0x9 1x30' },
    atMinute: 12,
    fires: {},
  },
  {
    alert: 'PointsmanMoneyParked',
    title: 'long after that',
    series: { 'pointsman_unsettled_work{state="parked"}': '0x40', [alerts('unresolved')]: '0x9 1x30' },
    atMinute: 26,
    fires: null,
  },
  {
    alert: 'PointsmanMoneyParked',
    title: 'many wait and are overdue',
    series: {
      'pointsman_unsettled_work{state="parked"}': '0x20',
      'pointsman_unsettled_work{state="waiting"}': '500x20',
      'pointsman_unsettled_work{state="overdue"}': '5x20',
    },
    atMinute: 10,
    fires: null,
  },
  {
    alert: 'PointsmanResolverBehind',
    title: 'twenty are overdue for a quarter of an hour',
    series: { 'pointsman_unsettled_work{state="overdue"}': '0x4 20x30' },
    atMinute: 20,
    fires: {},
  },
  {
    alert: 'PointsmanResolverBehind',
    title: 'a burst that is over within five minutes',
    series: { 'pointsman_unsettled_work{state="overdue"}': '0x4 90x4 3x30' },
    atMinute: 20,
    fires: null,
  },
  ...counted('PointsmanLateApprovals', ['late_approval', 'sent_after_closed'], 'lease_expired', false, 15),
  ...counted(
    'PointsmanEvidenceConflict',
    [
      'evidence_conflict',
      'quarantined',
      'notice_mismatch',
      'reversal_refused',
      'failed_after_success',
      'done_after_failure',
    ],
    'late_approval',
    true,
    15,
  ),
  ...counted('PointsmanNoticesUnanswered', ['notice_unanswered'], 'notice_mismatch', false, 15),
  {
    alert: 'PointsmanDeliveriesDead',
    title: 'one event is dead',
    series: { [backlog('dead')]: '0x4 1x20' },
    atMinute: 6,
    fires: { endpoint: 'orders' },
  },
  {
    alert: 'PointsmanDeliveriesDead',
    title: 'many wait',
    series: { [backlog('dead')]: '0x20', [backlog('waiting')]: '900x20' },
    atMinute: 6,
    fires: null,
  },
  {
    alert: 'PointsmanDeliveriesLate',
    title: 'the oldest is an hour and a quarter old',
    series: { 'pointsman_event_lag_seconds{endpoint="orders"}': '0+60x90' },
    atMinute: 75,
    fires: { endpoint: 'orders' },
  },
  {
    alert: 'PointsmanDeliveriesLate',
    title: 'the endpoint is paused',
    series: { 'pointsman_event_endpoint_paused{endpoint="orders"}': '0x4 1x20' },
    atMinute: 12,
    fires: { endpoint: 'orders' },
  },
  {
    alert: 'PointsmanDeliveriesLate',
    title: 'half an hour, and not paused',
    series: {
      'pointsman_event_lag_seconds{endpoint="orders"}': '1800x30',
      'pointsman_event_endpoint_paused{endpoint="orders"}': '0x30',
    },
    atMinute: 20,
    fires: null,
  },
  {
    alert: 'PointsmanEventsHeldBack',
    title: 'for five minutes, told by one of two processes',
    series: {
      'pointsman_events_held_back_seconds{pod="a"}': '0x4 60 120 180 240 300 360',
      'pointsman_events_held_back_seconds{pod="b"}': '0x10',
    },
    atMinute: 9,
    fires: {},
  },
  {
    alert: 'PointsmanEventsHeldBack',
    title: 'for a minute, and over again',
    series: { pointsman_events_held_back_seconds: '0x4 30 90 0x20' },
    atMinute: 6,
    fires: null,
  },
  {
    alert: 'PointsmanSealsStopped',
    title: 'for a quarter of an hour, told by one of two processes',
    series: {
      'pointsman_unsealed_oldest_seconds{pod="a"}': '0x4 60+60x30',
      'pointsman_unsealed_oldest_seconds{pod="b"}': '0x35',
    },
    atMinute: 21,
    fires: {},
  },
  {
    alert: 'PointsmanSealsStopped',
    title: 'older than ten minutes, but not for five yet',
    series: { pointsman_unsealed_oldest_seconds: '0x4 60+60x30' },
    atMinute: 18,
    fires: null,
  },
  {
    alert: 'PointsmanSealsStopped',
    title: 'sealed every minute, at most ten minutes behind',
    series: { pointsman_unsealed_oldest_seconds: '60x9 600x20' },
    atMinute: 28,
    fires: null,
  },
  {
    alert: 'PointsmanSealsStopped',
    title: 'sealed again',
    series: { pointsman_unsealed_oldest_seconds: '900x15 30x20' },
    atMinute: 18,
    fires: null,
  },
  ...['provider', 'unclear'].map((blame) => ({
    alert: 'PointsmanApprovalDropped',
    title: `blame ${blame}, told by one process`,
    series: { [dropped(blame)]: '0x4 0.06x20' },
    atMinute: 8,
    fires: { provider: 'psp-a', region: 'eea', blame },
  })),
  {
    alert: 'PointsmanApprovalDropped',
    title: 'over again',
    series: { [dropped('provider')]: '0x4 0.06x5 0x20' },
    atMinute: 15,
    fires: null,
  },
  {
    alert: 'PointsmanApprovalDropped',
    title: 'the issuers instead',
    series: { [dropped('issuers', 'all')]: '0x4 0.06x20' },
    atMinute: 8,
    fires: null,
  },
  {
    alert: 'PointsmanIssuersApproveLess',
    title: 'at all providers',
    series: { [dropped('issuers', 'all')]: '0x4 0.06x20' },
    atMinute: 8,
    fires: { region: 'eea' },
  },
  {
    alert: 'PointsmanIssuersApproveLess',
    title: 'a provider instead',
    series: { [dropped('provider')]: '0x4 0.06x20' },
    atMinute: 8,
    fires: null,
  },
];
