import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Authorization } from '../../src/core/authorization.ts';
import type { ClaimRecord, ClaimScope, Journal } from '../../src/gateway/ports.ts';
import { Resolver } from '../../src/gateway/resolve.ts';
import type { FakeClock } from '../support/fake-clock.ts';
import { faultyJournal, type JournalFault } from '../support/faulty-journal.ts';
import { GatewayWorld, idIn, type WorldProcess } from '../support/gateway-world.ts';
import { launchGateway } from '../support/start-gateway.ts';
import { bookOf, isMoney, looks, ROADS, type SampleRoad, sentOf } from './sample-roads.ts';

/**
 * A journal that cannot be written, loses confirmations, or answers from some time ago (T15). A disk that is full while
 * the gateway runs is `test/road/journal-full.full.test.ts`.
 */

describe('T15: a folder that no journal can be kept in', () => {
  const FOLDERS = [
    {
      title: 'a file stands in its place',
      make: (root: string) => {
        writeFileSync(join(root, 'data'), 'not a folder');
        return join(root, 'data');
      },
    },
    {
      title: 'a file stands in its way',
      make: (root: string) => {
        writeFileSync(join(root, 'data'), 'not a folder');
        return join(root, 'data', 'below');
      },
    },
    {
      title: 'what is in it is no database',
      make: (root: string) => {
        const data = join(root, 'data');
        mkdirSync(data);
        writeFileSync(join(data, 'journal.sqlite'), 'no database'.repeat(1000));
        return data;
      },
    },
  ] as const;

  test.concurrent.each(FOLDERS)('T15: $title: no start, and it is said why', async ({ make }) => {
    const root = mkdtempSync(join(tmpdir(), 'pointsman-broken-'));
    try {
      const folder = make(root);
      await using gateway = launchGateway({ env: { DATA_DIR: folder } });
      const { code } = await gateway.ended();
      expect(code).toBe(1);
      expect(gateway.output.events('listening')).toEqual([]);
      expect(gateway.output.errors).toMatch(/^Pointsman cannot start: /);
      expect(gateway.output.errors, 'a person can mend it: no stack').not.toMatch(/\n\s+at /);
      // What stands there is left as it was.
      expect(readdirSync(root)).toEqual(['data']);
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  });
});

/** A road whose journal fails at its writes `from` to `to`, counted from 0, and is well afterwards. */
async function withBrokenWrites(
  road: SampleRoad,
  broken: { readonly from: number; readonly to: number; readonly fault: JournalFault },
) {
  let writes = 0;
  let failed = 0;
  const faultOf = (): JournalFault => {
    const isBroken = writes >= broken.from && writes < broken.to;
    writes += 1;
    if (isBroken) failed += 1;
    return isBroken ? broken.fault : 'none';
  };
  const world = new GatewayWorld({
    script: road.script,
    ...(road.action === undefined ? {} : { action: road.action }),
    provider: { semantics: { notFoundAfterMs: 10_000 } },
    journal: (journal) => faultyJournal(journal, faultOf, () => false),
  });
  const process = world.process();
  const result = await world.authorize(process, road.request);
  return { world, process, result, writesOfRoad: () => writes, failed: () => failed };
}

/** Longer than work whose taking up was not confirmed stays under its lease. */
const LATER_MS = 240_000;
const NEVER = { from: 0, to: 0, fault: 'none' } as const;

describe('T15: writes that fail, or whose confirmation is lost', () => {
  test.each(ROADS)('T15: $title', async (road) => {
    const writes = (await withBrokenWrites(road, NEVER)).writesOfRoad();
    expect(writes).toBeGreaterThan(1);
    let injected = 0;
    for (let from = 0; from < writes; from += 1) {
      for (const fault of ['before', 'after'] as const) {
        for (const length of [1, 5]) {
          const at = `${fault} write ${from} of ${writes}, ${length} of them`;
          const broken = { from, to: from + length, fault };
          const { world, process, result, failed } = await withBrokenWrites(road, broken);
          if (from === 0) {
            expect([result.kind, sentOf(world)], at).toEqual(['journal_unavailable', 0]);
          } else if (result.kind === 'answered' && result.httpStatus === 201) {
            // Nothing final is told that is not durable.
            const { status } = await world.get(result.authorizationId);
            expect((JSON.parse(result.body) as { status: string }).status, at).toBe(status);
          } else expect(result, at).toMatchObject({ kind: 'answered', httpStatus: 202 });
          await looks(world, LATER_MS, process);
          expect(failed(), at).toBeGreaterThan(0);
          injected += failed();

          const again = await world.authorize(process, road.request);
          if (again.kind !== 'answered') throw new Error(`${at}: ${again.kind}`);
          await looks(world, LATER_MS, process);
          const end = await world.get(again.authorizationId);
          expect(['pending', 'reversing'], at).not.toContain(end.status);
          expect(world.live().length, at).toBe(isMoney(end.status) ? 1 : 0);
          expect(bookOf(world), at).toEqual({ sentTwice: [], takenTwice: [] });
          expect(process.deps.unrecorded.size, at).toBe(0);
        }
      }
    }
    expect(injected).toBeGreaterThan(4 * writes);
  });
});

const LAG_MS = 2_000;

/** The journal as whoever reads a replica sees it, which is behind; writes are the journal's own, and checked there. */
class LaggingJournal {
  readonly journal: Journal;
  /** Reads that were answered with something else than the truth. */
  stale = 0;
  readonly #clock: FakeClock;
  readonly #states = new Map<string, { readonly atMs: number; readonly state: Authorization | null }[]>();
  readonly #claims = new Map<string, { readonly atMs: number; readonly claim: ClaimRecord | null }[]>();
  readonly #scopes = new Set<ClaimScope>();

  constructor(real: Journal, clock: FakeClock) {
    this.#clock = clock;
    const noting =
      <Args extends readonly unknown[], Result>(
        write: (...args: Args) => Promise<Result>,
        idOf: (...args: Args) => string,
      ) =>
      async (...args: Args): Promise<Result> => {
        const result = await write(...args);
        await this.#note(real, idOf(...args));
        return result;
      };
    const open = noting(real.open.bind(real), ({ authorization }) => authorization.id);
    const own: Partial<Journal> = {
      open: (opening) => {
        this.#scopes.add(opening.claim);
        return open(opening);
      },
      advance: noting(real.advance.bind(real), ({ after }) => after.id),
      findAuthorization: async (id) => {
        const seen = this.#asOfThen(this.#states.get(id))?.state ?? null;
        if (seen?.version !== (await real.findAuthorization(id))?.version) this.stale += 1;
        return seen;
      },
      takeWork: async (...args) =>
        (await real.takeWork(...args)).map((item) => {
          const seen = this.#asOfThen(this.#states.get(item.authorization.id))?.state ?? item.authorization;
          if (seen.version !== item.authorization.version) this.stale += 1;
          return { ...item, authorization: seen };
        }),
      findClaim: async (scope) => {
        const seen = this.#asOfThen(this.#claims.get(JSON.stringify(scope)))?.claim ?? null;
        if (JSON.stringify(seen) !== JSON.stringify(await real.findClaim(scope))) this.stale += 1;
        return seen;
      },
    };
    this.journal = new Proxy(real, {
      get: (target, property) => {
        const value: unknown = Reflect.get(own, property) ?? Reflect.get(target, property, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }

  async #note(real: Journal, id: string): Promise<void> {
    const atMs = this.#clock.monotonicMs();
    const note = <T>(notes: Map<string, T[]>, name: string, value: T) =>
      notes.set(name, [...(notes.get(name) ?? []), value]);
    note(this.#states, id, { atMs, state: await real.findAuthorization(id) });
    for (const scope of this.#scopes) {
      note(this.#claims, JSON.stringify(scope), { atMs, claim: await real.findClaim(scope) });
    }
  }

  #asOfThen<T extends { readonly atMs: number }>(notes: readonly T[] | undefined): T | undefined {
    const thenMs = this.#clock.monotonicMs() - LAG_MS;
    return notes?.findLast(({ atMs }) => atMs <= thenMs);
  }
}

describe('T15: reads that are two seconds behind', () => {
  let stale = 0;
  test.each(ROADS)('T15: $title: callers and resolvers of two processes authorize it once', async (road) => {
    const world = new GatewayWorld({
      script: road.script,
      ...(road.action === undefined ? {} : { action: road.action }),
      provider: { semantics: { notFoundAfterMs: 10_000 } },
      latencyMs: 400,
    });
    const journal = new LaggingJournal(world.journal, world.clock);
    const processes = [0, 1].map((): WorldProcess => {
      const deps = { ...world.process().deps, journal: journal.journal };
      return { deps, resolver: new Resolver(deps) };
    });
    const [first, second] = processes as [WorldProcess, WorldProcess];
    const begun = world.begin(first, road.request);
    const kinds: string[] = [];
    // The same key and another one, and whole captures, at the other process again and again.
    for (let turn = 0; turn < 16; turn += 1) {
      await world.clock.advance(250);
      const [same, other] = [world.begin(second, road.request), world.begin(second, road.request, 'key-2')];
      kinds.push((await world.finish(same)).kind, (await world.finish(other)).kind);
      const [known] = (
        await world.journal.listAuthorizations({ account: 'acme', merchants: 'all', limit: 1 })
      ).data;
      const capturer = processes[turn % 2] ?? first;
      if (known !== undefined) {
        kinds.push((await world.operate(capturer, known.id, { kind: 'capture' }, `capture-${turn}`)).kind);
      }
      for (const process of processes) await world.look(process);
      expect(world.live().length).toBeLessThanOrEqual(1);
    }
    const id = idIn(await world.finish(begun));
    await looks(world, LATER_MS, ...processes);
    for (const [index, process] of processes.entries()) {
      await world.operate(process, id, { kind: 'capture' }, `late-capture-${index}`);
    }
    stale += journal.stale;
    const end = await world.get(id);
    const others = (
      await world.journal.listAuthorizations({ account: 'acme', merchants: 'all', limit: 10 })
    ).data.filter((each) => each.id !== id);
    // Another key may try again what did not stand, one after the other; what stands, stands once.
    const standing = [end, ...others].filter(({ status }) => isMoney(status));
    expect(world.live().length).toBe(standing.length);
    expect(standing.length).toBeLessThanOrEqual(1);
    expect([end, ...others].map(({ status }) => status)).not.toContain('pending');
    expect(bookOf(world)).toEqual({ sentTwice: [], takenTwice: [] });
    const captures = [...world.providers.values()].reduce(
      (sum, { carriedOut }) => sum + carriedOut.capture,
      0,
    );
    if (isMoney(road.status)) expect([end.status, captures, others]).toEqual(['captured', 1, []]);
    else expect(captures).toBe(standing.length);
    expect(kinds).toContain('payment_live');
    const [again, once] = [
      await world.authorize(first, road.request),
      await world.authorize(second, road.request),
    ];
    expect(again).toEqual(once);
    expect(again).toMatchObject({ kind: 'answered', httpStatus: 201, authorizationId: id, replayed: true });
  });

  test('T15: reads were behind, in all of them together', () => {
    expect(stale).toBeGreaterThan(20);
  });
});
