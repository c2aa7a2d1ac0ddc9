import { hash, randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { ApiKeysError, newApiKey, parseApiKeys } from '../config/api-keys.ts';
import { nearestName } from '../core/text/nearest-name.ts';

// `npm run make-key`: the entry goes to standard output, to be redirected; the key and all prose do not.

const OPTIONS = {
  id: { type: 'string' },
  account: { type: 'string', default: 'orchestration' },
  merchants: { type: 'string', default: 'all' },
  scopes: { type: 'string', default: 'authorize,read' },
  help: { type: 'boolean', default: false },
} as const;

const SCOPES = ['authorize', 'read', 'ops', 'rules'];

const USAGE = `Makes an API key: shows the key for its holder, and prints its entry for API_KEYS_FILE.

usage: npm run make-key -- [options]
       npm run --silent make-key -- [options] > api-keys.json     the entry alone goes into the file

  --id ID              name of the key in logs, another for each key (default key- and letters drawn at random)
  --account NAME       who holds it (default orchestration)
  --merchants LIST     all, or names with commas between: acme-eu,acme-us (default all)
  --scopes LIST        of ${SCOPES.join(', ')}, with commas between (default authorize,read)
  --help               this text

The file holds one list: of a further key put what stands between the brackets into that list, behind a comma, or join two
files by: jq -s add api-keys.json another.json`;

/** Arguments that do not fit, with what was expected. */
class ArgumentsError extends Error {
  override readonly name = 'ArgumentsError';
}

function readArguments(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: false }).values;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code?.startsWith('ERR_PARSE_ARGS') !== true) throw error;
    const unknown = /^Unknown option '([^']*)'/.exec(message)?.[1];
    if (unknown === undefined) throw new ArgumentsError(message.split(/\.?\s*\n|\. /)[0] ?? message);
    const near = nearestName(unknown.replace(/^-+/, ''), Object.keys(OPTIONS));
    const known = Object.keys(OPTIONS).map((name) => `--${name}`);
    const hint = near === null ? `expected ${known.join(', ')}` : `did you mean --${near}?`;
    throw new ArgumentsError(`unknown option ${unknown}; ${hint}`);
  }
}

function listed(option: string, text: string): string[] {
  const words = text.split(',').map((word) => word.trim());
  if (words.includes('')) {
    throw new ArgumentsError(`--${option} "${text}": an empty name; expected names with commas between`);
  }
  return [...new Set(words)];
}

function readScopes(text: string): string[] {
  const scopes = listed('scopes', text);
  for (const scope of scopes) {
    if (SCOPES.includes(scope)) continue;
    const near = nearestName(scope, SCOPES);
    const hint = near === null ? '' : `; did you mean ${near}?`;
    throw new ArgumentsError(`--scopes: unknown scope "${scope}"; expected ${SCOPES.join(', ')}${hint}`);
  }
  return scopes;
}

function readMerchants(text: string): 'all' | string[] {
  const merchants = listed('merchants', text);
  if (merchants.length === 1 && merchants[0] === 'all') return 'all';
  if (merchants.includes('all')) {
    throw new ArgumentsError(`--merchants "${text}": all beside names; expected all alone, or names`);
  }
  return merchants;
}

/** The entry as the gateway reads it: what it would refuse is refused here. */
function checkEntry(entry: unknown): void {
  try {
    parseApiKeys(JSON.stringify([entry]), 'entry');
  } catch (error) {
    if (!(error instanceof ApiKeysError)) throw error;
    // `entry:1:8  "ä" for merchants; expected …; correct it`, of which only the option and the complaint are of use here.
    const [first = ''] = error.message.split('\n');
    throw new ArgumentsError(
      first.replace(/^entry:\d+:\d+ {2}.* for (\w+); expected (.*); .*$/, '--$1: expected $2'),
    );
  }
}

function main(): void {
  const values = readArguments(process.argv.slice(2));
  if (values.help) {
    console.log(USAGE);
    return;
  }
  const key = newApiKey();
  const entry = {
    id: values.id ?? `key-${randomBytes(4).toString('hex')}`,
    sha256: hash('sha256', key, 'hex'),
    account: values.account,
    merchants: readMerchants(values.merchants),
    scopes: readScopes(values.scopes),
  };
  checkEntry(entry);
  console.error(`key, shown this once: ${key}\nentry for API_KEYS_FILE:`);
  console.log(JSON.stringify([entry], null, 2));
}

try {
  main();
} catch (error) {
  if (!(error instanceof ArgumentsError)) throw error;
  console.error(`make-key: ${error.message} (npm run make-key -- --help explains)`);
  process.exitCode = 2;
}
