import { scrub } from '../core/cards/card-number.ts';

const REMOVED = '[removed]';
/** Members that let whoever has them take money, or repeat a request in our name; in every spelling. */
const SECRET_NAMES: ReadonlySet<string> = new Set([
  'token',
  'tokens',
  'cavv',
  'key',
  'providerkey',
  'idempotencykey',
  'apikey',
  'secret',
  'password',
  'authorization',
]);

/**
 * What may leave the journal of what an event keeps: without tokens, keys and secrets by their names, and without
 * anything that looks like a card number. Null stays null, so that it can be told whether there was something.
 */
export function withoutSecrets(value: unknown, name = ''): unknown {
  if (value === null || typeof value === 'boolean') return value;
  if (SECRET_NAMES.has(name.toLowerCase().replaceAll(/[_-]/g, ''))) return removed(value);
  if (typeof value === 'string') return scrub(value);
  if (typeof value === 'number') return scrub(String(value)) === String(value) ? value : REMOVED;
  if (Array.isArray(value)) return value.map((item) => withoutSecrets(item));
  if (typeof value !== 'object') return REMOVED;
  return Object.fromEntries(
    Object.entries(value).map(([member, inner]) => [scrub(member), withoutSecrets(inner, member)]),
  );
}

/** Tokens by provider keep the names of their providers. */
function removed(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return REMOVED;
  return Object.fromEntries(Object.keys(value).map((member) => [scrub(member), REMOVED]));
}
