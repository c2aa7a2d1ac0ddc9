import { describe, expect, it } from 'vitest';
import type { AuthorizationRequest } from '../../src/core/authorization.ts';
import { type Experiment, type Holdout, NO_EXPERIMENTS } from '../../src/core/experiments/experiment.ts';
import type { LearnedOutcome } from '../../src/gateway/ports.ts';
import { GatewayWorld, idIn, type WorldOptions, type WorldProcess } from '../support/gateway-world.ts';
import { sampleArm, sampleExperiment } from '../support/sample-experiment.ts';

const RULES = new Set(['fallback']);

const EXPERIMENT = sampleExperiment({
  arms: [
    sampleArm('control', ['sandbox-a', 'sandbox-b']),
    sampleArm('treatment', ['sandbox-c', 'sandbox-b']),
  ],
});

const HOLDOUT: Holdout = {
  share: 0.5,
  seed: 'h',
  rules: RULES,
  change: sampleArm('holdout', ['sandbox-b']).change,
  maturityMs: 3_600_000,
};

/** A world in which these experiments run; what the learner was told is kept. */
function running(
  over: Partial<Experiment> = {},
  options: WorldOptions & { readonly holdout?: Holdout } = {},
) {
  const world = new GatewayWorld(options);
  const learned: LearnedOutcome[] = [];
  const begin = (): WorldProcess => {
    const process = world.process();
    const experiments = {
      ...NO_EXPERIMENTS,
      holdout: options.holdout ?? null,
      list: [{ ...EXPERIMENT, ...over }],
    };
    const ruleset = { ...process.deps.rulesets.current(), experiments };
    const deps = {
      ...process.deps,
      rulesets: { current: () => ruleset },
      learner: { ...process.deps.learner, observe: (told: LearnedOutcome) => void learned.push(told) },
    };
    return { ...process, deps };
  };
  const pay = async (process: WorldProcess, request: Partial<AuthorizationRequest>, key: string) =>
    world.get(idIn(await world.authorize(process, request, key)));
  const exposures = async (id = 'checkout') => (await world.journal.exposurePage(id, null, 1000)).data;
  return { world, begin, pay, exposures, learned };
}

