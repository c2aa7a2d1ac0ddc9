import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/guards/system-clock.ts';
import { RedisSharedState } from '../../../src/stores/redis/redis-shared-state.ts';
import { isMissing } from '../../support/debian-programs.ts';
import { eventually, pause } from '../../support/eventually.ts';
import { RedisServer, testIdentity, whyNoRedis } from '../../support/redis-server.ts';
import { routingFacts } from '../../support/routing-facts.ts';
import { sampleContract } from '../../support/sample-ruleset.ts';
import { startSharingProcess } from './sharing-process.ts';

const NO_REDIS = isMissing('what others write to Redis', whyNoRedis());

const PROVIDERS = ['psp-a', 'psp-b', 'psp-c'];
const CONTRACTS = new Map(
  PROVIDERS.map((id) => [id, sampleContract(id, { limits: { perSecond: 100, concurrent: 20 } })]),
);
const FACTS = routingFacts();
const YEAR_3000_MS = 32_503_680_000_000;
const LARGE = 'x'.repeat(10 * 1024 * 1024);
const BINARY = Buffer.from([0, 255, 254, 10, 13, 0, 128]);
/** Longer than any bound that a process believes a hint for, where the hint says that nothing works. */
const ATTACK_MS = 12_500;
/** Calls that get through to a provider, of those that are tried in turn, of which none takes less than 20 ms. */
const THROUGH = 15;
const SOON_TURNS = 50;
const LAST_TURNS = 150;

type Argument = string | number | Buffer;
/** Commands of somebody who can write, again and again. @param at now, milliseconds; @param turn from 1 */
type Forge = (prefix: string, at: number, turn: number) => readonly (readonly Argument[])[];

const ofEach = (key: (provider: string) => readonly (readonly Argument[])[]) => PROVIDERS.flatMap(key);
const bucket = (fields: (at: number) => readonly Argument[]): Forge => {
  return (prefix, at) =>
    ofEach((provider) => [['HSET', `${prefix}:{limit:${provider}}:bucket`, ...fields(at)]]);
};
const places = (fields: (at: number) => readonly Argument[]): Forge => {
  return (prefix, at) =>
    ofEach((provider) => [['HSET', `${prefix}:{limit:${provider}}:places`, ...fields(at)]]);
};
const ofWaits = (fields: (at: number) => readonly Argument[]): Forge => {
  return (prefix, at) =>
    ofEach((provider) => [['HSET', `${prefix}:{limit:${provider}}:waits`, ...fields(at)]]);
};
/** A key of another type, or what is not of any version, at every place. */
const everywhere = (command: (key: string) => readonly Argument[]): Forge => {
  return (prefix) => {
    const keys = [
      ...PROVIDERS.flatMap((provider) => [`{limit:${provider}}:bucket`, `{limit:${provider}}:places`]),
      ...PROVIDERS.map((provider) => `{limit:${provider}}:waits`),
      ...['{pods}:live', '{breakers}:votes', '{learning}:outcomes', '{learning}:snapshot'],
      ...['{learning}:snapshot-turn', '{testing}:counts', '{probe:psp-a:visa}:permit'],
    ];
    return keys.flatMap((key) => [['DEL', `${prefix}:${key}`], command(`${prefix}:${key}`)]);
  };
};
const votes = (text: (pod: string, provider: string, turn: number, at: number) => Argument): Forge => {
  return (prefix, at, turn) =>
    ofEach((provider) =>
      ['ghost-1', 'ghost-2', 'ghost-3'].map((pod) => [
        ...['ZADD', `${prefix}:{breakers}:votes`, at + 2_000],
        text(pod, provider, turn, at),
      ]),
    );
};
const stream = (fields: (turn: number, at: number) => readonly Argument[], id = '*'): Forge => {
  return (prefix, at, turn) => [['XADD', `${prefix}:{learning}:outcomes`, id, ...fields(turn, at)]];
};
const declines = JSON.stringify(
  Array.from({ length: 200 }, () => [
    ...['', 'psp-a', 'acme', '45717360', 'visa', 'DE', null, null, 'customer', 1],
    ...['declined', 'hard_decline_issuer', 50, false, ''],
  ]),
);

