import { describe, expect, it } from 'vitest';
import { currencyExponent, isCurrency, parseMajorUnits } from '../../src/core/money.ts';

describe('major units are read exactly as written', () => {
  it.each([
    ['250.00', 'EUR', 25_000],
    ['250', 'EUR', 25_000],
    ['0.1', 'EUR', 10],
    ['0.29', 'EUR', 29],
    ['1.005', 'EUR', null],
    ['250', 'JPY', 250],
    ['250.0', 'JPY', null],
    ['1.234', 'KWD', 1_234],
    ['1.2345', 'KWD', null],
    ['90071992547409.91', 'EUR', Number.MAX_SAFE_INTEGER],
    ['90071992547409.92', 'EUR', null],
    ['-1', 'EUR', null],
    ['1e3', 'EUR', null],
    ['', 'EUR', null],
    ['.5', 'EUR', null],
    ['1.', 'EUR', null],
    [' 1', 'EUR', null],
  ] as const)('%s %s -> %s', (text, currency, expected) => {
    expect(parseMajorUnits(text, currency)).toBe(expected);
  });

  it.each([
    ['JPY', 0],
    ['EUR', 2],
    ['KWD', 3],
    ['CLF', 4],
  ] as const)('%s has %d decimals', (currency, exponent) => {
    expect(currencyExponent(currency)).toBe(exponent);
    expect(isCurrency(currency)).toBe(true);
  });

  it.each(['EURO', 'eur', 'XXX', 'XTS', 'XAU', ''])('%s is no currency that cards are charged in', (code) => {
    expect(isCurrency(code)).toBe(false);
  });
});
