import { describe, expect, it, onTestFinished } from 'vitest';
import { Ledger, type LedgerRow } from '../../src/sandbox/ledger.ts';
import { startSandbox } from '../support/start-sandbox.ts';
import { authorize, glance, inquire } from './sandbox-client.ts';

function smallLedger(rowsMax: number) {
  const dropped: LedgerRow[] = [];
  const onDrop = (row: LedgerRow): void => void dropped.push(row);
  const startedAtMs = 1_700_000_000_000;
  const plain = { nowMs: () => startedAtMs, validityMs: () => null };
  const ledger = new Ledger({ providers: ['a'], startedAtMs, rowsMax, onDrop, ...plain });
  const open = (reference: string) =>
    ledger.open({
      provider: 'a',
      reference,
      merchant: 'm',
      merchantReference: null,
      amount: { value: 1, currency: 'EUR' },
      token: 't',
      brand: 'visa',
      key: reference,
      createdAtMs: 0,
    });
  const references = () => [...ledger.rows()].map((row) => row.reference);
  return { ledger, dropped, open, references };
}

describe('the bounded ledger', () => {
  it('drops what was declined or voided longest ago first, live rows last', () => {
    const { ledger, dropped, open, references } = smallLedger(3);
    ledger.move(open('live'), 'authorized');
    const later = open('voided later');
    ledger.move(later, 'authorized');
    ledger.move(open('declined'), 'declined');
    ledger.move(later, 'voided');
    ledger.move(open('four'), 'authorized');
    expect(references()).toEqual(['live', 'voided later', 'four']);
    ledger.move(open('five'), 'authorized');
    expect(references()).toEqual(['live', 'four', 'five']);
    open('six');
    expect(references()).toEqual(['four', 'five', 'six']);
    expect(dropped.map((row) => row.reference)).toEqual(['declined', 'voided later', 'live']);
    expect(ledger.dropped).toBe(3);
    // The counters know of all.
    expect(ledger.totalsOf('a')).toMatchObject({
      authorized: 4,
      declined: 1,
      voided: 1,
      live: 3,
      pending: 1,
    });
    expect(ledger.byReference('a', 'live')).toBeNull();
  });

  it('stays within its bound over many rows', () => {
    const { ledger, open, dropped } = smallLedger(100);
    for (let number = 0; number < 20_000; number += 1) {
      ledger.move(open(`r${number}`), number % 3 === 0 ? 'authorized' : 'declined');
    }
    expect([...ledger.rows()]).toHaveLength(100);
    expect(dropped).toHaveLength(19_900);
  });

  it('forgets the keys of what it dropped, and goes on', async () => {
    const sandbox = await startSandbox(['sandbox-a'], { ledgerRowsMax: 2 });
    onTestFinished(() => sandbox.close());
    for (const reference of ['one', 'two', 'three']) await authorize(sandbox, reference);
    expect(glance(await inquire(sandbox, 'one'))).toBe('404 not_found');
    expect(glance(await inquire(sandbox, 'two'))).toBe('200 authorized');
    expect(sandbox.ledger()).toMatchObject({ dropped: 1, totals: { 'sandbox-a': { authorized: 3 } } });
    expect(glance(await authorize(sandbox, 'one', { merchant: 'other' }))).toBe('200 authorized');
  });
});

describe('ids', () => {
  it('are never given twice, have no digits, and differ between runs', () => {
    const { ledger } = smallLedger(1);
    const ids = Array.from({ length: 1000 }, () => ledger.nextId('sbx'));
    ledger.clear();
    ids.push(ledger.nextId('sbx'));
    expect(new Set(ids).size).toBe(1001);
    expect(ids.join('')).not.toMatch(/\d/);
    const other = new Ledger({
      providers: ['a'],
      startedAtMs: 1_700_000_000_001,
      rowsMax: 1,
      nowMs: () => 0,
      validityMs: () => null,
      onDrop: () => {},
    });
    expect(ids).not.toContain(other.nextId('sbx'));
  });
});
