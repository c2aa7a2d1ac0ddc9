import { styleText } from 'node:util';
import { loadBinTable } from '../config/default-bin-table.ts';
import { type DemoArguments, DemoArgumentsError, readDemoArguments, USAGE } from './demo/arguments.ts';
import { audit, type Claimed } from './demo/audit.ts';
import { count } from './demo/figures.ts';
import { GatewayClient } from './demo/gateway-client.ts';
import {
  type GatewayAddress,
  GatewayUnavailableError,
  type OwnGateway,
  startOwnGateway,
} from './demo/gateway-process.ts';
import { DEMO_MERCHANT, type DemoPayment, PaymentMaker } from './demo/payment-maker.ts';
import { demoWorld, type Phase } from './demo/phases.ts';
import { Progress } from './demo/progress.ts';
import { auditLines, promisesKept, reportLines } from './demo/report.ts';
import { SandboxControl } from './demo/sandbox-control.ts';
import { SeededRandom } from './demo/seeded-random.ts';
import { NO_ANSWER, type SentPayment, sendPayments, type Traffic } from './demo/send-payments.ts';

// `npm run demo`: payments through a gateway, a provider that breaks, and an audit of every answer.

const INTERRUPTED = 130;

/** Where the payments go, and how to leave it afterwards. */
interface Stage {
  readonly address: GatewayAddress;
  readonly own: OwnGateway | null;
  readonly client: GatewayClient;
  readonly sandbox: SandboxControl;
  readonly providers: readonly string[];
}

/** @returns the exit code */
async function demo(settings: DemoArguments, signal: AbortSignal): Promise<number> {
  if (settings.running === null) print('Starting a gateway and its sandbox providers ...');
  const own = settings.running === null ? await startOwnGateway() : null;
  try {
    const address = own ?? settings.running;
    if (address === null || signal.aborted) return INTERRUPTED;
    const stage = await setStage(address, own, signal);
    try {
      return await perform(settings, stage, signal);
    } finally {
      // Our own sandbox ends with its gateway.
      if (own === null) await stage.sandbox.restore();
    }
  } finally {
    await own?.stop();
  }
}

/** Finds out who is there. @throws GatewayUnavailableError for anything but a gateway beside its sandbox */
async function setStage(
  address: GatewayAddress,
  own: OwnGateway | null,
  signal: AbortSignal,
): Promise<Stage> {
  const client = new GatewayClient(address, signal);
  const sandbox = new SandboxControl(address.sandbox);
  const providers = await client.providers();
  const simulated = new Set(await sandbox.providers());
  const stranger = providers.find((id) => !simulated.has(id));
  if (stranger !== undefined) {
    throw new GatewayUnavailableError(
      `the sandbox at ${address.sandbox} knows no ${stranger}, a provider of the gateway: is --sandbox right?`,
    );
  }
  if (providers.length < 2) {
    throw new GatewayUnavailableError('failover needs two providers at least; the gateway has fewer');
  }
  return { address, own, client, sandbox, providers };
}

async function perform(settings: DemoArguments, stage: Stage, signal: AbortSignal): Promise<number> {
  const { client, sandbox, providers } = stage;
  const runId = new SeededRandom(crypto.randomUUID()).letters(6);
  const maker = new PaymentMaker(await loadBinTable([]), settings.seed, runId);
  const payments = Array.from({ length: settings.payments }, () => maker.next());
  printHeader(settings, stage, payments);
  await sandbox.setWorld(demoWorld(settings.seed, providers));
  const traffic = await send(settings, stage, payments, signal);
  if (signal.aborted) {
    print(`\nInterrupted after ${count(traffic.sent.length)} payments; there is nothing to report.`);
    return INTERRUPTED;
  }
  print(reportLines(traffic).join('\n'));
  const claims = await Promise.all(traffic.sent.map((sent) => claimOf(sent, client)));
  const { rows, complete } = await sandbox.liveRows(DEMO_MERCHANT);
  if (!complete) {
    throw new GatewayUnavailableError(
      `the sandbox ledger no longer shows every row: restart it, or POST ${stage.address.sandbox}/reset`,
    );
  }
  const found = audit(claims, rows, `demo-${runId}-`);
  print(auditLines(found, traffic).join('\n'));
  return promisesKept(found, traffic.looks) ? 0 : 1;
}

