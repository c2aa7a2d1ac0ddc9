import { describe, expect, it } from 'vitest';
import { assignArm } from '../../src/core/experiments/assign.ts';
import type { Experiment, Experiments, Holdout } from '../../src/core/experiments/experiment.ts';
import type { ExposedRequest } from '../../src/core/experiments/exposed.ts';
import type { SchemeRules } from '../../src/core/scheme/scheme-rules.ts';
import { authorize } from '../../src/gateway/authorize.ts';
import { ExperimentWatch } from '../../src/gateway/experiment-watch.ts';
import { LiveArms } from '../../src/gateway/live-arms.ts';
import { routingFacts } from '../../src/gateway/routing-facts.ts';
import { DecisionWorld, type DecisionWorldOptions } from '../support/decision-world.ts';
import { stubProvider } from '../support/gateway-stubs.ts';
import { VISA_FACTS } from '../support/road-deps.ts';
import { sampleArm, sampleExperiment } from '../support/sample-experiment.ts';
import { sampleCommand, sampleRequest } from '../support/sample-request.ts';

const EXPERIMENT = sampleExperiment({
  arms: [
    sampleArm('control', ['sandbox-a', 'sandbox-b']),
    sampleArm('treatment', ['sandbox-c', 'sandbox-b']),
  ],
});
const FIRST_OF: Readonly<Record<string, string>> = { control: 'sandbox-a', treatment: 'sandbox-c' };
const HOLDOUT: Holdout = {
  share: 0.5,
  seed: 'h',
  rules: new Set(['fallback']),
  change: sampleArm('holdout', ['sandbox-b']).change,
  maturityMs: 3_600_000,
};

function running(
  over: Partial<Experiment> = {},
  options: DecisionWorldOptions & { readonly holdout?: Holdout } = {},
) {
  const experiments: Experiments = {
    holdout: options.holdout ?? null,
    list: [{ ...EXPERIMENT, ...over }],
    notes: [],
  };
  const world = new DecisionWorld({ ...options, experiments });
  const pages = async (limit: number, id = 'checkout') => {
    const found: ExposedRequest[] = [];
    for (let after = null; ; ) {
      const page = await world.journal.exposurePage(id, after, limit);
      found.push(...page.data);
      if (page.next === null) return found;
      after = page.next as never;
    }
  };
  const of = (reference: string) => ({ request: sampleRequest({ reference }) });
  const arm = async (reference: string, account = 'acme') => {
    const { id, provider, routing } = await world.decided({ ...of(reference), account });
    return { id, provider, arm: routing.experiment?.arm ?? '' };
  };
  return { world, pages, of, arm, experiments };
}

