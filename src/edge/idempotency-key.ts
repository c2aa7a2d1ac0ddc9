import { type Problem, problem } from './problems.ts';

const BARE = /^[\x21-\x7e]{1,255}$/;
/** A Structured Fields string (RFC 8941 3.3.3): printable ASCII, with `\"` and `\\` escaped. */
const QUOTED = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/;

/**
 * Reads the `Idempotency-Key` header: 1 to 255 visible ASCII characters, bare or as one quoted string (the IETF
 * draft's form); both spellings are the same key. A header that was sent twice arrives joined by a comma and a space,
 * which no key may hold.
 */
export function idempotencyKeyOf(header: string | null): string | Problem {
  if (header === null) return problem('idempotency-key-missing', 'There is no Idempotency-Key header.');
  if (header === '') return problem('idempotency-key-missing', 'The Idempotency-Key header is empty.');
  const quoted = header.startsWith('"') ? QUOTED.exec(header)?.[1] : undefined;
  if (header.startsWith('"') && quoted === undefined) return malformed();
  const key = quoted?.replace(/\\(.)/g, '$1') ?? header;
  return BARE.test(key) ? key : malformed();
}

function malformed(): Problem {
  return problem(
    'idempotency-key-malformed',
    'The Idempotency-Key is not 1 to 255 visible ASCII characters.',
  );
}
