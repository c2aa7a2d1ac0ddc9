import { z } from '@hono/zod-openapi';
import type { Hono } from 'hono';
import { experimentOf, HOLDOUT_ID, holdoutExperiment } from '../core/experiments/experiment.ts';
import { shown } from '../core/rules/rule-problem.ts';
import type { ExperimentResults } from '../gateway/experiment-watch.ts';
import { ARM_STATES } from '../gateway/ports.ts';
import type { EdgeDeps } from './edge-deps.ts';
import { type EdgeEnv, type Exchange, endpoint, type Reply } from './endpoint.ts';
import { experimentChart } from './experiment-chart.ts';
import { invalidFields, invalidRequest, PARSING } from './field-errors.ts';
import { commandInTime, fromJournal, readInTime } from './from-journal.ts';
import { jsonResponse } from './json-response.ts';
import { isProblem, notAllMerchants, type Problem, problem } from './problems.ts';
import { readJson } from './read-json.ts';
import { memberNamesOf } from './schema-members.ts';
import { shownArmState, shownExperiment, shownResults } from './shown-experiment.ts';
import { plainText } from './text-schemas.ts';

export const EXPERIMENTS = '/v1/experiments';
export const EXPERIMENT_RESULTS = '/v1/experiments/{id}/results';
export const EXPERIMENT_CHART = '/v1/experiments/{id}/results.svg';
export const EXPERIMENT_ARM = '/v1/experiments/{id}/arms/{arm}';

/** `PUT /v1/experiments/{id}/arms/{arm}`. */
export const armBodySchema = z
  .strictObject({
    state: z.enum(ARM_STATES).openapi({
      description: 'stopped: it gets no new units, the baseline has them. running: it has its share again.',
    }),
    reason: plainText(500).openapi({ example: 'ticket 4713: complaints about this provider' }),
  })
  .openapi('ArmStateRequest');

/** Experiments, what came of them, and the hand brake of their arms. */
export function experimentRoutes(app: Hono<EdgeEnv>, deps: EdgeDeps): void {
  app.get(
    '/v1/experiments',
    endpoint(deps, { route: EXPERIMENTS, scopes: ['read'] }, () => {
      const { holdout, list } = deps.experiments.current();
      const all = holdout === null ? list : [holdoutExperiment(holdout), ...list];
      const data = all.map((experiment) => shownExperiment(experiment, deps.experiments));
      return jsonResponse(JSON.stringify({ data }));
    }),
  );
  app.get(
    '/v1/experiments/:id/results',
    endpoint(deps, { route: EXPERIMENT_RESULTS, scopes: ['read'] }, async (exchange) => {
      const found = await resultsOf(exchange, deps);
      if (isProblem(found)) return found;
      return jsonResponse(JSON.stringify(shownResults(found, deps.experiments.stateOf)));
    }),
  );
  app.get(
    '/v1/experiments/:id/results.svg',
    endpoint(deps, { route: EXPERIMENT_CHART, scopes: ['read'] }, async (exchange) => {
      const found = await resultsOf(exchange, deps);
      if (isProblem(found)) return found;
      return new Response(experimentChart(found), {
        headers: {
          'Content-Type': 'image/svg+xml',
          'Cache-Control': 'no-store',
          'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'",
          'X-Content-Type-Options': 'nosniff',
        },
      });
    }),
  );
  app.put(
    '/v1/experiments/:id/arms/:arm',
    endpoint(deps, { route: EXPERIMENT_ARM, scopes: ['rules'] }, (exchange) => setArm(exchange, deps)),
  );
}

/** Experiments are over the payments of all merchants: figures of them are for keys that cover all. */
async function resultsOf(exchange: Exchange, deps: EdgeDeps): Promise<ExperimentResults | Problem> {
  const { caller, context } = exchange;
  if (caller.merchants !== 'all') return notAllMerchants('Experiments');
  const id = context.req.param('id') ?? '';
  const found = await fromJournal(() => deps.experiments.results(id));
  return found ?? (await noSuchExperiment(exchange, id, deps));
}