describe('a decision in an experiment', () => {
  it('is routed by the arm in which an authorization of the same payment would be, and recorded with it', async () => {
    const { world, arm, pages, experiments } = running();
    const expected = new Map<string, string>();
    for (let index = 0; index < 20; index += 1) {
      const reference = `order-${index}`;
      const met = await arm(reference);
      const rule = world.deps.rulesets.current().rules[0];
      if (rule === undefined) throw new Error('there is a rule');
      const facts = routingFacts(sampleRequest({ reference }), VISA_FACTS, 0);
      const payment = { facts, customer: null, rule, nowMs: world.clock.wallMs() };
      expect(met.arm).toBe(assignArm(experiments, payment, new LiveArms()).shown?.arm);
      expect(met.provider).toBe(FIRST_OF[met.arm]);
      expected.set(`acme-eu ${reference}`, met.arm);
    }
    expect(new Set(expected.values()).size).toBe(2);
    const recorded = await pages(1000);
    expect(new Map(recorded.map(({ unit, arm: name }) => [unit, name]))).toEqual(expected);
    expect(recorded[0]).toMatchObject({ reportedBy: 'acme', propensity: 0.5, attempts: [{ outcome: null }] });
    expect(await pages(3)).toEqual(recorded);
  });

  it('goes by the rule itself where nobody of its arm can be tried, and stays in its arm', async () => {
    const { world, arm, pages } = running({
      arms: [sampleArm('control', ['sandbox-a']), sampleArm('treatment', ['sandbox-c'])],
    });
    world.override({ provider: 'sandbox-c', mode: 'drain' });
    const met = new Set<string>();
    for (let index = 0; index < 12; index += 1) {
      const { provider, arm: name } = await arm(`order-${index}`);
      met.add(name);
      expect(provider).toBe('sandbox-a');
    }
    expect(met).toEqual(new Set(['control', 'treatment']));
    expect(await pages(1000)).toHaveLength(12);
  });

  it('counts what is reported, with its time and expected fees', async () => {
    const { world, arm, pages } = running();
    const { id, provider } = await arm('order-1');
    await world.clock.advance(500);
    await world.reported(id, { provider: provider ?? '', outcome: 'approved', latencyMs: 212.5 });
    const [row] = await pages(10);
    expect(row?.attempts).toEqual([
      { outcome: 'approved', atMs: world.clock.wallMs(), durationMs: 212.5, costBasisPoints: 0 },
    ]);
    const results = () => new ExperimentWatch(world.deps).results('checkout');
    const met = async () => (await results())?.report.arms.find(({ assigned }) => assigned === 1);
    expect(await met()).toMatchObject({ approved: 0, reported: 1, maturing: 1 });
    await world.clock.advance(3_600_000);
    expect(await met()).toMatchObject({ approved: 1, reported: 1, maturing: 0 });
  });

  it('stays in its arm when it fails over, whatever was stopped meanwhile, and is learned there', async () => {
    const { world, arm } = running();
    for (let index = 0; index < 6; index += 1) {
      const met = await arm(`order-${index}`);
      world.deps.arms.setStates([
        {
          experiment: 'checkout',
          arm: 'treatment',
          state: 'stopped',
          reason: 'r',
          author: 'a',
          createdAtMs: 0,
        },
      ]);
      const step = await world.reported(met.id, { provider: met.provider ?? '', outcome: 'rejected' });
      // After sandbox-c, the first of the treatment, the rule itself would go to sandbox-a.
      expect(step).toEqual({ next: 'sandbox-b', reason: 'rejected' });
      const kept = await world.journal.findDecision(met.id);
      expect(kept?.attempts[1]?.routing?.experiment).toMatchObject({ id: 'checkout', arm: met.arm });
      world.deps.arms.setStates([]);
    }
    const facts = routingFacts(sampleRequest(), VISA_FACTS, 0);
    const { learner } = world.deps.accounts.of('acme');
    const meanIn = (name: string, provider: string) =>
      learner.approval(provider, facts, { name, later: false }).mean;
    const before = meanIn('checkout/control', 'sandbox-a');
    for (let index = 10; index < 60; index += 1) {
      const { id, provider, arm: name } = await arm(`order-${index}`);
      if (name === 'control') {
        await world.reported(id, { provider: provider ?? '', outcome: 'declined', code: 'issuer_51' });
      }
    }
    expect(meanIn('checkout/control', 'sandbox-a')).toBeLessThan(before - 0.02);
    // Another arm has learned nothing of it.
    expect(meanIn('checkout/treatment', 'sandbox-a')).toBe(before);
  });

  it('is held out as an authorization is, and the rest is exposed too', async () => {
    const { arm, pages } = running({}, { holdout: HOLDOUT });
    for (let index = 0; index < 16; index += 1) {
      const met = await arm(`order-${index}`);
      expect(met.provider).toBe(met.arm === 'holdout' ? 'sandbox-b' : FIRST_OF[met.arm]);
    }
    const arms = (await pages(1000, 'holdout')).map(({ arm: name }) => name);
    expect(new Set(arms)).toEqual(new Set(['holdout', 'rest']));
    expect(await pages(1000)).toHaveLength(arms.filter((name) => name === 'rest').length);
  });

  it('of a customer needs the customer, and says so', async () => {
    const { world, pages, of } = running({ unit: 'customer' });
    const request = { ...of('order-1').request, shopper: { country: 'DE', id: null } };
    const decided = await world.decided({ request });
    expect(decided.routing).toMatchObject({
      experiment: null,
      notes: ['experiment checkout: no shopper.id, by which it assigns; not in it'],
    });
    expect(await pages(10)).toEqual([]);
  });

  it('goes to the baseline where its arm is stopped', async () => {
    const { world, arm, pages } = running();
    const stopped = { experiment: 'checkout', arm: 'treatment', state: 'stopped' } as const;
    world.deps.arms.setStates([{ ...stopped, reason: 'r', author: 'a', createdAtMs: 0 }]);
    for (let index = 0; index < 8; index += 1) expect((await arm(`order-${index}`)).arm).toBe('control');
    expect((await pages(10)).filter(({ redirected }) => redirected).length).toBeGreaterThan(0);
  });

  it('keeps the arm of its unit in a bandit whose shares have moved, be that unit authorized or decided for', async () => {
    const { world, arm, of } = running({ mode: 'bandit' });
    const first = await arm('order-1');
    const [experiment] = world.deps.rulesets.current().experiments.list;
    if (experiment === undefined) throw new Error('it runs');
    world.deps.arms.setShares(experiment, first.arm === 'control' ? [0.01, 0.99] : [0.99, 0.01]);
    expect((await arm('order-1')).arm).toBe(first.arm);
    const provider = { ...stubProvider({}, {}, FIRST_OF[first.arm] ?? '') };
    const deps = { ...world.deps, provider: (id: string) => (id === provider.id ? provider : undefined) };
    const command = { ...sampleCommand(of('order-1')), receivedAtMs: world.clock.monotonicMs() };
    const result = await authorize(command, deps);
    expect(result.kind).toBe('answered');
    const { report } = (await new ExperimentWatch(world.deps).results('checkout')) ?? {};
    expect(report).toMatchObject({ units: 1, multiple: { units: 0 } });
    expect(report?.arms.find(({ arm: name }) => name === first.arm)).toMatchObject({
      assigned: 1,
      payments: 1,
      reported: 1,
    });
  });

  it('is exposed where a ceiling of the scheme leaves nobody, and not where nothing was decided', async () => {
    const schemeRules: SchemeRules = {
      limits: [
        {
          name: 'none',
          brands: 'all',
          fromMs: 0,
          windowMs: 3_600_000,
          max: 0,
          sameAmount: false,
          source: 's',
        },
      ],
      hardDeclineBlockMs: 1,
    };
    const { world, pages, of } = running({}, { schemeRules });
    expect(await world.decided(of('order-1'))).toMatchObject({ provider: null });
    expect(await pages(10)).toMatchObject([{ unit: 'acme-eu order-1', attempts: [] }]);
    world.lanes.setOverrides(
      ['sandbox-a', 'sandbox-b', 'sandbox-c'].map((provider) => ({
        provider,
        brand: null,
        merchant: null,
        mode: 'force_open',
        reason: 'r',
        author: 'a',
        createdAtMs: 0,
        expiresAtMs: null,
      })),
    );
    expect((await world.decide(of('order-2'))).kind).toBe('no_route');
    expect(await pages(10)).toHaveLength(1);
  });

  it('goes with its decision when that is let go of', async () => {
    const { world, arm, pages } = running();
    await arm('order-1');
    await world.clock.advance(1_000);
    await arm('order-2');
    expect(await world.journal.purgeDecisions(world.clock.wallMs(), 10)).toBe(1);
    expect((await pages(10)).map(({ unit }) => unit)).toEqual(['acme-eu order-2']);
  });
});

