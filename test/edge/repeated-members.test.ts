import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createApp } from '../../src/edge/app.ts';
import { AUTHORIZATION, BODY, CAPTURE, edgeFixture, post, startEdge } from './edge-fixture.ts';

const fixture = edgeFixture();
let edge: Awaited<ReturnType<typeof startEdge>>;
beforeAll(async () => {
  edge = await startEdge(fixture);
});
afterAll(() => edge.drain(0));
beforeEach(() => {
  for (const handed of [fixture.commands, fixture.operations, fixture.resolutions, fixture.overrides]) {
    handed.length = 0;
  }
});

interface ProblemView {
  readonly type: string;
  readonly detail: string;
  readonly remedy: string;
  readonly errors: readonly { readonly path: string; readonly message: string; readonly expected: string }[];
}

async function send(path: string, body: string, init: RequestInit = {}): Promise<ProblemView> {
  const response = await fetch(`${edge.origin}${path}`, { ...post(body), ...init });
  const text = await response.text();
  expect(response.status, text).toBe(400);
  return JSON.parse(text) as ProblemView;
}

/** The example, with a part of its text in place of another. */
function changed(from: string, to: string): string {
  const text = JSON.stringify(BODY);
  expect(text).toContain(from);
  return text.replace(from, to);
}

describe('a member that is given more than once', () => {
  it.each([
    ['two amounts', '"amount":', '"amount":{"value":1,"currency":"EUR"},"amount":', 'amount'],
    ['two values of one amount', '"value":4999', '"value":4999,"value":1', 'amount.value'],
    ['the same value twice', '"value":4999', '"value":4999,"value":4999', 'amount.value'],
    ['one of them in escapes', '"value":4999', String.raw`"value":4999,"v\u0061lue":1`, 'amount.value'],
    [
      'two tokens of one provider',
      '"stripe":"pm_1"',
      '"stripe":"pm_1","stripe":"pm_2"',
      'card.tokens.stripe',
    ],
    ["two of the caller's own", '"channel":"web"', '"channel":"web","channel":"app"', 'metadata.channel'],
    ['what nobody asked for', '"channel":"web"', '"channel":"web"},"x":{},"x":{"y":0', 'x'],
  ])('%s: refused with its name, and nothing is done', async (_, from, to, path) => {
    const problem = await send('/v1/authorizations', changed(from, to));
    expect(problem).toMatchObject({
      type: '/problems/invalid-request',
      detail: `Not as expected: ${path}.`,
      remedy: expect.stringContaining('Mend the fields'),
      errors: [
        {
          path,
          message: 'given more than once',
          expected: 'one member of this name: leave out all but the one that is meant',
        },
      ],
    });
    expect(fixture.commands).toEqual([]);
  });

  const amounts = '{"amount":{"value":1,"currency":"EUR"},"amount":{"value":2,"currency":"EUR"}}';
  it.each([
    ['a capture', `/v1/authorizations/${AUTHORIZATION.id}/captures`, amounts, 'POST', 'amount'],
    ['a refund', `/v1/authorizations/${AUTHORIZATION.id}/refunds`, amounts, 'POST', 'amount'],
    [
      'a resolution of an attempt',
      '/v1/attempts/att_bcdfghjkmnpqrstvwxyzB_2/resolutions',
      '{"resolution":"undone","resolution":"not_processed","evidence":"ticket 4711, by hand"}',
      'POST',
      'resolution',
    ],
    [
      'a resolution of an operation',
      `/v1/operations/${CAPTURE.id}/resolutions`,
      '{"resolution":"failed","resolution":"succeeded","evidence":"ticket 4711, by hand"}',
      'POST',
      'resolution',
    ],
    [
      'an override',
      '/v1/providers/sandbox-a/override',
      '{"mode":"auto","mode":"drain","reason":"r"}',
      'PUT',
      'mode',
    ],
  ])('is refused in %s too', async (_, path, body, method, member) => {
    const problem = await send(path, body, { method });
    expect(problem.errors).toMatchObject([{ path: member, message: 'given more than once' }]);
    expect([fixture.operations, fixture.resolutions, fixture.overrides]).toEqual([[], [], []]);
  });

  it.each([
    ['in the value that does not count', '"channel":"web"', '"note":"4111111111111111","note":"x"'],
    [
      'in a name within it',
      '"channel":"web"',
      '"note":{"4111111111111111":1,"4111111111111111":2},"note":"x"',
    ],
    [
      'in a name within it, in escapes',
      '"channel":"web"',
      String.raw`"note":{"\u0034111111111111111":1,"4\u0031\u00311111111111111":2},"note":"x"`,
    ],
  ])('does not hide a card number %s', async (_, from, to) => {
    const problem = await send('/v1/authorizations', changed(from, to));
    expect(problem.type).toBe('/problems/card-number');
    expect(JSON.stringify(problem)).not.toContain('41111111');
  });

  it('is no matter where the names stand in different objects, or in a text', async () => {
    const text = changed('"channel":"web"', String.raw`"value":"1","amount":"{\"value\":1,\"value\":2}"`);
    const response = await fetch(`${edge.origin}/v1/authorizations`, post(text));
    expect(response.status).toBe(201);
    expect(fixture.commands[0]?.request.metadata).toEqual({ value: '1', amount: '{"value":1,"value":2}' });
  });

  it('is left to the adapter in what a provider sends: its bytes are signed, and handed on as they came', async () => {
    const bodies: string[] = [];
    const { deps } = edgeFixture({
      takeNotices: async (_, { body }) => {
        bodies.push(body);
        return { kind: 'kept', isNew: true };
      },
    });
    const body = '{"id":"evt_1","id":"evt_2"}';
    const response = await createApp(deps).request('/v1/webhooks/sandbox-a', { method: 'POST', body });
    expect([response.status, bodies]).toEqual([200, [body]]);
  });
});
