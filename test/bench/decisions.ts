import { unassigned } from '../../src/core/experiments/assign.ts';
import { decide } from '../../src/gateway/candidates.ts';
import { beginRoad } from '../../src/gateway/road.ts';
import { routingFacts } from '../../src/gateway/routing-facts.ts';
import { Lanes } from '../../src/guards/lanes.ts';
import { OutcomeLearner } from '../../src/guards/outcome-learner.ts';
import { systemClock } from '../../src/guards/system-clock.ts';
import { openInProcessJournal } from '../../src/stores/sqlite/in-process-journal.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { roadDeps, VISA_FACTS } from '../support/road-deps.ts';
import { sampleRequest } from '../support/sample-request.ts';
import { sampleAction, sampleContract, sampleRuleset } from '../support/sample-ruleset.ts';
import { ScriptedProvider } from '../support/scripted-provider.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { nanosecondsOf, printTable } from './ratio-table.ts';

/**
 * Decisions per second (eligibility, estimates, health, lanes, ranking and explanation) for 2, 10 and 50 providers
 * that all have outcomes to learn from, over reading the request's JSON in the same run.
 */
const body = JSON.stringify(sampleRequest());
const parseNs = nanosecondsOf(50_000, () => JSON.parse(body));

const rows = [2, 10, 50].map((count) => {
  const contracts = Array.from({ length: count }, (_, index) => sampleContract(`provider-${index}`));
  const ruleset = sampleRuleset(contracts, [{ name: 'all', matches: () => true, action: sampleAction() }]);
  const lanes = new Lanes(ruleset.providers, { clock: systemClock, onTransition: () => {} });
  const learner = new OutcomeLearner(systemClock);
  const request = sampleRequest();
  const facts = routingFacts(request, VISA_FACTS, systemClock.wallMs());
  const clock = new FakeClock();
  const random = new SeededRandom(count);
  const provider = new ScriptedProvider(
    'any',
    clock,
    () => 'approve',
    () => 0,
  );
  for (const { id } of contracts) {
    for (let seen = 0; seen < 50; seen += 1) {
      const approved = { kind: 'approved', providerReference: 'p', networkTransaction: null } as const;
      const notSent = { kind: 'not_sent', code: 'ECONNREFUSED' } as const;
      const outcome = random.chance(0.9) ? approved : notSent;
      learner.observe({
        provider: id,
        facts,
        attemptNumber: 1,
        outcome,
        resolvedLater: false,
        durationMs: 80,
      });
    }
  }
  const journal = openInProcessJournal(':memory:');
  const deps = {
    ...roadDeps({ clock, random, journal, provider: () => provider, ruleset, guards: lanes }),
    learner,
  };
  const command = {
    account: 'bench',
    idempotencyKey: 'key',
    bodyFingerprint: 'f',
    request,
    traceId: 't',
    traceparent: null,
    receivedAtMs: 0,
  };
  const [rule] = ruleset.rules;
  if (rule === undefined) throw new Error('the ruleset of the bench has a rule');
  const road = beginRoad(command, VISA_FACTS, facts, ruleset, unassigned(rule), deps);
  if (decide(road, deps).explain().length !== count) throw new Error('every provider is explained');
  const ns = nanosecondsOf(20_000, () => decide(road, deps));
  lanes.close();
  return [
    String(count),
    (ns / 1000).toFixed(1),
    Math.round(1e9 / ns).toLocaleString('en'),
    (ns / parseNs).toFixed(1),
  ];
});
printTable('Decisions', ['providers', 'us', 'decisions/s', 'x JSON.parse of the request'], rows);
