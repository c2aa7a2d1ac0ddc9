import { describe, expect, it } from 'vitest';
import type { AttemptOutcome } from '../../src/core/attempt.ts';
import { applyOutcome } from '../../src/core/lifecycle.ts';
import { changeAuthorization } from '../../src/gateway/change.ts';
import { GatewayWorld, idIn } from '../support/gateway-world.ts';
import { SAMPLE_OUTCOMES } from '../support/sample-outcomes.ts';

/** Begins a payment whose first provider declines it softly, and tells of an outcome before the answer is there. */
async function declineOvertakenBy(told: (answer: AttemptOutcome) => AttemptOutcome) {
  const world = new GatewayWorld({ script: { 'sandbox-a': ['decline_soft'] }, latencyMs: 50 });
  const process = world.process();
  const provider = world.providers.get('sandbox-a');
  if (provider === undefined) throw new Error('no such provider');
  const send = provider.authorize.bind(provider);
  let overtakes: Promise<unknown> = Promise.resolve();
  provider.authorize = async (call) => {
    const answer = await send(call);
    const { data } = await world.journal.listAuthorizations({ account: 'acme', merchants: 'all', limit: 1 });
    const authorization = data[0];
    if (authorization === undefined) throw new Error('nothing is under way');
    const context = { nowMs: world.clock.wallMs(), validityMs: 1_000, durationMs: null };
    overtakes = changeAuthorization(
      authorization,
      (current) => applyOutcome(current, 1, told(answer), context),
      { event: { kind: 'noticed', actor: 'webhook sandbox-a', data: {} } },
      process.deps,
    );
    expect(await overtakes).toMatchObject({ kind: 'written' });
    return answer;
  };
  const result = await world.authorize(process);
  return { world, result, authorization: await world.get(idIn(result)) };
}

describe('a notice that overtakes a soft decline', () => {
  it('and says the same does not keep the payment from the next provider', async () => {
    const { world, authorization } = await declineOvertakenBy((answer) => answer);
    expect(authorization).toMatchObject({
      status: 'approved',
      provider: 'sandbox-b',
      attempts: [{ outcome: { kind: 'declined' } }, { outcome: { kind: 'approved' } }],
    });
    expect(world.live()).toHaveLength(1);
  });

  it.each([
    ['a harder decline', SAMPLE_OUTCOMES.declinedHard, 'declined'],
    ['an approval', SAMPLE_OUTCOMES.approved, 'approved'],
  ] as const)('and says something else stops the road: %s', async (_, told, status) => {
    const { world, authorization } = await declineOvertakenBy(() => told);
    expect(authorization).toMatchObject({ status, provider: 'sandbox-a', attempts: [{ outcome: told }] });
    expect(world.providers.get('sandbox-b')?.seen).toEqual([]);
  });
});
