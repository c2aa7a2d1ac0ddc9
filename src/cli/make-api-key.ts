import { hash, randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    id: { type: 'string', default: 'key-1' },
    account: { type: 'string', default: 'orchestration' },
    merchants: { type: 'string', default: 'all' },
    scopes: { type: 'string', default: 'authorize,read' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  console.log(`Makes an API key: prints the key for its holder, and its entry for API_KEYS_FILE.

  node src/cli/make-api-key.ts [--id key-1] [--account orchestration] [--merchants all|acme-eu,acme-us]
                               [--scopes authorize,read,ops,rules]`);
} else {
  const key = randomBytes(32).toString('base64url');
  const entry = {
    id: values.id,
    sha256: hash('sha256', key, 'hex'),
    account: values.account,
    merchants: values.merchants === 'all' ? 'all' : values.merchants.split(','),
    scopes: values.scopes.split(','),
  };
  console.log(`key, shown this once: ${key}\nentry for API_KEYS_FILE:\n${JSON.stringify([entry], null, 2)}`);
}