/** What is forged; and of how many providers it may keep the processes for as long as the attack lasts: never of all. */
const cases: readonly (readonly [what: string, forge: Forge, providersMax?: number])[] = [
  ['another type everywhere: a list', everywhere((key) => ['LPUSH', key, 'x'])],
  ['another type everywhere: a text of 10 MB', everywhere((key) => ['SET', key, LARGE])],
  ['another type everywhere: a number', everywhere((key) => ['SET', key, '9'.repeat(300)])],
  ['another type everywhere: bytes in a set', everywhere((key) => ['SADD', key, BINARY])],
  ['hashes of fields that nobody writes', everywhere((key) => ['HSET', key, BINARY, BINARY, '', ''])],
  ['limits: not numbers', bucket(() => ['calls', 'nan', 'at', 'nan', 'closed', 'nan', 'born', 'nan'])],
  ['limits: infinite', bucket(() => ['calls', '-inf', 'at', 'inf', 'closed', 'inf', 'born', 'inf'])],
  ['limits: huge numbers', bucket(() => ['calls', '-1e308', 'at', '1e308', 'closed', '1e308'])],
  ['limits: the year 3000', bucket(() => ['closed', YEAR_3000_MS, 'at', YEAR_3000_MS])],
  ['limits: closed for nine minutes', bucket((at) => ['closed', at + 540_000]), 2],
  ['limits: a bucket in debt for ever', bucket(() => ['calls', '-1000'])],
  ['limits: bytes of 10 MB', bucket(() => ['calls', LARGE, 'closed', BINARY])],
  ['places: all held by a ghost', places((at) => ['ghost', `20 ${at + 2_500}`])],
  ['places: huge numbers', places((at) => ['ghost', `${'9'.repeat(30)} ${at + 2_500}`, ':born', '1e308'])],
  [
    'waits: of a ghost that always waits longest',
    ofWaits((at) => ['ghost', `1 ${at}`, 'b', `${at + 100_000} ${at}`]),
  ],
  [
    'waits: bytes, huge numbers and missing parts',
    ofWaits(() => ['a', BINARY, 'b', '', 'c', '9e999 1', 'd', LARGE]),
  ],
  ['places: bytes and missing parts', places(() => ['a', BINARY, 'b', '', 'c', '5', ':born', 'nan'])],
  [
    'votes: of another version',
    votes((pod, provider, turn) => JSON.stringify([pod, provider, 'visa', turn])),
  ],
  [
    'votes: with a seal that is none',
    votes((pod, provider, turn, at) => JSON.stringify([pod, provider, 'visa', turn, at, 'x'.repeat(22)])),
  ],
  ['votes: bytes', votes(() => BINARY)],
  ['votes: missing fields', votes((pod) => JSON.stringify([pod]))],
  ['votes: 10 MB', votes((pod, provider) => (provider === 'psp-a' ? LARGE : pod))],
  [
    'processes: three hundred that there are not',
    (prefix, at) => [
      [
        ...['ZADD', `${prefix}:{pods}:live`],
        ...Array.from({ length: 300 }, (_, index) => [at - 10, `ghost-${index}`]).flat(),
      ],
    ],
  ],
  [
    'processes: three hundred that fell silent',
    (prefix, at) => [
      [
        ...['ZADD', `${prefix}:{pods}:live`],
        ...Array.from({ length: 300 }, (_, index) => [at - 20_000, `ghost-${index}`]).flat(),
      ],
    ],
  ],
  ['processes: the year 3000', (prefix) => [['ZADD', `${prefix}:{pods}:live`, YEAR_3000_MS, 'ghost']]],
  ['processes: bytes and 10 MB', (prefix, at) => [['ZADD', `${prefix}:{pods}:live`, at, BINARY, at, LARGE]]],
  [
    'outcomes: declines of another version',
    stream((turn) => ['pod', 'ghost', 'number', turn, 'outcomes', declines]),
  ],
  [
    'outcomes: with a seal that is none',
    stream((turn, at) => [
      'pod',
      'ghost',
      'number',
      turn,
      'at',
      at,
      'seal',
      'x'.repeat(22),
      'outcomes',
      declines,
    ]),
  ],
  ['outcomes: missing fields', stream(() => ['pod', 'ghost'])],
  ['outcomes: 10 MB', stream(() => ['pod', BINARY, 'outcomes', LARGE])],
  ['outcomes: at the end of time', stream((turn) => ['number', turn], '18446744073709551614-*')],
  [
    'a turn without an end, and a copy that is none',
    (prefix) => [
      ['SET', `${prefix}:{learning}:snapshot-turn`, 'ghost'],
      ['SET', `${prefix}:{learning}:snapshot`, JSON.stringify({ name: 'x', chunks: 1, about: 'x' })],
      ['SET', `${prefix}:{learning}:snapshot:x:0`, LARGE],
    ],
  ],
  [
    'card testing: rows of a ghost',
    (prefix, at) => [
      ['HSET', `${prefix}:{testing}:counts`, 'ghost', `${at} ["ghost",${at},[["x",100,100,60000]],"x"]`],
      ['HSET', `${prefix}:{testing}:counts`, BINARY, BINARY, 'large', LARGE],
    ],
  ],
  [
    'messages: of nobody, and 10 MB',
    (prefix, _at, turn) => [
      ['PUBLISH', `${prefix}:changes`, JSON.stringify({ pod: 'ghost', kind: 'rulesets' })],
      ['PUBLISH', `${prefix}:changes`, turn % 10 === 0 ? LARGE : BINARY],
    ],
  ],
];

