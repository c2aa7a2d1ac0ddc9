import { describe, expect, it } from 'vitest';
import type { Authorization } from '../../src/core/authorization.ts';
import {
  EVENT_TYPES,
  eventId,
  type HistoryEntry,
  isWanted,
  outgoingEvents,
  retryDelayMs,
} from '../../src/core/outgoing-event.ts';
import { DISPUTE_STAGES } from '../../src/gateway/ports.ts';
import {
  OUTCOMES,
  refusedOpening,
  sampleBegin,
  sampleConclusion,
  sampleEnd,
  sampleFinding,
  sampleOpening,
} from '../contracts/journal-fixtures.ts';

const entry = (kind: string, over: Partial<HistoryEntry> = {}): HistoryEntry => ({
  kind,
  actor: 'gateway',
  data: {},
  ...over,
});
const RESOLVED = entry('resolved', { actor: 'resolver' });
const RESOLVER = entry('operation_ended', { actor: 'resolver', data: { by: 'answer' } });
const CALLER = entry('operation_ended', { data: { by: 'answer' } });
const EXPIRED = entry('expired', { actor: 'recovery' });

const road = sampleOpening('auth_one').authorization;
const pending = sampleConclusion(road, OUTCOMES.unknown).after;
const approved = sampleConclusion(road, OUTCOMES.approved).after;
const failed = sampleConclusion(road, OUTCOMES.rejected).after;
const begun = (before: Authorization, over = {}) => sampleBegin(before, over).after;
const ended = (before: Authorization, over = {}) => sampleEnd(before, before.operations.length, over).after;
const capturing = begun(approved);
const captured = ended(capturing);
const refunding = begun(captured, { kind: 'refund' });
const voiding = begun(approved, { kind: 'void' });
const expiring = begun(approved, { kind: 'void', purpose: 'expiry' });
const late = sampleFinding(failed, 1, OUTCOMES.approved).after;
const NO = { status: 'failed', code: 'refused' };
const afterAll = ({ operations }: Pick<Authorization, 'operations'>) =>
  entry('operation_ended', { data: { operation: operations.at(-1)?.id, told: 'pending' } });

/** Before, after, entry, what it tells; with `*` what an answer has told. */
const CASES: readonly (readonly [
  what: string,
  before: Authorization | null,
  after: Authorization,
  entry: HistoryEntry,
  told: string,
])[] = [
  ['a road begins', null, road, entry('opened'), ''],
  [
    "a scheme's stop",
    null,
    refusedOpening('auth_two').authorization,
    entry('opened'),
    'authorization.resolved*',
  ],
  [
    'a road ends with its answer',
    road,
    approved,
    entry('concluded', { data: { reason: 'approved' } }),
    'authorization.resolved*',
  ],
  ['a road ends and is not known', road, pending, entry('concluded'), ''],
  ['a road dies, nothing is known', road, pending, entry('lapsed', { actor: 'recovery' }), ''],
  [
    'a road dies after its outcome',
    road,
    approved,
    entry('lapsed', { actor: 'recovery' }),
    'authorization.resolved',
  ],
  [
    'a road that answered pending, since it could not record',
    road,
    approved,
    entry('concluded', { data: { reason: 'journal_failed' } }),
    'authorization.resolved',
  ],
  [
    'a road that answered pending, and was recorded after all',
    approved,
    { ...approved, version: approved.version + 1 },
    entry('concluded', { data: { reason: 'journal_failed', told: 'pending' } }),
    'authorization.resolved',
  ],
  ['a webhook before the answer', road, { ...road, version: 2 }, entry('noticed'), ''],
  [
    'pending is found approved',
    pending,
    sampleFinding(pending, 1, OUTCOMES.approved).after,
    RESOLVED,
    'authorization.resolved',
  ],
  [
    'pending is found declined',
    pending,
    sampleFinding(pending, 1, OUTCOMES.declined).after,
    RESOLVED,
    'authorization.resolved',
  ],
  [
    'pending is found to be pending',
    pending,
    sampleFinding(pending, 1, OUTCOMES.pending).after,
    RESOLVED,
    '',
  ],
  ['a capture begins', approved, capturing, entry('operation_begun', { actor: 'acme' }), ''],
  ['a capture ends in its request', capturing, captured, CALLER, 'capture.settled*'],
  ['a capture is found out', capturing, captured, RESOLVER, 'capture.settled'],
  ['a capture is told by the provider', capturing, captured, entry('noticed'), 'capture.settled'],
  [
    'a person closes a capture',
    capturing,
    ended(capturing, NO),
    entry('resolved_by_person'),
    'capture.failed',
  ],
  [
    'a capture that was never sent',
    capturing,
    ended(capturing, NO),
    entry('operation_ended', { data: { reason: 'journal_failed' } }),
    'capture.failed',
  ],
  ...(
    [
      ['a capture', captured, 'capture.settled'],
      ['a capture that failed', ended(capturing, NO), 'capture.failed'],
      ['a void', ended(voiding), 'authorization.voided void.settled'],
      ['a void that failed', ended(voiding, NO), 'void.failed'],
      ['what has not ended', capturing, ''],
    ] as const
  ).map(
    ([what, after, told]) =>
      [
        `${what} that answered pending, and was recorded after all`,
        after,
        after,
        afterAll(after),
        told,
      ] as const,
  ),
  ['the end of what is not there', captured, captured, afterAll({ operations: [] }), ''],
  ['a refund', refunding, ended(refunding), RESOLVER, 'refund.settled'],
  ['a refund that failed', refunding, ended(refunding, NO), RESOLVER, 'refund.failed'],
  ['a void in its request', voiding, ended(voiding), CALLER, 'authorization.voided* void.settled*'],
  ['a void that is found out', voiding, ended(voiding), RESOLVER, 'authorization.voided void.settled'],
  ['a void that failed', voiding, ended(voiding, NO), RESOLVER, 'void.failed'],
  ['the validity ends', approved, expiring, EXPIRED, ''],
  ['what expired is given back', expiring, ended(expiring), RESOLVER, 'authorization.expired'],
  [
    'the validity of what is captured in part ends',
    captured,
    { ...captured, captureClosed: true },
    EXPIRED,
    'authorization.expired',
  ],
  ['a late approval', failed, late, RESOLVED, ''],
  ['a late approval is reversed', late, ended(late), RESOLVER, 'authorization.reversed'],
  ['its reversal fails, and is begun anew', late, ended(late, NO), RESOLVER, ''],
  [
    'somebody else voids it at the provider',
    approved,
    sampleBegin(approved, { kind: 'void', purpose: 'external', status: 'succeeded', settledAtMs: 1 }).after,
    entry('noticed'),
    'authorization.voided',
  ],
];

