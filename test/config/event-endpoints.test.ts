import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readSecretFile } from '../../src/config/credentials.ts';
import { EventEndpoints, EventEndpointsError, readEventEndpoints } from '../../src/config/event-endpoints.ts';
import { formatRulesetError } from '../../src/config/ruleset-error.ts';
import type { EventEndpoint } from '../../src/gateway/ports.ts';

const ONE = Buffer.alloc(24, 1);
const TWO = Buffer.alloc(64, 2);
const whsec = (key: Buffer) => `whsec_${key.toString('base64')}`;

const sources = {
  environment: {
    GOOD: whsec(ONE),
    BOTH: `${whsec(TWO)}, ${whsec(ONE)}\n`,
    SHORT: whsec(Buffer.alloc(23, 1)),
    LONG: whsec(Buffer.alloc(65, 1)),
    BARE: ONE.toString('base64'),
    ODD: 'whsec_hunter2!',
    EMPTY: '',
  },
  readFile: readSecretFile,
};
const entry = (over: Readonly<Record<string, unknown>> = {}) => ({
  id: 'orders',
  account: 'acme',
  url: 'https://orders.example/events?tenant=1',
  secret: 'env:GOOD',
  ...over,
});
const read = (...entries: readonly object[]) =>
  readEventEndpoints('events.yaml', JSON.stringify({ endpoints: entries }), sources);
const errorsOf = (...entries: readonly object[]) => {
  const reading = read(...entries);
  return reading.kind === 'good' ? [] : reading.errors.map(formatRulesetError);
};

describe('a file of endpoints', () => {
  it('has defaults for what may be left out', () => {
    expect(read(entry())).toEqual({
      kind: 'good',
      endpoints: [
        {
          id: 'orders',
          account: 'acme',
          url: new URL('https://orders.example/events?tenant=1'),
          secrets: [ONE],
          types: 'all',
          includesAnswered: false,
          enabled: true,
        },
      ],
    });
  });

  it('may choose types, answers, several secrets, and http to this machine', () => {
    const over = {
      url: 'http://127.0.0.1:9000/',
      secret: 'env:BOTH',
      include_answered: true,
      enabled: false,
    };
    expect(read(entry({ ...over, types: ['capture.failed'] }))).toMatchObject({
      endpoints: [
        { secrets: [TWO, ONE], types: new Set(['capture.failed']), includesAnswered: true, enabled: false },
      ],
    });
  });

  it.each<readonly [what: string, over: Readonly<Record<string, unknown>>, error: RegExp]>([
    ['no URL', { url: 'orders' }, /1:\d+ {2}the url of "orders" is none for HTTP; expected an https/],
    ['http elsewhere', { url: 'http://10.0.0.7/' }, /http:\/\/ to another machine/],
    ['a user in the URL', { url: 'https://me:hunter2@x.example/' }, /has a user/],
    ['the secret itself', { secret: 'whsec_hunter2' }, /no reference, perhaps the secret itself/],
    ['a variable that is not set', { secret: 'env:NONE' }, /secret of "orders" is not set/],
    ['an empty variable', { secret: 'env:EMPTY' }, /secret of "orders" is empty/],
    ['a file that is not there', { secret: 'file:/nowhere/hunter2' }, /not readable \(ENOENT\)/],
    ['a short key', { secret: 'env:SHORT' }, /no signing secret of Standard Webhooks; expected whsec_/],
    ['a long key', { secret: 'env:LONG' }, /no signing secret/],
    ['a key without its prefix', { secret: 'env:BARE' }, /no signing secret/],
    ['a key that is no base64', { secret: 'env:ODD' }, /no signing secret/],
    ['an unknown type', { types: ['capture.setled'] }, /did you mean capture.settled\?/],
    ['no type', { types: [] }, /all, or a list of types/],
    ['an id that may look like a card number', { id: 'a12345' }, /at most 4 digits/],
    ['an unknown key', { typs: 'all' }, /unknown key "typs".*did you mean types\?/],
    ['no account', { account: undefined }, /account is missing/],
  ])('refuses %s, and repeats no secret', (_what, over, error) => {
    const errors = errorsOf(entry(over));
    expect(errors).toEqual([expect.stringMatching(error)]);
    expect(errors.join()).not.toMatch(/hunter2|whsec_[A-Za-z0-9]/);
  });

  it('tells everything at once, and each id once', () => {
    expect(errorsOf(entry({ secret: 'env:NONE' }), entry({ url: 'x' }))).toHaveLength(3);
    expect(readEventEndpoints('e.yaml', '', sources).kind).toBe('refused');
    expect(readEventEndpoints('e.yaml', 'endpoints: []', sources)).toEqual({ kind: 'good', endpoints: [] });
  });
});

describe('the endpoints in force', () => {
  let folder: string;
  let file: string;
  let secret: string;
  let changed: (readonly EventEndpoint[])[];
  let rejected: string[];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'endpoints-'));
    file = join(folder, 'events.yaml');
    secret = join(folder, 'whsec');
    changed = [];
    rejected = [];
    writeFileSync(secret, whsec(ONE));
    write(entry({ secret: `file:${secret}` }));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const write = (...entries: readonly object[]) =>
    writeFileSync(file, JSON.stringify({ endpoints: entries }));
  const open = (path: string | null = file) =>
    new EventEndpoints({
      file: path,
      credentials: sources,
      onChanged: (endpoints) => changed.push(endpoints),
      onRejected: (errors) => rejected.push(...errors.map(formatRulesetError)),
    });

  it('are none without a file, and a bad one stops the start', () => {
    expect(open(null).current()).toEqual([]);
    write(entry({ secret: 'env:NONE' }));
    expect(() => open()).toThrow(EventEndpointsError);
    expect(() => open(join(folder, 'none.yaml'))).toThrow(
      /none\.yaml:1:1 {2}the file cannot be read \(ENOENT\)/,
    );
  });

  it('change once the file reads the same twice, and stay the same objects meanwhile', () => {
    const endpoints = open();
    const before = endpoints.current();
    endpoints.look();
    endpoints.look();
    expect([endpoints.current() === before, changed]).toEqual([true, []]);
    write(entry({ secret: `file:${secret}` }), entry({ id: 'books' }));
    endpoints.look();
    expect(changed).toEqual([]);
    endpoints.look();
    endpoints.look();
    expect(changed.map((each) => each.map(({ id }) => id))).toEqual([['orders', 'books']]);
  });

  it('take up replaced secrets', () => {
    const endpoints = open();
    writeFileSync(secret, `${whsec(TWO)}\n${whsec(ONE)}\n`);
    endpoints.look();
    endpoints.look();
    expect(endpoints.current()[0]?.secrets).toEqual([TWO, ONE]);
  });

  it('stay when the file or a secret is bad, told once; and again when it is bad again', () => {
    const endpoints = open();
    const before = endpoints.current();
    const turns = () => {
      for (let turn = 0; turn < 4; turn += 1) endpoints.look();
    };
    rmSync(secret);
    turns();
    expect(rejected).toEqual([expect.stringMatching(/secret of "orders" is not readable/)]);
    expect(endpoints.current()).toBe(before);
    writeFileSync(secret, whsec(ONE));
    turns();
    rmSync(secret);
    turns();
    expect([rejected.length, changed.length]).toEqual([2, 0]);
  });
});
