import { describe, expect, it } from 'vitest';
import type { AuthorizationRequest } from '../../src/core/authorization.ts';
import type { Journal } from '../../src/gateway/ports.ts';
import { recoverLapsed } from '../../src/gateway/recover.ts';
import type { AuthorizeResult } from '../../src/gateway/road-results.ts';
import type { FakeClock } from '../support/fake-clock.ts';
import { GatewayWorld, type WorldProcess } from '../support/gateway-world.ts';
import { hangingJournal } from '../support/hanging-journal.ts';
import type { ScriptStep } from '../support/scripted-provider.ts';

/** Authorizations whose journal hangs or is slow from the provider's answer on: answered in time, and charged once at most. */

const DEADLINE_MS = 2_000;
/** What the end of a road may take beyond its deadline, whatever it has to do. */
const AFTER_MS = 500;
/** Before the provider's answer, when the journal begins to fail. */
const SHORTLY_MS = 10;

const told = (result: AuthorizeResult): string =>
  result.kind === 'answered' ? `${result.httpStatus} ${JSON.parse(result.body).status}` : result.kind;

function stageOf(step: ScriptStep, latencyMs: number, keys = true) {
  const world = new GatewayWorld({
    script: { 'sandbox-a': [step] },
    latencyMs,
    action: { deadlineMs: DEADLINE_MS },
    ...(keys ? {} : { provider: { semantics: { replay: 'none' } } }),
  });
  return { world, plain: world.process() };
}

/** Authorizes. @returns the answer, and how long it took to come */
async function timed(
  world: GatewayWorld,
  process: WorldProcess,
  request: Partial<AuthorizationRequest> = {},
): Promise<{ readonly result: AuthorizeResult; readonly tookMs: number }> {
  const fromMs = world.clock.monotonicMs();
  let tookMs = Number.NaN;
  const answering = world.begin(process, request).finally(() => {
    tookMs = world.clock.monotonicMs() - fromMs;
  });
  return { result: await world.finish(answering), tookMs };
}

/** What came back is known in the end, and holds money no more than once. */
async function endsAs(
  world: GatewayWorld,
  process: WorldProcess,
  request: Partial<AuthorizationRequest>,
  status: string,
  live: number,
): Promise<void> {
  await world.pass(10 * 60_000, process);
  expect(told(await world.authorize(process, request))).toBe(`201 ${status}`);
  expect(world.live()).toHaveLength(live);
  expect(process.deps.unrecorded).toMatchObject({ size: 0, missing: 0 });
}

interface Hang {
  readonly step: ScriptStep;
  readonly latencyMs: number;
  readonly names: readonly string[];
  readonly request?: Partial<AuthorizationRequest>;
  /** When the journal begins to hang, after the request. */
  readonly fromMs?: number;
  readonly end: string;
  readonly live: number;
}

const ALL = ['advance', 'findAuthorization', 'findClaim', 'historyPage', 'history'] as const;
const LATE_MS = DEADLINE_MS - 100;
const AUTOMATIC = { capture: 'automatic' } as const;

const HANGS: readonly Hang[] = [
  { step: 'approve', latencyMs: LATE_MS, names: ['advance'], end: 'approved', live: 1 },
  { step: 'approve', latencyMs: LATE_MS, names: ALL, end: 'approved', live: 1 },
  { step: 'approve', latencyMs: 100, names: ALL, end: 'approved', live: 1 },
  { step: 'approve', latencyMs: LATE_MS, names: ALL, request: AUTOMATIC, end: 'approved', live: 1 },
  { step: 'partial', latencyMs: LATE_MS, names: ['advance'], end: 'voided', live: 0 },
  { step: 'partial', latencyMs: LATE_MS, names: ALL, end: 'voided', live: 0 },
  // Its reversal is recorded and sent, and comes back when the journal hangs.
  {
    step: 'partial',
    latencyMs: LATE_MS / 2,
    names: ALL,
    fromMs: LATE_MS - SHORTLY_MS,
    end: 'voided',
    live: 0,
  },
  { step: 'decline_hidden_approval', latencyMs: LATE_MS, names: ALL, end: 'declined', live: 0 },
  { step: 'decline_hard', latencyMs: LATE_MS, names: ALL, end: 'declined', live: 0 },
  { step: 'hang_processed', latencyMs: 100, names: ALL, fromMs: LATE_MS, end: 'approved', live: 1 },
];

