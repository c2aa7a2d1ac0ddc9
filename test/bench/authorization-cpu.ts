import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  BODIES,
  ROUNDS,
  round,
  startBenchGateway,
  startProxy,
  stopAll,
  type Target,
  WARM_UP_ROUNDS,
} from './bench-gateway.ts';
import { median } from './ratio-table.ts';

/**
 * CPU of the whole gateway per authorization, journal and all, over a minimal Hono proxy, both driven by the same
 * load against the same sandbox in the same run, in turns. Prints the ratio of each round and the median. With
 * `BENCH_TRACES=0.05` a second gateway, which records that share of traces at a collector, takes its turns too.
 */
/** Takes everything. */
async function startCollector() {
  let bytes = 0;
  const server = createServer((request, response) => {
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    request.on('end', () => response.writeHead(200, { 'content-type': 'application/json' }).end('{}'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, bytes: () => bytes, close: () => server.close() };
}

async function one(target: Target, makeBody: () => string) {
  const [measured] = await round([target], makeBody);
  if (measured === undefined) throw new Error('one target is measured once');
  return measured;
}

const dataDir = mkdtempSync(join(tmpdir(), 'pointsman-bench-'));
const gateway = await startBenchGateway(dataDir);
const proxy = await startProxy(gateway.sandboxUrl);
const tracedShare = process.env['BENCH_TRACES'];
const collector = await startCollector();
const traced =
  tracedShare === undefined
    ? null
    : await startBenchGateway(join(dataDir, 'traced'), 'traced gateway', {
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        OTEL_TRACES_SAMPLER_ARG: tracedShare,
      });
try {
  // The first rounds warm the compilers of both up and are not counted.
  for (let count = 1; count <= WARM_UP_ROUNDS; count += 1) {
    await one(gateway, BODIES.gateway);
    await one(proxy, BODIES.proxy);
    if (traced !== null) await one(traced, BODIES.gateway);
  }
  const ratios: number[] = [];
  const tracedRatios: number[] = [];
  for (let count = 1; count <= ROUNDS; count += 1) {
    const ours = await one(gateway, BODIES.gateway);
    const theirs = await one(proxy, BODIES.proxy);
    ratios.push(ours.us / theirs.us);
    if (traced !== null) {
      const withTraces = await one(traced, BODIES.gateway);
      tracedRatios.push(withTraces.us / ours.us);
      console.log(`round ${count}: with traces ${withTraces.us.toFixed(0)} us/authorization`);
    }
    console.log(
      `round ${count}: gateway ${ours.us.toFixed(0)} us/authorization (${ours.perSecond.toFixed(0)}/s), ` +
        `proxy ${theirs.us.toFixed(0)} us/request (${theirs.perSecond.toFixed(0)}/s), ratio ${(ours.us / theirs.us).toFixed(2)}`,
    );
  }
  console.log(
    `CPU per authorization over a minimal proxy: median ratio ${median(ratios).toFixed(2)} (goal at most 1.9)`,
  );
  if (traced !== null) {
    console.log(
      `CPU per authorization with ${tracedShare} of traces over none: median ratio ${median(tracedRatios).toFixed(3)}, ` +
        `${collector.bytes()} bytes exported`,
    );
  }
} finally {
  await stopAll([gateway, proxy, ...(traced === null ? [] : [traced])]);
  collector.close();
  rmSync(dataDir, { recursive: true, force: true });
}
