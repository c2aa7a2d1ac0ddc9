import { describe, expect, it } from 'vitest';
import type { DeclineReading } from '../../src/core/declines/classify-decline.ts';
import type { Decline } from '../../src/core/declines/decline.ts';
import { declineOfReading, outcomeOfReading } from '../../src/providers/decline-outcome.ts';

const decline: Decline = {
  category: 'soft_decline_issuer',
  code: 'c',
  networkCode: '05',
  advice: null,
  retryNotBefore: null,
  otherProvider: 'yes_once',
  mayHideApproval: false,
};
const unmapped = { ...decline, category: 'unmapped', otherProvider: 'no' };

describe('a reading of the decline tables', () => {
  it.each<[DeclineReading, object, object]>([
    [{ kind: 'declined', decline }, { kind: 'declined', decline }, decline],
    [
      { kind: 'authentication_required', code: 'c' },
      { kind: 'authentication_required', code: 'c' },
      unmapped,
    ],
    [
      { kind: 'pending', code: 'c' },
      { kind: 'pending', code: 'c' },
      { ...unmapped, mayHideApproval: true },
    ],
    [
      { kind: 'ambiguous', code: 'c' },
      { kind: 'unknown', code: 'c' },
      { ...unmapped, mayHideApproval: true },
    ],
    [
      { kind: 'not_processed', reason: 'configuration', code: 'c' },
      { kind: 'rejected', reason: 'configuration', code: 'c', retryAfterMs: null },
      { ...decline, category: 'config' },
    ],
    [
      { kind: 'not_processed', reason: 'transient', code: 'c' },
      { kind: 'rejected', reason: 'transient', code: 'c', retryAfterMs: null },
      { ...decline, category: 'provider_technical' },
    ],
  ])('%j is this outcome, and this decline when only the code is known', (reading, outcome, read) => {
    expect(outcomeOfReading(reading, 'ref')).toEqual({ ...outcome, providerReference: 'ref' });
    const code = { code: 'c', networkCode: '05', advice: null, scaRegion: false, threeDsPresent: false };
    expect(declineOfReading(reading, { ...code, brand: 'visa' })).toEqual(read);
  });

  it('of a kind that there is not is a bug of ours', () => {
    const reading = { kind: 'approved' } as never;
    const code = { code: 'c', networkCode: null, advice: null, brand: 'visa' } as const;
    expect(() => outcomeOfReading(reading, 'ref')).toThrow('unreachable case');
    expect(() => declineOfReading(reading, { ...code, scaRegion: false, threeDsPresent: false })).toThrow(
      'unreachable case',
    );
  });
});
