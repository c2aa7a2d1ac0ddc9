import { Agent, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { median, printTable } from '../bench/ratio-table.ts';
import { cpuMicroseconds } from '../support/child-cpu.ts';
import { paymentBody } from '../support/gateway-files.ts';
import { refuseScript, scriptOptions } from '../support/script-options.ts';
import { GATEWAY_KEY, type TestGateway } from '../support/start-gateway.ts';
import { type GatewaysUnderLoad, NoServerError, startGateways } from './gateways-under-load.ts';
import { FLAT_WITHIN, memoryTrend, residentBytes, SOAK_S } from './memory-trend.ts';
import { type OpenLoadReport, openLoad } from './open-load.ts';

const USAGE = `Authorizations at fixed rates (an open load), one rate after the other, against gateways and a sandbox of their own.

usage: npm run load [-- --rates 50,100,200 --seconds 10 --latency-ms 20 --gateways 1]

--rates       authorizations to begin each second, one step after the other, at most 2000 (default 50,100,200)
--seconds     length of a step, at most 3600 (default 10); from ${SOAK_S} on it is a soak: memory has to be flat in its second half
--latency-ms  how long the simulated providers take, typically (default 20)
--gateways    processes that share the load in turns (default 1, with a journal of its own); 2 to 8 are a cluster, over a
              Postgres and a Redis that are started for it: as root it installs Debian's redis-tools where there is no server

Latencies count from when a request was due, not from when it could be sent. Ends by itself; exit code 1 when an answer is
missing, when what the providers did and what was answered differ, when a cluster's journal is not sound, or when memory grew by
more than ${FLAT_WITHIN * 100} % in the second half of a soak; 2 for wrong arguments, 3 when there is no server for a cluster.`;
const SCRIPT = { name: 'load', usage: USAGE };

const IN_FLIGHT_MAX = 2_000;
const SAMPLE_EVERY_MS = 500;

interface Step {
  readonly rate: number;
  readonly report: OpenLoadReport;
  readonly cpuUs: number;
  /** Of each gateway, bytes. */
  readonly memory: readonly (readonly number[])[];
}

interface Arguments {
  readonly rates: readonly number[];
  readonly seconds: number;
  readonly latencyMs: number;
  readonly gateways: number;
}

function readArguments(): Arguments {
  const values = scriptOptions(SCRIPT, {
    rates: { type: 'string', default: '50,100,200' },
    seconds: { type: 'string', default: '10' },
    'latency-ms': { type: 'string', default: '20' },
    gateways: { type: 'string', default: '1' },
  });
  const refuse = (name: string, text: string, expected: string) =>
    refuseScript(SCRIPT, `--${name} ${text}: expected ${expected}`);
  const rates = values.rates.split(',').map(Number);
  const seconds = Number(values.seconds);
  const latencyMs = Number(values['latency-ms']);
  const gateways = Number(values.gateways);
  if (!rates.every((rate) => rate > 0 && rate <= 2_000)) {
    refuse('rates', values.rates, 'numbers above 0 to 2000 with commas between, such as 50,100,200');
  }
  if (!(seconds > 0 && seconds <= 3_600)) refuse('seconds', values.seconds, 'a number above 0 to 3600');
  if (!(latencyMs >= 0 && latencyMs <= 5_000)) {
    refuse('latency-ms', values['latency-ms'], 'a number from 0 to 5000');
  }
  if (!(Number.isInteger(gateways) && gateways >= 1 && gateways <= 8)) {
    refuse('gateways', values.gateways, 'a whole number from 1 to 8');
  }
  return { rates, seconds, latencyMs, gateways };
}

/** Sends one authorization to the next gateway over kept connections and reads the answer to its end. */
function sender(gateways: readonly TestGateway[], run: string) {
  const agent = new Agent({ keepAlive: true, maxSockets: IN_FLIGHT_MAX });
  const addresses = gateways.map(({ url }) => new URL(url));
  const tally = { approved: 0 };
  const send = (number: number): Promise<string> => {
    const reference = `load-${run}-${number}`;
    const text = JSON.stringify(paymentBody(reference));
    const { hostname, port } = addresses[number % addresses.length] as URL;
    return new Promise((resolve, reject) => {
      const sent = request(
        {
          agent,
          hostname,
          port,
          method: 'POST',
          path: '/v1/authorizations',
          headers: {
            authorization: `Bearer ${GATEWAY_KEY}`,
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(text),
            'idempotency-key': reference,
          },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () => {
            const text = Buffer.concat(chunks).toString('utf8');
            const body = JSON.parse(text) as { status?: string | number; type?: string };
            if (body.status === 'approved') tally.approved += 1;
            resolve(`${response.statusCode} ${body.type ?? body.status}`);
          });
          response.on('error', reject);
        },
      );
      sent.on('error', reject);
      sent.end(text);
    });
  };
  return { send, tally, close: () => agent.destroy() };
}

