import { z } from '@hono/zod-openapi';
import type { Hono } from 'hono';
import type { ListedRuleset, RulesetActivation, RulesetPageQuery } from '../gateway/ports.ts';
import type {
  ReleaseCommand,
  ReleaseResult,
  RulesetCheckResult,
  ShownRuleset,
} from '../gateway/ruleset-release.ts';
import type { EdgeDeps } from './edge-deps.ts';
import { type EdgeEnv, type Exchange, endpoint, type Reply } from './endpoint.ts';
import { invalidRequest, PARSING } from './field-errors.ts';
import { commandInTime, readInTime } from './from-journal.ts';
import { givenFiles } from './given-files.ts';
import { jsonResponse } from './json-response.ts';
import { limitOf, pageQueryMembers, singleQuery } from './list-query.ts';
import { isProblem, notAllMerchants, type Problem, problem, rulesTooCostly } from './problems.ts';
import { readJson } from './read-json.ts';
import { memberNamesOf } from './schema-members.ts';
import { plainText } from './text-schemas.ts';

export const RULESETS = '/v1/rulesets';
export const RULESET_ACTIVATIONS = '/v1/rulesets/activations';
export const RULESET = '/v1/rulesets/{version}';
export const RULESET_CHECK = '/v1/rulesets/validate';
export const RULESET_ACTIVATE = '/v1/rulesets/{version}/activate';
export const RULESET_ROLLBACK = '/v1/rulesets/rollback';

/** Query of `GET /v1/rulesets` and `GET /v1/rulesets/activations`. */
export const rulesetQuerySchema = z.strictObject(pageQueryMembers);

/** `POST /v1/rulesets/{version}/activate` and `POST /v1/rulesets/rollback`. */
export const releaseBodySchema = z
  .strictObject({
    reason: plainText(500).openapi({ example: 'ticket 4714: approvals at sandbox-b fell' }),
    expected_active: z
      .int('the version that is in force, an integer from 1')
      .min(1, 'the version that is in force, an integer from 1')
      .openapi({
        description: 'The version that you take to be in force: nothing is changed when it is another.',
      }),
  })
  .openapi('RulesetRelease');

const fileText = z.string().optional();

/** `POST /v1/rulesets/validate`. */
export const checkBodySchema = z
  .strictObject({
    files: z
      .strictObject({
        'providers.yaml': fileText,
        'rules.yaml': fileText,
        'fx.yaml': fileText,
        'experiments.yaml': fileText,
      })
      .optional()
      .openapi({ description: 'Content by file name. Left out: the rules folder as it is.' }),
  })
  .openapi('RulesetFiles');

/** Versions of the rules: what is in force, what was, what could be, and the way from one to another. */
export function rulesetRoutes(app: Hono<EdgeEnv>, deps: EdgeDeps): void {
  const reading = ['rules', 'ops'] as const;
  app.get(
    '/v1/rulesets',
    endpoint(deps, { route: RULESETS, scopes: reading }, (exchange) =>
      list(exchange, deps, (query) => deps.rulesets.list(query), shownListed),
    ),
  );
  app.get(
    '/v1/rulesets/activations',
    endpoint(deps, { route: RULESET_ACTIVATIONS, scopes: reading }, (exchange) =>
      list(exchange, deps, (query) => deps.rulesets.activations(query), shownActivation),
    ),
  );
  app.get(
    '/v1/rulesets/:version',
    endpoint(deps, { route: RULESET, scopes: reading }, (exchange) => find(exchange, deps)),
  );
  app.post(
    '/v1/rulesets/validate',
    endpoint(deps, { route: RULESET_CHECK, scopes: ['rules'] }, (exchange) => check(exchange, deps)),
  );
  app.post(
    '/v1/rulesets/rollback',
    endpoint(deps, { route: RULESET_ROLLBACK, scopes: ['rules'] }, (exchange) =>
      release(exchange, 'previous', deps),
    ),
  );
  app.post(
    '/v1/rulesets/:version/activate',
    endpoint(deps, { route: RULESET_ACTIVATE, scopes: ['rules'] }, (exchange) =>
      release(exchange, versionIn(exchange), deps),
    ),
  );
}

