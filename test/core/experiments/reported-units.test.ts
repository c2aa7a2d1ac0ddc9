import { describe, expect, it } from 'vitest';
import { banditShares } from '../../../src/core/experiments/bandit-shares.ts';
import type { ExposedRequest } from '../../../src/core/experiments/exposed.ts';
import { ExposureTally } from '../../../src/core/experiments/exposure-tally.ts';
import { readAccountGuardrails, readGuardrails } from '../../../src/core/experiments/guardrails.ts';
import { experimentReport } from '../../../src/core/experiments/results.ts';
import type { ExchangeRates } from '../../../src/core/scoring/exchange-rates.ts';
import { EXPOSED_AT, exposed, SAMPLE_NOW, sampleExperiment } from '../../support/sample-experiment.ts';

const GUARDED = sampleExperiment({
  expectedSample: 500,
  guardrails: [{ metric: 'approval_rate', margin: 0.03 }],
});
const BANDIT = sampleExperiment({ mode: 'bandit' });

let units = 0;

/** Payments of an arm, the first of them approved; reported by an account, or our own attempts. */
function payments(arm: string, count: number, approved: number, reportedBy: string | null = null) {
  return Array.from({ length: count }, (_, index) => {
    units += 1;
    const unit = `unit-${String(units).padStart(6, '0')}`;
    return exposed(unit, arm, [index < approved ? 'approved' : 'declined'], { reportedBy });
  });
}

function tallyOf(
  rows: readonly ExposedRequest[],
  experiment = GUARDED,
  nowMs = SAMPLE_NOW,
  rates: ExchangeRates = [],
) {
  const tally = new ExposureTally(experiment, nowMs, rates);
  for (const row of rows) tally.add(row);
  return tally.end();
}

function reportOf(
  rows: readonly ExposedRequest[],
  experiment = GUARDED,
  nowMs = SAMPLE_NOW,
  rates: ExchangeRates = [],
) {
  const tally = tallyOf(rows, experiment, nowMs, rates);
  return experimentReport({ experiment, tally, phases: [], looks: [], stopped: new Map() });
}

const stateOf = (rows: readonly ExposedRequest[]) => readGuardrails(GUARDED, tallyOf(rows))[0]?.state;
const GOOD = [400, 380] as const;
const BAD = [400, 200] as const;

describe('units that rest on reports', () => {
  it('a payment that was decided for and authorized is one, approved by either, in any order', () => {
    const authorized = (outcome: 'approved' | 'declined', atMs: number) =>
      exposed('one', 'control', [{ outcome, atMs: atMs + 100 }], { atMs });
    const decided = (outcome: 'approved' | 'declined' | null, atMs: number, reportedBy = 'acme') =>
      exposed('one', 'control', [{ outcome, atMs: atMs + 100 }], { atMs, reportedBy });
    const cases = [
      [authorized('declined', EXPOSED_AT), decided('approved', EXPOSED_AT + 1_000)],
      [authorized('approved', EXPOSED_AT + 1_000), decided('declined', EXPOSED_AT)],
      [decided(null, EXPOSED_AT), authorized('approved', EXPOSED_AT + 1_000)],
    ];
    for (const rows of cases) {
      const [arm] = reportOf(rows).arms;
      expect(arm).toMatchObject({ assigned: 1, payments: 1, reported: 1, approved: 1, unresolved: 0 });
    }
    expect(reportOf([authorized('approved', EXPOSED_AT)]).arms[0]).toMatchObject({ reported: 0 });
  });

  it('what was never reported, or is not known, matures, and then is not approved and bounds the rate', () => {
    const open = [null, 'unknown', 'pending'] as const;
    const rows = open.map((outcome, index) =>
      exposed(`unit-${index}`, 'control', [outcome], { reportedBy: 'acme' }),
    );
    const early = reportOf(rows, GUARDED, EXPOSED_AT + 60_000).arms[0];
    expect(early).toMatchObject({ reported: 3, maturing: 3, unresolved: 0, approvalRate: null });
    const late = reportOf([...rows, exposed('unit-9', 'control')]).arms[0];
    expect(late).toMatchObject({ unresolved: 3, approved: 1, approvalRate: 0.25 });
    expect(late?.bounds).toEqual({ low: 0.25, high: 1 });
  });

  it('an approval that is reported after the payment has matured is none', () => {
    const atMs = EXPOSED_AT + GUARDED.maturityMs + 1;
    const rows = [exposed('one', 'control', [{ outcome: 'approved', atMs }], { reportedBy: 'acme' })];
    expect(reportOf(rows).arms[0]).toMatchObject({ approved: 0, unresolved: 1 });
  });

  it('of two accounts that were told about one payment only the word of the first counts', () => {
    const rows = [
      exposed('one', 'control', ['declined'], { reportedBy: 'acme' }),
      exposed('one', 'control', ['approved'], { reportedBy: 'evil', atMs: EXPOSED_AT + 1 }),
    ];
    expect(reportOf(rows).arms[0]).toMatchObject({ payments: 1, approved: 0 });
    expect(tallyOf(rows).without).toEqual([{ account: 'acme', phases: [] }]);
  });

  it('a customer whose payments two accounts report is left out with either of them', () => {
    const payment = (name: string, reportedBy: string) =>
      exposed('customer', 'control', ['approved'], { payment: name, reportedBy });
    const byCustomer = sampleExperiment({ unit: 'customer' });
    const tally = tallyOf([payment('p1', 'one'), payment('p2', 'two')], byCustomer);
    expect(tally.phases[0]?.arms[0]).toMatchObject({ assigned: 1, payments: 2, approved: 2 });
    expect(tally).toMatchObject({ without: [{ account: null, phases: [] }], accounts: 1 });
  });

  it('tells how much rests on reports, and by how many accounts', () => {
    const rows = [
      ...payments('control', 10, 9),
      ...payments('control', 4, 4, 'one'),
      ...payments('treatment', 3, 1, 'two'),
    ];
    const { reported, arms } = reportOf(rows);
    expect(reported).toEqual({ payments: 7, accounts: 2 });
    expect(arms.map((arm) => [arm.payments, arm.reported])).toEqual([
      [14, 4],
      [3, 3],
    ]);
  });

  it('leaves each account out in turn, the largest first, over all phases', () => {
    const rows = [
      ...payments('control', 5, 5),
      ...payments('control', 2, 1, 'two'),
      ...payments('treatment', 3, 0, 'three').map((row) => ({ ...row, phase: 2 })),
      ...payments('control', 4, 4, 'four'),
    ];
    const shown = tallyOf(rows).without.map(({ account, phases }) => [
      account,
      phases.map(({ phase, arms }) => [
        phase,
        arms.map(({ arm, assigned, approved }) => [arm, assigned, approved]),
      ]),
    ]);
    const treated = [2, [['treatment', 3, 0]]];
    expect(shown).toEqual([
      ['four', [[1, [['control', 7, 6]]], treated]],
      ['three', [[1, [['control', 11, 10]]]]],
      ['two', [[1, [['control', 9, 9]]], treated]],
    ]);
  });

  it('tells many accounts apart up to a bound, and believes the others only together with none', () => {
    const rows = Array.from({ length: 80 }, (_, index) => payments('control', 1, 1, `account-${index}`)[0]);
    const tally = tallyOf(rows.flatMap((row) => row ?? []));
    expect(tally.accounts).toBe(51);
    expect(tally.phases[0]?.arms[0]?.assigned).toBe(80);
    expect(tally.without.map(({ phases }) => phases[0]?.arms[0]?.assigned)).toEqual(Array(50).fill(49));
  });
});

