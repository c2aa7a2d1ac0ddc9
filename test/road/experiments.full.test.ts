import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { paymentBody, priorityRules, providersYaml } from '../support/gateway-files.ts';
import { startGateway, type TestGateway } from '../support/start-gateway.ts';

/** An experiment of whole processes: begun by saving a file, kept over a restart, ended by hand. */

const EXPERIMENTS = `holdout: { share: 0.2, seed: h, then: { priority: [c] } }
experiments:
  - id: order
    status: running
    seed: order-1
    arms:
      - { arm: control, weight: 50, then: { priority: [a] } }
      - { arm: treatment, weight: 50, then: { priority: [b] } }
`;

/** Who each arm sends to. */
const PROVIDERS: Readonly<Record<string, string>> = { control: 'a', treatment: 'b', holdout: 'c' };

interface Shown {
  readonly status: string;
  readonly provider: string;
  readonly routing: {
    readonly experiment: {
      readonly id: string;
      readonly arm: string;
      readonly redirected_from: string | null;
    };
  };
}

interface Results {
  readonly units: number;
  readonly redirected: number;
  readonly arms: readonly { readonly arm: string; readonly assigned: number; readonly maturing: number }[];
}

/** Waits until the experiment and the holdout are shown. */
async function inForce(gateway: TestGateway): Promise<void> {
  const list = async () =>
    (await gateway.get('/v1/experiments')).json as { readonly data: readonly unknown[] };
  await eventually(
    'the experiment is in force',
    async () => ((await list()).data.length === 2 ? true : null),
    {
      withinMs: 15_000,
    },
  );
}

async function pay(gateway: TestGateway, reference: string): Promise<Shown> {
  const answer = await gateway.authorize(paymentBody(reference), `key-${reference}`);
  expect(answer.status).toBe(201);
  return answer.json as Shown;
}

async function decide(gateway: TestGateway, reference: string): Promise<Shown & { readonly id: string }> {
  const answer = await gateway.call('POST', '/v1/decisions', { body: paymentBody(reference) });
  expect(answer.status).toBe(201);
  return answer.json as Shown & { readonly id: string };
}

test('begins with the file, outlives a kill, obeys the hand brake, and adds up', async () => {
  await using gateway = await startGateway({
    providers: providersYaml(['a', 'b', 'c'].map((id) => ({ id }))),
    rules: priorityRules(['a', 'b', 'c']),
  });
  gateway.writeRules('experiments.yaml', EXPERIMENTS);
  await inForce(gateway);
  const arms = new Map<string, string>();
  for (let index = 0; index < 30; index += 1) {
    const { provider, routing } = await pay(gateway, `order-${index}`);
    arms.set(`order-${index}`, routing.experiment.arm);
    expect(provider).toBe(PROVIDERS[routing.experiment.arm]);
  }
  expect(new Set(arms.values())).toEqual(new Set(['control', 'treatment', 'holdout']));
  for (let index = 0; index < 10; index += 1) {
    const { id, provider, routing } = await decide(gateway, `sent-${index}`);
    arms.set(`sent-${index}`, routing.experiment.arm);
    expect(provider).toBe(PROVIDERS[routing.experiment.arm]);
    const report = { body: { provider, attempt: 1, outcome: 'approved' } };
    expect((await gateway.call('POST', `/v1/decisions/${id}/outcomes`, report)).status).toBe(200);
  }
  // The same payment is one unit, in its arm.
  const [both = ''] = [...arms].find(([, arm]) => arm === 'control') ?? [];
  expect((await decide(gateway, both)).routing.experiment.arm).toBe('control');
  const reported = [...arms].filter(([name, arm]) => name.startsWith('sent') && arm !== 'holdout').length + 1;

  await gateway.kill9();
  await gateway.restart();
  const results = async () => (await gateway.get('/v1/experiments/order/results')).json as Results;
  const counted = (name: string) => [...arms.values()].filter((arm) => arm === name).length;
  const expected = ['control', 'treatment'].map((arm) => ({
    arm,
    assigned: counted(arm),
    maturing: counted(arm),
    approved: 0,
  }));
  expect(await results()).toMatchObject({
    arms: expected,
    reported: { payments: reported, accounts: 1 },
    multiple_exposures: { units: 0 },
  });

  const brake = { state: 'stopped', reason: 'by hand' };
  const path = '/v1/experiments/order/arms/treatment';
  expect((await gateway.call('PUT', path, { body: brake })).status).toBe(200);
  await gateway.kill9();
  await gateway.restart();
  const later = await Promise.all(Array.from({ length: 20 }, (_, index) => pay(gateway, `later-${index}`)));
  expect(later.map(({ routing }) => routing.experiment.arm)).not.toContain('treatment');
  const redirected = later.filter(({ routing }) => routing.experiment.redirected_from === 'treatment');
  expect(redirected.length).toBeGreaterThan(0);
  expect((await results()).redirected).toBe(redirected.length);
  expect(
    await gateway.metric('pointsman_experiment_arm_stopped', '{experiment="order",arm="treatment"}'),
  ).toBe(1);
}, 60_000);
