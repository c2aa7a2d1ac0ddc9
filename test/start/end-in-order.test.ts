import { describe, expect, it } from 'vitest';
import type { EdgeServer } from '../../src/edge/server.ts';
import { Gateway } from '../../src/gateway/gateway.ts';
import type { Replays } from '../../src/gateway/replays.ts';
import type { SharedLook } from '../../src/gateway/shared-look.ts';
import { endInOrder, endsWithinMs } from '../../src/start/end-in-order.ts';
import type { Parts } from '../../src/start/parts.ts';
import { StoredJournal } from '../../src/stores/stored-journal.ts';
import { GatewayWorld } from '../support/gateway-world.ts';
import { hangingJournal } from '../support/hanging-journal.ts';
import { sampleCommand } from '../support/sample-request.ts';

const DRAIN_MS = 20_000;
/** Every call of a journal. */
const ALL = Object.getOwnPropertyNames(StoredJournal.prototype);

const never = () => new Promise<never>(() => {});
const atOnce = async () => {};

/** A process on a fake clock, whose parts close at once or never, and what it logs. */
async function stage(close: () => Promise<void>) {
  const world = new GatewayWorld({ latencyMs: 1_500 });
  const { hanging, hang, letGo } = hangingJournal(world.journal);
  const stop = new AbortController();
  const alerts: string[] = [];
  const { deps: plain } = world.process();
  const deps = {
    ...plain,
    journal: hanging,
    stopSignal: stop.signal,
    observer: { ...plain.observer, alert: ({ kind }: { kind: string }) => void alerts.push(kind) },
  };
  const gateway = new Gateway(deps);
  await gateway.start();
  const { clock } = world;
  const lines: string[] = [];
  const log = (event: string, fields: object = {}) =>
    void lines.push('part' in fields ? `${event} ${fields.part}` : event);
  const closing = { close, stop: close };
  const ended: string[] = [];
  const parts = {
    log: { info: log, warn: log },
    settings: { drainTimeoutMs: DRAIN_MS },
    sandbox: null,
    rules: {
      close() {
        ended.push('rules');
        return close();
      },
    },
    ruleThreads: { checks: { stop: () => ended.push('checks') }, own: { stop: () => ended.push('own') } },
    learnerFiles: [closing],
    tracing: closing,
    shared: { learning: closing, sharing: closing },
    journal: closing,
    registry: { close() {} },
    eventSender: { close() {} },
    lanes: { close() {} },
  } as unknown as Parts;
  const server = {
    drain: (graceMs: number) =>
      new Promise((resolve) => {
        clock.after(graceMs, () => {
          ended.push('drained');
          resolve(0);
        });
      }),
  } as unknown as EdgeServer;
  const end = async () => {
    const fromMs = clock.monotonicMs();
    let tookMs = Number.NaN;
    const ending = endInOrder('SIGTERM', {
      parts,
      clock,
      gateway,
      replays: { stop() {} } as unknown as Replays,
      server,
      sharedLook: closing as unknown as SharedLook,
      stop,
      endLoops() {},
    }).then(() => {
      tookMs = clock.monotonicMs() - fromMs;
    });
    await clock.advance(10 * 60_000);
    await ending;
    return tookMs;
  };
  const authorize = () => gateway.authorize(sampleCommand({ receivedAtMs: clock.monotonicMs() }));
  return { clock, hang, letGo, end, authorize, lines, ended, alerts };
}

describe('a process that ends', () => {
  it('is over within the time that is told of it, however its journal and its other parts hang', async () => {
    const { clock, hang, end, authorize, lines, alerts } = await stage(never);
    const answering = authorize();
    await clock.advance(100);
    hang(ALL);
    // Its loops have begun what does not come back.
    await clock.advance(2_000);
    expect(await end()).toBeLessThanOrEqual(endsWithinMs(DRAIN_MS));
    expect(lines).toEqual([
      'draining',
      'left_open gateway',
      'left_open learning',
      'left_open journal',
      'left_open shared_state',
      'stopped',
    ]);
    expect(alerts).toContain('unrecorded_left');
    expect(await answering).toMatchObject({ kind: 'answered', httpStatus: 202 });
  });

  it('reads the rules that it goes by until its callers are answered, so that good ones are not taken for refused', async () => {
    const { end, ended } = await stage(atOnce);
    await end();
    expect(ended).toEqual(['checks', 'drained', 'rules', 'own']);
  });

  it('is over with its answers where nothing hangs', async () => {
    const { end, lines } = await stage(atOnce);
    // The server of this test takes all of its time.
    expect(await end()).toBeLessThanOrEqual(DRAIN_MS + 2_000);
    expect(lines).toEqual(['draining', 'stopped']);
  });
});