describe('guardrails over reports', () => {
  it('our own attempts, or two accounts that agree, stop an arm', () => {
    expect(stateOf([...payments('control', ...GOOD), ...payments('treatment', ...BAD)])).toBe('breached');
    const both = ['one', 'two'].flatMap((account) => [
      ...payments('control', ...GOOD, account),
      ...payments('treatment', ...BAD, account),
    ]);
    expect(stateOf(both)).toBe('breached');
  });

  it('many small accounts agree too, none of which could prove anything', () => {
    const many = Array.from({ length: 20 }, (_, index) => [
      ...payments('control', 40, 38, `small-${index}`),
      ...payments('treatment', 40, 20, `small-${index}`),
    ]).flat();
    expect(stateOf(many)).toBe('breached');
  });

  it('the lies of one account stop nothing, alone or beside payments that are fine', () => {
    const lies = [...payments('control', 4_000, 4_000, 'evil'), ...payments('treatment', 4_000, 0, 'evil')];
    expect(stateOf(lies)).toBe('reported');
    const fine = [...payments('control', ...GOOD), ...payments('treatment', ...GOOD)];
    expect(stateOf([...fine, ...lies])).toBe('reported');
    const honest = [...payments('control', ...GOOD, 'one'), ...payments('treatment', ...GOOD, 'one')];
    expect(stateOf([...honest, ...lies])).toBe('reported');
    expect(stateOf([...fine, ...honest, ...lies])).toBe('reported');
  });

  it('they stop what is the account’s own: by its own word, whatever others say, and nobody else’s', () => {
    const lies = [...payments('control', ...GOOD, 'evil'), ...payments('treatment', ...BAD, 'evil')];
    const fine = [...payments('control', ...GOOD, 'one'), ...payments('treatment', ...GOOD, 'one')];
    const few = [...payments('control', 90, 90, 'two'), ...payments('treatment', 90, 0, 'two')];
    const own = [...payments('control', ...GOOD), ...payments('treatment', ...BAD)];
    const stops = readAccountGuardrails(GUARDED, tallyOf([...lies, ...fine, ...few, ...own]));
    expect(stops).toMatchObject([{ account: 'evil', arm: 'treatment', metric: 'approval_rate' }]);
  });

  it('nor do they hide what our own attempts prove', () => {
    const praise = [...payments('control', 4_000, 0, 'evil'), ...payments('treatment', 4_000, 4_000, 'evil')];
    const own = [...payments('control', ...GOOD), ...payments('treatment', ...BAD)];
    expect(stateOf([...praise, ...own])).toBe('breached');
  });
});

