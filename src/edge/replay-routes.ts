import type { z } from '@hono/zod-openapi';
import type { Hono } from 'hono';
import { LEARNER_DEFAULTS } from '../core/replay/ruleset-replay.ts';
import { WAITED_MS } from '../gateway/answer-time.ts';
import { type Replay, type ReplayCommand, ReplayFailed } from '../gateway/replays.ts';
import type { EdgeDeps } from './edge-deps.ts';
import { type EdgeEnv, type Exchange, endpoint, type Reply } from './endpoint.ts';
import { type FieldError, invalidFields, invalidRequest, PARSING } from './field-errors.ts';
import { fromJournal } from './from-journal.ts';
import { givenFiles } from './given-files.ts';
import { learnerSettings } from './learner-settings.ts';
import { isProblem, notAllMerchants, type Problem, problem, rulesTooCostly } from './problems.ts';
import { readJson } from './read-json.ts';
import { replayBodySchema } from './replay-schemas.ts';
import { memberNamesOf } from './schema-members.ts';
import { shownReplay } from './shown-replay.ts';

export const REPLAYS = '/v1/rulesets/replay';
export const REPLAY = '/v1/rulesets/replays/{id}';

/** A replay of a small journal is answered at once: how long that may take, milliseconds. */
const AT_ONCE_MS = 1_500;
/** When to ask again for one that runs, seconds. */
const ASK_AGAIN_S = 2;
const SEED = 1;

/** What other rules would have come to on recorded payments. */
export function replayRoutes(app: Hono<EdgeEnv>, deps: EdgeDeps): void {
  app.post(
    REPLAYS,
    endpoint(deps, { route: REPLAYS, scopes: ['rules', 'ops'] }, (exchange) => start(exchange, deps)),
  );
  app.get(
    '/v1/rulesets/replays/:id',
    endpoint(deps, { route: REPLAY, scopes: ['rules', 'ops'] }, ({ context, caller }) => {
      const found = deps.replays.find(context.req.param('id') ?? '', caller.account);
      return found === null ? noSuchReplay() : answer(found, 200);
    }),
  );
}

const memberNames = memberNamesOf(replayBodySchema);

async function start(exchange: Exchange, deps: EdgeDeps): Promise<Reply> {
  const { caller } = exchange;
  const body = await readJson(exchange);
  if (isProblem(body)) return body;
  if (caller.merchants !== 'all') return notAllMerchants('Replays');
  const parsed = replayBodySchema.safeParse(body, PARSING);
  if (!parsed.success) return invalidRequest(parsed.error, memberNames);
  const command = commandOf(parsed.data, caller.account, deps.clock);
  if (isProblem(command)) return command;
  const started = await begun(exchange, deps, command);
  if (isProblem(started)) return started;
  const { id } = started;
  const replay = (await deps.replays.settled(id, caller.account, AT_ONCE_MS)) ?? started;
  return replay.state === 'running' ? answer(replay, 202) : answer(replay, 200);
}

type Body = z.infer<typeof replayBodySchema>;

function commandOf(body: Body, account: string, clock: EdgeDeps['clock']): ReplayCommand | Problem {
  const nowMs = clock.wallMs();
  const { files, version, from, to, seed = SEED, learner } = body;
  const errors: FieldError[] = [];
  if ((files === undefined) === (version === undefined)) {
    const message = files === undefined ? 'nothing says which rules' : 'two say which rules';
    errors.push({ path: '', message, expected: 'files or version, and not both' });
  }
  const fromMs = from === undefined ? 0 : Date.parse(from);
  const toMs = to === undefined ? nowMs : Date.parse(to);
  if (Number.isNaN(fromMs)) errors.push(noSuchDay('from'));
  if (Number.isNaN(toMs)) errors.push(noSuchDay('to'));
  if (fromMs >= toMs) errors.push({ path: 'from', message: 'not before to', expected: 'a time before to' });
  if (errors.length > 0) return invalidFields(errors);
  return {
    account,
    rules:
      version === undefined
        ? { kind: 'files', files: givenFiles(files ?? {}) }
        : { kind: 'version', version },
    range: { fromMs, toMs },
    seed,
    learner: learner === undefined ? LEARNER_DEFAULTS : learnerSettings(learner),
    askedAtMs: nowMs,
    untilMs: clock.monotonicMs() + WAITED_MS.read,
  };
}

const NOT_READ =
  'The ruleset could not be read from the journal. No replay was begun: ask for it again when the journal answers.';

function noSuchDay(path: string): FieldError {
  return { path, message: 'not as expected', expected: 'a day of the calendar' };
}

async function begun(
  { trace: { traceId } }: Exchange,
  deps: EdgeDeps,
  command: ReplayCommand,
): Promise<Replay | Problem> {
  const started = await fromJournal(async () => {
    try {
      return await deps.replays.start(command);
    } catch (error) {
      if (!(error instanceof ReplayFailed)) throw error;
      deps.reportFault({ traceId, route: REPLAYS, error });
      return problem('not-ready', 'No thread for a replay could be begun; the log of the gateway says why.');
    }
  }, NOT_READ);
  if (isProblem(started)) return started;
  switch (started.kind) {
    case 'started':
      return started.replay;
    case 'refused':
      return problem('replay-rules-refused', 'The rules to replay are not valid: see errors.', {
        members: { errors: started.findings },
      });
    case 'too_costly':
      return rulesTooCostly(started.findings);
    case 'no_such_version':
      return problem('not-found', 'There is no registered ruleset of this version.');
    case 'busy':
      return problem('replays-busy', `${started.running} replays are running.`, {
        headers: { 'Retry-After': String(Math.ceil(started.retryAfterMs / 1000)) },
      });
    case 'stopping':
      return problem('not-ready', 'The gateway is stopping: nothing is begun.');
  }
}

function answer(replay: Replay, status: 200 | 202): Response {
  const isRunning = replay.state === 'running';
  return new Response(JSON.stringify(shownReplay(replay)), {
    status,
    headers: {
      'Content-Type': 'application/json',
      'Cache-Control': 'no-store',
      ...(status === 202 ? { Location: REPLAY.replace('{id}', replay.id) } : {}),
      ...(isRunning ? { 'Retry-After': String(ASK_AGAIN_S) } : {}),
    },
  });
}

function noSuchReplay(): Problem {
  return problem(
    'not-found',
    'There is no such replay: those that ended are kept for an hour, and not through a restart.',
  );
}