describe.each(['lands', 'lost'] as const)('a journal that hangs, and whose writes are %s', (landing) => {
  it.each(HANGS)(
    '$step after $latencyMs ms, $names: answered half a second after the deadline at the latest, and $end in the end',
    async ({ step, latencyMs, names, request = {}, fromMs = latencyMs - SHORTLY_MS, end, live }) => {
      const { world, plain } = stageOf(step, latencyMs);
      const { hanging, hang, letGo } = hangingJournal(world.journal);
      const process = { ...plain, deps: { ...plain.deps, journal: hanging } };
      world.clock.after(fromMs, () => hang(names));
      const { result, tookMs } = await timed(world, process, request);
      expect(told(result)).toBe('202 pending');
      expect(tookMs).toBeLessThanOrEqual(DEADLINE_MS + AFTER_MS);
      await world.clock.advance(20_000);
      expect(letGo(landing)).toBeGreaterThan(0);
      await endsAs(world, process, request, end, live);
    },
  );
});

/** A journal whose calls each take so long from a moment on, before they are made. */
function slowJournal(journal: Journal, clock: FakeClock) {
  let delayMs = 0;
  const slow = new Proxy(journal, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== 'function') return value;
      return async (...args: unknown[]): Promise<unknown> => {
        if (delayMs > 0) await new Promise<void>((resolve) => clock.after(delayMs, resolve));
        return value.apply(target, args);
      };
    },
  });
  return {
    slow,
    slowDown(ms: number): void {
      delayMs = ms;
    },
  };
}

/** What the provider does, how slow each call of the journal is from its answer on, what is told, and how it ends. */
const SLOW: readonly (readonly [ScriptStep, number, string, string, number])[] = [
  ['approve', 50, '201 approved', 'approved', 1],
  ['approve', 130, '201 approved', 'approved', 1],
  ['approve', 200, '202 pending', 'approved', 1],
  ['approve', 300, '202 pending', 'approved', 1],
  ['approve', 390, '202 pending', 'approved', 1],
  ['decline_hard', 300, '202 pending', 'declined', 0],
  ['partial', 300, '202 pending', 'voided', 0],
];

describe('a road that others have overtaken', () => {
  it.each(SLOW)(
    '%s, and a journal that takes %d ms for each call: %s in time, and %s in the end',
    async (step, delayMs, answer, end, live) => {
      const { world, plain } = stageOf(step, LATE_MS, false);
      const { slow, slowDown } = slowJournal(world.journal, world.clock);
      const process = { ...plain, deps: { ...plain.deps, journal: slow } };
      const other = world.process();
      const overtake = async () => {
        // Another process is certain that this one is dead.
        world.clock.jumpWall(3_600_000);
        expect(await recoverLapsed({ ...other.deps, soleOwner: true })).toBe(1);
        world.clock.jumpWall(-3_600_000);
        slowDown(delayMs);
      };
      world.clock.after(1_000, () => void overtake());
      const { result, tookMs } = await timed(world, process);
      expect(tookMs).toBeLessThanOrEqual(DEADLINE_MS + AFTER_MS);
      expect(told(result)).toBe(answer);
      slowDown(0);
      await endsAs(world, process, {}, end, live);
    },
  );
});

it('what comes back late, since its process stood still, has as long to be recorded as what comes back in time', async () => {
  const { world, plain } = stageOf('approve', LATE_MS);
  const { slow, slowDown } = slowJournal(world.journal, world.clock);
  const process = { ...plain, deps: { ...plain.deps, journal: slow } };
  const provider = world.providers.get('sandbox-a');
  const authorize = provider?.authorize.bind(provider);
  Object.assign(provider ?? {}, {
    async authorize(call: Parameters<NonNullable<typeof authorize>>[0]) {
      const outcome = await authorize?.(call);
      slowDown(100);
      await new Promise<void>((resolve) => world.clock.after(5_000, resolve));
      return outcome;
    },
  });
  const { result, tookMs } = await timed(world, process);
  expect(told(result)).toBe('201 approved');
  expect(tookMs).toBe(LATE_MS + 5_000 + 100);
});
