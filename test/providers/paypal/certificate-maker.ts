import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { bits, certificatePem, der, integer, objectId, sequence, utcTime } from '../../support/der.ts';

/** Who signs with a certificate, and how it is written. */
export interface MadeCertificate {
  readonly privateKey: KeyObject;
  readonly pem: string;
  readonly name: string;
}

/**
 * A fresh X.509 certificate (RFC 5280, section 4.1) with an RSA key, built here so that no key is kept among the tests.
 * @param over.issuer who issues it; left out: it issues itself
 * @param over.from,over.until `YYMMDDhhmmssZ`
 */
export function makeCertificate(
  name: string,
  over: {
    readonly issuer?: MadeCertificate;
    readonly from?: string;
    readonly until?: string;
    readonly kind?: 'rsa' | 'ec';
    readonly bits?: number;
  } = {},
): MadeCertificate {
  const { privateKey, publicKey } =
    over.kind === 'ec'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: over.bits ?? 2_048 });
  const signingKey = over.issuer?.privateKey ?? privateKey;
  const algorithm =
    signingKey.asymmetricKeyType === 'ec'
      ? sequence(objectId(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02))
      : sequence(objectId(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b), der(0x05, Buffer.alloc(0)));
  const toBeSigned = sequence(
    der(0xa0, integer(2)),
    integer(7),
    algorithm,
    commonName(over.issuer?.name ?? name),
    sequence(utcTime(over.from ?? '250101000000Z'), utcTime(over.until ?? '491231235959Z')),
    commonName(name),
    publicKey.export({ type: 'spki', format: 'der' }),
  );
  const signature = sign('sha256', toBeSigned, signingKey);
  const pem = certificatePem(sequence(toBeSigned, algorithm, bits(signature)));
  return { privateKey, pem, name };
}

function commonName(name: string): Buffer {
  return sequence(der(0x31, sequence(objectId(0x55, 0x04, 0x03), der(0x0c, Buffer.from(name)))));
}