describe('what one account reports', () => {
  const guarded: Partial<Experiment> = {
    expectedSample: 300,
    guardrails: [{ metric: 'approval_rate', margin: 0.03 }],
  };
  /** Decides and reports payments of an account: those in one arm all approved, the others all declined. */
  const claim = async (
    { world, arm }: ReturnType<typeof running>,
    account: string,
    good: string,
    count: number,
  ) => {
    for (let index = 0; index < count; index += 1) {
      const met = await arm(`${account}-${index}`, account);
      const outcome = met.arm === good ? 'approved' : 'declined';
      const report = { provider: met.provider ?? '', outcome, code: 'issuer_51' } as const;
      await world.reported(met.id, report, account);
    }
  };

  it('stops an arm for its own payments alone, and over a restart; a second account that agrees, for all', async () => {
    const scene = running(guarded);
    const { world, arm } = scene;
    const { arms } = world.deps;
    const watch = new ExperimentWatch(world.deps);
    await claim(scene, 'evil', 'control', 300);
    const references = Array.from({ length: 12 }, (_, index) => `later-${index}`);
    const before = await Promise.all(references.map((reference) => arm(reference, 'honest')));
    expect(new Set(before.map(({ arm: name }) => name))).toEqual(new Set(['control', 'treatment']));
    await watch.look();
    await world.clock.advance(3_600_000);
    await watch.look();
    expect(world.alerts).toEqual(['experiment_arm_stopped']);
    expect([arms.isStopped('checkout', 'treatment'), arms.stoppedFor('checkout', 'treatment')]).toEqual([
      false,
      ['evil'],
    ]);
    const after = await Promise.all(references.map((reference) => arm(reference, 'honest')));
    expect(after.map(({ provider }) => provider)).toEqual(before.map(({ provider }) => provider));
    for (const reference of references) expect((await arm(`evil ${reference}`, 'evil')).arm).toBe('control');
    const { report, stoppedFor } = (await watch.results('checkout')) ?? {};
    expect(report?.comparisons[0]).toMatchObject({ restsOn: 'evil' });
    expect(report?.guardrails).toMatchObject([{ arm: 'treatment', state: 'reported' }]);
    expect(stoppedFor?.get('treatment')).toEqual(['evil']);

    const next = new LiveArms();
    next.setStates(await world.journal.listArmStates());
    expect([
      next.isStopped('checkout', 'treatment', 'evil'),
      next.isStopped('checkout', 'treatment', 'honest'),
    ]).toEqual([true, false]);

    await claim(scene, 'honest', 'control', 300);
    await world.clock.advance(3_600_000);
    await watch.look();
    expect(arms.isStopped('checkout', 'treatment')).toBe(true);
    expect(world.alerts[1]).toBe('experiment_arm_stopped');
  }, 30_000);

  it('is overruled by a person who lets the arm run again, for that account too', async () => {
    const scene = running(guarded);
    const { world, arm } = scene;
    const watch = new ExperimentWatch(world.deps);
    await claim(scene, 'evil', 'control', 300);
    await world.clock.advance(300_000);
    await watch.look();
    await world.clock.advance(3_600_000);
    const command = { experiment: 'checkout', arm: 'treatment', reason: 'its own fault', author: 'ops' };
    await watch.setArm({ ...command, state: 'running', untilMs: Number.POSITIVE_INFINITY });
    await watch.look();
    expect(world.deps.arms.stoppedFor('checkout', 'treatment')).toEqual([]);
    expect(world.alerts).toEqual(['experiment_arm_stopped', 'experiment_guardrail_overruled']);
    const arms = await Promise.all(Array.from({ length: 12 }, (_, index) => arm(`again-${index}`, 'evil')));
    expect(new Set(arms.map(({ arm: name }) => name))).toEqual(new Set(['control', 'treatment']));
  }, 30_000);

  it('draws no bandit to an arm; what two say does, and outlives the process', async () => {
    const scene = running({ mode: 'bandit' });
    const { world } = scene;
    const [experiment] = world.deps.rulesets.current().experiments.list;
    if (experiment === undefined) throw new Error('it runs');
    const watch = new ExperimentWatch(world.deps);
    await claim(scene, 'evil', 'treatment', 300);
    await world.clock.advance(3_600_000);
    await watch.look();
    expect(world.deps.arms.shares(experiment)).toBeNull();
    await claim(scene, 'honest', 'treatment', 300);
    await world.clock.advance(3_600_000);
    await watch.look();
    expect(world.deps.arms.shares(experiment)?.[1]).toBeCloseTo(0.95, 2);

    const next = new LiveArms();
    next.restoreShares(await world.journal.listBanditShares());
    expect(next.shares(experiment)).toEqual(world.deps.arms.shares(experiment));
    // Of other arms, or under another seed, they say nothing.
    expect(next.shares({ ...experiment, seed: 'another' })).toBeNull();
  }, 30_000);
});