const memberNames = memberNamesOf(armBodySchema);

async function setArm(exchange: Exchange, deps: EdgeDeps): Promise<Reply> {
  const { caller, context } = exchange;
  const body = await readJson(exchange);
  if (isProblem(body)) return body;
  if (caller.merchants !== 'all') return notAllMerchants('Experiments');
  const parsed = armBodySchema.safeParse(body, PARSING);
  if (!parsed.success) return invalidRequest(parsed.error, memberNames);
  const experiment = context.req.param('id') ?? '';
  const arm = context.req.param('arm') ?? '';
  const { state, reason } = parsed.data;
  const command = { experiment, arm, state, reason, author: caller.account };
  const set = (untilMs: number) => deps.experiments.setArm({ ...command, untilMs });
  const result = await commandInTime('command', exchange, deps, set, NOT_CONFIRMED);
  if (isProblem(result)) return result;
  switch (result.kind) {
    case 'set':
      return jsonResponse(JSON.stringify({ experiment, arm, ...shownArmState(result.state) }));
    case 'not_found':
      return noSuchArm(exchange, experiment, arm, deps);
    case 'is_baseline':
      return invalidFields([
        {
          path: 'state',
          message: 'the baseline takes what other arms are not given',
          expected: 'an arm other than the baseline; status: stopped in experiments.yaml ends the experiment',
        },
      ]);
  }
}

const NOT_CONFIRMED =
  'That the state of the arm is written could not be confirmed: it may hold, now or from later on, and GET ' +
  '/v1/experiments shows what does. Repeat it with the same reason, which changes nothing more; ask for the other state ' +
  'only once you see which holds.';

/** Names that are listed; a file may have hundreds. */
const NAMES_MAX = 20;

/** Whether it was never there, or is gone, and what the rules in force have in its place. */
async function noSuchExperiment(exchange: Exchange, id: string, deps: EdgeDeps): Promise<Problem> {
  const { experiments } = deps;
  const { holdout, list } = experiments.current();
  const isGone = await readInTime(exchange, deps, () => experiments.isRecorded(id));
  if (isProblem(isGone)) return isGone;
  if (id === HOLDOUT_ID) {
    const recorded = isGone ? '; payments were recorded in an earlier one, put it back to read them' : '';
    return problem(
      'not-found',
      `There is no holdout in experiments.yaml of the rules in force (holdout:)${recorded}.`,
    );
  }
  if (isGone) {
    return problem(
      'not-found',
      `The experiment ${shown(id)} is gone from experiments.yaml of the rules in force: put it back as it was to read its ` +
        'results, with status: stopped, so that it takes no more payments.',
    );
  }
  const ids = [...(holdout === null ? [] : [HOLDOUT_ID]), ...list.map((experiment) => experiment.id)];
  const there = ids.length === 0 ? 'it has none' : `it has ${namesText(ids)}`;
  return problem(
    'not-found',
    `There is no experiment ${shown(id)} in experiments.yaml of the rules in force: ${there}.`,
  );
}

async function noSuchArm(exchange: Exchange, id: string, arm: string, deps: EdgeDeps): Promise<Problem> {
  const experiment = experimentOf(deps.experiments.current(), id);
  if (experiment === null) return noSuchExperiment(exchange, id, deps);
  if (id === HOLDOUT_ID) {
    return problem(
      'not-found',
      'The holdout has no arm that can be stopped: change or remove holdout: in experiments.yaml.',
    );
  }
  const arms = experiment.arms.map(({ name }) => name);
  return problem('not-found', `${shown(id)} has no arm ${shown(arm)}: it has ${namesText(arms)}.`);
}

function namesText(names: readonly string[]): string {
  const more = names.length - NAMES_MAX;
  return `${names.slice(0, NAMES_MAX).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
