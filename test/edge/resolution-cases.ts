import { expect, it } from 'vitest';
import { createApp } from '../../src/edge/app.ts';
import type { EdgeDeps } from '../../src/edge/edge-deps.ts';
import { BODY_BYTES_MAX } from '../../src/edge/read-body.ts';
import type { PersonsWord } from '../../src/gateway/resolve-by-person.ts';
import { type EdgeFixture, edgeFixture, post } from './edge-fixture.ts';

/** An endpoint that takes what a person found out at a provider. */
interface Endpoint {
  readonly path: string;
  /** A body that it takes, without a reference. */
  readonly body: { readonly resolution: string; readonly evidence: string };
  /** The resolutions that it knows, as its errors list them, and one that only others know. */
  readonly known: RegExp;
  readonly foreign: string;
  /** What reached the road. */
  readonly words: (fixture: EdgeFixture) => readonly PersonsWord<string>[];
  /** Lets the road answer that the journal cannot be written. */
  readonly failJournal: (fixture: EdgeFixture) => void;
}

const PAN = '4111 1111 1111 1111';

/** How every endpoint that takes a resolution reads its body, and what it refuses before anything is looked up. */
export function resolutionCases(fixture: EdgeFixture, endpoint: Endpoint): void {
  const { path, body, words } = endpoint;
  const { evidence } = body;
  const send = (init: RequestInit, deps: EdgeDeps = fixture.deps) => createApp(deps).request(path, init);

  it.each([
    [body, { resolution: body.resolution, providerReference: null, evidence }],
    [{ ...body, provider_reference: null }, { providerReference: null }],
    [{ ...body, provider_reference: 'x'.repeat(255) }, { providerReference: 'x'.repeat(255) }],
    [{ ...body, evidence: 'x'.repeat(10) }, { evidence: 'x'.repeat(10) }],
    [{ ...body, evidence: 'ü'.repeat(1000) }, { evidence: 'ü'.repeat(1000) }],
  ])('reads %j', async (sent, word) => {
    // No idempotency key: a repetition finds nothing to resolve.
    expect((await send(post(sent, { 'idempotency-key': undefined }))).status).toBe(200);
    expect(words(fixture)).toMatchObject([{ account: 'acme', ...word }]);
  });

  it('says which merchants the key covers', async () => {
    await send(post(body, { authorization: 'Bearer key-eu' }));
    const [word] = words(fixture);
    expect([word?.covers('acme-eu'), word?.covers('acme-us')]).toEqual([true, false]);
  });

  const refused: [name: string, init: RequestInit, status: number, problem: string][] = [
    ['no key', post(body, { authorization: undefined }), 401, 'unauthenticated'],
    ['a key that only reads', post(body, { authorization: 'Bearer key-read' }), 403, 'out-of-scope'],
    ['a card number in the evidence', post({ ...body, evidence: `the card ${PAN}` }), 400, 'card-number'],
    [
      'a card number as reference',
      post({ ...body, provider_reference: PAN.replaceAll(' ', '') }),
      400,
      'card-number',
    ],
    ['no body', post('', { 'content-type': undefined }), 415, 'unsupported-media-type'],
    ['an empty body', post(''), 400, 'malformed-json'],
    ['another content type', post(body, { 'content-type': 'text/plain' }), 415, 'unsupported-media-type'],
    ['too large a body', post(' '.repeat(BODY_BYTES_MAX + 1)), 413, 'body-too-large'],
  ];
  it.each(refused)('refuses %s', async (_, init, status, name) => {
    const response = await send(init);
    const text = await response.text();
    expect([response.status, JSON.parse(text)]).toMatchObject([status, { type: `/problems/${name}` }]);
    expect(text + JSON.stringify(fixture.told)).not.toContain('11111111');
    expect(words(fixture)).toHaveLength(0);
  });

  it('asks for the scope ops: one that may authorize and capture is not enough', async () => {
    const authorizes = edgeFixture({
      findCaller: () => ({ account: 'acme', merchants: 'all', scopes: new Set(['authorize', 'read']) }),
    });
    expect((await send(post(body), authorizes.deps)).status).toBe(403);
    expect(words(authorizes)).toHaveLength(0);
  });

  const fields: [body: object, path: string, told: RegExp][] = [
    [{ ...body, provider_reference: '' }, 'provider_reference', /1 to 255/],
    [{ ...body, provider_reference: 'x'.repeat(256) }, 'provider_reference', /1 to 255/],
    [{ ...body, provider_reference: 'a b' }, 'provider_reference', /ASCII/],
    [{ ...body, resolution: endpoint.foreign }, 'resolution', endpoint.known],
    [{ evidence }, 'resolution', /missing/],
    [{ resolution: body.resolution }, 'evidence', /missing/],
    [{ ...body, evidence: 'too short' }, 'evidence', /10 to 1000/],
    [{ ...body, evidence: 'x'.repeat(1001) }, 'evidence', /10 to 1000/],
    [{ ...body, evidence: 'a line\nand another' }, 'evidence', /control characters/],
    [{ ...body, evidence: 7 }, 'evidence', /string/],
    [{ ...body, evidense: 'x' }, 'evidense', /did you mean evidence\?/],
    [{ ...body, author: 'somebody else' }, 'author', /unknown member/],
    [{ ...body, amount: 7 }, 'amount', /unknown member/],
  ];
  it.each(fields)('refuses %j', async (sent, field, told) => {
    await expectFieldRefused(await send(post(sent)), field, told);
    expect(words(fixture)).toHaveLength(0);
  });

  it('answers 503 when it cannot be recorded', async () => {
    endpoint.failJournal(fixture);
    const response = await send(post(body));
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await response.json()).toMatchObject({ type: '/problems/journal-unavailable' });
  });
}

/** The answer names the field, and says this about it. */
export async function expectFieldRefused(response: Response, field: string, told: RegExp): Promise<void> {
  const problem = (await response.json()) as { errors: { path: string }[] };
  expect([response.status, problem]).toMatchObject([400, { type: '/problems/invalid-request' }]);
  expect(JSON.stringify(problem.errors.find(({ path }) => path === field))).toMatch(told);
}
