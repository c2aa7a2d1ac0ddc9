import { describe, expect, it, onTestFinished } from 'vitest';
import { authorizationBody } from '../../src/sandbox/request-bodies.ts';
import { World, type WorldBody, worldBody } from '../../src/sandbox/world.ts';
import { startSandbox } from '../support/start-sandbox.ts';
import { authorization, authorize, eventually, glance, send } from './sandbox-client.ts';

const START_MS = Date.UTC(2026, 10, 23, 10);
const HOUR_MS = 3_600_000;

const worldOf = (body: WorldBody) => new World(worldBody.parse(body), START_MS);
const payment = (reference: string, changes: Record<string, unknown> = {}) =>
  authorizationBody.parse(authorization(reference, changes));

/** Share of approvals and the decline codes over `n` payments. */
function sample(
  world: World,
  changes: Record<string, unknown> = {},
  nowMs = START_MS,
  provider = 'sandbox-a',
  n = 4000,
) {
  const codes = new Map<string, number>();
  let approved = 0;
  for (let number = 0; number < n; number += 1) {
    const verdict = world.verdict(provider, payment(`att-${number}`, changes), nowMs);
    if (verdict.kind === 'authorized') approved += 1;
    else if (verdict.kind === 'declined') {
      const code = verdict.decline.network_code ?? '';
      codes.set(code, (codes.get(code) ?? 0) + 1);
    }
  }
  return { share: approved / n, codes, declined: n - approved };
}

/**
 * Five standard deviations of a share over 4000 draws: fails once in a million, and the seed is fixed anyway.
 */
const near = (p: number) => 5 * Math.sqrt((p * (1 - p)) / 4000);

describe('a world', () => {
  it('approves everything when it says nothing about approval', () => {
    expect(sample(worldOf({})).share).toBe(1);
  });

  const shares: readonly [name: string, world: WorldBody, changes: Record<string, unknown>, p: number][] = [
    ['for all', { approval: 0.9 }, {}, 0.9],
    ['by provider', { approval: 0.9, providers: { 'sandbox-a': { approval: 0.6 } } }, {}, 0.6],
    ['by brand', { approval: 0.8, by_brand: { amex: -0.3 } }, { brand: 'amex' }, 0.5],
    ['by another brand', { approval: 0.8, by_brand: { amex: -0.3 } }, {}, 0.8],
    ['by the longest BIN prefix', { approval: 0.8, by_bin_prefix: { '4': -0.5, '4571': 0.1 } }, {}, 0.9],
    ['without a BIN', { approval: 0.8, by_bin_prefix: { '4': -0.5 } }, { bin: null }, 0.8],
    ['by hour', { approval: 0.8, by_hour_utc: { '10': -0.2, '11': 0.2 } }, {}, 0.6],
    ['never below nothing', { approval: 0.1, by_brand: { visa: -0.9 } }, {}, 0],
    ['never above all', { approval: 0.9, by_brand: { visa: 0.9 } }, {}, 1],
  ];
  it.each(shares)('approves with its probability: %s', (_, world, changes, p) => {
    expect(Math.abs(sample(worldOf({ seed: 7, ...world }), changes).share - p)).toBeLessThanOrEqual(near(p));
  });

  it('declines with its mix of codes', () => {
    const { codes, declined } = sample(worldOf({ approval: 0, declines: { '51': 3, '05': 1 } }));
    expect(Math.abs((codes.get('51') ?? 0) / declined - 0.75)).toBeLessThan(near(0.75));
    expect([...codes.keys()].toSorted()).toEqual(['05', '51']);
    const usual = sample(worldOf({ approval: 0 }));
    expect(Math.abs((usual.codes.get('51') ?? 0) / usual.declined - 0.4)).toBeLessThan(near(0.4));
    expect(usual.codes.size).toBe(9);
  });

  it('says the same again, in any order, and something else for another seed', () => {
    const world: WorldBody = { approval: 0.5, latency: { p50_ms: 50 } };
    const references = Array.from({ length: 300 }, (_, number) => `att-${number}`);
    const tell = (seed: number, order: readonly string[]) => {
      const one = worldOf({ ...world, seed });
      const told = order.map((reference) => [
        reference,
        JSON.stringify(one.verdict('sandbox-a', payment(reference), START_MS)),
        one.latencyMs('sandbox-a', reference),
      ]);
      return told.toSorted();
    };
    expect(tell(1, references.toReversed())).toEqual(tell(1, references));
    expect(tell(2, references)).not.toEqual(tell(1, references));
  });

  it('judges providers apart', () => {
    const world = worldOf({ approval: 0.5 });
    const both = Array.from({ length: 2000 }, (_, number) => {
      const body = payment(`att-${number}`);
      const kinds = ['sandbox-a', 'sandbox-b'].map((id) => world.verdict(id, body, START_MS).kind);
      return kinds[0] === kinds[1];
    }).filter(Boolean).length;
    // Two fair coins agree half of the time: 1000 of 2000, 22 standard deviation.
    expect(both).toBeGreaterThan(890);
    expect(both).toBeLessThan(1110);
  });

  it('takes as long as its lognormal distribution says, capped', () => {
    const world = worldOf({ latency: { p50_ms: 80, p95_ms: 200, max_ms: 400 } });
    const times = Array.from({ length: 4000 }, (_, number) => world.latencyMs('sandbox-a', `att-${number}`));
    const sorted = times.toSorted((left, right) => left - right);
    expect(sorted[2000]).toBeGreaterThan(75);
    expect(sorted[2000]).toBeLessThan(85);
    expect(sorted[3800]).toBeGreaterThan(180);
    expect(sorted[3800]).toBeLessThan(220);
    expect(sorted.at(-1)).toBe(400);
  });

  it('answers at once with a median of 0, and within 5 to 30 ms without a word about it', () => {
    expect(worldOf({ latency: { p50_ms: 0 } }).latencyMs('sandbox-a', 'att')).toBe(0);
    const times = Array.from({ length: 500 }, (_, number) => worldOf({}).latencyMs('sandbox-a', `${number}`));
    expect(Math.min(...times)).toBe(5);
    expect(Math.max(...times)).toBe(30);
  });

  it('has outages of a share of the requests, within their window', () => {
    const outage = { provider: 'sandbox-a', from_ms: 1000, for_ms: 500, kind: 'error', share: 0.4 } as const;
    const world = worldOf({ outages: [{ ...outage, status: 503 }] });
    const struck = (nowMs: number, provider = 'sandbox-a') =>
      Array.from({ length: 4000 }, (_, number) =>
        world.outage(provider, 'authorize', `att-${number}`, nowMs),
      ).filter((strike) => strike !== null);
    expect(struck(START_MS + 999)).toEqual([]);
    expect(Math.abs(struck(START_MS + 1000).length / 4000 - 0.4)).toBeLessThan(near(0.4));
    expect(struck(START_MS + 1499)).toEqual(struck(START_MS + 1000));
    expect(struck(START_MS + 1500)).toEqual([]);
    expect(struck(START_MS + 1000, 'sandbox-b')).toEqual([]);
    expect(world.outage('sandbox-a', 'inquire', 'att-1', START_MS + 1000)).toBeNull();
    expect(struck(START_MS + 1000)[0]).toMatchObject({ kind: 'error', status: 503, processed: false });
  });

  it('has issuers that are down at every provider', () => {
    const world = worldOf({
      issuer_outages: [{ bin_prefix: '4571', from_ms: 0, for_ms: HOUR_MS, share: 0.5 }],
    });
    for (const provider of ['sandbox-a', 'sandbox-b']) {
      const down = sample(world, {}, START_MS, provider);
      expect(Math.abs(down.share - 0.5)).toBeLessThan(near(0.5));
      expect([...down.codes.keys()]).toEqual(['91']);
    }
    expect(sample(world, { bin: '400000' }).share).toBe(1);
    expect(sample(world, {}, START_MS + HOUR_MS).share).toBe(1);
  });

  const wrong: readonly [body: unknown, path: string][] = [
    [{ approval: 1.1 }, 'approval'],
    [{ aproval: 0.9 }, ''],
    [{ by_hour_utc: { '24': 0.1 } }, 'by_hour_utc.24'],
    [{ by_bin_prefix: { '45x': 0.1 } }, 'by_bin_prefix.45x'],
    [{ latency: { p50_ms: 100, p95_ms: 50 } }, 'latency.p95_ms'],
    [{ declines: { '51': 0 } }, 'declines.51'],
    [{ outages: [{ provider: 'a', from_ms: 0, for_ms: 1, kind: 'refuse', share: 0.5 }] }, 'outages.0.share'],
  ];
  it.each(wrong)('refuses %j', (body, path) => {
    const parsed = worldBody.safeParse(body);
    expect(parsed.error?.issues.map((issue) => issue.path.join('.'))).toEqual([path]);
  });
});