const forged = cases.map(([what, forge, providersMax = 0]) => ({ what, forge, providersMax }));

async function startPod(server: RedisServer, journal: string, pod: string) {
  const refused: string[] = [];
  const onRefused = (key: string, reason: string) => refused.push(`${key} ${reason}`);
  const { target } = server;
  const state = new RedisSharedState({
    ...{ target, identity: testIdentity(journal), pod, clock: systemClock, timeoutMs: 1_000, onRefused },
  });
  const process = await startSharingProcess(state, CONTRACTS, { refused: onRefused });
  let changes = 0;
  state.onChange(() => {
    changes += 1;
  });
  return { ...process, refused, changes: () => changes };
}

describe.skipIf(NO_REDIS)('what anybody writes to Redis', () => {
  let server: RedisServer;
  let anybody: Redis;
  beforeAll(async () => {
    server = await RedisServer.start();
    anybody = new Redis(server.port, '127.0.0.1');
  });
  afterAll(async () => {
    anybody?.disconnect();
    await server?.stop();
  });

  const stateOf = (journal: string, refused: string[] = []) =>
    new RedisSharedState({
      ...{ target: server.target, identity: testIdentity(journal), pod: 'a', clock: systemClock },
      ...{ timeoutMs: 1_000, onRefused: (key: string, reason: string) => refused.push(`${key} ${reason}`) },
    });

  it('answers about a limit that is closed until a fraction of a millisecond', async () => {
    const state = stateOf('fractions');
    try {
      await eventually('it answers', () => state.beat().catch(() => null));
      const closed = `${Date.now() + 5_000}.5`;
      await anybody.hset(`${testIdentity('fractions').prefix}:{limit:psp-a}:bucket`, 'closed', closed);
      const lease = await state.exchangeLimit({
        ...{ provider: 'psp-a', perSecond: 10, burst: 10, calls: 1, callsShare: 10, owed: 0, closeForMs: 0 },
        ...{ concurrent: 1, places: 1, placesInUse: 0, placesShare: 1 },
      });
      expect(lease.closedForMs).toBeGreaterThan(4_000);
    } finally {
      await state.close();
    }
  });

  it('goes by places of processes of the version before, and leaves its own in their form', async () => {
    const state = stateOf('two versions');
    const key = `${testIdentity('two versions').prefix}:{limit:psp-a}:places`;
    const ask = {
      ...{ provider: 'psp-a', perSecond: 1, burst: 1, calls: 1, callsShare: 0.5, owed: 0, closeForMs: 0 },
      ...{ concurrent: 10, places: 10, placesInUse: 0, placesShare: 10 },
    };
    try {
      await eventually('it answers', () => state.beat().catch(() => null));
      await anybody.hset(key, 'before', `7 ${Date.now() + 2_500}`);
      const lease = await state.exchangeLimit(ask);
      expect(lease).toMatchObject({ calls: 0, places: 3 });
      expect(await anybody.hget(key, 'before')).toMatch(/^7 \d+$/);
      expect(await anybody.hget(key, 'a')).toMatch(/^3 \d+$/);
    } finally {
      await state.close();
    }
  });

  it.each([
    ['taken back by whoever wrote it', 'x'],
    ['thrown away as too long', 'x'.repeat(600 * 1024)],
  ])('appends after the last position that there can be, %s', async (what, text) => {
    const refused: string[] = [];
    const state = stateOf(what, refused);
    const stream = `${testIdentity(what).prefix}:{learning}:outcomes`;
    const last = '18446744073709551615-18446744073709551615';
    try {
      await eventually('it answers', () => state.beat().catch(() => null));
      await anybody.xadd(stream, last, 'text', text);
      if (text.length === 1) await anybody.xdel(stream, last);
      else await state.readOutcomes('0-1', 10);
      await state.appendOutcomes(1, '[]');
      expect((await state.readOutcomes('0-1', 10)).batches).toMatchObject([{ pod: 'a', number: 1 }]);
      expect(refused).toContain('outcomes future');
    } finally {
      await state.close();
    }
  });

  it('reads again after a position that was the last that there can be', async () => {
    const refused: string[] = [];
    const state = stateOf('the last position', refused);
    const stream = `${testIdentity('the last position').prefix}:{learning}:outcomes`;
    const last = '18446744073709551615-18446744073709551615';
    try {
      await eventually('it answers', () => state.beat().catch(() => null));
      await anybody.xadd(stream, last, 'text', 'x');
      // Nobody begins there.
      expect(await state.readOutcomes(null, 10)).toEqual({ batches: [], end: null });
      expect(refused).toContain('outcomes future');
      await anybody.xadd(stream, last, 'text', 'x');
      expect(await state.readOutcomes('0-1', 10)).toEqual({ batches: [], end: null });
      await state.appendOutcomes(1, '[]');
      const { batches, end } = await state.readOutcomes(last, 10);
      expect(batches).toEqual([]);
      expect(end).toMatch(/^\d{13}-0$/);
    } finally {
      await state.close();
    }
  });

  /** Every journal has keys of its own there: all attacks run beside each other. */
  it.concurrent.each(forged)(
    'takes no provider that works from any process: $what',
    async ({ what, forge, providersMax }) => {
      const pods = [await startPod(server, what, 'a'), await startPod(server, what, 'b')];
      const areUp = () => pods.every(({ up }) => up.size === 5 && [...up.values()].every(Boolean));
      try {
        await eventually('both share', () => areUp() || null, { withinMs: 20_000 });
        const { prefix } = testIdentity(what);
        const admitted = () => pods.map((pod) => PROVIDERS.filter((provider) => pod.call(provider)).length);
        const startedMs = performance.now();
        const attack = async (turn: number) => {
          const commands = forge(prefix, Date.now(), turn);
          // Large ones are slow for whoever sends them, too.
          if (turn % 50 !== 1 && commands.some((command) => command.includes(LARGE))) return;
          for (const [name = '', ...args] of commands) {
            await anybody.call(String(name), ...args).catch(() => {});
          }
        };
        let turn = 1;
        for (; performance.now() - startedMs < ATTACK_MS; turn += 1) {
          await attack(turn);
          admitted();
          await pause(20);
        }
        // It is not over yet: each process gets calls through to each provider, and soon. Where the machine is busy, answers
        // of the store take as long as blocks of calls last, and fewer of the tries find a call at hand.
        const counts = pods.map(() => PROVIDERS.map(() => 0));
        const isThrough = () => counts.every((of) => of.every((calls) => calls >= THROUGH));
        const [soon, last] = [turn + SOON_TURNS, turn + LAST_TURNS];
        for (; turn < soon || (turn < last && !isThrough()); turn += 1) {
          await attack(turn);
          for (const [index, pod] of pods.entries()) {
            for (const [place, provider] of PROVIDERS.entries()) {
              const of = counts[index];
              if (pod.call(provider) && of !== undefined) of[place] = (of[place] ?? 0) + 1;
            }
          }
          await pause(20);
        }
        for (const of of counts) {
          const kept = of.filter((calls) => calls < THROUGH).length;
          expect(
            kept,
            JSON.stringify({ turn, counts, told: pods.map(({ refused }) => [...new Set(refused)]) }),
          ).toBeLessThanOrEqual(providersMax);
        }
        expect(pods.flatMap(({ refused }) => refused).length).toBeGreaterThan(0);
        for (const { lanes, learner, changes } of pods) {
          const closed = lanes
            .snapshot()
            .flatMap(({ lanes: all }) => all.filter(({ circuit }) => circuit !== 'closed'));
          expect(closed).toEqual([]);
          expect(learner.approval('psp-a', FACTS, { name: '', later: false }).n).toBe(0);
          expect(changes()).toBeLessThanOrEqual(10);
        }
        await eventually('all functions work once it is over', () => areUp() || null, { withinMs: 10_000 });
      } finally {
        for (const pod of pods) await pod.close();
      }
    },
    120_000,
  );
});