describe('a bandit over reports', () => {
  const shares = (rows: readonly ExposedRequest[]) => banditShares(BANDIT, tallyOf(rows, BANDIT));
  const lies = () => [
    ...payments('control', 1_000, 1_000, 'evil'),
    ...payments('treatment', 1_000, 0, 'evil'),
  ];
  const better = (reportedBy: string | null) => [
    ...payments('control', 200, 100, reportedBy),
    ...payments('treatment', 200, 190, reportedBy),
  ];

  it('follows our own attempts, whatever one account says', () => {
    const own = shares(better(null));
    expect(own?.[1]).toBeGreaterThan(0.9);
    expect(shares([...better(null), ...lies()])).toEqual(own);
  });

  it('follows two accounts that agree, and no single one', () => {
    expect(shares([...better('one'), ...better('two')])?.[1]).toBeGreaterThan(0.9);
    expect(shares(better('one'))).toEqual([0.5, 0.5]);
    expect(shares([...better('one'), ...lies()])).toEqual([0.5, 0.5]);
  });
});

describe('a difference that one account reports', () => {
  const lies = () => [
    ...payments('control', 2_000, 500, 'evil'),
    ...payments('treatment', 2_000, 2_000, 'evil'),
  ];
  const same = (reportedBy: string | null) => [
    ...payments('control', ...GOOD, reportedBy),
    ...payments('treatment', ...GOOD, reportedBy),
  ];

  it('is said to rest on it, and never to be shown', () => {
    const { comparisons, verdict } = reportOf([...same(null), ...same('one'), ...lies()]);
    expect(comparisons[0]).toMatchObject({ method: 'confidence_sequence', restsOn: 'evil' });
    expect(comparisons[0]?.low).toBeGreaterThan(0);
    expect(verdict).toMatch(/^The treatment looks better than control .*only by what evil reports/);
  });

  it('is one where it is shown without any of them too', () => {
    const rows = [null, 'one', 'two'].flatMap((teller) => [
      ...payments('control', ...BAD, teller),
      ...payments('treatment', ...GOOD, teller),
    ]);
    const { comparisons, verdict } = reportOf(rows);
    expect(comparisons[0]).not.toHaveProperty('restsOn');
    expect(verdict).toMatch(/^The treatment is better than control/);
  });
});

describe('fees in several currencies', () => {
  const RATES: ExchangeRates = [
    { fromMs: EXPOSED_AT - 86_400_000, base: 'EUR', perUnit: new Map([['USD', 2]]) },
    { fromMs: EXPOSED_AT + 3_600_000, base: 'EUR', perUnit: new Map([['USD', 4]]) },
  ];
  const paid = (unit: string, arm: string, currency: string, over: Partial<ExposedRequest> = {}) =>
    exposed(unit, arm, [{ outcome: 'approved', costBasisPoints: 100 }], { currency, ...over });
  const costsOf = (rows: readonly ExposedRequest[], rates: ExchangeRates) =>
    reportOf(rows, GUARDED, SAMPLE_NOW, rates).arms.map(({ costPerApproval, costCurrency, costReason }) => [
      costPerApproval,
      costCurrency,
      costReason,
    ]);

  it('are one sum, by the rates of the day of each, in the base of the newest', () => {
    const later = { atMs: EXPOSED_AT + 7_200_000 };
    const rows = [
      paid('one', 'control', 'EUR'),
      paid('two', 'control', 'USD'),
      { ...paid('three', 'treatment', 'USD', later), attempts: [{ ...paidLater(later.atMs) }] },
    ];
    // Fees are 1 % of 100.00: one euro, half a euro, a quarter.
    expect(costsOf(rows, RATES)).toEqual([
      [75, 'EUR', null],
      [25, 'EUR', null],
    ]);
  });

  it('stay in theirs where it is the only one', () => {
    expect(costsOf([paid('one', 'control', 'USD')], RATES)[0]).toEqual([100, 'USD', null]);
  });

  it('are not added up without rates, or where one is missing, and the reason is told', () => {
    const rows = [paid('one', 'control', 'EUR'), paid('two', 'control', 'JPY')];
    expect(costsOf(rows, [])[0]).toEqual([
      null,
      null,
      'approvals are in EUR, JPY, and there are no exchange rates to add them up',
    ]);
    expect(costsOf(rows, RATES)[0]).toEqual([null, null, 'there is no exchange rate for JPY to EUR']);
    expect(costsOf([], RATES)[0]?.[2]).toBe('there is no approval yet whose fees are known');
  });

  it('of what is older than all rates go by the first of them', () => {
    const old = { atMs: EXPOSED_AT - 30 * 86_400_000 };
    const rows = [
      paid('one', 'control', 'EUR'),
      { ...paid('two', 'control', 'USD', old), attempts: [paidLater(old.atMs)] },
    ];
    expect(costsOf(rows, RATES)[0]).toEqual([75, 'EUR', null]);
  });
});

function paidLater(atMs: number) {
  return { outcome: 'approved', atMs: atMs + 100, durationMs: 100, costBasisPoints: 100 } as const;
}