describe('a road in an experiment', () => {
  it('obeys the arm, records the exposure with the authorization, and learns apart', async () => {
    const { begin, pay, exposures, learned } = running();
    const process = begin();
    const arms = new Map<string, string>();
    for (let index = 0; index < 12; index += 1) {
      const found = await pay(process, { reference: `order-${index}` }, `key-${index}`);
      const { experiment } = found.routing;
      arms.set(`acme-eu order-${index}`, experiment?.arm ?? '');
      expect(experiment).toMatchObject({ id: 'checkout', unit: 'payment', holdout: false, propensity: 0.5 });
      expect(found.provider).toBe(experiment?.arm === 'control' ? 'sandbox-a' : 'sandbox-c');
      expect(learned.at(-1)?.scope).toBe(`checkout/${experiment?.arm}`);
    }
    expect(new Set(arms.values())).toEqual(new Set(['control', 'treatment']));
    const recorded = await exposures();
    expect(new Map(recorded.map(({ unit, arm: name }) => [unit, name]))).toEqual(arms);
    expect(recorded[0]?.attempts).toEqual([
      { outcome: 'approved', atMs: expect.any(Number), durationMs: 10, costBasisPoints: 0 },
    ]);
  });

  describe('whose arm nobody could take the payment of', () => {
    const narrow = {
      arms: [sampleArm('control', ['sandbox-a']), sampleArm('treatment', ['sandbox-c'])],
    };
    /** The third provider takes euros only. */
    const eurosAtC = () => {
      const scene = running(narrow);
      const process = scene.begin();
      const { providers, ...rest } = process.deps.rulesets.current();
      const limited = new Map(
        [...providers].map(([id, contract]) =>
          id === 'sandbox-c'
            ? [id, { ...contract, capabilities: { ...contract.capabilities, currencies: new Set(['EUR']) } }]
            : [id, contract],
        ),
      );
      const ruleset = { ...rest, providers: limited };
      return {
        ...scene,
        process: { ...process, deps: { ...process.deps, rulesets: { current: () => ruleset } } },
      };
    };

    it('goes by the rule itself, stays in its arm, and says so', async () => {
      const { process, pay, exposures, learned } = eurosAtC();
      const met = new Map<string, number>();
      for (let index = 0; index < 20; index += 1) {
        const amount = { value: 4_999, currency: 'USD' };
        const found = await pay(process, { reference: `order-${index}`, amount }, `key-${index}`);
        const arm = found.routing.experiment?.arm ?? '';
        met.set(arm, (met.get(arm) ?? 0) + 1);
        expect([found.status, found.provider]).toEqual(['approved', 'sandbox-a']);
        expect(found.routing.notes.filter((note) => note.startsWith('experiment'))).toEqual(
          arm === 'control'
            ? []
            : [
                'experiment checkout: by the rule itself, since arm treatment had nobody to try ' +
                  '(sandbox-c currency_not_supported)',
              ],
        );
        expect(learned.at(-1)?.scope).toBe(`checkout/${arm}`);
      }
      expect(met.get('treatment')).toBeGreaterThan(3);
      expect(await exposures()).toHaveLength(20);
    });

    it('stays with the arm where it can', async () => {
      const { process, pay } = eurosAtC();
      for (let index = 0; index < 10; index += 1) {
        const found = await pay(process, { reference: `order-${index}` }, `key-${index}`);
        expect(found.provider).toBe(found.routing.experiment?.arm === 'control' ? 'sandbox-a' : 'sandbox-c');
        expect(found.routing.notes).toEqual([]);
      }
    });
  });

  it('has no exposure when the authorization could not be opened', async () => {
    const { world, begin, exposures } = running(
      {},
      {
        journal: (journal) =>
          Object.assign(Object.create(journal), {
            open: () => journal.open({ bad: true } as never),
            exposurePage: journal.exposurePage.bind(journal),
            findClaim: journal.findClaim.bind(journal),
          }),
      },
    );
    const { kind } = await world.authorize(begin(), {}, 'key-1').catch(() => ({ kind: 'thrown' }));
    expect(kind).not.toBe('answered');
    expect(await exposures()).toEqual([]);
  });

  it('keeps a payment in its arm under other keys, other processes and when it comes back with 3DS data', async () => {
    const declines = ['decline_hard', 'decline_hard', 'decline_hard'] as const;
    const { begin, pay, exposures } = running(
      {},
      { script: { 'sandbox-a': declines, 'sandbox-b': [...declines, ...declines], 'sandbox-c': declines } },
    );
    for (const reference of ['order-1', 'order-4']) {
      const first = await pay(begin(), { reference }, `${reference}-1`);
      const again = await pay(begin(), { reference }, `${reference}-2`);
      const threeDs = { eci: '05', cavv: 'AAAB', dsTransactionId: null, version: '2.2.0', exemption: null };
      const authenticated = await pay(begin(), { reference, threeDs }, `${reference}-3`);
      const arms = [first, again, authenticated].map(({ routing }) => routing.experiment?.arm);
      expect(new Set(arms).size).toBe(1);
    }
    expect(await exposures()).toHaveLength(6);
  });

  it('holds out before everything, and exposes the rest too', async () => {
    const { begin, pay, exposures } = running({}, { holdout: HOLDOUT });
    const process = begin();
    for (let index = 0; index < 16; index += 1) {
      const found = await pay(process, { reference: `order-${index}` }, `key-${index}`);
      const { experiment } = found.routing;
      if (experiment?.holdout) expect(found.provider).toBe('sandbox-b');
      else expect(experiment?.id).toBe('checkout');
    }
    const arms = (await exposures('holdout')).map(({ arm: name }) => name);
    expect(new Set(arms)).toEqual(new Set(['holdout', 'rest']));
    expect(arms).toHaveLength(16);
    expect(await exposures('checkout')).toHaveLength(arms.filter((name) => name === 'rest').length);
  });

  it('says in its notes why a payment without a customer is in no experiment by customer', async () => {
    const { begin, pay, exposures } = running({ unit: 'customer' });
    const without = await pay(begin(), { shopper: { country: 'DE', id: null } }, 'key-1');
    expect(without.routing.experiment).toBeNull();
    expect(without.routing.notes).toContain(
      'experiment checkout: no shopper.id, by which it assigns; not in it',
    );
    expect(await exposures()).toEqual([]);
  });

  it('gives what a stopped arm would get to the baseline', async () => {
    const { begin, pay, exposures } = running();
    const process = begin();
    process.deps.arms.setStates([
      {
        experiment: 'checkout',
        arm: 'treatment',
        state: 'stopped',
        reason: 'r',
        author: 'a',
        createdAtMs: 0,
      },
    ]);
    for (let index = 0; index < 6; index += 1) {
      const found = await pay(process, { reference: `order-${index}` }, `key-${index}`);
      expect(found.provider).toBe('sandbox-a');
    }
    expect((await exposures()).filter(({ redirected }) => redirected).length).toBeGreaterThan(0);
  });

  it('leaves a unit of a bandit in its arm when the shares have changed', async () => {
    const { world, begin, pay } = running({ mode: 'bandit', unit: 'customer' });
    const process = begin();
    const first = await pay(process, { reference: 'order-1' }, 'key-1');
    const other = first.routing.experiment?.arm === 'control' ? [0.01, 0.99] : [0.99, 0.01];
    const [experiment] = process.deps.rulesets.current().experiments.list;
    if (experiment === undefined) throw new Error('it runs');
    process.deps.arms.setShares(experiment, other);
    const second = await pay(process, { reference: 'order-2' }, 'key-2');
    expect(second.routing.experiment).toMatchObject({ arm: first.routing.experiment?.arm, propensity: 0.01 });
    expect((await world.journal.experimentPhases('checkout')).length).toBe(2);
  });
});
