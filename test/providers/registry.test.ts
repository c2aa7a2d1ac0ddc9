import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ProviderContract } from '../../src/core/rules/ruleset.ts';
import type { CallBudget, Provider } from '../../src/gateway/ports.ts';
import { ProviderRegistry } from '../../src/providers/registry.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { sampleRequest } from '../support/sample-request.ts';
import { sampleContract, sampleRuleset } from '../support/sample-ruleset.ts';
import { eventually, httpAnswer, RawServer } from './raw-server.ts';
import { shippedDeclineTables } from './shipped-decline-tables.ts';

const declineTables = await shippedDeclineTables();

const NOT_FOUND = httpAnswer('{"error":{"code":"not_found","message":""}}', '404 Not Found', [
  'Content-Type: application/json',
]);

/** An answer after which the connection may be used again, unlike an error. */
const ANSWERED = httpAnswer('{}', '200 OK', ['Content-Type: application/json']);

let reply = NOT_FOUND;
let server: RawServer;
let registry: ProviderRegistry;
let answer: () => void;

beforeEach(async () => {
  answer = () => {};
  server = await RawServer.start((socket) => {
    answer = () => socket.write(reply);
    if (!held) answer();
  });
  held = false;
  reply = NOT_FOUND;
  registry = new ProviderRegistry({
    clock: new FakeClock(),
    declineTables: () => declineTables,
    sandboxUrl: (id) => (id === 'sandbox-c' ? server.url : null),
  });
});

afterEach(async () => {
  registry.close();
  await server.stop();
});

let held = false;

const contract = (id: string, over: Partial<ProviderContract> = {}) =>
  sampleContract(id, { baseUrl: server.url, ...over });
const load = (...contracts: readonly ProviderContract[]) => registry.load(sampleRuleset(contracts));
const provider = (id: string): Provider => {
  const found = registry.get(id);
  if (found === undefined) throw new Error(`no provider ${id}`);
  return found;
};

const inquire = (asked: Provider) => {
  const budget: CallBudget = {
    deadlineMs: 1_000,
    connectTimeoutMs: 1_000,
    signal: new AbortController().signal,
    traceparent: null,
  };
  const request = sampleRequest();
  const card = { brand: 'visa', scaRegion: false } as const;
  return asked.inquire({ attemptId: 'att_a_1', providerReference: null, request, ...card, budget });
};

