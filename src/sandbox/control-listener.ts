import { createServer, type IncomingMessage, type Server } from 'node:http';
import { z } from 'zod';
import { type Answer, errorAnswer, jsonAnswer } from './answer.ts';
import type { Controls } from './controls.ts';
import { faultBody } from './faults.ts';
import { helpText } from './help-text.ts';
import { readJson, sendAnswer } from './http-exchange.ts';
import { describeIssues } from './request-bodies.ts';
import { traitsBody } from './traits.ts';
import { issuerDecline, type Verdict } from './verdict.ts';
import { PAST_EVENTS_MAX, resendBody, type WebhookSender, webhookBody } from './webhooks.ts';
import { worldBody } from './world.ts';

/** More rows in one answer would only make it slow; ask with a filter, or read the totals. */
const LEDGER_ROWS_MAX = 100_000;

/** Query of `GET /ledger`. */
const ledgerQuery = z.strictObject({
  provider: z.string().optional(),
  reference: z.string().optional(),
  reference_prefix: z.string().optional(),
  merchant: z.string().optional(),
  merchant_reference: z.string().optional(),
  live: z.enum(['true', 'false']).optional(),
  limit: z.coerce.number().int().min(0).max(LEDGER_ROWS_MAX).default(LEDGER_ROWS_MAX),
});

/** Query of `GET /webhooks/events`. */
const eventsQuery = z.strictObject({
  limit: z.coerce.number().int().min(0).max(PAST_EVENTS_MAX).default(100),
});

/** Body of `POST /settlements`. */
const settlementBody = z
  .strictObject({
    id: z.string().optional(),
    reference: z.string().optional(),
    status: z.enum(['authorized', 'declined']),
    network_code: z
      .string()
      .regex(/^[0-9A-Z]{2,3}$/, 'a network code such as 05')
      .default('05'),
    /** Of one that was declined or voided: it is authorized after all. */
    overturn: z.boolean().default(false),
  })
  .refine((body) => !body.overturn || body.status === 'authorized', {
    path: ['overturn'],
    message: 'what was declined or voided can only be authorized',
  })
  .refine((body) => (body.id === undefined) !== (body.reference === undefined), {
    message: 'name the authorization by id or by reference',
  });

/** What a handler is given. */
interface ControlCall {
  readonly body: unknown;
  readonly query: URLSearchParams;
  /** What follows the collection in the path. */
  readonly id: string;
  /** URL of this port. */
  readonly controlUrl: string;
}

type Handler = (call: ControlCall) => Answer | Promise<Answer>;

const DONE: Answer = { status: 204, body: '' };

/**
 * The control port: ledger, faults, traits, world and webhooks, for tests and for people who learn. No key, loopback
 * only.
 */
export function createControlServer(controls: Controls): Server {
  const handlers = handlersOf(controls);
  const answer = async (request: IncomingMessage): Promise<Answer | null> => {
    const url = new URL(request.url ?? '/', 'http://sandbox');
    const [, collection = '', id = ''] = url.pathname.split('/');
    const name = `${request.method} /${collection}`;
    const handler = handlers.get(id === '' ? name : `${name}/${id}`) ?? handlers.get(`${name}/{id}`);
    const body = await readJson(request);
    if (handler === undefined) {
      const message = `${request.method} ${url.pathname} does not exist; GET / explains what does`;
      return errorAnswer(404, 'not_found', message);
    }
    if (body.kind === 'gone') return null;
    if (body.kind === 'refused') return errorAnswer(body.status, body.code, body.message);
    const controlUrl = `http://${request.headers.host ?? url.host}`;
    return handler({ body: body.value, query: url.searchParams, id, controlUrl });
  };
  const server = createServer((request, response) => {
    answer(request).then(
      (ready) => ready !== null && sendAnswer(response, ready),
      (error: unknown) => {
        const message = error instanceof Error ? error.message : String(error);
        sendAnswer(response, errorAnswer(500, 'sandbox_failed', message));
      },
    );
  });
  server.keepAliveTimeout = 0;
  return server;
}

function handlersOf(controls: Controls): ReadonlyMap<string, Handler> {
  const urls = (): Record<string, string> =>
    Object.fromEntries([...controls.providers].map(([id, { listener }]) => [id, listener.gate.url]));
  return new Map<string, Handler>([
    [
      'GET /',
      ({ controlUrl }) => ({
        status: 200,
        body: helpText(controlUrl, urls()),
        headers: { 'content-type': 'text/plain; charset=utf-8' },
      }),
    ],
    ['GET /healthz', () => jsonAnswer(200, { status: 'ok' })],
    ['GET /providers', () => jsonAnswer(200, { providers: providersOf(controls) })],
    ['GET /ledger', (call) => ledgerAnswer(controls, call)],
    ['GET /faults', () => jsonAnswer(200, { faults: controls.faults() })],
    ['POST /faults', (call) => addFault(controls, call)],
    [
      'DELETE /faults',
      async () => {
        await controls.clearFaults();
        return DONE;
      },
    ],
    ['DELETE /faults/{id}', (call) => removeFault(controls, call)],
    ['GET /traits', () => jsonAnswer(200, { traits: controls.traits.list() })],
    ['PUT /traits', (call) => setTraits(controls, call)],
    [
      'DELETE /traits',
      () => {
        controls.traits.clear();
        return DONE;
      },
    ],
    ['GET /world', () => jsonAnswer(200, { world: controls.worldPlan })],
    ['PUT /world', (call) => setWorld(controls, call)],
    [
      'DELETE /world',
      async () => {
        await controls.clearWorld();
        return DONE;
      },
    ],
    ['POST /settlements', (call) => settle(controls, call)],
    [
      'POST /reset',
      async () => {
        await controls.reset();
        return DONE;
      },
    ],
    ...webhookHandlers(controls),
  ]);
}

