import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ProviderSemantics } from '../../src/core/resolution.ts';
import type { Clock, Provider } from '../../src/gateway/ports.ts';
import { Resolver } from '../../src/gateway/resolve.ts';
import { eventually } from '../support/eventually.ts';
import { GatewayWorld, idIn, type WorldProcess } from '../support/gateway-world.ts';
import { type FaultStage, type Story, startStage, told } from './fault-stage.ts';

/**
 * A provider forgets idempotency keys after a time; the same request under the same key is a new payment then (T13). It
 * must not be repeated any more, whatever the clocks say; only inquiries, events and persons may tell what became of it.
 */

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** What the clocks of two machines may differ by. */
const SKEW_MS = 10 * MINUTE_MS;

/** One attempt that hangs, after which nothing can be found out but by repeats, which are turned away. */
class Unknown {
  readonly world: GatewayWorld;
  /** True age of the request at each repeat of it, milliseconds. */
  readonly repeats: number[] = [];
  #sentAtMs: number | null = null;
  id = '';

  constructor(semantics: Partial<ProviderSemantics>) {
    this.world = new GatewayWorld({
      script: { 'sandbox-a': ['hang_processed'] },
      provider: { semantics: { replay: 'same_answer', inquiry: 'none', ...semantics } },
    });
  }

  /** A process that repeats through a provider which answers no repeat. @param skewMs how wrong its wall clock is */
  process(skewMs = 0): WorldProcess {
    const { clock, providers } = this.world;
    const { deps } = this.world.process();
    const skewed: Clock = {
      monotonicMs: () => clock.monotonicMs(),
      wallMs: () => clock.wallMs() + skewMs,
      after: (delayMs, action) => clock.after(delayMs, action),
    };
    const own = {
      ...deps,
      clock: skewed,
      provider: (id: string) => this.#watched(providers.get(id)),
    };
    return { deps: own, resolver: new Resolver(own) };
  }

  #watched(provider: Provider | undefined): Provider | undefined {
    if (provider === undefined) return undefined;
    return new Proxy(provider, {
      get: (target, property) => {
        const value: unknown = Reflect.get(target, property, target);
        if (property !== 'authorize') return typeof value === 'function' ? value.bind(target) : value;
        return (call: Parameters<Provider['authorize']>[0]) => {
          const nowMs = this.world.clock.monotonicMs();
          if (this.#sentAtMs === null) {
            this.#sentAtMs = nowMs;
            return target.authorize(call);
          }
          this.repeats.push(nowMs - this.#sentAtMs);
          return Promise.resolve({ kind: 'unknown', code: 'timeout', providerReference: null });
        };
      },
    });
  }

  async begin(process: WorldProcess): Promise<void> {
    const result = await this.world.authorize(process);
    expect(result).toMatchObject({ kind: 'answered', httpStatus: 202 });
    this.id = idIn(result);
    expect(this.repeats).toEqual([]);
  }

  /** Lets a process look a hundred times in the time. */
  async looks(process: WorldProcess, overMs: number): Promise<void> {
    for (let count = 0; count < 100; count += 1) {
      await this.world.clock.advance(overMs / 100);
      await this.world.look(process);
    }
  }

  /** Lets time pass in which no process looks. */
  sleep(ms: number): Promise<void> {
    return this.world.clock.advance(ms);
  }

  /** Nothing has been found out; then a person does, and it stands once. */
  async closedByPerson(process: WorldProcess): Promise<void> {
    const before = await this.world.get(this.id);
    expect([before.status, before.attempts.length]).toEqual(['pending', 1]);
    await this.world.resolveByPerson(process, {
      attemptId: before.attempts[0]?.id ?? '',
      resolution: 'approved',
    });
    expect((await this.world.get(this.id)).status).toBe('approved');
    expect(this.world.live()).toMatchObject([{ attemptId: before.attempts[0]?.id }]);
  }
}

