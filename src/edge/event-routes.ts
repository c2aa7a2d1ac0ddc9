import { z } from '@hono/zod-openapi';
import type { Hono } from 'hono';
import { DELIVERY_STATES, type DeliveryFilter } from '../gateway/ports.ts';
import type { Caller, EdgeDeps } from './edge-deps.ts';
import { type EdgeEnv, type Exchange, endpoint, type Reply } from './endpoint.ts';
import { shownDelivery } from './event-answer.ts';
import { invalidRequest, PARSING } from './field-errors.ts';
import { commandInTime, readInTime } from './from-journal.ts';
import { jsonResponse } from './json-response.ts';
import { limitOf, pageQueryMembers, singleQuery } from './list-query.ts';
import { isProblem, problem } from './problems.ts';

export const ENDPOINTS = '/v1/events/endpoints';
export const DELIVERIES = '/v1/events/deliveries';
export const DELIVERY_REPLAY = '/v1/events/deliveries/{id}/replay';

/** Query of `GET /v1/events/deliveries`. */
export const deliveryQuerySchema = z.strictObject({
  state: z
    .enum(DELIVERY_STATES)
    .optional()
    .openapi({ description: 'dead: given up, for a person to have them sent anew.' }),
  endpoint: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,39}$/, 'the id of an endpoint')
    .optional(),
  ...pageQueryMembers,
});

/** What became of the events that endpoints are told. */
export function eventRoutes(app: Hono<EdgeEnv>, deps: EdgeDeps): void {
  app.get(
    '/v1/events/endpoints',
    endpoint(deps, { route: ENDPOINTS, scopes: ['ops'] }, (exchange) => listEndpoints(exchange, deps)),
  );
  app.get(
    '/v1/events/deliveries',
    endpoint(deps, { route: DELIVERIES, scopes: ['ops'] }, (exchange) => list(exchange, deps)),
  );
  app.post(
    '/v1/events/deliveries/:id/replay',
    endpoint(deps, { route: DELIVERY_REPLAY, scopes: ['ops'] }, (exchange) => replay(exchange, deps)),
  );
}

async function listEndpoints({ caller }: Exchange, deps: EdgeDeps): Promise<Reply> {
  const data = deps
    .eventEndpoints()
    .filter(({ account }) => account === caller.account)
    .map(({ id, state, types }) => ({ id, state, types: types === 'all' ? types : [...types] }));
  return jsonResponse(JSON.stringify({ data }));
}

async function list(exchange: Exchange, deps: EdgeDeps): Promise<Reply> {
  const { caller, context } = exchange;
  const query = singleQuery(new URL(context.req.url).searchParams);
  if (isProblem(query)) return query;
  const parsed = deliveryQuerySchema.safeParse(query, PARSING);
  if (!parsed.success) return invalidRequest(parsed.error, () => Object.keys(deliveryQuerySchema.shape));
  const { limit, ...conditions } = parsed.data;
  const given = Object.fromEntries(Object.entries(conditions).filter(([, value]) => value !== undefined));
  const filter: DeliveryFilter = { ...whose(caller), limit: limitOf(limit), ...given };
  const page = await readInTime(exchange, deps, () => deps.deliveries.listDeliveries(filter));
  if (isProblem(page)) return page;
  return jsonResponse(JSON.stringify({ data: page.data.map(shownDelivery), next_cursor: page.nextCursor }));
}

const DELIVERY_ID = /^evt_([a-z][a-z0-9-]{0,39})_[A-Za-z]{1,64}_\d{1,6}_\d{1,3}$/;

async function replay(exchange: Exchange, deps: EdgeDeps): Promise<Reply> {
  const { caller, context, trace } = exchange;
  const id = context.req.param('id') ?? '';
  const untold = deps
    .eventEndpoints()
    .find(({ id: name, account }) => account === caller.account && name === DELIVERY_ID.exec(id)?.[1]);
  if (untold !== undefined && untold.state !== 'told') {
    return problem('event-endpoint-paused', UNTOLD[untold.state]);
  }
  const sendAnew = async () => {
    const delivery = await deps.deliveries.replayDelivery(id, whose(caller), deps.clock.wallMs());
    const { account } = caller;
    if (delivery !== null) deps.deliveryReplayed({ delivery, account, traceId: trace.traceId });
    return delivery;
  };
  const replayed = DELIVERY_ID.test(id)
    ? await commandInTime('command', exchange, deps, sendAnew, NOT_CONFIRMED)
    : null;
  if (isProblem(replayed)) return replayed;
  // A malformed id, an unknown one and one of others' look the same.
  if (replayed === null) return problem('not-found', 'There is no such delivery for this key.');
  return jsonResponse(JSON.stringify(shownDelivery(replayed)), 202);
}

const NOT_CONFIRMED =
  'That the event is to be sent anew could not be confirmed: it may be sent, now or later, under its id. Repeat it: whoever ' +
  'gets it twice knows it by its id.';

/** Why nothing is sent to an endpoint. */
const UNTOLD = {
  paused:
    'Its endpoint answered 410 and is paused until its entry in EVENT_ENDPOINTS_FILE is changed or the gateway ' +
    'restarts: nothing would be sent.',
  disabled: 'Its endpoint is disabled in EVENT_ENDPOINTS_FILE: nothing would be sent.',
} as const;

function whose(caller: Caller): Pick<DeliveryFilter, 'account' | 'merchants'> {
  const { account, merchants } = caller;
  return { account, merchants: merchants === 'all' ? 'all' : [...merchants] };
}