function webhookHandlers({ webhooks }: Controls): readonly (readonly [string, Handler])[] {
  return [
    ['GET /webhooks', () => jsonAnswer(200, webhooks.status())],
    [
      'PUT /webhooks',
      ({ body }) =>
        checked(webhookBody, body, (subscription) => {
          webhooks.subscribe(subscription);
          return jsonAnswer(200, webhooks.status());
        }),
    ],
    [
      'DELETE /webhooks',
      () => {
        webhooks.subscribe(null);
        return DONE;
      },
    ],
    [
      'GET /webhooks/events',
      ({ query }) =>
        checked(eventsQuery, Object.fromEntries(query), ({ limit }) => {
          const events = webhooks.pastEvents(limit).map((event): unknown => JSON.parse(event.body));
          return jsonAnswer(200, { events });
        }),
    ],
    ['POST /webhooks/resend', (call) => resend(webhooks, call)],
  ];
}

function resend(webhooks: WebhookSender, call: ControlCall): Answer | Promise<Answer> {
  return checked(resendBody, call.body, async ({ id, age_s: ageS }) => {
    const sent = await webhooks.resend(id, ageS);
    switch (sent) {
      case 'not_found':
        return errorAnswer(404, 'not_found', `no event has the id ${id}; GET /webhooks/events lists them`);
      case 'nobody_listens':
        return errorAnswer(409, 'invalid_state', 'nobody listens: PUT /webhooks says where events go');
      default:
        return jsonAnswer(200, { id, signed_at: sent.signedAt, status: sent.status });
    }
  });
}

/** Hands a valid body on; answers 400 with every problem of another. */
function checked<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  use: (valid: z.output<Schema>) => Answer | Promise<Answer>,
): Answer | Promise<Answer> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return use(parsed.data);
  return errorAnswer(400, 'invalid_request', `${describeIssues(parsed.error)} (GET / shows examples)`);
}

function providersOf(controls: Controls): readonly unknown[] {
  return [...controls.providers].map(([id, { listener }]) => ({
    id,
    url: listener.gate.url,
    state: listener.gate.isOpen ? 'listening' : 'refusing',
  }));
}

function ledgerAnswer(controls: Controls, call: ControlCall): Answer | Promise<Answer> {
  return checked(ledgerQuery, Object.fromEntries(call.query), (query) => {
    const filter = {
      provider: query.provider,
      reference: query.reference,
      referencePrefix: query.reference_prefix,
      merchant: query.merchant,
      merchantReference: query.merchant_reference,
      live: query.live === undefined ? undefined : query.live === 'true',
    };
    return jsonAnswer(200, controls.ledger(filter, query.limit));
  });
}

/** Null when every provider named is one of ours. */
function unknownProvider(controls: Controls, names: readonly string[]): Answer | null {
  const unknown = names.find((name) => name !== '*' && !controls.providers.has(name));
  if (unknown === undefined) return null;
  const known = [...controls.providers.keys()].join(', ');
  return errorAnswer(400, 'invalid_request', `provider: ${unknown} is none of ${known}, or * for all`);
}

function addFault(controls: Controls, call: ControlCall): Answer | Promise<Answer> {
  return checked(faultBody, call.body, async (body) => {
    const refused = unknownProvider(controls, [body.provider]);
    return refused ?? jsonAnswer(201, await controls.addFault(body));
  });
}

async function removeFault(controls: Controls, call: ControlCall): Promise<Answer> {
  if (await controls.removeFault(call.id)) return DONE;
  return errorAnswer(404, 'not_found', `no fault has the id ${call.id}; a fault ends with its last time`);
}

function setTraits(controls: Controls, call: ControlCall): Answer | Promise<Answer> {
  return checked(traitsBody, call.body, (body) => {
    const refused = unknownProvider(controls, [body.provider]);
    if (refused !== null) return refused;
    controls.traits.set(body);
    return jsonAnswer(200, { traits: controls.traits.list() });
  });
}

function setWorld(controls: Controls, call: ControlCall): Answer | Promise<Answer> {
  return checked(worldBody, call.body, async (plan) => {
    const names = [...Object.keys(plan.providers), ...plan.outages.map((outage) => outage.provider)];
    const refused = unknownProvider(controls, names);
    if (refused !== null) return refused;
    await controls.setWorld(plan);
    return jsonAnswer(200, { world: plan });
  });
}

function settle(controls: Controls, call: ControlCall): Answer | Promise<Answer> {
  return checked(settlementBody, call.body, (body) => {
    const verdict: Verdict =
      body.status === 'authorized' ? { kind: 'authorized' } : issuerDecline(body.network_code);
    switch (controls.settle(body, body.overturn ? 'overturn' : verdict)) {
      case 'settled':
        return DONE;
      case 'not_possible': {
        const expected = body.overturn ? 'neither declined nor voided' : 'not pending';
        return errorAnswer(409, 'invalid_state', `this authorization is ${expected}`);
      }
      case 'not_found':
        return errorAnswer(404, 'not_found', 'no authorization has this id or reference');
    }
  });
}
