/**
 * JSON text that is the same for every spelling of the same value: members sorted by UTF-16 code units, no white
 * space, numbers and strings as ECMAScript writes them (the idea of RFC 8785). What it is given came out of
 * `JSON.parse`. Recursive: the caller bounds the depth.
 */
export function canonicalJson(value: unknown): string {
  if (typeof value === 'string') return quoted(value);
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  let text = '';
  if (Array.isArray(value)) {
    for (const item of value) text += (text === '' ? '' : ',') + canonicalJson(item);
    return `[${text}]`;
  }
  for (const key of sortedNames(value)) {
    const member = (value as Record<string, unknown>)[key];
    if (member !== undefined) text += `${(text === '' ? '' : ',') + quoted(key)}:${canonicalJson(member)}`;
  }
  return `{${text}}`;
}

/** Names that are few are sorted by insertion, which needs no memory: the library's sort costs more than the rest. */
const FEW_NAMES = 20;

function sortedNames(value: object): readonly string[] {
  const names = Object.keys(value);
  if (names.length > FEW_NAMES) return names.sort();
  for (let end = 1; end < names.length; end += 1) {
    const name = names[end] as string;
    let place = end;
    while (place > 0 && (names[place - 1] as string) > name) {
      names[place] = names[place - 1] as string;
      place -= 1;
    }
    names[place] = name;
  }
  return names;
}

const NEEDS_NO_ESCAPE = /^[ !#-[\]-~]*$/;

/** A JSON string. Most are plain ASCII, where looking is cheaper than calling the serialiser. */
function quoted(text: string): string {
  return NEEDS_NO_ESCAPE.test(text) ? `"${text}"` : JSON.stringify(text);
}

/**
 * The part of an authorization's body that must be the same when its idempotency key is used again, as canonical
 * JSON. `deadline_ms` is left out: a caller that repeats itself may have less time.
 */
export function fingerprintedBody(body: object): string {
  return canonicalJson({ ...body, deadline_ms: undefined });
}
