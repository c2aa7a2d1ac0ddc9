import { describe, expect, it } from 'vitest';
import type { ProviderSemantics } from '../../src/core/resolution.ts';
import { Gateway } from '../../src/gateway/gateway.ts';
import { type Journal, JournalError } from '../../src/gateway/ports.ts';
import { recoverLapsed } from '../../src/gateway/recover.ts';
import { GatewayWorld, idIn, type WorldProcess } from '../support/gateway-world.ts';
import { sampleCommand } from '../support/sample-request.ts';

const MINUTE_MS = 60_000;
/** What is sent again under its key, since nobody can be asked about it. */
const WITHOUT_INQUIRY: Partial<ProviderSemantics> = {
  inquiry: 'none',
  notFoundAfterMs: null,
  operationNotFoundAfterMs: null,
  operationInquiry: false,
};

/** A journal whose writes of this name are given up by whoever called, and land only once they are let. */
function landingLate(journal: Journal, call: 'open' | 'advance') {
  const waiting: (() => Promise<unknown>)[] = [];
  let isAway = true;
  const late = new Proxy(journal, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== 'function') return value;
      if (property !== call) return value.bind(target);
      return async (...args: unknown[]) => {
        if (!isAway) return value.apply(target, args);
        waiting.push(() => value.apply(target, args) as Promise<unknown>);
        throw new JournalError('not known to be written: the database did not answer in time');
      };
    },
  });
  return {
    late,
    /** The journal writes again; what waits has not landed. */
    back() {
      isAway = false;
    },
    async land() {
      for (const write of waiting.splice(0)) await write();
    },
  };
}

function on(journal: Journal, { deps, resolver }: WorldProcess): WorldProcess {
  return { deps: { ...deps, journal }, resolver };
}

/** How long after it was told as not sent it lands: within the lease of its call. */
const LANDS_AFTER_MS = [0, 8_000, 10 * MINUTE_MS];

describe.each(LANDS_AFTER_MS)('an intent that lands %d ms after it was looked for in vain', (afterMs) => {
  it.each(['capture', 'refund', 'void'] as const)(
    'of a %s is ended, and never sent by anybody',
    async (kind) => {
      const world = new GatewayWorld({ latencyMs: 100 });
      const plain = world.process();
      const other = world.process();
      const id = idIn(await world.authorize(plain));
      if (kind === 'refund') await world.operate(plain, id, { kind: 'capture' }, 'before');
      const { late, back, land } = landingLate(world.journal, 'advance');
      const process = on(late, plain);
      const told = await world.operate(process, id, { kind, ...(kind !== 'void' && { amount: 1 }) });
      expect(told.kind).toBe('journal_unavailable');
      back();
      expect(await process.deps.unrecorded.retry(process.deps)).toBe(0);
      await world.pass(afterMs, other, process);
      await land();
      await world.pass(4 * MINUTE_MS, other, process);
      expect(world.providers.get('sandbox-a')?.carriedOut[kind]).toBe(0);
      expect((await world.get(id)).operations.at(-1)).toMatchObject({
        kind,
        status: 'failed',
        code: 'journal_failed',
      });
      expect(process.deps.unrecorded).toMatchObject({ size: 0, missing: 0 });
    },
  );

  it('of an authorization is ended before its lease lapses, and never sent by anybody', async () => {
    const world = new GatewayWorld({ latencyMs: 100, provider: { semantics: WITHOUT_INQUIRY } });
    const plain = world.process();
    const other = world.process();
    const { late, back, land } = landingLate(world.journal, 'open');
    const process = on(late, plain);
    expect((await world.authorize(process)).kind).toBe('journal_unavailable');
    back();
    await process.deps.unrecorded.retry(process.deps);
    await world.pass(afterMs, other, process);
    await land();
    await world.pass(4 * MINUTE_MS, other, process);
    expect(world.providers.get('sandbox-a')?.seen).toEqual([]);
    const { data } = await world.journal.listAuthorizations({ account: 'acme', merchants: 'all', limit: 1 });
    expect(data).toMatchObject([{ status: 'failed', open: false }]);
    expect(world.told.alerts).not.toContain('lease_expired');
  });
});

it('a process that ends waits for what the journal has under way, and ends what that wrote as never sent', async () => {
  const world = new GatewayWorld({ latencyMs: 100, provider: { semantics: WITHOUT_INQUIRY } });
  const { deps } = world.process();
  const journal = new Proxy(world.journal, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== 'function') return value;
      if (property !== 'open') return value.bind(target);
      return async (...args: unknown[]) => {
        await new Promise<void>((resolve) => world.clock.after(10_000, resolve));
        return value.apply(target, args);
      };
    },
  });
  const gateway = new Gateway({ ...deps, journal });
  const command = sampleCommand({ receivedAtMs: world.clock.monotonicMs() });
  expect((await world.finish(gateway.authorize(command))).kind).toBe('journal_unavailable');
  await world.finish(gateway.close());
  const other = world.process();
  for (let second = 0; second < 120; second += 1) {
    await world.clock.advance(1_000);
    await recoverLapsed(other.deps);
    await other.resolver.takeUp();
  }
  expect(world.providers.get('sandbox-a')?.seen).toEqual([]);
  const { data } = await world.journal.listAuthorizations({ account: 'acme', merchants: 'all', limit: 1 });
  expect(data).toMatchObject([{ status: 'failed', open: false }]);
  expect(world.told.alerts).not.toContain('unrecorded_left');
});

it('a process that ends tells of what may still land', async () => {
  const world = new GatewayWorld();
  const plain = world.process();
  const { late, back } = landingLate(world.journal, 'open');
  const process = on(late, plain);
  const gateway = new Gateway(process.deps);
  expect((await world.authorize(process)).kind).toBe('journal_unavailable');
  back();
  await world.finish(gateway.close());
  expect(world.told.alerts.filter((kind) => kind === 'unrecorded_left')).toHaveLength(1);
});
