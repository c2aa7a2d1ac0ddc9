import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { approvalOf, PlainProvider, sendJson } from '../support/plain-provider.ts';
import { authorizeTraced, closedPort, listening, startTraced } from './traced-gateway.ts';

const PAYMENTS = 40;

test('a collector that is away, or takes the bytes and never answers, is told once, counted, and disturbs no payment', async () => {
  await using provider = await PlainProvider.start((request, response) =>
    sendJson(response, 200, approvalOf(request)),
  );
  const held = new Set<unknown>();
  const hanging = await listening(createServer((request) => held.add(request)));
  const { port } = hanging.address() as AddressInfo;
  const providers = [await closedPort(), provider.url] as const;
  await using away = await startTraced(await closedPort(), providers);
  await using hung = await startTraced(`http://127.0.0.1:${port}`, providers);
  for (const one of [away, hung]) {
    const answers = await Promise.all(
      Array.from({ length: PAYMENTS }, (_, index) => authorizeTraced(one, `troubled-${index}`)),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(PAYMENTS).fill(201));
  }
  await eventually('the hanging collector has a batch', () => (held.size > 0 ? held : null));
  await eventually('the trouble is told', () => away.output.events('traces_not_exported')[0] ?? null);
  expect(await away.metric('pointsman_trace_spans_total', '{result="failed"}')).toBeGreaterThan(0);
  expect(await away.metric('pointsman_trace_spans_total', '{result="exported"}')).toBe(0);
  const endings = await Promise.all([away.stop(), hung.stop()]);
  expect(endings.map(({ code }) => code)).toEqual([0, 0]);
  // The hanging one is waited for two seconds, and no longer.
  expect(endings.every(({ tookMs }) => tookMs < 8_000)).toBe(true);
  expect(away.output.events('traces_not_exported')).toHaveLength(1);
  hanging.closeAllConnections();
  await new Promise((resolve) => hanging.close(resolve));
});
