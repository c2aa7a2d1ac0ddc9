import { describe, expect, it } from 'vitest';
import { crossBorder, isCountry, isScaRegion, regionOf } from '../../../src/core/cards/regions.ts';
import { COUNTRY_CODES } from '../../../src/core/rules/country-codes.ts';

describe('regions', () => {
  it('knows every country that conditions know, 249 and XK, and no other', () => {
    expect(COUNTRY_CODES).toHaveLength(250);
    expect(COUNTRY_CODES.filter((code) => !isCountry(code))).toEqual([]);
    const letters = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'];
    const all = letters.flatMap((first) => letters.map((second) => first + second)).filter(isCountry);
    expect(all.toSorted()).toEqual([...COUNTRY_CODES].toSorted());
    expect(isCountry('de')).toBe(false);
  });

  it.each([
    ['DE', 'eea'],
    ['IS', 'eea'],
    ['GB', 'uk'],
    ['CH', 'europe_other'],
    ['TR', 'europe_other'],
    ['US', 'north_america'],
    ['MX', 'latin_america'],
    ['PR', 'latin_america'],
    ['BM', 'latin_america'],
    ['ZA', 'middle_east_africa'],
    ['IN', 'asia_pacific'],
    ['ZZ', null],
    [null, null],
  ])('puts %s into %s', (country, region) => {
    expect(regionOf(country)).toBe(region);
  });

  it.each([
    ['DE', 'DE', 'domestic'],
    ['DE', 'FR', 'intra_region'],
    ['DE', 'GB', 'cross_border'],
    ['US', 'DE', 'cross_border'],
    [null, 'DE', null],
    ['DE', null, null],
    ['ZZ', 'ZZ', null],
  ])('calls an issuer in %s and a shopper in %s %s', (issuer, shopper, expected) => {
    expect(crossBorder(issuer, shopper)).toBe(expected);
  });

  it('asks for strong authentication in the EEA and the UK alone', () => {
    expect(['DE', 'NO', 'GB'].map(isScaRegion)).toEqual([true, true, true]);
    expect(['CH', 'US', 'ZZ', null].map(isScaRegion)).toEqual([false, false, false, false]);
  });
});
