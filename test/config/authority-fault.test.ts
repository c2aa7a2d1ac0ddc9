import { describe, expect, it } from 'vitest';
import { authorityFault } from '../../src/config/authority-fault.ts';
import { selfSignedCertificate } from '../providers/self-signed-certificate.ts';

const { cert, key } = selfSignedCertificate();

describe('a file of authorities', () => {
  it.each([
    ['a certificate', cert, null],
    ['two, with words between', `${cert}of the second:\n${cert}`, null],
    ['nothing', '', /holds no -----BEGIN CERTIFICATE-----/],
    ['a key', key, /private key and no certificate/],
    ['some other file', '{"a": 1}', /holds no/],
    ['a broken second one', cert + cert.replace(/\nM/, '\nA'), /certificate number 2 cannot be read/],
  ])('of %s', (_what, text, expected) => {
    const fault = authorityFault(text);
    if (expected === null) expect(fault).toBe(null);
    else expect(fault).toMatch(expected);
  });
});
