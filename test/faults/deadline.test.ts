import { describe, expect, test } from 'vitest';
import type { AuthorizationStatus } from '../../src/core/authorization.ts';
import { authorize } from '../../src/gateway/authorize.ts';
import { openInProcessJournal } from '../../src/stores/sqlite/in-process-journal.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { roadDeps } from '../support/road-deps.ts';
import { sampleCommand, sampleRequest } from '../support/sample-request.ts';
import { sampleAction, sampleContract, sampleRuleset } from '../support/sample-ruleset.ts';
import { ScriptedProvider, type ScriptStep } from '../support/scripted-provider.ts';
import { SeededRandom } from '../support/seeded-random.ts';

/** What is left of a deadline decides whether another provider is asked, to the millisecond. */

const DEADLINE_MS = 3_000;
const TIMEOUT_MS = 4_000;
/** A quarter of the time limit, while nothing is known of the provider's latency. */
const NEEDED_MS = TIMEOUT_MS / 4;

interface Case {
  readonly name: string;
  readonly step: ScriptStep;
  /** When the first provider's answer comes. */
  readonly afterMs: number;
  /** 99th percentile of the second provider's answers; null: not known. */
  readonly p99Ms: number | null;
  readonly asked: boolean;
  readonly status: AuthorizationStatus;
}

const CASES: readonly Case[] = [
  {
    name: 'a soft decline at 2.9 s',
    step: 'decline_soft',
    afterMs: 2_900,
    p99Ms: null,
    asked: false,
    status: 'declined',
  },
  {
    name: 'the same, B answers in 99 ms',
    step: 'decline_soft',
    afterMs: 2_900,
    p99Ms: 99,
    asked: true,
    status: 'approved',
  },
  {
    name: 'the same, B answers in 100 ms',
    step: 'decline_soft',
    afterMs: 2_900,
    p99Ms: 100,
    asked: false,
    status: 'declined',
  },
  {
    name: 'the last moment at which an unknown B is asked',
    step: 'decline_soft',
    afterMs: DEADLINE_MS - NEEDED_MS - 1,
    p99Ms: null,
    asked: true,
    status: 'approved',
  },
  {
    name: 'the first at which it is not',
    step: 'decline_soft',
    afterMs: DEADLINE_MS - NEEDED_MS,
    p99Ms: null,
    asked: false,
    status: 'declined',
  },
  {
    name: '"not processed" at 2.9 s',
    step: 'rejected',
    afterMs: 2_900,
    p99Ms: null,
    asked: false,
    status: 'failed',
  },
  {
    name: '"not processed" at 1 s',
    step: 'rejected',
    afterMs: 1_000,
    p99Ms: null,
    asked: true,
    status: 'approved',
  },
  {
    name: 'a decline 1 ms before the end',
    step: 'decline_soft',
    afterMs: 2_999,
    p99Ms: 0,
    asked: true,
    status: 'approved',
  },
  {
    name: 'no answer until the end',
    step: 'hang_unprocessed',
    afterMs: 5,
    p99Ms: 0,
    asked: false,
    status: 'pending',
  },
];

/** One payment at two providers, on a clock that moves by whole milliseconds. */
async function pay({ step, afterMs, p99Ms }: Case) {
  const clock = new FakeClock();
  const journal = openInProcessJournal(':memory:');
  const a = new ScriptedProvider(
    'sandbox-a',
    clock,
    () => step,
    () => afterMs,
  );
  const b = new ScriptedProvider(
    'sandbox-b',
    clock,
    () => 'approve',
    () => 1,
  );
  const deps = roadDeps({
    clock,
    random: new SeededRandom(20_261_128),
    journal,
    provider: (id) => [a, b].find((each) => each.id === id),
    ruleset: sampleRuleset(
      [a, b].map(({ id }) => sampleContract(id, { timeoutMs: TIMEOUT_MS })),
      [
        {
          name: 'in-order',
          matches: () => true,
          action: sampleAction({ strategy: { kind: 'priority', order: ['sandbox-a', 'sandbox-b'] } }),
        },
      ],
    ),
  });
  const work = authorize(sampleCommand({ request: sampleRequest({ deadlineMs: DEADLINE_MS }) }), {
    ...deps,
    learner: { ...deps.learner, latencyP99Ms: () => p99Ms },
  });
  const state = { done: false };
  work.then(
    () => {
      state.done = true;
    },
    () => {
      state.done = true;
    },
  );
  let endedAtMs = 0;
  for (let ms = 0; ms <= DEADLINE_MS + 10 && !state.done; ms += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    if (state.done) break;
    await clock.advance(1);
    endedAtMs = clock.monotonicMs();
  }
  await work;
  const page = await journal.listAuthorizations({ account: 'acme', merchants: 'all', limit: 10 });
  const [authorization] = page.data;
  await journal.close();
  return { a, b, authorization, endedAtMs };
}

describe('T60: a deadline of 3 s', () => {
  test.each(CASES)('$name', async (each) => {
    const { a, b, authorization, endedAtMs } = await pay(each);
    expect(a.seen).toHaveLength(1);
    expect(b.seen).toHaveLength(each.asked ? 1 : 0);
    expect(authorization?.status).toBe(each.status);
    expect(authorization?.attempts).toHaveLength(each.asked ? 2 : 1);
    expect(endedAtMs, 'the caller is told in time').toBeLessThanOrEqual(DEADLINE_MS + 2);
    if (each.asked) {
      expect(b.seen[0]?.budget.deadlineMs).toBe(DEADLINE_MS);
    }
  });
});
