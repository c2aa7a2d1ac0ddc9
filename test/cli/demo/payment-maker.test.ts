import { beforeAll, describe, expect, it } from 'vitest';
import { type DemoPayment, PaymentMaker } from '../../../src/cli/demo/payment-maker.ts';
import { loadBinTable } from '../../../src/config/default-bin-table.ts';
import type { BinTable } from '../../../src/core/cards/bin-table.ts';
import { findCardNumberInJson } from '../../../src/core/cards/card-number.ts';
import { authorizationBodySchema } from '../../../src/edge/authorization-body.ts';

const PAYMENTS = 2000;
let table: BinTable;
const payments = (seed: string, runId: string): DemoPayment[] => {
  const maker = new PaymentMaker(table, seed, runId);
  return Array.from({ length: PAYMENTS }, () => maker.next());
};

beforeAll(async () => {
  table = await loadBinTable([]);
});

describe('PaymentMaker', () => {
  it('makes bodies that the interface takes, without anything like a card number', () => {
    for (const { body } of payments('bodies', 'run')) {
      const parsed = authorizationBodySchema.safeParse(JSON.parse(body));
      expect(parsed.error?.issues ?? []).toEqual([]);
      expect(findCardNumberInJson(JSON.parse(body) as Record<string, unknown>)).toBeNull();
    }
  });

  it('takes BINs that the table knows, over countries, brands and currencies', () => {
    const made = payments('cards', 'run');
    for (const { bin, brand, country } of made) expect(table.find(bin)).toMatchObject({ brand, country });
    const distinct = (of: (payment: DemoPayment) => string): number => new Set(made.map(of)).size;
    expect(distinct(({ bin }) => bin)).toBeGreaterThan(300);
    expect(distinct(({ country }) => country)).toBeGreaterThan(10);
    expect(distinct(({ brand }) => brand)).toBeGreaterThanOrEqual(4);
    expect(distinct(({ currency }) => currency)).toBeGreaterThan(5);
    expect(distinct(({ reference }) => reference)).toBe(PAYMENTS);
  });

  it('makes the same payments from the same seed, under the references of each run', () => {
    const plain = (made: readonly DemoPayment[], runId: string): string =>
      made.map(({ body }) => body.replaceAll(`demo-${runId}-`, '')).join('\n');
    const first = plain(payments('7', 'one'), 'one');
    expect(plain(payments('7', 'two'), 'two')).toBe(first);
    expect(plain(payments('8', 'one'), 'one')).not.toBe(first);
  });

  it('asks a few a second time', () => {
    const made = payments('shares', 'run');
    for (const asked of [made.filter((one) => one.repeated), made.filter((one) => one.askedAgain)]) {
      expect(asked.length).toBeGreaterThan(PAYMENTS * 0.005);
      expect(asked.length).toBeLessThan(PAYMENTS * 0.06);
    }
  });
});
