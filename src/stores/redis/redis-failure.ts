import { CONNECT_MS, type RedisTarget } from './redis-client.ts';

/** A command that was not answered in time by our own clock. */
export const NO_ANSWER = 'no answer in time';

/** What the library says when a command found no connection: the reason is what the connection ended by. */
const NO_CONNECTION =
  /isn't writeable|isn't ready|Connection is closed|startup nodes|slots cache|max retries|All sentinels are unreachable/i;

/** Words that servers begin their refusals with, and what to do. */
const REFUSALS: Readonly<Record<string, string>> = {
  WRONGPASS: 'it refuses user or password: correct them in REDIS_URL',
  NOAUTH: 'it wants a password: put user and password into REDIS_URL',
  NOPERM:
    'its user may not do this: allow it the keys pointsman:*, the channel, EVALSHA, EVAL and what scripts call',
  READONLY: 'it is a replica and takes no writes: name the master, or the sentinels',
  CLUSTERDOWN: 'the cluster is not whole: a part of its slots has no master',
  LOADING: 'it is still loading its data',
  OOM: 'its memory is full and it evicts nothing: raise maxmemory, or set maxmemory-policy to volatile-ttl',
  MISCONF: 'it takes no writes since it cannot save: look at its disk and log',
  MASTERDOWN: 'it is a replica whose master is away',
  BUSY: 'a script keeps it from answering',
  TRYAGAIN: 'slots are being moved in the cluster',
  NOREPLICAS: 'it has too few replicas to take writes (min-replicas-to-write)',
  DENIED: 'it is in protected mode: give it a password, or bind it to where it is asked from',
};

/** Codes of connections that were not made, or ended. */
const CODES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'it ended the connection',
  EPIPE: 'it ended the connection',
  ENOTFOUND: 'its name is not known',
  EAI_AGAIN: 'its name could not be looked up',
  EHOSTUNREACH: 'there is no way to it',
  ENETUNREACH: 'there is no way to it',
  ETIMEDOUT: `no connection within ${CONNECT_MS} ms: a firewall, or a machine that is gone`,
};

/** What servers say in full sentences. */
const SENTENCES: readonly (readonly [RegExp, string])[] = [
  [/DB index is out of range/, 'it has no database of that number: correct the number in REDIS_URL'],
  [/SELECT is not allowed/, 'it has database 0 only: leave the number out of REDIS_URL'],
  [/max number of clients/, 'it takes no more connections (maxclients)'],
  [/cluster support disabled/, 'it is no cluster: use redis:// or rediss:// in REDIS_URL'],
  [/unknown command .sentinel/i, 'it is no sentinel: sentinels listen at 26379 unless told otherwise'],
  [/unknown command/i, 'it does not know a command: Redis 7 or Valkey is needed'],
  [/invalid reply/, 'it knows no master of that name: correct the name after the hosts in REDIS_URL'],
];

/** Codes of OpenSSL and of Node for certificates and handshakes. */
const TLS = /CERT|SIGNED|ISSUER|ERR_TLS|ERR_SSL|EPROTO|UNABLE_TO/;

/**
 * Tells why Redis was of no use, in words of operations: where, what, what to do. Holds no password, and nothing that a
 * server repeats of what it was asked.
 * @param error why a command failed
 * @param lost why there is no connection; null: nothing is known of that
 */
export function describeRedisFailure(
  error: unknown,
  lost: unknown,
  target: Pick<RedisTarget, 'kind' | 'hosts'>,
  timeoutMs: number,
): string {
  const places = target.hosts.map(({ host, port }) => `${host}:${port}`).join(', ');
  const who = { single: 'Redis at', sentinel: 'Redis by the sentinels', cluster: 'the Redis cluster of' }[
    target.kind
  ];
  return `${who} ${places}: ${causeOf(error, lost, timeoutMs)}`;
}

function causeOf(error: unknown, lost: unknown, timeoutMs: number): string {
  const text = textOf(error);
  if (text === NO_ANSWER || text === 'Command timed out') {
    // A connection that is not there yet lets commands wait, until they are late.
    return lost === null ? `no answer within ${timeoutMs} ms` : causeOf(lost, null, timeoutMs);
  }
  const known = knownCause(error, text);
  if (known !== null) return known;
  if (NO_CONNECTION.test(text)) {
    return lost === null || lost === error ? 'no connection' : causeOf(lost, null, timeoutMs);
  }
  const [word = ''] = /^[A-Z]{2,20}(?= )/.exec(text) ?? [];
  return word === '' ? 'it failed in a way that is not known here' : `it refused (${word})`;
}

function knownCause(error: unknown, text: string): string | null {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const ofCode = CODES[code] ?? Object.entries(CODES).find(([name]) => text.includes(name))?.[1];
  if (ofCode !== undefined) {
    const name = CODES[code] === undefined ? Object.keys(CODES).find((each) => text.includes(each)) : code;
    return `${ofCode} (${name})`;
  }
  if (TLS.test(code)) {
    return `TLS failed (${code}): its certificate is not believed, or it speaks no TLS: see REDIS_CA_FILE and rediss://`;
  }
  for (const [word, meaning] of Object.entries(REFUSALS)) {
    if (new RegExp(`(^|[ :])${word}( |$)`).test(text)) return `${meaning} (${word})`;
  }
  return SENTENCES.find(([pattern]) => pattern.test(text))?.[1] ?? null;
}

/** With what a cluster found at the node that it asked last: its own message names no reason. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const node =
    'lastNodeError' in error && error.lastNodeError instanceof Error ? error.lastNodeError.message : '';
  return node === '' ? error.message : `${error.message} ${node}`;
}
