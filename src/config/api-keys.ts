import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { mkdir, open, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { type FilePath, type RuleProblem, shown } from '../core/rules/rule-problem.ts';
import { checkShape } from './check-shape.ts';
import { formatRulesetError } from './ruleset-error.ts';
import { offsetOf } from './yaml-file.ts';

const KEY_SCOPES = ['authorize', 'read', 'ops', 'rules'] as const;
type KeyScope = (typeof KEY_SCOPES)[number];

/** What an API key stands for. The key itself is known to its holder only. */
export interface ApiKey {
  readonly id: string;
  /** SHA-256 of the key, 64 lower-case hex digits. */
  readonly sha256: string;
  readonly account: string;
  readonly merchants: 'all' | ReadonlySet<string>;
  readonly scopes: ReadonlySet<KeyScope>;
}

/** A file or variable with keys that cannot be used: says where and what was expected. */
export class ApiKeysError extends Error {
  override readonly name = 'ApiKeysError';
}

const visible = (lengthMax: number) =>
  z
    .string()
    .regex(new RegExp(`^[\\x21-\\x7e]{1,${lengthMax}}$`), `1 to ${lengthMax} visible ASCII characters`);

const MERCHANTS = 'all, or a list of at least one merchant';

const LIST = 'a list of keys, as npm run make-key prints them';

const fileSchema = z.array(
  z.strictObject({
    id: visible(64),
    sha256: z.string().regex(/^[0-9a-f]{64}$/, 'the SHA-256 of the key, 64 lower-case hex digits'),
    account: visible(64),
    merchants: z.union([z.literal('all'), z.array(visible(128)).min(1, MERCHANTS)], { error: MERCHANTS }),
    scopes: z.array(z.enum(KEY_SCOPES)).min(1, `at least one of ${KEY_SCOPES.join(', ')}`),
  }),
  { error: LIST },
);

/**
 * Reads a list of keys (JSON is YAML too).
 * @param source name of the file, for errors
 * @throws ApiKeysError with file, line, column, what was expected and how to mend it; never with a key
 */
export function parseApiKeys(text: string, source: string): ApiKey[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const [syntax] = document.errors;
  if (syntax !== undefined) {
    const { line, col } = lines.linePos(syntax.pos[0]);
    throw new ApiKeysError(
      `${source}:${line}:${col}  this is neither YAML nor JSON (${syntax.code}); expected ${LIST}; put what it printed there, all keys in one list`,
    );
  }
  const positionOf = (path: FilePath, atKey = false) => {
    const { line, col } = lines.linePos(offsetOf(document, path, atKey));
    // An empty text has no line at all for the counter.
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const refuse = (problems: readonly RuleProblem[]): never => {
    const errors = problems.map(({ path, atKey, what, expected, remedy }) =>
      formatRulesetError({ file: source, ...positionOf(path, atKey), what, expected, remedy }),
    );
    throw new ApiKeysError(errors.join('\n'));
  };
  if (document.contents === null) {
    const remedy = 'put what it printed there, or name another file';
    return refuse([{ path: [], what: 'the file is empty', expected: LIST, remedy }]);
  }
  const shape = checkShape(fileSchema, document.toJS());
  if (shape.kind === 'bad') return refuse(shape.problems);
  const twice = (['id', 'sha256'] as const).flatMap((member) =>
    seenTwice(shape.data, member, (index) => positionOf([index, member]).line),
  );
  if (twice.length > 0) refuse(twice);
  return shape.data.map((entry) => ({
    ...entry,
    merchants: entry.merchants === 'all' ? ('all' as const) : new Set(entry.merchants),
    scopes: new Set(entry.scopes),
  }));
}

/** Each key that has its id, or the key itself, from one before it. */
function seenTwice(
  keys: z.output<typeof fileSchema>,
  member: 'id' | 'sha256',
  lineOf: (index: number) => number,
): readonly RuleProblem[] {
  return keys.flatMap((key, index) => {
    const first = keys.findIndex((other) => other[member] === key[member]);
    if (first === index) return [];
    const of = member === 'id' ? shown(key.id) : `of key ${shown(key.id)}`;
    return [
      {
        path: [index, member],
        what: `the ${member} ${of} is there twice: it is that of the key on line ${lineOf(first)} too`,
        expected: `each ${member} once`,
        remedy:
          member === 'id' ? 'give one of the two another id' : 'remove one of the two, or make a new key',
      },
    ];
  });
}

/**
 * Looks keys up by the SHA-256 of what was presented. The map finds the candidate, whose digest an attacker cannot
 * steer without a preimage; the digests are then compared in constant time.
 */
export function apiKeyLookUp(keys: readonly ApiKey[]): (presented: string) => ApiKey | null {
  const bySha256 = new Map(keys.map((key) => [key.sha256, { key, digest: Buffer.from(key.sha256, 'hex') }]));
  return (presented) => {
    const digest = hash('sha256', presented, 'buffer');
    const found = bySha256.get(digest.toString('hex'));
    return found !== undefined && timingSafeEqual(found.digest, digest) ? found.key : null;
  };
}

/** The keys of a process, and how it came to them. */
export interface LoadedApiKeys {
  readonly keys: readonly ApiKey[];
  /** The development key, in clear, when it was made just now: to be printed once, after {@link keep}. */
  readonly madeKey: string | null;
  /** Whether it is a development key of this process's own data folder. */
  readonly isOwn: boolean;
  /**
   * Keeps the made key, hashed; does nothing when none was made. Called once the start has succeeded: a key that was
   * kept by a start that failed would never be seen by anybody.
   */
  readonly keep: () => Promise<void>;
}

const NOTHING_TO_KEEP = async () => {};

/**
 * Gathers the keys of `API_KEYS_FILE` and `DEV_API_KEY`. With neither, outside production, a development key is made
 * at the first start and kept hashed in the data folder; it carries every scope and merchant.
 * @throws ApiKeysError when a file is malformed, or production has no key or a development key
 */
export async function loadApiKeys(settings: {
  readonly file: string | null;
  readonly devApiKey: string | null;
  readonly dataDir: string;
  readonly production: boolean;
}): Promise<LoadedApiKeys> {
  const { file, devApiKey, dataDir, production } = settings;
  if (production && devApiKey !== null) {
    throw new ApiKeysError('DEV_API_KEY is refused with NODE_ENV=production: use API_KEYS_FILE');
  }
  if (production && file === null) {
    throw new ApiKeysError(
      'API_KEYS_FILE is not set: with NODE_ENV=production there is no development key. ' +
        'Make a key with: npm run make-key',
    );
  }
  const keys = file === null ? [] : await keysOfFile(file);
  if (devApiKey !== null) keys.push(developmentKey('development', devApiKey));
  if (keys.length > 0 || production) return { keys, madeKey: null, isOwn: false, keep: NOTHING_TO_KEEP };
  return await ownDevelopmentKey(dataDir);
}

async function keysOfFile(file: string): Promise<ApiKey[]> {
  const text = await readKeysFile(file);
  try {
    return parseApiKeys(text, file);
  } catch (error) {
    if (!(error instanceof ApiKeysError)) throw error;
    throw new ApiKeysError(`API_KEYS_FILE is refused:\n${error.message.replaceAll(/^/gm, '  ')}`);
  }
}

async function readKeysFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
    throw new ApiKeysError(
      `API_KEYS_FILE ${file}: cannot be read: ${code}; expected a file of keys: npm run make-key prints the entries`,
    );
  }
}

