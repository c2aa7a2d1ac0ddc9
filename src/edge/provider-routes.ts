import { z } from '@hono/zod-openapi';
import type { Hono } from 'hono';
import { CARD_BRANDS } from '../core/card.ts';
import { OVERRIDE_MODES, type ProviderOverride } from '../gateway/ports.ts';
import type { Caller, EdgeDeps, ProviderSnapshot } from './edge-deps.ts';
import { coversMerchant, type EdgeEnv, type Exchange, endpoint, type Reply } from './endpoint.ts';
import { invalidFields, invalidRequest, PARSING } from './field-errors.ts';
import { commandInTime } from './from-journal.ts';
import { jsonResponse } from './json-response.ts';
import { isProblem, type Problem, problem } from './problems.ts';
import { readJson } from './read-json.ts';
import { memberNamesOf } from './schema-members.ts';
import { shownOverride } from './shown-override.ts';
import { plainText, visibleAscii } from './text-schemas.ts';

export const PROVIDERS = '/v1/providers';
export const PROVIDER = '/v1/providers/{id}';
export const PROVIDER_OVERRIDE = '/v1/providers/{id}/override';

/** An override that nobody ends must not outlive the incident by much: 7 days. */
const EXPIRES_IN_S_MAX = 604_800;

/** `PUT /v1/providers/{id}/override`. */
export const overrideBodySchema = z
  .strictObject({
    mode: z.enum(OVERRIDE_MODES).openapi({
      description:
        'force_open: no traffic. force_closed: traffic whatever the breaker says. drain: no new traffic. auto: as measured.',
    }),
    reason: plainText(500).openapi({ example: 'incident 42: timeouts since 10:00' }),
    expires_in_s: z
      .int(`seconds, 1 to ${EXPIRES_IN_S_MAX}`)
      .min(1, `seconds, 1 to ${EXPIRES_IN_S_MAX}`)
      .max(EXPIRES_IN_S_MAX, `seconds, 1 to ${EXPIRES_IN_S_MAX}`)
      .nullish()
      .openapi({ description: 'Left out: until it is changed.', example: 60 }),
    brand: z.enum(CARD_BRANDS).nullish().openapi({ description: 'Left out: every brand.' }),
    merchant: visibleAscii(128)
      .nullish()
      .openapi({ description: 'Left out: every merchant that the provider serves.' }),
  })
  .openapi('ProviderOverride');

/** Health, breakers and limits; force a provider in or out. */
export function providerRoutes(app: Hono<EdgeEnv>, deps: EdgeDeps): void {
  app.get(
    '/v1/providers',
    endpoint(deps, { route: PROVIDERS, scopes: ['read', 'ops'] }, ({ caller }) => {
      const data = deps.providers().flatMap((provider) => visibleTo(caller, provider) ?? []);
      return jsonResponse(JSON.stringify({ data }));
    }),
  );
  app.get(
    '/v1/providers/:id',
    endpoint(deps, { route: PROVIDER, scopes: ['read', 'ops'] }, (exchange) => {
      const provider = providerOf(exchange, deps);
      return isProblem(provider) ? provider : jsonResponse(JSON.stringify(provider));
    }),
  );
  app.put(
    '/v1/providers/:id/override',
    endpoint(deps, { route: PROVIDER_OVERRIDE, scopes: ['ops'] }, (exchange) => force(exchange, deps)),
  );
}

const memberNames = memberNamesOf(overrideBodySchema);

async function force(exchange: Exchange, deps: EdgeDeps): Promise<Reply> {
  const { caller } = exchange;
  const body = await readJson(exchange);
  if (isProblem(body)) return body;
  const provider = providerOf(exchange, deps);
  if (isProblem(provider)) return provider;
  const parsed = overrideBodySchema.safeParse(body, PARSING);
  if (!parsed.success) return invalidRequest(parsed.error, memberNames);
  const { mode, reason, expires_in_s: expiresInS } = parsed.data;
  const merchant = parsed.data.merchant ?? null;
  // Without a merchant the override moves everybody's traffic.
  if (merchant === null ? caller.merchants !== 'all' : !coversMerchant(caller, merchant)) {
    return problem('out-of-scope', 'The API key does not cover the merchants of this override.');
  }
  if (merchant !== null && provider.merchants !== 'all' && !provider.merchants.includes(merchant)) {
    const expected = 'a merchant that the provider serves';
    return invalidFields([{ path: 'merchant', message: 'not served by this provider', expected }]);
  }
  const nowMs = deps.clock.wallMs();
  const override: ProviderOverride = {
    provider: provider.id,
    brand: parsed.data.brand ?? null,
    merchant,
    mode,
    reason,
    author: caller.account,
    createdAtMs: nowMs,
    expiresAtMs: expiresInS == null ? null : nowMs + expiresInS * 1000,
  };
  const set = () => deps.setOverride(override);
  const saved = await commandInTime('command', exchange, deps, set, NOT_CONFIRMED);
  return isProblem(saved)
    ? saved
    : jsonResponse(JSON.stringify({ provider: override.provider, ...shownOverride(override) }));
}

const NOT_CONFIRMED =
  'That the override is written could not be confirmed: it may hold, now or from later on, and GET /v1/providers/{id} shows ' +
  'what does. Repeat it as it was, which changes no more than that expires_in_s begins anew; ask for another one only once ' +
  'you see which holds.';

function providerOf(exchange: Exchange, deps: EdgeDeps): ProviderSnapshot | Problem {
  const id = exchange.context.req.param('id');
  const found = deps.providers().find((provider) => provider.id === id);
  const visible = found === undefined ? null : visibleTo(exchange.caller, found);
  return visible ?? problem('not-found', 'There is no such provider for this key.');
}

/** A provider with the merchants that the caller may know of; null when it serves none of them. */
function visibleTo(caller: Caller, provider: ProviderSnapshot): ProviderSnapshot | null {
  if (caller.merchants === 'all') return provider;
  const overrides = provider.overrides.filter(
    ({ merchant }) => merchant === null || coversMerchant(caller, merchant),
  );
  if (provider.merchants === 'all') return { ...provider, overrides };
  const merchants = provider.merchants.filter((merchant) => coversMerchant(caller, merchant));
  return merchants.length === 0 ? null : { ...provider, merchants, overrides };
}