describe('a world in the running sandbox', () => {
  it('holds on the wire, below magic tokens, until it is removed', async () => {
    const sandbox = await startSandbox();
    onTestFinished(() => sandbox.close());
    await sandbox.setWorld({ approval: 0, declines: { '62': 1 } });
    expect(glance(await authorize(sandbox, 'one'))).toBe('200 declined');
    expect(sandbox.ledger().authorizations[0]?.decline?.code).toBe('issuer_62');
    expect(glance(await authorize(sandbox, 'two', { token: 'tok_partial_50' }))).toBe(
      '200 partially_authorized',
    );
    expect(await sandbox.control('GET', '/world')).toMatchObject({ world: { seed: '1', approval: 0 } });
    await sandbox.control('DELETE', '/world');
    expect(await sandbox.control('GET', '/world')).toEqual({ world: null });
    expect(glance(await authorize(sandbox, 'three'))).toBe('200 authorized');
  });

  it('takes outages by the clock: errors, and a port that closes and opens', async () => {
    let nowMs = START_MS;
    const sandbox = await startSandbox(['sandbox-a'], { now: () => nowMs });
    onTestFinished(() => sandbox.close());
    await sandbox.setWorld({
      outages: [{ provider: '*', from_ms: HOUR_MS, for_ms: HOUR_MS, kind: 'error', processed: true }],
    });
    expect(glance(await authorize(sandbox, 'before'))).toBe('200 authorized');
    nowMs += HOUR_MS;
    expect(glance(await authorize(sandbox, 'during'))).toBe('500 provider_error');
    nowMs += HOUR_MS;
    expect(glance(await authorize(sandbox, 'after'))).toBe('200 authorized');
    expect(sandbox.liveAuthorizations()).toHaveLength(3);
  });

  it('closes a port on schedule', async () => {
    const sandbox = await startSandbox();
    onTestFinished(() => sandbox.close());
    await sandbox.setWorld({
      outages: [{ provider: 'sandbox-a', from_ms: 400, for_ms: 600, kind: 'refuse' }],
    });
    const knock = async () =>
      glance(await send(sandbox.url('sandbox-a'), { method: 'GET', path: '/healthz' }));
    expect(await knock()).toBe('200 ok');
    await eventually(knock).toBe('ECONNREFUSED');
    await eventually(knock).toBe('200 ok');
  });
});
