import { describe, expect, it } from 'vitest';
import { audit, type Claimed, passes } from '../../../src/cli/demo/audit.ts';
import type { LedgerRow } from '../../../src/cli/demo/sandbox-control.ts';

const claimed = (status: Claimed['status'], more: Partial<Claimed> = {}): Claimed => ({
  reference: 'demo-run-1',
  status,
  provider: 'sandbox-a',
  providerReference: 'sbx_1',
  value: 4999,
  authorized: 4999,
  currency: 'EUR',
  ...more,
});
const row = (more: Partial<LedgerRow> = {}): LedgerRow => ({
  provider: 'sandbox-a',
  id: 'sbx_1',
  merchant_reference: 'demo-run-1',
  status: 'authorized',
  live: true,
  authorized_amount: 4999,
  amount: { value: 4999, currency: 'EUR' },
  ...more,
});
const elsewhere = row({ provider: 'sandbox-b', id: 'sbx_2' });

type Lists = 'doubles' | 'approvedNotLive' | 'negativeButLive' | 'openHeld' | 'openNotHeld' | 'strangers';

/** Name, what the gateway says, what the books say, the lists that are not empty. */
const CASES: readonly (readonly [string, readonly Claimed[], readonly LedgerRow[], readonly Lists[]])[] = [
  ['approved and booked', [claimed('approved')], [row()], []],
  ['approved, nothing booked', [claimed('approved')], [], ['approvedNotLive']],
  ['approved, voided since', [claimed('approved')], [row({ live: false })], ['approvedNotLive']],
  ['approved, booked elsewhere', [claimed('approved')], [elsewhere], ['approvedNotLive']],
  ['approved, another authorization', [claimed('approved')], [row({ id: 'sbx_9' })], ['approvedNotLive']],
  [
    'approved, another amount',
    [claimed('approved')],
    [row({ amount: { value: 5000, currency: 'EUR' } })],
    ['approvedNotLive'],
  ],
  [
    'approved, less authorized',
    [claimed('approved')],
    [row({ authorized_amount: 2000 })],
    ['approvedNotLive'],
  ],
  ['approved twice, at two providers', [claimed('approved')], [row(), elsewhere], ['doubles']],
  ['approved twice, at one provider', [claimed('approved')], [row(), row({ id: 'sbx_2' })], ['doubles']],
  ['declined, nothing booked', [claimed('declined')], [], []],
  ['declined, booked', [claimed('declined')], [row()], ['negativeButLive']],
  ['failed, booked elsewhere', [claimed('failed')], [elsewhere], ['negativeButLive']],
  ['refused, booked', [claimed(null)], [row()], ['negativeButLive']],
  ['pending, held', [claimed('pending')], [row()], ['openHeld']],
  ['pending, not held', [claimed('pending')], [], ['openNotHeld']],
  ['pending, held twice', [claimed('pending')], [row(), elsewhere], ['doubles', 'openHeld']],
  ['unanswered, held', [claimed('unanswered')], [row()], ['openHeld']],
  ['never sent, booked', [], [row()], ['strangers']],
  ["another run's", [], [row({ merchant_reference: 'demo-other-1' })], []],
  ["another caller's", [claimed('declined')], [row({ merchant_reference: null })], []],
];

const LISTS: readonly Lists[] = [
  'doubles',
  'approvedNotLive',
  'negativeButLive',
  'openHeld',
  'openNotHeld',
  'strangers',
];

describe('audit', () => {
  it.each(CASES)('%s', (_, claims, rows, expected) => {
    const found = audit(claims, rows, 'demo-run-');
    expect(LISTS.filter((list) => found[list].length > 0)).toEqual(expected);
    const harmless: readonly Lists[] = ['openHeld', 'openNotHeld'];
    expect(passes(found)).toBe(expected.every((list) => harmless.includes(list)));
  });

  it('counts payments by what was said of them', () => {
    const statuses = ['approved', 'captured', 'declined', 'failed', null, 'pending'] as const;
    const claims = statuses.map((status, index) => claimed(status, { reference: `demo-run-${index}` }));
    const found = audit(claims, [], 'demo-run-');
    expect([found.payments, found.approved, found.negative, found.openNotHeld.length]).toEqual([6, 2, 3, 1]);
  });
});
