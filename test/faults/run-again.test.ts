import { describe, expect, test } from 'vitest';
import { GatewayWorld, idIn, type WorldProcess } from '../support/gateway-world.ts';
import type { ScriptStep } from '../support/scripted-provider.ts';

/** What works beside the road runs in two processes at once, and again over what it has done. */

const HOUR_MS = 3_600_000;

/** What is left behind, and what becomes of it. Each is one payment. */
const LEFT: readonly { readonly step: ScriptStep; readonly status: string; readonly live: number }[] = [
  { step: 'hang_processed', status: 'approved', live: 1 },
  { step: 'hang_unprocessed', status: 'failed', live: 0 },
  { step: 'pending_processed', status: 'approved', live: 1 },
  { step: 'pending_declined', status: 'declined', live: 0 },
  { step: 'mismatch_processed', status: 'voided', live: 0 },
  { step: 'land_late', status: 'approved', live: 1 },
];

/** Everything that moved money at a provider, or could have. */
function mutations(world: GatewayWorld) {
  return [...world.providers.values()].map(({ seen, books, carriedOut }) => ({
    asked: seen.length,
    books: books.length,
    ...carriedOut,
  }));
}

async function leave(): Promise<{ world: GatewayWorld; first: WorldProcess; ids: string[] }> {
  let reachable = false;
  const world = new GatewayWorld({
    script: { 'sandbox-a': LEFT.map(({ step }) => step) },
    provider: { inquiryStep: () => (reachable ? 'ok' : 'fail') },
  });
  const first = world.process();
  const ids: string[] = [];
  for (const [index, { step }] of LEFT.entries()) {
    const request = { reference: `order-${step}` };
    const result = await world.authorize(first, request, `key-${index}`);
    ids.push(idIn(result));
  }
  reachable = true;
  return { world, first, ids };
}

async function statuses(world: GatewayWorld, ids: readonly string[]): Promise<readonly string[]> {
  return Promise.all(ids.map(async (id) => (await world.get(id)).status));
}

describe('T56: the work beside the road, twice at once and again', () => {
  test.each([1, 2, 4])(
    '%i at once come to what one alone does, with no more at the provider',
    async (count) => {
      const { world, first, ids } = await leave();
      const processes = [first, ...Array.from({ length: count - 1 }, () => world.process())];
      expect(await statuses(world, ids)).toEqual(LEFT.map(() => 'pending'));
      for (let second = 0; second < 600; second += 1) {
        await world.clock.advance(1_000);
        // All of them look at the same moment.
        const looks = Promise.all(processes.map((process) => world.look(process)));
        await world.finish(looks);
      }
      expect(await statuses(world, ids)).toEqual(LEFT.map(({ status }) => status));
      expect(world.live()).toHaveLength(LEFT.reduce((sum, { live }) => sum + live, 0));
      expect(mutations(world)).toEqual([
        // One request for each, and the one reversal of what was answered about something else.
        { asked: LEFT.length, books: 4, capture: 0, void: 1, refund: 0 },
        { asked: 0, books: 0, capture: 0, void: 0, refund: 0 },
        { asked: 0, books: 0, capture: 0, void: 0, refund: 0 },
      ]);

      // Once more over all of it, and the day after.
      const after = mutations(world);
      const histories = await Promise.all(ids.map((id) => world.journal.history(id)));
      for (let hour = 0; hour < 26; hour += 1) {
        await world.clock.advance(HOUR_MS);
        await world.finish(Promise.all(processes.map((process) => world.look(process))));
      }
      expect(mutations(world)).toEqual(after);
      expect(await statuses(world, ids)).toEqual(LEFT.map(({ status }) => status));
      expect(await Promise.all(ids.map((id) => world.journal.history(id)))).toEqual(histories);
    },
  );

  test('what expires is given back once, whoever looks', async () => {
    const world = new GatewayWorld();
    const processes = [world.process(), world.process()];
    const [first] = processes;
    if (first === undefined) throw new Error('there is a first process');
    const id = idIn(await world.authorize(first));
    for (let hour = 0; hour < 24 * 9; hour += 1) {
      await world.clock.advance(HOUR_MS);
      await world.finish(Promise.all(processes.map((process) => world.look(process))));
    }
    expect((await world.get(id)).status).toBe('expired');
    expect(mutations(world)[0]).toEqual({ asked: 1, books: 1, capture: 0, void: 1, refund: 0 });
    expect(world.live()).toEqual([]);
  });

  test('a capture that was lost is carried out once by two that repeat it at the same time', async () => {
    const lost = ['lose_processed', 'lose_unprocessed'] as const;
    for (const step of lost) {
      const script = [step];
      const world = new GatewayWorld({ provider: { operationStep: () => script.shift() ?? 'ok' } });
      const processes = [world.process(), world.process()];
      const [first] = processes;
      if (first === undefined) throw new Error('there is a first process');
      const id = idIn(await world.authorize(first));
      await world.operate(first, id, { kind: 'capture' });
      for (let second = 0; second < 300; second += 1) {
        await world.clock.advance(1_000);
        await world.finish(Promise.all(processes.map((process) => world.look(process))));
      }
      expect((await world.get(id)).status).toBe('captured');
      expect(mutations(world)[0]).toEqual({ asked: 1, books: 1, capture: 1, void: 0, refund: 0 });
    }
  });
});
