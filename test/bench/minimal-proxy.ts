import { Agent, request } from 'node:http';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';

/**
 * What every gateway is measured against: Hono in front, a pooled keep-alive client behind, nothing between. Takes
 * the upstream's URL as its argument and prints the port that it listens on.
 */
const upstream = new URL(process.argv[2] ?? '');
const agent = new Agent({ keepAlive: true, maxSockets: 256, scheduling: 'lifo' });

const app = new Hono();
app.post('/v1/authorizations', async (context) => {
  const body = await context.req.text();
  const answer = await forward(body, context.req.header('idempotency-key') ?? '');
  return context.body(answer.body, answer.status as 200, { 'content-type': 'application/json' });
});

function forward(body: string, key: string): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        agent,
        host: upstream.hostname,
        port: upstream.port,
        method: 'POST',
        path: '/v1/authorizations',
        headers: {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
          authorization: 'Bearer sandbox-key',
          'idempotency-key': key,
        },
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('end', () =>
          resolve({ status: incoming.statusCode ?? 502, body: Buffer.concat(chunks).toString('utf8') }),
        );
        incoming.on('error', reject);
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, (info) => {
  process.stdout.write(`${JSON.stringify({ port: info.port })}\n`);
});
process.on('SIGTERM', () => server.close(() => process.exit(0)));
