import { isAuthorizationId } from '../edge/about-authorization.ts';
import type { LoggedAuthorization, LoggedSeal } from '../stores/verify/verify-log.ts';

/** What a line of a log comes to. Both are null for a line about something else. */
export interface LogLineReading {
  readonly line: LoggedSeal | LoggedAuthorization | null;
  /** Why something in it that names a seal or an authorization cannot be read, in words. */
  readonly unread: string | null;
}

const NOTHING: LogLineReading = { line: null, unread: null };

/** A seal or an authorization is named here, however it is quoted. */
const NAMED = /\bevent\b[\s"'\\]*[:=][\s"'\\]*(?:authorization|seal)(?![\w.-])/;
/** Where collectors put a line that they wrap, as text or as an object. */
const WRAPPERS = [
  ...['log', 'line', 'message', 'msg', 'MESSAGE', 'jsonPayload', 'textPayload'],
  ...['event', '_source', '_raw'],
];
/** How the parts of a wrapper call the time, where the line's own was moved there. */
const TIMES = ['time', 'timestamp', '@timestamp'];
/** What a container's runtime puts before a line. */
const RUNTIME_LABEL = /^\S+ (?:stdout|stderr) F /;
/** Wrappers within wrappers that are looked into. */
const DEPTH_MAX = 8;
/** Braces at which an object is looked for: labels before a line have some of their own. */
const BRACES_MAX = 8;
/** Characters of a value that are told. */
const TOLD_MAX = 100;

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads a line of a log, as a gateway writes it, behind whatever a tool puts before it, or wrapped in JSON by a collector.
 * A wrapper holds the whole line: an object amid other words there is another application's text, and told as unread.
 */
export function readLogLine(text: string): LogLineReading {
  // Of a file in UTF-16, every other byte is none.
  const plain = text.replaceAll('\0', '');
  if (!NAMED.test(plain)) return NOTHING;
  const object = objectIn(plain);
  if (object === null) return unread('no whole JSON object');
  const { before, fields } = object;
  const reading = readingOf(fields, null, 0);
  if (NAMED.test(before)) {
    return { line: reading?.line ?? null, unread: 'a line that breaks off before another one' };
  }
  if (reading !== null) return reading;
  return isOwnLine(fields) ? NOTHING : unread('named in a place where no gateway or known collector has it');
}

function unread(why: string): LogLineReading {
  return { line: null, unread: why };
}

/** The object that a line ends with, and what stands before it. */
function objectIn(text: string): { readonly before: string; readonly fields: Fields } | null {
  let from = text.indexOf('{');
  for (let braces = 0; from !== -1 && braces < BRACES_MAX; braces += 1) {
    const value = parsed(text.slice(from));
    if (isObject(value)) return { before: text.slice(0, from), fields: value };
    from = text.indexOf('{', from + 1);
  }
  return null;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * @param outerTime of the wrapper
 * @returns null: nothing is named there
 */
function readingOf(fields: Fields, outerTime: string | null, depth: number): LogLineReading | null {
  const at = timeIn(fields) ?? outerTime;
  if (fields['event'] === 'seal') return sealIn(fields, at);
  if (fields['event'] === 'authorization') return authorizationIn(fields, at);
  if (depth === DEPTH_MAX) return unread(`wrapped more than ${DEPTH_MAX} times`);
  const readings = WRAPPERS.flatMap((name) => wrappedIn(name, fields[name], at, depth) ?? []);
  return readings.find(({ line }) => line !== null) ?? readings[0] ?? null;
}

function wrappedIn(name: string, value: unknown, at: string | null, depth: number): LogLineReading | null {
  if (isObject(value)) return readingOf(value, at, depth + 1);
  if (typeof value !== 'string' || !NAMED.test(value)) return null;
  const fields = parsed(value.trim().replace(RUNTIME_LABEL, ''));
  if (isObject(fields)) return readingOf(fields, at, depth + 1);
  return unread(`amid other text in "${name}"`);
}

/** Another line of a gateway, or one like it: what callers chose stands in its values, and tells nothing. */
function isOwnLine(fields: Fields): boolean {
  return ['level', 'time', 'event'].every((name) => typeof fields[name] === 'string');
}

/** ISO 8601; null: there is none. */
function timeIn(fields: Fields): string | null {
  const times = TIMES.flatMap((name) => {
    const value = fields[name];
    const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN;
    return Number.isNaN(ms) ? [] : [new Date(ms).toISOString()];
  });
  return times[0] ?? null;
}

function sealIn(fields: Fields, at: string | null): LogLineReading {
  const { number, through_event: throughEvent, digest } = fields;
  if (!isCount(number) || !isCount(throughEvent) || typeof digest !== 'string') {
    return unread('a seal without a number, a through_event and a digest');
  }
  return { line: { kind: 'seal', number, throughEvent, digest, at }, unread: null };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

/** Nothing for one that was refused before it was opened: that was never in the journal. */
function authorizationIn(fields: Fields, at: string | null): LogLineReading {
  const { authorization_id: id, merchant, reference, amount, currency, status } = fields;
  if (id === null) return NOTHING;
  if (typeof id !== 'string' || !isAuthorizationId(id)) {
    return unread('an authorization_id that no gateway gives');
  }
  if (at === null) return unread('an authorization without a time');
  const attempts: readonly unknown[] = Array.isArray(fields['attempts']) ? fields['attempts'] : [];
  const tries = attempts.map((attempt, index) => {
    const { provider, outcome } = isObject(attempt) ? attempt : {};
    return `, ${told(outcome)} at ${told(provider)} as att_${id.slice('auth_'.length)}_${index + 1}`;
  });
  const payment = `${told(merchant)} ${told(reference)}, ${told(amount)} ${told(currency)}`;
  const line = {
    kind: 'authorization',
    id,
    at,
    told: `${told(status)}: ${payment}${tries.join('')}`,
  } as const;
  return { line, unread: null };
}

/** A value in words; `?` for what no gateway writes there. */
function told(value: unknown): string {
  if (value !== null && !['string', 'number', 'boolean'].includes(typeof value)) return '?';
  const text = String(value);
  return text.length > TOLD_MAX ? `${text.slice(0, TOLD_MAX)}…` : text;
}