async function list<Item>(
  exchange: Exchange,
  deps: EdgeDeps,
  page: (query: RulesetPageQuery) => Promise<{
    readonly data: readonly Item[];
    readonly nextCursor: string | null;
  }>,
  shown: (item: Item) => object,
): Promise<Reply> {
  const { caller, context } = exchange;
  const query = singleQuery(new URL(context.req.url).searchParams);
  if (isProblem(query)) return query;
  const parsed = rulesetQuerySchema.safeParse(query, PARSING);
  if (!parsed.success) return invalidRequest(parsed.error, () => Object.keys(rulesetQuerySchema.shape));
  if (caller.merchants !== 'all') return notAllMerchants('Rulesets');
  const { cursor, limit } = parsed.data;
  const found = await readInTime(exchange, deps, () =>
    page({ limit: limitOf(limit), ...(cursor === undefined ? {} : { cursor }) }),
  );
  if (isProblem(found)) return found;
  return jsonResponse(JSON.stringify({ data: found.data.map(shown), next_cursor: found.nextCursor }));
}

async function find(exchange: Exchange, deps: EdgeDeps): Promise<Reply> {
  if (exchange.caller.merchants !== 'all') return notAllMerchants('Rulesets');
  const version = versionIn(exchange);
  if (version === null) return noVersion(exchange.context.req.param('version') ?? '');
  const found = await readInTime(exchange, deps, () => deps.rulesets.find(version));
  if (isProblem(found)) return found;
  return found === null ? noSuchRuleset() : jsonResponse(JSON.stringify(shownRuleset(found)));
}

const checkNames = memberNamesOf(checkBodySchema);

async function check(exchange: Exchange, deps: EdgeDeps): Promise<Reply> {
  const body = await readJson(exchange, { optional: true, emptyToo: true });
  if (isProblem(body)) return body;
  if (exchange.caller.merchants !== 'all') return notAllMerchants('Rulesets');
  const parsed = checkBodySchema.safeParse(body, PARSING);
  if (!parsed.success) return invalidRequest(parsed.error, checkNames);
  const { files } = parsed.data;
  const given = files === undefined ? null : givenFiles(files);
  const check = () => deps.rulesets.check(given);
  const result = await commandInTime('check', exchange, deps, check, NOT_CHECKED);
  return isProblem(result) ? result : checkAnswer(result, exchange, deps);
}

function checkAnswer(
  result: RulesetCheckResult,
  { trace: { traceId } }: Exchange,
  { reportFault }: EdgeDeps,
): Reply {
  switch (result.kind) {
    case 'checked': {
      const { valid, errors, notes } = result;
      return jsonResponse(JSON.stringify({ valid, errors, notes }));
    }
    case 'too_costly':
      return rulesTooCostly(result.errors);
    case 'busy':
      return problem('rule-checks-busy', `${result.waiting} checks are under way or wait.`, {
        headers: { 'Retry-After': String(Math.ceil(result.retryAfterMs / 1000)) },
      });
    case 'failed':
      reportFault({ traceId, route: RULESET_CHECK, error: new Error(result.reason) });
      return problem('not-ready', 'No thread could check the rules; the log of the gateway says why.');
    case 'stopping':
      return problem('not-ready', 'The gateway is stopping: nothing is checked any more.');
  }
}

const NOT_CHECKED =
  'The check did not end in time: it waited for the journal, which tells where money stands, for the folder, or the ' +
  'checks before it. Nothing was changed; ask again.';

const releaseNames = memberNamesOf(releaseBodySchema);