async function send(
  settings: DemoArguments,
  stage: Stage,
  payments: readonly DemoPayment[],
  signal: AbortSignal,
): Promise<Traffic> {
  const { client, sandbox, providers } = stage;
  const requests = new Map(providers.map((id) => [id, 0]));
  let broken = '';
  const redraws = process.stdout.isTTY && process.env['TERM'] !== 'dumb';
  const progress = new Progress(process.stdout, payments.length, redraws);
  const enterPhase = async (phase: Phase): Promise<void> => {
    // The one that does most of the work: its failure is felt most.
    if (phase.name === 'brown-out') broken = busiest(requests);
    await sandbox.setFaults(phase.faults(broken));
    progress.tell(`  ${styleText('bold', phase.name.padEnd(10))} ${phase.story(broken)}`);
  };
  try {
    return await sendPayments({
      payments,
      concurrency: settings.concurrency,
      client,
      enterPhase,
      onSent(sent) {
        progress.add(sent);
        for (const { provider } of sent.answer?.attempts ?? []) {
          requests.set(provider, (requests.get(provider) ?? 0) + 1);
        }
      },
      signal,
    });
  } finally {
    progress.end();
  }
}

function busiest(requests: ReadonlyMap<string, number>): string {
  return [...requests].reduce((most, entry) => (entry[1] > most[1] ? entry : most), ['', -1])[0];
}

/** What the gateway says of a payment now: a pending one may have been settled since. */
async function claimOf({ payment, answer, refusal }: SentPayment, client: GatewayClient): Promise<Claimed> {
  const now = answer?.status === 'pending' ? await client.read(answer.id) : answer;
  return {
    reference: payment.reference,
    status: now?.status ?? (refusal === NO_ANSWER ? 'unanswered' : null),
    provider: now?.provider ?? null,
    providerReference: now?.provider_reference ?? null,
    value: payment.value,
    authorized: now?.amounts.authorized ?? 0,
    currency: payment.currency,
  };
}

function printHeader(settings: DemoArguments, stage: Stage, payments: readonly DemoPayment[]): void {
  const { address, own, providers } = stage;
  const distinct = (values: readonly string[]): string => count(new Set(values).size);
  const bins = distinct(payments.map(({ bin }) => bin));
  const countries = distinct(payments.map(({ country }) => country));
  const brands = distinct(payments.map(({ brand }) => brand));
  const currencies = distinct(payments.map(({ currency }) => currency));
  print(
    [
      styleText('bold', 'POINTSMAN DEMO'),
      'Card payments through a gateway, while one of its providers breaks and heals. No real money moves.',
      '',
      `  gateway    ${address.url}${own === null ? '' : `   started for the demo, pid ${own.pid}`}`,
      `  sandbox    ${address.sandbox}   simulates ${providers.join(', ')}`,
      `  payments   ${count(payments.length)}, ${settings.concurrency} at a time; seed ${settings.seed}`,
      `  cards      ${bins} real BINs of ${countries} countries, ${brands} brands; ${currencies} currencies`,
      '',
    ].join('\n'),
  );
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function main(): Promise<number> {
  const settings = readDemoArguments(process.argv.slice(2), process.env);
  if (settings === null) {
    print(USAGE);
    return 0;
  }
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => stop.abort());
  // Nobody reads any more, as after `| head`.
  process.stdout.on('error', () => stop.abort());
  return demo(settings, stop.signal);
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    const expected = error instanceof DemoArgumentsError || error instanceof GatewayUnavailableError;
    const text = expected ? error.message : error instanceof Error ? error.stack : String(error);
    const hint = error instanceof DemoArgumentsError ? '\nnpm run demo -- --help explains.' : '';
    process.stderr.write(`demo: ${text}${hint}\n`);
    process.exitCode = 2;
  },
);
