import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import type { DatabaseAddress } from './database-url.ts';

type TlsAddress = Pick<DatabaseAddress, 'tls' | 'rootCertificate'>;

/**
 * How the connection to a host is encrypted, and whom it is held to be.
 * @returns null: not at all
 * @throws Error when the file of authorities is of no use
 */
export function tlsOptions({ tls, rootCertificate }: TlsAddress, host: string): ConnectionOptions | null {
  if (tls === 'disable') return null;
  // Checks nothing, and so reads nothing.
  if (tls === 'require') return { rejectUnauthorized: false, ...named(host) };
  return {
    rejectUnauthorized: true,
    ...named(host),
    ...(rootCertificate === null ? {} : { ca: authoritiesIn(rootCertificate) }),
    ...(tls === 'verify-ca' ? { checkServerIdentity: () => undefined } : {}),
  };
}

/** The name that the server is asked for; an address is none. */
function named(host: string): ConnectionOptions {
  return isIP(host) === 0 ? { servername: host } : {};
}

function authoritiesIn(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'no file';
    throw new Error(`sslrootcert=${path} cannot be read (${code})`, { cause: error });
  }
  if (text.includes('-----BEGIN CERTIFICATE-----')) return text;
  throw new Error(`sslrootcert=${path} holds no certificate in PEM: expected -----BEGIN CERTIFICATE-----`);
}

/** What OpenSSL says of a certificate that no authority of ours has signed. */
const UNTRUSTED: ReadonlySet<string> = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'CERT_SIGNATURE_FAILURE',
]);

/** What is wrong with the encryption and what to do, in words; null: the error is about something else. */
export function tlsProblem(error: unknown, { rootCertificate }: TlsAddress, host: string): string | null {
  if (!(error instanceof Error)) return null;
  const code = 'code' in error ? String(error.code) : '';
  if (UNTRUSTED.has(code)) {
    return rootCertificate === null
      ? `its certificate is not signed by an authority that this system trusts: name the file of its authority by sslrootcert (${code})`
      : `its certificate is not signed by an authority in sslrootcert=${rootCertificate} (${code})`;
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const names = 'cert' in error ? (error.cert as { readonly subjectaltname?: string }).subjectaltname : '';
    return `its certificate is for ${names || 'no name'}, not for ${host}: name the host as the certificate does, or have it signed for this name`;
  }
  if (/does not support SSL/i.test(error.message)) {
    return 'the server does not speak TLS: set ssl = on there, with a certificate';
  }
  return null;
}