describe('the registry', () => {
  it('has a provider for each contract, disabled ones too', () => {
    load(contract('sandbox-a'), contract('sandbox-b', { enabled: false }));
    expect(provider('sandbox-a')).toMatchObject({ id: 'sandbox-a', live: false });
    expect(provider('sandbox-b').id).toBe('sandbox-b');
    expect(registry.get('sandbox-x')).toBeUndefined();
  });

  it('takes the sandbox beside the gateway for sandbox accounts without a base URL', async () => {
    load(contract('sandbox-c', { baseUrl: null }));
    expect(await inquire(provider('sandbox-c'))).toEqual({ kind: 'not_found' });
  });

  it.each<[string, Partial<ProviderContract>]>([
    ['limits per second', { limits: { perSecond: 1, concurrent: 50 } }],
    ['fees', { fees: { fixed: null, basisPoints: 5, crossBorderBasisPoints: 0, brands: new Map() } }],
    ['merchants', { merchants: new Set(['acme']) }],
    ['being enabled', { enabled: false }],
    ['the same credentials, written anew', { credentials: { api_key: 'k', webhook_secret: 's' } }],
  ])('keeps an instance with its connections when only this changes: %s', async (_name, change) => {
    const credentials = { webhook_secret: 's', api_key: 'k' };
    reply = ANSWERED;
    load(contract('sandbox-a', { credentials }));
    const before = provider('sandbox-a');
    await inquire(before);
    load(contract('sandbox-a', { credentials, ...change }));
    expect(provider('sandbox-a')).toBe(before);
    await inquire(provider('sandbox-a'));
    expect(server.connections).toBe(1);
  });

  it.each<[string, () => Partial<ProviderContract>]>([
    ['base URL', () => ({ baseUrl: `${server.url}/v2` })],
    ['concurrency', () => ({ limits: { perSecond: 100, concurrent: 1 } })],
    ['a secret', () => ({ credentials: { api_key: 'new' } })],
    ['one more secret', () => ({ credentials: { api_key: 'old', webhook_secret: 's' } })],
  ])('makes a new instance and closes the old one when this changes: %s', async (_name, change) => {
    const credentials = { api_key: 'old' };
    load(contract('sandbox-a', { credentials }));
    const before = provider('sandbox-a');
    await inquire(before);
    expect(server.openSockets).toBe(1);
    load(contract('sandbox-a', { credentials, ...change() }));
    expect(provider('sandbox-a')).not.toBe(before);
    await eventually(() => server.openSockets === 0, 'the old connection is closed');
  });

  it('takes up what the file now says about an account: what it promises, not only where it is', () => {
    const contract = sampleContract('paypal', {
      adapter: 'paypal',
      baseUrl: 'http://127.0.0.1:9',
      credentials: { client_id: 'a', client_secret: 'b' },
    });
    registry.load(sampleRuleset([contract]));
    const before = registry.get('paypal');
    registry.load(sampleRuleset([{ ...contract }]));
    expect(registry.get('paypal')).toBe(before);
    const semantics = { keyLifetimeMs: 60_000, notFoundAfterMs: 7_200_000 };
    registry.load(sampleRuleset([{ ...contract, semantics }]));
    expect(registry.get('paypal')?.semantics).toMatchObject(semantics);
  });

  it('lets a call of a dropped account end', async () => {
    load(contract('sandbox-a'));
    held = true;
    const underWay = inquire(provider('sandbox-a'));
    await server.requestsReached(1);
    load(contract('sandbox-b'));
    expect(registry.get('sandbox-a')).toBeUndefined();
    answer();
    expect(await underWay).toEqual({ kind: 'not_found' });
    await eventually(() => server.openSockets === 0, 'the connection is closed afterwards');
  });

  it('names every account that cannot be built, and stays as it was', async () => {
    load(contract('sandbox-a'));
    const before = provider('sandbox-a');
    const wrong = () =>
      load(
        contract('sandbox-b', { baseUrl: null }),
        contract('sandbox-d', { credentials: { api_key: 'secret\n' } }),
        contract('sandbox-e', { baseUrl: 'http://psp.example.com' }),
        contract('sandbox-f'),
      );
    expect(wrong).toThrow(/provider sandbox-b: .*no default base URL.*expected base_url/);
    expect(wrong).toThrow(/provider sandbox-d: credentials\.api_key/);
    expect(wrong).toThrow(/provider sandbox-e: base URL http:\/\/psp\.example\.com\//);
    expect(wrong).not.toThrow(/secret|sandbox-f/);
    expect(provider('sandbox-a')).toBe(before);
    expect(registry.get('sandbox-f')).toBeUndefined();
  });

  describe('with other credentials', () => {
    const before = { api_key: 'key-1', webhook_secret: 'whsec-1' };
    const rotated = { ...before, api_key: 'key-2' };

    it('builds the account anew; a call under way ends with the ones before', async () => {
      reply = ANSWERED;
      load(contract('sandbox-a', { credentials: before }));
      held = true;
      const old = provider('sandbox-a');
      const underWay = inquire(old);
      await eventually(() => server.requests.length === 1, 'the call is under way');
      expect(registry.rotate('sandbox-a', rotated)).toEqual({ kind: 'rotated', names: ['api_key'] });
      const next = provider('sandbox-a');
      expect(next).not.toBe(old);
      answer();
      expect(await underWay).toEqual({ kind: 'no_answer', code: 'answer_malformed' });
      held = false;
      await inquire(next);
      expect(server.requests.map((text) => /Bearer (\S+)/i.exec(text)?.[1])).toEqual(['key-1', 'key-2']);
      expect(server.connections, 'on a connection of its own').toBe(2);
    });

    it('never takes a key of the test mode for a live one, nor the other way', () => {
      const live = { api_key: 'sk_live_one', webhook_secret: 'whsec_1' };
      const contract = sampleContract('stripe', {
        adapter: 'stripe',
        baseUrl: null,
        live: true,
        credentials: live,
      });
      registry.load(sampleRuleset([contract]));
      expect(registry.rotate('stripe', { ...live, api_key: 'sk_test_one' })).toEqual({
        kind: 'refused',
        reason: 'provider stripe: a test key cannot take the place of a live one',
      });
      expect(registry.rotate('stripe', { ...live, api_key: 'sk_live_two' })).toMatchObject({
        kind: 'rotated',
      });
    });

    it('keeps the account when they are the same, and knows no other', () => {
      load(contract('sandbox-a', { credentials: before }));
      const same = provider('sandbox-a');
      expect(registry.rotate('sandbox-a', { ...before })).toEqual({ kind: 'unchanged' });
      expect(registry.rotate('sandbox-x', rotated)).toEqual({ kind: 'unchanged' });
      expect(provider('sandbox-a')).toBe(same);
    });

    it('keeps the account when none can be built with them, and repeats no secret', () => {
      load(contract('sandbox-a', { credentials: before }));
      const same = provider('sandbox-a');
      const refused = registry.rotate('sandbox-a', { ...before, api_key: 'hunter 2' });
      expect(refused).toEqual({
        kind: 'refused',
        reason: expect.stringMatching(/sandbox-a: credentials\.api_key/),
      });
      expect(JSON.stringify(refused)).not.toContain('hunter');
      expect(provider('sandbox-a')).toBe(same);
    });

    it('goes on with them when the ruleset is loaded again with the same', () => {
      load(contract('sandbox-a', { credentials: before }));
      registry.rotate('sandbox-a', rotated);
      const now = provider('sandbox-a');
      load(contract('sandbox-a', { credentials: rotated }));
      expect(provider('sandbox-a')).toBe(now);
    });
  });
});
