import { describe, expect, it } from 'vitest';
import type { AttemptOutcome } from '../../src/core/attempt.ts';
import type { GatewayDeps } from '../../src/gateway/gateway-deps.ts';
import { workOutNotices } from '../../src/gateway/notices.ts';
import type { Journal, Notice, NoticeEvidence } from '../../src/gateway/ports.ts';
import { recoverLapsed } from '../../src/gateway/recover.ts';
import { GatewayWorld, idIn, type WorldProcess } from '../support/gateway-world.ts';
import { sampleDecline } from '../support/sample-outcomes.ts';
import type { ScriptStep } from '../support/scripted-provider.ts';

/**
 * Everybody who may meet on one attempt: each tells what is true at the provider, or asks for something. Whoever comes
 * first, and however they overlap, they must come to the same end: conditional writes on versions see to it.
 */

const ATTEMPT_MS = 1_000;

/** A journal whose next `advance` of a party waits until it is let go: between its read and its write. */
class Gate {
  #holding = false;
  #release: (() => void) | null = null;
  #arrived: (() => void) | null = null;

  wrap(journal: Journal): Journal {
    return new Proxy(journal, {
      get: (target, property) => {
        const value: unknown = Reflect.get(target, property, target);
        if (property !== 'advance' || typeof value !== 'function') {
          return typeof value === 'function' ? value.bind(target) : value;
        }
        return async (...args: unknown[]) => {
          if (this.#holding) {
            this.#holding = false;
            const released = new Promise<void>((resolve) => {
              this.#release = resolve;
            });
            this.#arrived?.();
            await released;
          }
          return (value as (...args: unknown[]) => unknown).apply(target, args);
        };
      },
    });
  }

  /** Holds the next write; resolves when somebody stands before it. */
  hold(): Promise<void> {
    this.#holding = true;
    return new Promise((resolve) => {
      this.#arrived = resolve;
    });
  }

  open(): void {
    this.#holding = false;
    this.#release?.();
  }
}

interface Scene {
  readonly step: ScriptStep;
  readonly world: GatewayWorld;
  readonly id: string;
  readonly attemptId: string;
  /** The process that sent the attempt, and its road. */
  readonly sender: WorldProcess;
  readonly answer: Promise<unknown>;
  /** A process of its own for each party, so that a gate holds one of them. */
  readonly party: (gate?: Gate) => WorldProcess;
}

/** An authorization whose first attempt is at the provider: processed as `step` says, the answer is on its way. */
async function scene(step: ScriptStep, gate?: Gate): Promise<Scene> {
  const world = new GatewayWorld({
    script: { 'sandbox-a': [step] },
    latencyMs: ATTEMPT_MS,
    action: { attemptsMax: 1 },
    provider: { semantics: { notFoundAfterMs: 2_000, replay: 'none' } },
  });
  const party = (held?: Gate): WorldProcess => {
    const process = world.process();
    if (held === undefined) return process;
    return { ...process, deps: { ...process.deps, journal: held.wrap(world.journal) } };
  };
  const sender = party(gate);
  const answer = world.begin(sender);
  await world.clock.advance(ATTEMPT_MS / 2);
  const [open] = (await world.journal.listAuthorizations({ account: 'acme', merchants: 'all', limit: 1 }))
    .data;
  const attemptId = open?.attempts[0]?.id ?? '';
  return { step, world, id: open?.id ?? '', attemptId, sender, answer, party };
}

/** What is true at the provider, as a webhook or a person tells it; null where it never processed anything. */
function truth({ attemptId, step }: Scene): AttemptOutcome | null {
  const providerReference = `psp_sandbox-a_${attemptId}`;
  switch (step) {
    case 'approve':
      return { kind: 'approved', providerReference, networkTransaction: null };
    case 'decline_hard': {
      const decline = sampleDecline({ category: 'hard_decline_issuer', otherProvider: 'never' });
      return { kind: 'declined', decline, providerReference };
    }
    case 'partial':
      return {
        kind: 'partially_approved',
        providerReference,
        authorizedAmount: 2_499,
        networkTransaction: null,
        reversal: 'none',
      };
    default:
      return null;
  }
}

