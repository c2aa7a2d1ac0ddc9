import { expect, test } from 'vitest';
import { replayAnswerSchema } from '../../src/edge/replay-schemas.ts';
import { eventually } from '../support/eventually.ts';
import { paymentBody, priorityRules, providersYaml } from '../support/gateway-files.ts';
import { startGateway } from '../support/start-gateway.ts';

/** Replays beside payments, of a whole process. */

const PROVIDERS = providersYaml(['a', 'b'].map((id) => ({ id })));
const SPLIT = 'rules:\n  - name: half\n    then: { split: { a: 55, b: 45 }, attempts_max: 1 }\n';

test('replays files and registered rulesets while payments go on, and refuses bad ones with all that is wrong', async () => {
  await using gateway = await startGateway({ providers: PROVIDERS, rules: SPLIT });
  let paid = 0;
  const pay = async () => {
    paid += 1;
    const { status } = await gateway.authorize(paymentBody(`order-${paid}`), `key-${paid}`);
    expect(status).toBe(201);
  };
  for (let round = 0; round < 15; round += 1) await Promise.all(Array.from({ length: 20 }, pay));
  const before = paid;
  const to = new Date(Date.now() + 1).toISOString();
  const files = { 'providers.yaml': PROVIDERS, 'rules.yaml': priorityRules(['b'], { attempts_max: 1 }) };
  const begin = (body: object) => gateway.call('POST', '/v1/rulesets/replay', { body: { to, ...body } });
  const begun = [await begin({ files }), await begin({ version: 1 })];
  // While they may still be read, more is paid: none of it is in them, and none of it waits.
  await Promise.all(Array.from({ length: 20 }, pay));
  const [other, same] = await Promise.all(
    begun.map(async ({ status, json, headers }) => {
      const { id } = replayAnswerSchema.parse(json);
      expect([status, headers.get('location')]).toEqual(
        status === 200 ? [200, null] : [202, `/v1/rulesets/replays/${id}`],
      );
      return eventually('the replay is done', async () => {
        const shown = replayAnswerSchema.parse((await gateway.get(`/v1/rulesets/replays/${id}`)).json);
        return shown.status === 'running' ? null : shown;
      });
    }),
  );
  expect(other).toMatchObject({ status: 'done', ruleset: null, result: { counts: { payments: before } } });
  expect(other?.result?.all.approval).toMatchObject({ recorded: 1, replayed: 1, cannot_say: null });
  expect(other?.result?.all.moves).toMatchObject([{ from: 'a', to: 'b' }]);
  expect(same).toMatchObject({ status: 'done', ruleset: 1 });
  expect(same?.result?.all.approval).toMatchObject({ difference: 0, difference_low: 0, difference_high: 0 });
  // Nothing was sent but what callers have sent.
  const requests = Object.values(await gateway.sandbox.requests());
  expect(requests.reduce((sum, each) => sum + each, 0)).toBe(paid);

  const bad = await begin({
    files: { ...files, 'rules.yaml': priorityRules(['x', 'y']), 'fx.yaml': 'rates: 1' },
  });
  expect([bad.status, (bad.json as { type: string }).type]).toEqual([422, '/problems/replay-rules-refused']);
  const { errors } = bad.json as { errors: { file: string; line: number }[] };
  expect(errors.map(({ file, line }) => [file, line])).toEqual([
    ['rules.yaml', 3],
    ['rules.yaml', 3],
    ['fx.yaml', 1],
  ]);
  expect((await begin({ version: 99 })).status).toBe(404);
  expect((await gateway.get('/v1/rulesets/replays/rpl_nobody')).status).toBe(404);
});
