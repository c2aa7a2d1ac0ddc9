import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { isIP } from 'node:net';
import { bits, certificatePem, der, integer, objectId, sequence, utcTime } from './der.ts';

/** A certificate and its key, as servers and clients read them. */
export interface ServerCertificate {
  readonly key: string;
  readonly cert: string;
  readonly name: string;
  readonly privateKey: KeyObject;
}

/**
 * A fresh X.509 certificate, version 3 (RFC 5280, section 4.1), built here so that no key has to be kept among the tests.
 * @param of.name its subject
 * @param of.hosts names and IPv4 addresses that it is for; empty: it is one of an authority
 * @param of.issuer the authority that signs it; left out: it signs itself
 */
export function serverCertificate(of: {
  readonly name: string;
  readonly hosts: readonly string[];
  readonly issuer?: ServerCertificate;
}): ServerCertificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ecdsaWithSha256 = sequence(objectId(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02));
  const alternatives = of.hosts.map((host) =>
    isIP(host) === 4 ? der(0x87, Buffer.from(host.split('.').map(Number))) : der(0x82, Buffer.from(host)),
  );
  const extension =
    alternatives.length === 0
      ? // Basic constraints, critical: an authority.
        sequence(
          objectId(0x55, 0x1d, 0x13),
          der(0x01, Buffer.from([0xff])),
          der(0x04, sequence(der(0x01, Buffer.from([0xff])))),
        )
      : sequence(objectId(0x55, 0x1d, 0x11), der(0x04, sequence(...alternatives)));
  const toBeSigned = sequence(
    der(0xa0, integer(2)),
    integer(1),
    ecdsaWithSha256,
    commonName(of.issuer?.name ?? of.name),
    sequence(utcTime('250101000000Z'), utcTime('491231235959Z')),
    commonName(of.name),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(extension)),
  );
  const signature = sign('sha256', toBeSigned, of.issuer?.privateKey ?? privateKey);
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: certificatePem(sequence(toBeSigned, ecdsaWithSha256, bits(signature))),
    name: of.name,
    privateKey,
  };
}

function commonName(name: string): Buffer {
  return sequence(der(0x31, sequence(objectId(0x55, 0x04, 0x03), der(0x0c, Buffer.from(name)))));
}