/** A new key: 32 random bytes, 43 characters of `[A-Za-z0-9_-]`, never one that a command line takes for an option. */
export function newApiKey(): string {
  for (;;) {
    const key = randomBytes(32).toString('base64url');
    if (!key.startsWith('-')) return key;
  }
}

/** The hashed key of an earlier start, or a new one. */
async function ownDevelopmentKey(dataDir: string): Promise<LoadedApiKeys> {
  const path = join(dataDir, 'api-keys.json');
  const kept = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw new ApiKeysError(
      `${path}: cannot be read: ${error.code ?? 'unknown'}; expected DATA_DIR to be a folder of the gateway's own`,
    );
  });
  if (kept !== null) {
    return { keys: parseApiKeys(kept, path), madeKey: null, isOwn: true, keep: NOTHING_TO_KEEP };
  }
  const madeKey = newApiKey();
  const key = developmentKey('development', madeKey);
  return { keys: [key], madeKey, isOwn: true, keep: () => keepKey(path, key) };
}

async function keepKey(path: string, key: ApiKey): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  // Never over a file that came between: two first starts must not print two keys of which one works.
  const handle = await open(path, 'wx', 0o600);
  try {
    await handle.writeFile(
      `${JSON.stringify([{ ...key, merchants: 'all', scopes: [...key.scopes] }], null, 2)}\n`,
    );
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function developmentKey(id: string, key: string): ApiKey {
  return {
    id,
    sha256: hash('sha256', key, 'hex'),
    account: 'development',
    merchants: 'all',
    scopes: new Set(KEY_SCOPES),
  };
}
