import { Agent, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { median, printTable } from '../bench/ratio-table.ts';
import { cpuMicroseconds } from '../support/child-cpu.ts';
import { paymentBody, priorityRules, providersYaml } from '../support/gateway-files.ts';
import { refuseScript, scriptOptions } from '../support/script-options.ts';
import { GATEWAY_KEY, startGateway, type TestGateway } from '../support/start-gateway.ts';
import { memoryTrend, residentBytes } from './memory-trend.ts';
import { type OpenLoadReport, openLoad } from './open-load.ts';

const USAGE = `Authorizations at fixed rates (an open load), one rate after the other, against a gateway and its sandbox of their own.

usage: npm run load [-- --rates 50,100,200 --seconds 10 --latency-ms 20]

--rates       authorizations to begin each second, one step after the other, at most 2000 (default 50,100,200)
--seconds     length of a step, at most 3600 (default 10); a long one is a soak: memory is told each tenth of it
--latency-ms  how long the simulated providers take, typically (default 20)

Latencies count from when a request was due, not from when it could be sent. Ends by itself; exit code 1 when an answer is
missing, or when what the providers did and what was answered differ; 2 for wrong arguments.`;
const SCRIPT = { name: 'load', usage: USAGE };

const IN_FLIGHT_MAX = 2_000;
const SAMPLES = 10;
const PROVIDERS = ['sandbox-a', 'sandbox-b'] as const;

interface Step {
  readonly rate: number;
  readonly report: OpenLoadReport;
  readonly cpuUs: number;
  readonly memory: readonly number[];
}

function readArguments(): { rates: readonly number[]; seconds: number; latencyMs: number } {
  const values = scriptOptions(SCRIPT, {
    rates: { type: 'string', default: '50,100,200' },
    seconds: { type: 'string', default: '10' },
    'latency-ms': { type: 'string', default: '20' },
  });
  const refuse = (name: string, text: string, expected: string) =>
    refuseScript(SCRIPT, `--${name} ${text}: expected ${expected}`);
  const rates = values.rates.split(',').map(Number);
  const seconds = Number(values.seconds);
  const latencyMs = Number(values['latency-ms']);
  if (!rates.every((rate) => rate > 0 && rate <= 2_000)) {
    refuse('rates', values.rates, 'numbers above 0 to 2000 with commas between, such as 50,100,200');
  }
  if (!(seconds > 0 && seconds <= 3_600)) refuse('seconds', values.seconds, 'a number above 0 to 3600');
  if (!(latencyMs >= 0 && latencyMs <= 5_000)) {
    refuse('latency-ms', values['latency-ms'], 'a number from 0 to 5000');
  }
  return { rates, seconds, latencyMs };
}

/** Sends one authorization over kept connections and reads the answer to its end. */
function sender(gateway: TestGateway, run: string) {
  const agent = new Agent({ keepAlive: true, maxSockets: IN_FLIGHT_MAX });
  const { hostname, port } = new URL(gateway.url);
  const tally = { approved: 0 };
  const send = (number: number): Promise<string> => {
    const reference = `load-${run}-${number}`;
    const text = JSON.stringify(paymentBody(reference));
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
            const body = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { status?: string | number };
            if (body.status === 'approved') tally.approved += 1;
            resolve(`${response.statusCode} ${body.status}`);
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
  gateway: TestGateway,
  rate: number,
  seconds: number,
): Promise<Step & { approved: number }> {
  const { send, tally, close } = sender(gateway, `${rate}`);
  const memory: number[] = [];
  const sampling = setInterval(() => memory.push(residentBytes(gateway.pid)), (seconds * 1_000) / SAMPLES);
  const before = cpuMicroseconds(gateway.pid);
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
  const cpuUs = (cpuMicroseconds(gateway.pid) - before) / Math.max(1, report.sent);
  return { rate, report, cpuUs, memory, approved: tally.approved };
}

const { rates, seconds, latencyMs } = readArguments();
await using gateway = await startGateway({
  providers: providersYaml(PROVIDERS.map((id) => ({ id }))),
  rules: priorityRules(PROVIDERS),
});
await gateway.sandbox.setWorld({
  latency: { p50_ms: latencyMs, p95_ms: latencyMs * 2 },
});
let approved = 0;
let missing = 0;
const steps: Step[] = [];
for (const rate of rates) {
  const step = await runStep(gateway, rate, seconds);
  approved += step.approved;
  missing += step.report.sent - step.report.took.count;
  steps.push(step);
}
const ms = (value: number | null): string => (value === null ? '' : value.toFixed(1));
printTable(
  `Open load, ${seconds} s a step; milliseconds from when a request was due`,
  ['a second', 'sent', 'left out', 'p50', 'p95', 'p99', 'p99.9', 'most', 'p99 since sent', 'CPU us', 'MiB'],
  steps.map(({ rate, report, cpuUs, memory }) => [
    String(rate),
    String(report.sent),
    String(report.leftOut),
    ...[0.5, 0.95, 0.99, 0.999].map((share) => ms(report.waited.percentile(share))),
    ms(report.waited.largestMs),
    ms(report.took.percentile(0.99)),
    cpuUs.toFixed(0),
    (median(memory) / 2 ** 20).toFixed(0),
  ]),
);
for (const { rate, report, memory } of steps) {
  const endings = [...report.endings].map(([ending, count]) => `${count} x ${ending}`).join(', ');
  console.log(`\n${rate} a second: ${endings}; begun at most ${report.sentLateMs.toFixed(1)} ms late`);
  console.log(memoryTrend(memory, seconds));
}
const { totals } = await gateway.sandbox.ledger({ limit: '0' });
const booked = Object.values(totals).reduce((sum, { authorized: count }) => sum + count, 0);
console.log(`\nproviders approved ${booked}, the gateway answered "approved" ${approved} times`);
if (missing > 0 || booked !== approved) process.exitCode = 1;
