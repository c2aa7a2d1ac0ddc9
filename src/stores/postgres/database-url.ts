import { JournalError } from '../../gateway/ports.ts';

/** Where the journal's database is, and how it is reached. */
export interface DatabaseAddress {
  /** Tried in this order: the first that may be written to is used. */
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  readonly user: string;
  readonly password: string | undefined;
  readonly database: string;
  readonly tls: TlsMode;
  /** Path of the certificates that the server's must be signed by; null: those that the system trusts. */
  readonly rootCertificate: string | null;
}

/** `require` encrypts and checks nothing; `verify-ca` checks who signed, `verify-full` the host's name as well. */
export type TlsMode = (typeof TLS_MODES)[number];

const TLS_MODES = ['disable', 'require', 'verify-ca', 'verify-full'] as const;
const DEFAULT_PORT = 5432;
const EXPECTED = 'expected postgres://user:password@host:port/database, hosts separated by commas';
/** User and password, hosts, database, parameters. */
const SHAPE = /^postgres(?:ql)?:\/\/(?:([^@/?#]*)@)?([^/?#]+)\/([^/?#]+)(?:\?([^#]*))?$/;

/**
 * Reads `DATABASE_URL`.
 * @throws JournalError saying what is wrong and how it should be, without the address itself, which has the password
 */
export function readDatabaseUrl(url: string): DatabaseAddress {
  const match = SHAPE.exec(url);
  if (match === null) throw problem(EXPECTED);
  const [, credentials = '', hosts = '', database = '', parameters = ''] = match;
  const colon = credentials.indexOf(':');
  const user = decoded(colon < 0 ? credentials : credentials.slice(0, colon), 'the user');
  if (user === '') throw problem(`it names no user: ${EXPECTED}`);
  return {
    hosts: hosts.split(',').map(hostFrom),
    user,
    password: colon < 0 ? undefined : decoded(credentials.slice(colon + 1), 'the password'),
    database: decoded(database, 'the database'),
    ...parametersFrom(new URLSearchParams(parameters)),
  };
}

function hostFrom(text: string): DatabaseAddress['hosts'][number] {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::(\d{1,5}))?$/.exec(text);
  const port = match?.[3] === undefined ? DEFAULT_PORT : Number(match[3]);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined || port < 1 || port > 65_535) throw problem(`a host is malformed: ${EXPECTED}`);
  return { host, port };
}

function parametersFrom(parameters: URLSearchParams): Pick<DatabaseAddress, 'tls' | 'rootCertificate'> {
  let tls: TlsMode = 'disable';
  let rootCertificate: string | null = null;
  for (const [name, value] of parameters) {
    if (name === 'sslmode') {
      const mode = TLS_MODES.find((each) => each === value);
      if (mode === undefined) throw problem(`sslmode: expected ${TLS_MODES.join(' | ')}`);
      tls = mode;
    } else if (name === 'sslrootcert') {
      rootCertificate = value;
    } else if (name !== 'target_session_attrs' || value !== 'read-write') {
      throw problem(
        `the parameter ${JSON.stringify(name)} is not known with this value: known are sslmode, sslrootcert and ` +
          'target_session_attrs=read-write, which always holds',
      );
    }
  }
  return { tls, rootCertificate };
}

function decoded(text: string, what: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw problem(`${what} is not percent-encoded: write a % as %25`);
  }
}

function problem(text: string): JournalError {
  return new JournalError(`DATABASE_URL: ${text}`);
}