/** @param version null: the path names none that could be */
async function release(
  exchange: Exchange,
  version: ReleaseCommand['version'] | null,
  deps: EdgeDeps,
): Promise<Reply> {
  const { caller, trace } = exchange;
  const body = await readJson(exchange);
  if (isProblem(body)) return body;
  if (caller.merchants !== 'all') return notAllMerchants('Rulesets');
  if (version === null) return noSuchRuleset();
  const parsed = releaseBodySchema.safeParse(body, PARSING);
  if (!parsed.success) return invalidRequest(parsed.error, releaseNames);
  const { reason, expected_active: expectedActive } = parsed.data;
  const asked = { version, expectedActive, reason, author: caller.account };
  const ask = async (untilMs: number) => {
    const command = { ...asked, untilMs };
    const result = await deps.rulesets.release(command);
    deps.rulesetReleased({ command, result, traceId: trace.traceId });
    return result;
  };
  const result = await commandInTime('release', exchange, deps, ask, NOT_CONFIRMED);
  return isProblem(result) ? result : answered(result);
}

const NOT_CONFIRMED =
  'That the ruleset is in force could not be confirmed: it may be, now or from later on, and GET /v1/rulesets/activations ' +
  'shows what is. Repeat it as it was, with the same expected_active: where it is in force, the answer says so and nothing ' +
  'is moved again.';

function answered(result: ReleaseResult): Reply {
  switch (result.kind) {
    case 'active': {
      const { active, changed } = result;
      const { version, contentHash, cause, author: by, reason, previous } = active;
      const since = iso(active.atMs);
      return jsonResponse(
        JSON.stringify({
          version,
          content_hash: contentHash,
          active_since: since,
          cause,
          by,
          reason,
          previous,
          changed,
        }),
      );
    }
    case 'not_found':
      return noSuchRuleset();
    case 'other_active':
      return problem(
        'other-ruleset-active',
        `Ruleset ${result.active} is in force, or the journal was changed just now.`,
        { members: { active: result.active } },
      );
    case 'nothing_before':
      return problem('no-earlier-ruleset', `Nothing was in force before ruleset ${result.active}.`, {
        members: { active: result.active },
      });
    case 'refused':
      return problem('ruleset-refused', 'It may not come into force as things are: errors says why.', {
        members: { errors: result.errors },
      });
  }
}

function versionIn({ context }: Exchange): number | null {
  const text = context.req.param('version') ?? '';
  return /^[1-9]\d{0,14}$/.test(text) ? Number(text) : null;
}

function shownListed({ version, contentHash, registeredAtMs, active, last }: ListedRuleset) {
  return {
    version,
    content_hash: contentHash,
    registered_at: iso(registeredAtMs),
    active,
    active_since: last === null ? null : iso(last.atMs),
    active_until: last?.untilMs == null ? null : iso(last.untilMs),
    cause: last?.cause ?? null,
    by: last?.author ?? null,
    reason: last?.reason ?? null,
  };
}

function shownRuleset(ruleset: ShownRuleset) {
  const { files, against } = ruleset;
  return { ...shownListed(ruleset), files, compared: { active: against.active, ...against.changes } };
}

function shownActivation(activation: RulesetActivation) {
  const { sequence, version, contentHash, cause, author: by, reason, atMs, untilMs } = activation;
  const until = untilMs === null ? null : iso(untilMs);
  return { sequence, version, content_hash: contentHash, at: iso(atMs), until, cause, by, reason };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

/** Paths beside the versions that only take POST. */
const POSTED = ['replay', 'rollback', 'validate'];

/** @param name what stands where a version should */
function noVersion(name: string): Problem {
  if (POSTED.includes(name)) {
    return problem('method-not-allowed', 'This path takes POST.', { headers: { Allow: 'POST' } });
  }
  const instead =
    name === 'replays'
      ? 'replays are not listed: read one by its id, /v1/rulesets/replays/{id}, as the answer to POST /v1/rulesets/replay names it'
      : 'a ruleset is read by its version, a number from 1, which GET /v1/rulesets lists';
  return problem('not-found', `There is no such path: ${instead}.`);
}

function noSuchRuleset(): Problem {
  return problem('not-found', 'There is no ruleset of this version.');
}