describe('what a change tells', () => {
  it.each(CASES)('%s', (_what, before, after, change, told) => {
    const events = outgoingEvents(before, after, change);
    expect(events.map(({ type, answered }) => `${type}${answered ? '*' : ''}`).join(' ')).toBe(told);
    for (const { type, operation } of events) {
      const isOfOperation = /^(capture|void|refund)\.|reversed$/.test(type);
      expect(operation !== null, type).toBe(isOfOperation);
    }
  });

  it('a void of what is pending ends with what is found, and is told too', () => {
    const waiting = begun(pending, { kind: 'void' });
    const found = sampleFinding(waiting, 1, OUTCOMES.declined).after;
    const told = outgoingEvents(waiting, found, RESOLVED).map(({ type, answered }) => [type, answered]);
    expect(told).toEqual([
      ['authorization.resolved', false],
      ['void.settled', false],
    ]);
  });

  it('every stage of a dispute, and nothing of what is none', () => {
    const typeOf = (data: unknown) =>
      outgoingEvents(captured, captured, entry('disputed', { data })).map(({ type }) => type);
    expect(DISPUTE_STAGES.flatMap((stage) => typeOf({ dispute: { stage } }))).toEqual([
      'fraud.noticed',
      'dispute.inquired',
      'dispute.opened',
      'dispute.updated',
      'dispute.closed',
      'dispute.closed',
    ]);
    for (const data of [
      null,
      {},
      { dispute: null },
      { dispute: { stage: 'toString' } },
      { dispute: { stage: 7 } },
    ]) {
      expect(typeOf(data)).toEqual([]);
    }
  });

  it('every type is told by some change', () => {
    const told = CASES.flatMap(([, before, after, change]) => outgoingEvents(before, after, change));
    const types = new Set<string>(told.map(({ type }) => type));
    const others = EVENT_TYPES.filter((type) => !types.has(type));
    expect(others.every((type) => /^(dispute|fraud)\./.test(type))).toBe(true);
  });
});

describe('isWanted', () => {
  const event = { type: 'capture.settled', answered: false } as const;
  it.each([
    ['all', false, false, true],
    ['all', false, true, false],
    ['all', true, true, true],
    [['capture.settled'], false, false, true],
    [['capture.failed'], true, false, false],
  ] as const)('%s, answers too: %s, answered: %s', (types, includesAnswered, answered, wanted) => {
    const choice = { types: types === 'all' ? types : new Set(types), includesAnswered };
    expect(isWanted({ ...event, answered }, choice)).toBe(wanted);
  });
});

describe('ids and delays', () => {
  it('the id is a function of endpoint, authorization, change and part, without dots', () => {
    const ids = [
      eventId('orders', 'auth_bcd', 3, 1),
      eventId('orders', 'auth_bcd', 3, 2),
      eventId('orders', 'auth_bcd', 31, 1),
      eventId('books', 'auth_bcd', 3, 1),
    ];
    expect(ids[0]).toBe('evt_orders_bcd_3_1');
    expect(new Set(ids).size).toBe(4);
    expect(ids.join()).not.toContain('.');
  });

  it('follows the schedule of Standard Webhooks, a tenth more or less, and ends', () => {
    const hours = [5 / 3600, 5 / 60, 0.5, 2, 5, 10, 14, 20, 24];
    for (const [index, each] of hours.entries()) {
      const delayMs = each * 3_600_000;
      expect(retryDelayMs(index + 1, 0.5)).toBe(Math.round(delayMs));
      expect(retryDelayMs(index + 1, 0)).toBe(Math.round(delayMs * 0.9));
      expect(retryDelayMs(index + 1, 0.999)).toBeLessThanOrEqual(delayMs * 1.1);
    }
    expect(retryDelayMs(hours.length + 1, 0.5)).toBeNull();
  });
});