describe('T13: on a fake clock', () => {
  test('T13: looked at all along: repeated while the key is known for certain, then never again', async () => {
    const lifetimeMs = 24 * HOUR_MS;
    const unknown = new Unknown({ keyLifetimeMs: lifetimeMs });
    const process = unknown.process();
    await unknown.begin(process);
    await unknown.looks(process, 49 * HOUR_MS);
    expect(unknown.repeats.length).toBeGreaterThan(10);
    expect(Math.max(...unknown.repeats)).toBeLessThan(lifetimeMs - SKEW_MS);
    await unknown.closedByPerson(process);
  });

  const LIFETIMES = [
    ['24 h', 24 * HOUR_MS],
    ['1 h', HOUR_MS],
    ['30 min', 30 * MINUTE_MS],
    ['15 min', 15 * MINUTE_MS],
    ['1 min', MINUTE_MS],
  ] as const;
  const SKEWS = [
    ['a right clock', 0],
    ['a clock that is ten minutes behind', -SKEW_MS],
    ['a clock that is ten minutes ahead', SKEW_MS],
  ] as const;
  const FIRST_LOOKS = LIFETIMES.flatMap(([lifetime, lifetimeMs]) =>
    SKEWS.map(([skew, skewMs]) => ({ lifetime, lifetimeMs, skew, skewMs })),
  );
  test.each(FIRST_LOOKS)(
    'T13: keys live $lifetime, and another process with $skew looks first thereafter: no repeat',
    async ({ lifetimeMs, skewMs }) => {
      const unknown = new Unknown({ keyLifetimeMs: lifetimeMs });
      await unknown.begin(unknown.process());
      await unknown.sleep(lifetimeMs + 1_000);
      const other = unknown.process(skewMs);
      await unknown.looks(other, 2 * HOUR_MS);
      expect(unknown.repeats).toEqual([]);
      expect(unknown.world.told.resolved.join()).toContain('attempt inquiry no_way_to_ask');
      await unknown.closedByPerson(other);
    },
  );

  const JUMPS = [
    ['25 h ahead', 25 * HOUR_MS],
    ['25 h back', -25 * HOUR_MS],
    ['a week back', -7 * 24 * HOUR_MS],
  ] as const;
  test.each(JUMPS)('T13: the wall clock jumps %s: no repeat from then on', async (_, jumpMs) => {
    const unknown = new Unknown({ keyLifetimeMs: 24 * HOUR_MS });
    const process = unknown.process();
    await unknown.begin(process);
    unknown.world.clock.jumpWall(jumpMs);
    await unknown.looks(process, 30 * HOUR_MS);
    expect(unknown.repeats).toEqual([]);
    unknown.world.clock.jumpWall(-jumpMs);
    await unknown.looks(process, HOUR_MS);
    expect(unknown.repeats).toEqual([]);
    await unknown.closedByPerson(process);
  });

  test('T13: the wall clock is set back within the lifetime: the own monotonic clock still counts', async () => {
    const lifetimeMs = 24 * HOUR_MS;
    const unknown = new Unknown({ keyLifetimeMs: lifetimeMs });
    const process = unknown.process();
    await unknown.begin(process);
    await unknown.looks(process, 6 * HOUR_MS);
    const before = unknown.repeats.length;
    expect(before).toBeGreaterThan(3);
    unknown.world.clock.jumpWall(-5 * HOUR_MS);
    await unknown.looks(process, 48 * HOUR_MS);
    expect(Math.max(...unknown.repeats)).toBeLessThan(lifetimeMs);
    await unknown.closedByPerson(process);
  });

  test('T13: where there is an inquiry, it tells after 25 h, and nothing is repeated', async () => {
    const unknown = new Unknown({ keyLifetimeMs: 24 * HOUR_MS, inquiry: 'our_reference' });
    let silent = true;
    const down: WorldProcess = unknown.process();
    const world = unknown.world;
    const deps = {
      ...down.deps,
      provider: (id: string) => {
        const provider = down.deps.provider(id);
        return provider === undefined || !silent ? provider : unanswering(provider);
      },
    };
    const process = { deps, resolver: new Resolver(deps) };
    await unknown.begin(process);
    await unknown.looks(process, 25 * HOUR_MS);
    expect((await world.get(unknown.id)).status).toBe('pending');
    silent = false;
    await unknown.looks(process, 2 * HOUR_MS);
    expect((await world.get(unknown.id)).status).toBe('approved');
    expect(unknown.repeats).toEqual([]);
    expect(world.live()).toHaveLength(1);
  });
});

