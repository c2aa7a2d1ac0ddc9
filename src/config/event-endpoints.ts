import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { EVENT_TYPES } from '../core/outgoing-event.ts';
import type { RuleProblem } from '../core/rules/rule-problem.ts';
import type { EventEndpoint } from '../gateway/ports.ts';
import { checkShape, soundItems } from './check-shape.ts';
import { type CredentialSources, resolveCredential } from './credentials.ts';
import { formatRulesetError, type RulesetError } from './ruleset-error.ts';
import { SeenTwice } from './seen-twice.ts';
import { readYamlFile } from './yaml-file.ts';

/** Endpoints of one file, at most: each costs a look at the history every second. */
const ENDPOINTS_MAX = 50;
/** Digits of an id, at most: it becomes a part of ids that must never look like a card number. */
const ID_DIGITS_MAX = 4;
/** Bytes of a key, as Standard Webhooks has them. */
const KEY_BYTES = { min: 24, max: 64 } as const;

/** A file of endpoints that cannot be used: says where and what was expected. */
export class EventEndpointsError extends Error {
  override readonly name = 'EventEndpointsError';
}

const endpointSchema = z.strictObject({
  id: z
    .string()
    .regex(
      new RegExp(`^(?!(?:.*\\d){${ID_DIGITS_MAX + 1}})[a-z][a-z0-9-]{0,39}$`),
      `lower-case letters, dashes and at most ${ID_DIGITS_MAX} digits, at most 40 characters`,
    ),
  account: z.string().regex(/^[\x21-\x7e]{1,64}$/, 'an account of API_KEYS_FILE'),
  url: z.string().max(2_000, 'an https:// URL, at most 2000 characters'),
  secret: z.string(),
  types: z
    .literal('all')
    .or(z.array(z.enum(EVENT_TYPES)).min(1, 'all, or a list of types'))
    .default('all'),
  include_answered: z.boolean().default(false),
  enabled: z.boolean().default(true),
});
type RawEndpoint = z.output<typeof endpointSchema>;

const fileSchema = z.strictObject({
  endpoints: z.array(endpointSchema).max(ENDPOINTS_MAX, `at most ${ENDPOINTS_MAX} endpoints`),
});

export type EndpointsReading =
  | { readonly kind: 'good'; readonly endpoints: readonly EventEndpoint[] }
  /** In the order of lines; at least one. */
  | { readonly kind: 'refused'; readonly errors: readonly RulesetError[] };

/**
 * Reads and checks the endpoints of a file. Never throws for anything in it; what it says repeats no secret, and no URL,
 * which may hold one.
 * @param name of the file, for errors
 */
export function readEventEndpoints(
  name: string,
  text: string,
  credentials: CredentialSources,
): EndpointsReading {
  const reading = readYamlFile(name, text);
  if (reading.kind === 'refused') return reading;
  const { value, locate } = reading.file;
  const shape = checkShape(fileSchema, value);
  const problems: RuleProblem[] = shape.kind === 'good' ? [] : [...shape.problems];
  const raw =
    shape.kind === 'good'
      ? shape.data.endpoints
      : soundItems(endpointSchema, value, 'endpoints', ENDPOINTS_MAX);
  const endpoints: EventEndpoint[] = [];
  for (const [index, entry] of raw.entries()) {
    if (entry === null) continue;
    if (raw.slice(0, index).some((other) => other?.id === entry.id)) {
      problems.push({
        path: ['endpoints', index, 'id'],
        what: `a second endpoint "${entry.id}"`,
        expected: 'each id once',
        remedy: 'rename or remove one of the two',
      });
    }
    const url = readUrl(entry, index, problems);
    const secrets = readSecrets(entry, index, credentials, problems);
    if (url !== null && secrets !== null) endpoints.push(endpointOf(entry, url, secrets));
  }
  if (problems.length === 0) return { kind: 'good', endpoints };
  const errors = problems.map(locate).toSorted((a, b) => a.line - b.line || a.column - b.column);
  return { kind: 'refused', errors };
}

function endpointOf(entry: RawEndpoint, url: URL, secrets: readonly Uint8Array[]): EventEndpoint {
  return {
    id: entry.id,
    account: entry.account,
    url,
    secrets,
    types: entry.types === 'all' ? 'all' : new Set(entry.types),
    includesAnswered: entry.include_answered,
    enabled: entry.enabled,
  };
}

/** Hosts that never leave this machine. */
const LOOPBACK = /^(localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])$/;

