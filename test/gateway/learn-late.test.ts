import { describe, expect, it } from 'vitest';
import type { GatewayDeps } from '../../src/gateway/gateway-deps.ts';
import { keepNotices, workOutNotices } from '../../src/gateway/notices.ts';
import type { LearnedOutcome, Notice, Provider } from '../../src/gateway/ports.ts';
import { GatewayWorld, idIn, type WorldProcess } from '../support/gateway-world.ts';
import { SAMPLE_OUTCOMES } from '../support/sample-outcomes.ts';

/** An attempt whose outcome is not known, in a process that keeps what its learner is told. */
async function scene() {
  const world = new GatewayWorld({
    script: { 'sandbox-a': ['hang_unprocessed'] },
    provider: { semantics: { notFoundAfterMs: null, replay: 'none', inquiry: 'none' } },
  });
  const made = world.process();
  const learned: LearnedOutcome[] = [];
  const deps: GatewayDeps = {
    ...made.deps,
    learner: { ...made.deps.learner, observe: (told) => void learned.push(told) },
    provider: (id) => telling(made.deps.provider(id)),
  };
  const process: WorldProcess = { ...made, deps };
  const id = idIn(await world.authorize(process));
  const attemptId = (await world.get(id)).attempts[0]?.id ?? '';
  expect(learned.map(({ outcome }) => outcome.kind)).toEqual(['unknown']);
  return { world, process, id, attemptId, learned };
}

/** A provider that reads a notice from the body as it stands: it says `approved`. */
function telling(provider: Provider | undefined): Provider | undefined {
  if (provider === undefined) return undefined;
  return new Proxy(provider, {
    get: (target, property) => {
      if (property === 'readNotices') {
        return ({ body }: { readonly body: string }) => ({ kind: 'read', notices: [JSON.parse(body)] });
      }
      if (property === 'evidenceIn') return () => ({ kind: 'attempt', outcome: SAMPLE_OUTCOMES.approved });
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

async function notice({ world, process, attemptId }: Awaited<ReturnType<typeof scene>>, eventId: string) {
  const told: Notice = { eventId, type: 'authorization.authorized', attemptId, data: {} };
  const kept = await keepNotices('sandbox-a', { headers: {}, body: JSON.stringify(told) }, process.deps);
  expect(kept).toEqual({ kind: 'kept', isNew: true });
  expect(await world.finish(workOutNotices(process.deps))).toBe(1);
}

describe('what an attempt without an answer came to teaches approval once, and is no second word about health', () => {
  it('where a notice tells it, and another says it again', async () => {
    const stage = await scene();
    await notice(stage, 'evt_1');
    await notice(stage, 'evt_2');
    expect((await stage.world.get(stage.id)).status).toBe('approved');
    expect(stage.learned.slice(1)).toMatchObject([
      {
        provider: 'sandbox-a',
        attemptNumber: 1,
        outcome: { kind: 'approved' },
        resolvedLater: true,
      },
    ]);
  });

  it('where a person says it, and a notice comes afterwards', async () => {
    const stage = await scene();
    const { world, process, attemptId } = stage;
    const resolved = await world.resolveByPerson(process, { attemptId, resolution: 'approved' });
    expect(resolved.kind).toBe('resolved');
    await notice(stage, 'evt_1');
    expect(stage.learned.slice(1)).toMatchObject([
      { provider: 'sandbox-a', outcome: { kind: 'approved' }, resolvedLater: true },
    ]);
  });
});