/** The same provider while it answers no inquiry. */
function unanswering(provider: Provider): Provider {
  return new Proxy(provider, {
    get: (target, property) =>
      property === 'inquire'
        ? () => Promise.resolve({ kind: 'no_answer', code: 'timeout' })
        : (Reflect.get(target, property, target) as unknown),
  });
}

const LIFETIME_MS = 1_000;
const CUTS: readonly (Story & {
  readonly title: string;
  readonly holdMs: number;
  readonly told: readonly unknown[];
  readonly asked: number;
})[] = [
  {
    name: 'within',
    title: 'long before the end of the key: repeated',
    holdMs: 100,
    semantics: { key_lifetime_ms: 60_000 },
    traits: { key_lifetime_ms: 60_000 },
    told: [201, 'approved', 'first approved'],
    asked: 2,
  },
  {
    name: 'just-before',
    title: 'before the end, but the repeat might be late: asked about',
    holdMs: LIFETIME_MS - 300,
    semantics: { key_lifetime_ms: LIFETIME_MS },
    traits: { key_lifetime_ms: LIFETIME_MS },
    told: [201, 'approved', 'first approved'],
    asked: 1,
  },
  {
    name: 'after',
    title: 'after the end: asked about',
    holdMs: LIFETIME_MS + 300,
    semantics: { key_lifetime_ms: LIFETIME_MS },
    traits: { key_lifetime_ms: LIFETIME_MS },
    told: [201, 'approved', 'first approved'],
    asked: 1,
  },
  {
    name: 'after-unasked',
    title: 'after the end, and nobody can be asked: pending',
    holdMs: LIFETIME_MS + 300,
    semantics: { key_lifetime_ms: LIFETIME_MS, inquiry: 'none' },
    traits: { key_lifetime_ms: LIFETIME_MS },
    told: [202, 'pending', 'first unknown'],
    asked: 1,
  },
];

describe.concurrent('T13: through sockets', () => {
  let stage: FaultStage;
  beforeAll(async () => {
    stage = await startStage(CUTS.map((cut) => ({ ...cut, timeoutMs: 2_500, proxied: true })));
  }, 60_000);
  afterAll(async () => {
    await stage?.[Symbol.asyncDispose]();
  });

  test.each(CUTS)('T13: a connection is lost $title', async ({ name, holdMs, told: expected, asked }) => {
    stage.proxy(name).cut({ kind: 'after_provider', holdMs });
    const paid = await stage.pay(name);
    expect(told(paid)).toEqual(expected);
    if (paid.answer.status === 202) {
      await eventually('the resolver has looked at it some times', async () => {
        const labels = `{provider="${name}-a",subject="attempt",by="inquiry",result="no_way_to_ask"}`;
        const looks = await stage.gateway.metric('pointsman_resolutions_total', labels);
        return (looks ?? 0) >= 3 ? true : null;
      });
      expect((await stage.now(paid))?.status).toBe('pending');
    } else expect((await stage.end(paid)).books).toEqual([`first live x${asked}`]);
    expect(stage.books(paid.reference), 'never a second one').toMatchObject([{ live: true, asked }]);
    expect(stage.requests(name)).toEqual({ first: asked, second: 0 });
  });
});
