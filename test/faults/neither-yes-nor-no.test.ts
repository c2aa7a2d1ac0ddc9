import { afterAll, beforeAll, expect, test } from 'vitest';
import { paymentBody, providersYaml } from '../support/gateway-files.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { authorizationIn, startGateway, type TestGateway } from '../support/start-gateway.ts';

/** A provider that answers, and never says yes or no, beside two that do. */

const SEED = Number(process.env['SEED'] ?? 20_261_129);
const PAYMENTS = 100;
const AT_ONCE = 5;
const RATES = { a: 0.78, b: 0.76 } as const;
const STORIES = { asks: 'tok_3ds', works: 'tok_pending' } as const;
type Story = keyof typeof STORIES;

let gateway: TestGateway;

beforeAll(async () => {
  const stories = Object.keys(STORIES);
  const providers = stories.flatMap((story) =>
    ['a', 'b', 'c'].map((id) => ({ id: `${story}-${id}`, merchants: [story] })),
  );
  gateway = await startGateway({
    providers: providersYaml(providers),
    rules: 'rules:\n  - { name: all, then: { strategy: score, attempts_max: 1 } }\n',
  });
}, 60_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
});

test.each<{ story: Story; outcome: string }>([
  { story: 'asks', outcome: 'authentication_required' },
  { story: 'works', outcome: 'pending' },
])('a provider whose every answer is $outcome loses the traffic', async ({ story, outcome }) => {
  console.log(`SEED=${SEED}`);
  const random = new SeededRandom(SEED);
  const tokenOf = (rate: number) => (random.chance(rate) ? 'tok_visa' : 'tok_decline_05');
  const tried: string[] = [];
  const outcomes = new Set<string>();
  const pay = async (payment: number): Promise<void> => {
    const { card, ...rest } = paymentBody(`${story}-${payment}`, { merchant: story });
    const { token: _, ...facts } = card as Record<string, unknown>;
    const tokens = {
      [`${story}-a`]: tokenOf(RATES.a),
      [`${story}-b`]: tokenOf(RATES.b),
      [`${story}-c`]: STORIES[story],
    };
    const body = { ...rest, card: { ...facts, tokens } };
    const { attempts } = authorizationIn(await gateway.authorize(body, `${story}-${payment}`));
    const [first] = attempts;
    tried.push(first?.provider ?? 'nobody');
    if (first?.provider === `${story}-c`) outcomes.add(first.outcome ?? 'none');
  };
  for (let payment = 0; payment < PAYMENTS; payment += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, (_, beside) => pay(payment + beside)));
  }
  const share = (of: readonly string[]) =>
    of.filter((provider) => provider === `${story}-c`).length / of.length;
  console.log(`${story}: c got ${share(tried)} of all, ${share(tried.slice(-60))} of the last 60`);
  expect([...outcomes]).toEqual([outcome]);
  expect(share(tried.slice(-60))).toBeLessThan(0.2);
});
