import { describe, expect, it } from 'vitest';
import { CARD_BRANDS, type CardBrand } from '../../../src/core/card.ts';
import {
  type CodeMeaning,
  type DeclineTables,
  type NetworkRow,
  networkMeaning,
  type ProviderTable,
  providerMeaning,
  visaCategoryOf,
} from '../../../src/core/declines/decline-tables.ts';

/** A meaning that can be told from the others. */
const meaning = (reason: 'configuration' | 'transient'): CodeMeaning => ({ kind: 'not_processed', reason });
const PENDING: CodeMeaning = { kind: 'pending' };
const AUTHENTICATE: CodeMeaning = { kind: 'authentication_required' };

function row(over: Partial<NetworkRow>): NetworkRow {
  return { code: 'X', brands: null, scaRegion: null, threeDs: null, meaning: PENDING, ...over };
}

function tablesOf(rows: readonly NetworkRow[]): DeclineTables {
  return {
    network: Map.groupBy(rows, ({ code }) => code),
    visaCategories: new Map([['57', 1]]),
    merchantAdvice: new Map(),
    providers: new Map(),
  };
}

function read(rows: readonly NetworkRow[], brand: CardBrand, scaRegion: boolean, threeDsPresent: boolean) {
  return networkMeaning(tablesOf(rows), 'X', { brand, scaRegion, threeDsPresent });
}

describe('the meaning of a DE39 value', () => {
  it('without a condition holds for every brand but the unknown one', () => {
    for (const brand of CARD_BRANDS) {
      expect(read([row({})], brand, false, false)).toEqual(brand === 'unknown' ? null : PENDING);
    }
    expect(
      networkMeaning(tablesOf([]), 'X', { brand: 'visa', scaRegion: false, threeDsPresent: false }),
    ).toBeNull();
  });

  it('holds for the brands that its row names, which the unknown one is never among', () => {
    const rows = [row({ brands: new Set<CardBrand>(['visa', 'unknown']) })];
    expect(read(rows, 'visa', true, true)).toEqual(PENDING);
    expect(read(rows, 'mastercard', true, true)).toBeNull();
    expect(read(rows, 'unknown', true, true)).toBeNull();
  });

  it.each([true, false])('holds inside or outside of the SCA region: %s', (scaRegion) => {
    const rows = [row({ scaRegion })];
    for (const threeDs of [true, false]) {
      expect(read(rows, 'visa', scaRegion, threeDs)).toEqual(PENDING);
      expect(read(rows, 'visa', !scaRegion, threeDs)).toBeNull();
    }
  });

  it.each([true, false])('holds with or without 3DS data: %s', (threeDs) => {
    const rows = [row({ threeDs })];
    for (const scaRegion of [true, false]) {
      expect(read(rows, 'visa', scaRegion, threeDs)).toEqual(PENDING);
      expect(read(rows, 'visa', scaRegion, !threeDs)).toBeNull();
    }
  });

  it('is that of the first row that fits', () => {
    const conditional = row({ brands: new Set(['mastercard']), scaRegion: true, threeDs: false });
    const rows = [{ ...conditional, meaning: AUTHENTICATE }, row({})];
    expect(read(rows, 'mastercard', true, false)).toEqual(AUTHENTICATE);
    expect(read(rows, 'mastercard', true, true)).toEqual(PENDING);
    expect(read(rows, 'mastercard', false, false)).toEqual(PENDING);
    expect(read(rows, 'visa', true, false)).toEqual(PENDING);
  });
});

describe("Visa's category", () => {
  it('is 4 unless listed, and none for another brand', () => {
    const tables = tablesOf([]);
    expect(visaCategoryOf(tables, '57', 'visa')).toBe(1);
    expect(visaCategoryOf(tables, '05', 'visa')).toBe(4);
    for (const brand of CARD_BRANDS.filter((other) => other !== 'visa')) {
      expect(visaCategoryOf(tables, '57', brand)).toBeNull();
    }
  });
});

describe("the meaning of a provider's code", () => {
  const table: ProviderTable = {
    codes: new Map([['issuer_05', PENDING]]),
    prefixes: [
      ['issuer_0', meaning('transient')],
      ['issuer_', meaning('configuration')],
    ],
    advice: new Map([['advice', PENDING]]),
    adviceIsNetworks: false,
  };

  it.each<[string, CodeMeaning | null]>([
    ['issuer_05', PENDING],
    ['issuer_051', meaning('transient')],
    ['issuer_04', meaning('transient')],
    ['issuer_0', meaning('transient')],
    ['issuer_51', meaning('configuration')],
    ['the_issuer_05', null],
    ['issuer', null],
    ['advice', null],
    ['', null],
  ])('%s is read exactly, else by its longest beginning', (code, expected) => {
    expect(providerMeaning(table, code)).toEqual(expected);
  });
});
