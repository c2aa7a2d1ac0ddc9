import { parseArgs } from 'node:util';

/** What the demo was asked to do. */
export interface DemoArguments {
  /** Payments to send. */
  readonly payments: number;
  /** Payments under way at once. */
  readonly concurrency: number;
  readonly seed: string;
  /** A gateway that runs already; null: the demo starts its own. */
  readonly running: { readonly url: string; readonly key: string; readonly sandbox: string } | null;
}

/** Below this, a phase would hold too few payments to show anything. */
const PAYMENTS_MIN = 60;
/** What the sandbox's ledger and one answer about it hold with room to spare. */
const PAYMENTS_MAX = 50_000;
const CONCURRENCY_MAX = 256;
const SANDBOX_URL = 'http://127.0.0.1:8090';

/** What `--help` says. */
export const USAGE = `Sends card payments through a gateway, breaks a provider on the way, and compares every answer with
the books of the sandbox providers. No real money, no real cards.

usage: npm run demo -- [options]

  --payments N       payments to send, ${PAYMENTS_MIN} to ${PAYMENTS_MAX} (default 3000)
  --concurrency N    payments under way at once, 1 to ${CONCURRENCY_MAX} (default 20)
  --seed TEXT        seed of the payments and of the sandbox's world (default 1)
  --url URL          a gateway that runs already, such as http://127.0.0.1:8080;
                     left out: the demo starts one of its own and stops it at the end
  --key KEY          API key for --url, with the scopes authorize and read
  --sandbox URL      control port of that gateway's sandbox (default ${SANDBOX_URL})
  --help             this text

DEMO_URL and DEMO_KEY stand for --url and --key; NO_COLOR turns colours off.
A running sandbox gets a world and faults for the time of the demo; what was set before is put back.

exit code  0  every answer agrees with the ledgers
           1  a payment was authorized twice, or an answer and the ledgers disagree
           2  wrong arguments, or no gateway to talk to
         130  interrupted`;

/** Arguments that do not fit, with what was expected. */
export class DemoArgumentsError extends Error {
  override readonly name = 'DemoArgumentsError';
}

/**
 * Reads the command line.
 * @param environment for `DEMO_URL` and `DEMO_KEY`
 * @returns null when help was asked for
 * @throws DemoArgumentsError
 */
export function readDemoArguments(
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): DemoArguments | null {
  const values = parsed(argv);
  if (values.help === true) return null;
  const url = values.url ?? textOrNone(environment['DEMO_URL']);
  const key = values.key ?? textOrNone(environment['DEMO_KEY']);
  return {
    payments: wholeNumber('--payments', values.payments ?? '3000', PAYMENTS_MIN, PAYMENTS_MAX),
    concurrency: wholeNumber('--concurrency', values.concurrency ?? '20', 1, CONCURRENCY_MAX),
    seed: seedOf(values.seed ?? '1'),
    running: runningGateway(url, key, values.sandbox),
  };
}

function parsed(argv: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        payments: { type: 'string' },
        concurrency: { type: 'string' },
        seed: { type: 'string' },
        url: { type: 'string' },
        key: { type: 'string' },
        sandbox: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    return values;
  } catch (error) {
    if (error instanceof TypeError && 'code' in error) throw new DemoArgumentsError(error.message);
    throw error;
  }
}

function textOrNone(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}

function wholeNumber(name: string, text: string, min: number, max: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new DemoArgumentsError(`${name} ${text}: expected a whole number, ${min} to ${max}`);
}

function seedOf(text: string): string {
  if (/^[\x21-\x7e]{1,64}$/.test(text)) return text;
  throw new DemoArgumentsError(`--seed ${JSON.stringify(text)}: expected 1 to 64 visible ASCII characters`);
}

function runningGateway(
  url: string | undefined,
  key: string | undefined,
  sandbox: string | undefined,
): DemoArguments['running'] {
  if (url === undefined) {
    const alone = key === undefined ? (sandbox === undefined ? null : '--sandbox') : '--key (or DEMO_KEY)';
    if (alone === null) return null;
    throw new DemoArgumentsError(
      `${alone} without --url: give --url http://127.0.0.1:8080 for a running gateway, or leave both out`,
    );
  }
  if (key === undefined) {
    throw new DemoArgumentsError('--url without --key: give the API key (or DEMO_KEY) of that gateway');
  }
  if (!/^[\x21-\x7e]+$/.test(key)) throw new DemoArgumentsError('--key: expected visible ASCII characters');
  return {
    url: httpUrl('--url', url),
    key,
    sandbox: httpUrl('--sandbox', sandbox ?? SANDBOX_URL),
  };
}

function httpUrl(name: string, text: string): string {
  const url = URL.parse(text);
  if (url !== null && /^https?:$/.test(url.protocol)) return text.replace(/\/+$/, '');
  throw new DemoArgumentsError(`${name} ${text}: expected a URL such as http://127.0.0.1:8080`);
}
