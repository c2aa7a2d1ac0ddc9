import { describe, expect, it } from 'vitest';
import { nearestName } from '../../../src/core/text/nearest-name.ts';

const KNOWN = ['amount', 'card', 'merchant', 'three_ds'];

describe('nearestName', () => {
  const cases: [name: string, nearest: string | null][] = [
    ['amout', 'amount'],
    ['Amount', 'amount'],
    ['merchnat', 'merchant'],
    ['threeDs', 'three_ds'],
    ['crad', 'card'],
    ['acrd', 'card'],
    ['drac', null],
    ['thcra', null],
    ['cart', 'card'],
    ['', null],
    ['shopper', null],
    ['a'.repeat(10_000), null],
  ];
  it.each(cases)('%s: %s', (name, nearest) => {
    expect(nearestName(name, KNOWN)).toBe(nearest);
  });
});