async function runStep(
  gateways: readonly TestGateway[],
  rate: number,
  seconds: number,
): Promise<Step & { approved: number }> {
  const { send, tally, close } = sender(gateways, `${rate}`);
  const memory = gateways.map((): number[] => []);
  const sample = () => {
    for (const [index, { pid }] of gateways.entries()) memory[index]?.push(residentBytes(pid));
  };
  const sampling = setInterval(sample, SAMPLE_EVERY_MS);
  const cpuOfAll = () => gateways.reduce((sum, { pid }) => sum + cpuMicroseconds(pid), 0);
  const before = cpuOfAll();
  const report = await openLoad({
    rate,
    seconds,
    inFlightMax: IN_FLIGHT_MAX,
    send,
    nowMs: () => performance.now(),
    pause: (ms) => pause(ms),
  });
  clearInterval(sampling);
  close();
  const cpuUs = (cpuOfAll() - before) / Math.max(1, report.sent);
  return { rate, report, cpuUs, memory, approved: tally.approved };
}

async function startOrRefuse(count: number): Promise<GatewaysUnderLoad> {
  try {
    return await startGateways(count);
  } catch (error) {
    if (!(error instanceof NoServerError)) throw error;
    console.error(`skipped: the load over ${count} gateways: ${error.message}`);
    return process.exit(3);
  }
}

const { rates, seconds, latencyMs, gateways: count } = readArguments();
await using world = await startOrRefuse(count);
const { gateways, sandbox } = world;
await sandbox.setWorld({
  latency: { p50_ms: latencyMs, p95_ms: latencyMs * 2 },
});
let approved = 0;
let missing = 0;
const steps: Step[] = [];
for (const rate of rates) {
  const step = await runStep(gateways, rate, seconds);
  approved += step.approved;
  missing += step.report.sent - step.report.took.count;
  steps.push(step);
}
const ms = (value: number | null): string => (value === null ? '' : value.toFixed(1));
printTable(
  `Open load on ${count} ${count === 1 ? 'gateway' : 'gateways'}, ${seconds} s a step; milliseconds from when a request was due`,
  ['a second', 'sent', 'left out', 'p50', 'p95', 'p99', 'p99.9', 'most', 'p99 since sent', 'CPU us', 'MiB'],
  steps.map(({ rate, report, cpuUs, memory }) => [
    String(rate),
    String(report.sent),
    String(report.leftOut),
    ...[0.5, 0.95, 0.99, 0.999].map((share) => ms(report.waited.percentile(share))),
    ms(report.waited.largestMs),
    ms(report.took.percentile(0.99)),
    cpuUs.toFixed(0),
    memory.map((samples) => (median(samples) / 2 ** 20).toFixed(0)).join(' + '),
  ]),
);
for (const { rate, report, memory } of steps) {
  const endings = [...report.endings].map(([ending, count]) => `${count} x ${ending}`).join(', ');
  console.log(`\n${rate} a second: ${endings}; begun at most ${report.sentLateMs.toFixed(1)} ms late`);
  for (const [index, samples] of memory.entries()) {
    const trend = memoryTrend(samples, seconds);
    if (trend.isFlat === false) process.exitCode = 1;
    console.log(`${count === 1 ? '' : `gateway ${index + 1}: `}${trend.text}`);
  }
}
const { totals } = await sandbox.ledger({ limit: '0' });
const booked = Object.values(totals).reduce((sum, { authorized: count }) => sum + count, 0);
console.log(
  `\nproviders approved ${booked}, ${count === 1 ? 'the gateway' : 'the gateways'} answered "approved" ${approved} times`,
);
const verified = await world.verify();
if (verified !== null) console.log(`journal: ${verified.text}`);
if (missing > 0 || booked !== approved || verified?.isSound === false) process.exitCode = 1;