/** Deps whose provider understands the notices of this test. */
function withEvidence(deps: GatewayDeps, evidence: NoticeEvidence): GatewayDeps {
  return {
    ...deps,
    provider: (id) => {
      const provider = deps.provider(id);
      if (provider === undefined) return undefined;
      return new Proxy(provider, {
        get: (target, property) => {
          if (property === 'evidenceIn') return () => evidence;
          const value: unknown = Reflect.get(target, property, target);
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
    },
  };
}

let notices = 0;

/** What each party does, from reading to writing. */
const PARTIES = {
  /** The sender's own answer, late or not. */
  answer: async (the: Scene) => {
    await the.world.finish(the.answer);
  },
  webhook: async (the: Scene, gate?: Gate) => {
    const outcome = truth(the);
    if (outcome === null) return;
    notices += 1;
    const notice: Notice = { eventId: `evt_${notices}`, type: 'test', attemptId: the.attemptId, data: null };
    await the.world.journal.keepNotice('sandbox-a', notice, the.world.clock.wallMs());
    const { deps } = the.party(gate);
    await the.world.finish(workOutNotices(withEvidence(deps, { kind: 'attempt', outcome })));
  },
  /** Another process that is certain that the sender is dead. */
  recovery: async (the: Scene, gate?: Gate) => {
    const { deps } = the.party(gate);
    the.world.clock.jumpWall(60_000);
    await recoverLapsed({ ...deps, soleOwner: true });
    the.world.clock.jumpWall(-60_000);
  },
  resolver: async (the: Scene, gate?: Gate) => {
    await the.world.look(the.party(gate));
  },
  void: async (the: Scene, gate?: Gate) => {
    await the.world.operate(the.party(gate), the.id, { kind: 'void' }, 'void-1');
  },
  person: async (the: Scene, gate?: Gate) => {
    const outcome = truth(the);
    const resolution = outcome?.kind === 'approved' ? 'approved' : 'not_processed';
    if (outcome !== null && outcome.kind !== 'approved') return;
    // A person can close only what nobody is working on any more.
    await PARTIES.recovery(the);
    await the.world.resolveByPerson(the.party(gate), { attemptId: the.attemptId, resolution });
  },
} as const;
type Party = keyof typeof PARTIES;
const NAMES = Object.keys(PARTIES) as Party[];

/** Lets everything come to rest: the road, the schedule, whatever is to be undone. */
async function settle(the: Scene): Promise<void> {
  await the.world.finish(the.answer);
  const parties = [the.party(), the.party()];
  // Every six seconds: each second of it would be most of what this file takes.
  for (let passed = 0; passed < 180_000; passed += 6_000) {
    await the.world.clock.advance(5_000);
    await the.world.pass(1_000, ...parties);
  }
}

/** What the end must be: nothing depends on who was first but whether a void was asked for in time. */
async function check(the: Scene, step: ScriptStep, parties: readonly Party[]): Promise<void> {
  const { world, id } = the;
  const authorization = await world.get(id);
  expect(authorization.open).toBe(false);
  const history = await world.journal.history(id);
  expect(history).toHaveLength(authorization.version);
  expect(authorization.attempts).toHaveLength(1);
  const asked = authorization.operations.filter(({ kind }) => kind === 'void');
  const sent = asked.filter(({ code }) => code !== 'nothing_to_void');
  expect(sent.length, 'one reversal at most').toBeLessThanOrEqual(1);
  // A void that meets the reversal of a partial approval only stops the road.
  expect(asked.length).toBeLessThanOrEqual(step === 'partial' ? 2 : 1);
  for (const { status } of asked) expect(status).toBe('succeeded');
  const wantsVoid = asked.length > 0;
  if (parties.includes('void')) expect(wantsVoid || authorization.status !== 'approved').toBe(true);
  switch (step) {
    case 'approve':
      expect(authorization.status).toBe(wantsVoid ? 'voided' : 'approved');
      expect(world.live()).toHaveLength(wantsVoid ? 0 : 1);
      break;
    case 'decline_hard':
      expect(authorization.status).toBe('declined');
      break;
    case 'hang_unprocessed':
      expect(authorization.status).toBe('failed');
      break;
    case 'partial':
      expect(authorization.status).toBe('voided');
      break;
    default:
      throw new Error(`no expectation for ${step}`);
  }
  if (step !== 'approve') expect(world.live()).toEqual([]);
  expect(world.providers.get('sandbox-a')?.carriedOut.void ?? 0).toBeLessThanOrEqual(1);
  expect(world.told.remarks.filter((remark) => remark === 'late_approval')).toEqual([]);
  const final = await world.authorize(the.sender);
  expect(final).toMatchObject({ kind: 'answered', replayed: true, httpStatus: 201 });
  expect(idIn(final)).toBe(id);
  const again = await world.authorize(the.party());
  expect(again, 'the frozen answer').toEqual(final);
}

const STEPS = ['approve', 'decline_hard', 'partial', 'hang_unprocessed'] as const;
const PAIRS = NAMES.flatMap((first) =>
  NAMES.filter((second) => second !== first).map((second) => [first, second] as const),
);

describe.each(STEPS)('on an attempt that the provider answers: %s', (step) => {
  it.each(PAIRS)('%s, then %s', async (first, second) => {
    const the = await scene(step);
    // The provider has processed it when others tell of it.
    if (first !== 'answer') await the.world.clock.advance(first === 'void' ? 0 : ATTEMPT_MS / 2 + 10);
    await PARTIES[first](the);
    await PARTIES[second](the);
    await settle(the);
    await check(the, step, [first, second]);
  });

  it.each(PAIRS)('%s reads, %s reads and writes, then the first writes', async (first, second) => {
    const gate = new Gate();
    const the = await scene(step, first === 'answer' ? gate : undefined);
    const held = gate.hold();
    // The answer is on its way; the others may be faster.
    await the.world.clock.advance(first === 'answer' ? ATTEMPT_MS / 2 + 10 : ATTEMPT_MS / 4);
    const writing = PARTIES[first](the, gate);
    const stood = await Promise.race([held.then(() => true), writing.then(() => false)]);
    await PARTIES[second](the);
    const between = await the.world.get(the.id);
    gate.open();
    await the.world.finish(writing);
    if (stood) overlaps.add(`${first} ${second}`);
    const after = await the.world.get(the.id);
    if (stood && TELLS.has(first)) {
      // What it knew is not lost because somebody else was first; what was definite before stays as it was.
      const known = between.attempts[0]?.outcome ?? null;
      const isOpen = known === null || known.kind === 'unknown' || known.kind === 'pending';
      const told = after.attempts[0]?.outcome;
      if (isOpen && step !== 'hang_unprocessed') expect(told?.kind).toBe(KIND[step]);
      if (!isOpen) expect(told).toEqual(known);
    }
    await settle(the);
    await check(the, step, [first, second]);
  });
});

/** Parties that know what is true. */
const TELLS: ReadonlySet<Party> = new Set(['answer', 'webhook', 'person']);
const KIND = { approve: 'approved', decline_hard: 'declined', partial: 'partially_approved' } as const;

/** Pairs of which the first really stood between its read and its write. */
const overlaps = new Set<string>();

it('the overlaps took place', () => {
  for (const first of ['answer', 'webhook', 'recovery', 'void', 'person'] as const) {
    for (const second of NAMES) {
      if (first !== second) expect(overlaps, `${first} ${second}`).toContain(`${first} ${second}`);
    }
  }
});