function readUrl({ id, url: text }: RawEndpoint, index: number, problems: RuleProblem[]): URL | null {
  const url = URL.parse(text);
  const refuse = (what: string, remedy: string) => {
    const expected = 'an https:// URL without user; http:// only to localhost, 127.0.0.1 or [::1]';
    problems.push({ path: ['endpoints', index, 'url'], what, expected, remedy });
    return null;
  };
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    return refuse(`the url of "${id}" is none for HTTP`, 'write https://host/path');
  }
  if (url.username !== '' || url.password !== '') {
    return refuse(`the url of "${id}" has a user`, 'leave it out: the signature says who sends');
  }
  if (url.protocol === 'http:' && !LOOPBACK.test(url.hostname)) {
    return refuse(`http:// to another machine: what is told to "${id}" could be read`, 'write https://');
  }
  return url;
}

function readSecrets(
  { id, secret }: RawEndpoint,
  index: number,
  credentials: CredentialSources,
  problems: RuleProblem[],
): readonly Uint8Array[] | null {
  const path = ['endpoints', index, 'secret'];
  const reading = resolveCredential(`secret of "${id}"`, secret, credentials);
  if (reading.kind === 'refused') {
    problems.push({ path, ...reading });
    return null;
  }
  const written = reading.secret.split(/[\s,]+/).filter((text) => text !== '');
  const keys = written.map(keyOf);
  const good = keys.filter((key) => key !== null);
  if (good.length === keys.length && good.length > 0) return good;
  problems.push({
    path,
    what: `what is kept for the secret of "${id}" is no signing secret of Standard Webhooks`,
    expected: `whsec_ and ${KEY_BYTES.min} to ${KEY_BYTES.max} bytes in base64; several, with commas between, while one is replaced`,
    remedy: 'make one: echo "whsec_$(openssl rand -base64 32)"',
  });
  return null;
}

function keyOf(text: string): Uint8Array | null {
  const base64 = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(text)?.[1];
  if (base64 === undefined) return null;
  const key = Buffer.from(base64, 'base64');
  // Node reads whatever it is given: what does not come back was no base64.
  const isWhole = key.toString('base64').replace(/=+$/, '') === base64.replace(/=+$/, '');
  return isWhole && key.length >= KEY_BYTES.min && key.length <= KEY_BYTES.max ? key : null;
}

export interface EventEndpointsOptions {
  /** Null: there are none. */
  readonly file: string | null;
  readonly credentials: CredentialSources;
  /** Told when other endpoints, or other secrets, are in force. */
  readonly onChanged: (endpoints: readonly EventEndpoint[]) => void;
  /** Told once for each different refusal; what was in force stays. */
  readonly onRejected: (errors: readonly RulesetError[]) => void;
}

/** The endpoints in force, as the file and the secrets were when they were last good. */
export class EventEndpoints {
  readonly #options: EventEndpointsOptions;
  readonly #readings = new SeenTwice();
  #current: readonly EventEndpoint[] = [];
  #fingerprint = '';
  #rejected = '';

  /** @throws EventEndpointsError when the file is bad; says where and how to mend it */
  constructor(options: EventEndpointsOptions) {
    this.#options = options;
    const reading = this.#read();
    if (reading.kind === 'refused') {
      const lines = reading.errors.map((error) => `  ${formatRulesetError(error)}`);
      throw new EventEndpointsError(`EVENT_ENDPOINTS_FILE is refused:\n${lines.join('\n')}`);
    }
    this.#current = reading.endpoints;
    this.#fingerprint = fingerprintOf(reading.endpoints);
  }

  /** The same objects until something of them changes. */
  current(): readonly EventEndpoint[] {
    return this.#current;
  }

  /** Reads file and secrets again. What it finds counts once it is found twice in a row. */
  look(): void {
    const reading = this.#read();
    if (reading.kind === 'refused') {
      const text = reading.errors.map(formatRulesetError).join('\n');
      if (!this.#readings.isSame(text) || text === this.#rejected) return;
      this.#rejected = text;
      this.#options.onRejected(reading.errors);
      return;
    }
    const fingerprint = fingerprintOf(reading.endpoints);
    if (!this.#readings.isSame(fingerprint)) return;
    this.#rejected = '';
    if (fingerprint === this.#fingerprint) return;
    this.#fingerprint = fingerprint;
    this.#current = reading.endpoints;
    this.#options.onChanged(reading.endpoints);
  }

  #read(): EndpointsReading {
    const { file, credentials } = this.#options;
    if (file === null) return { kind: 'good', endpoints: [] };
    let text: string;
    try {
      text = readFileSync(file, 'utf8');
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
      const what = `the file cannot be read (${code})`;
      const place = { file, line: 1, column: 1 };
      return {
        kind: 'refused',
        errors: [{ ...place, what, expected: 'endpoints: with a list', remedy: 'create or mount it' }],
      };
    }
    return readEventEndpoints(file, text, credentials);
  }
}

function fingerprintOf(endpoints: readonly EventEndpoint[]): string {
  return JSON.stringify(
    endpoints.map(({ url, types, secrets, ...rest }) => ({
      ...rest,
      url: url.href,
      types: types === 'all' ? types : [...types],
      secrets: secrets.map((key) => Buffer.from(key).toString('base64')),
    })),
  );
}
