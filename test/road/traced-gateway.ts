import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { paymentBody, priorityRules, providersYaml } from '../support/gateway-files.ts';
import { type Answer, startGateway, type TestGateway } from '../support/start-gateway.ts';

/** A gateway that traces everything to a collector, and tries the provider `away` before `there`. */
export function startTraced(
  endpoint: string,
  [away, there]: readonly [string, string],
): Promise<TestGateway> {
  return startGateway({
    providers: providersYaml([
      { id: 'away', baseUrl: away },
      { id: 'there', baseUrl: there },
    ]),
    rules: priorityRules(['away', 'there']),
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
      OTEL_SERVICE_NAME: 'payments-gateway',
      OTEL_TRACES_SAMPLER_ARG: '1',
    },
  });
}

/** Authorizes a payment whose every name begins with `secret`. */
export function authorizeTraced(
  gateway: TestGateway,
  name: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const body = paymentBody(`secret-reference-${name}`);
  const card = { ...body.card, id: `card-secret-${name}` };
  return gateway.authorize({ ...body, card, metadata: { note: 'secret-note' } }, `secret-key-${name}`, {
    headers,
  });
}

/** Resolves when it listens, on any port. */
export function listening(server: Server = createServer()): Promise<Server> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

/** Address at which nobody listens. */
export async function closedPort(): Promise<string> {
  const server = await listening();
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}
