import { describe, expect, it } from 'vitest';
import { redisPlace } from '../../src/config/redis-place.ts';
import { type RedisAddress, readRedisUrl } from '../../src/config/redis-url.ts';

const PLAIN: RedisAddress = {
  kind: 'single',
  tls: false,
  hosts: [{ host: 'cache', port: 6379 }],
  username: null,
  password: null,
  database: 0,
  masterName: null,
};

const taken: readonly [url: string, address: Partial<RedisAddress>][] = [
  ['redis://cache', {}],
  ['redis://cache/', {}],
  ['redis://cache:7000/3', { hosts: [{ host: 'cache', port: 7000 }], database: 3 }],
  ['rediss://cache', { tls: true }],
  ['redis://[::1]:6380', { hosts: [{ host: '::1', port: 6380 }] }],
  ['redis://:p%40ss@cache', { password: 'p@ss' }],
  ['redis://ann:p%3Ass@cache', { username: 'ann', password: 'p:ss' }],
  ['redis://@cache', {}],
  [
    'redis+sentinel://ann:word@s1,s2:27000/main-1',
    {
      kind: 'sentinel',
      hosts: [
        { host: 's1', port: 26_379 },
        { host: 's2', port: 27_000 },
      ],
      username: 'ann',
      password: 'word',
      masterName: 'main-1',
    },
  ],
  [
    'rediss+cluster://n1:7000,n2',
    {
      kind: 'cluster',
      tls: true,
      hosts: [
        { host: 'n1', port: 7000 },
        { host: 'n2', port: 6379 },
      ],
    },
  ],
];

const refused: readonly [url: string, expected: RegExp][] = [
  ['cache:6379', /^redis:\/\/, rediss:\/\/ \(TLS\), redis\+sentinel:\/\/ or redis\+cluster:\/\/ with hosts/],
  ['http://secret@cache', /such as redis:\/\//],
  ['redis+other://cache', /redis\+cluster/],
  ['redis://', /^one host, or host:port, ports 1 to 65535, such as redis:\/\/user/],
  ['redis://a,b', /^one host/],
  ['rediss://cache:0', /such as rediss:\/\/user/],
  ['redis://cache:70000', /ports 1 to 65535/],
  ['redis://cache/zero', /number of a database/],
  ['redis://:secret@pass@cache', /%40/],
  ['redis://a:secret:c@cache', /user:password or :password/],
  ['redis://a:%ZZsecret@cache', /user:password or :password/],
  ['redis://secret@cache', /user:password or :password/],
  ['redis+sentinel://s1,s2', /name of the master.*redis\+sentinel:\/\//],
  ['redis+cluster://n1/2', /no database.*redis\+cluster:\/\//],
  ['redis+cluster://n1,,n2', /hosts, or host:port, separated by commas/],
];

describe('REDIS_URL', () => {
  it.each(taken)('%s', (url, address) => {
    expect(readRedisUrl(url)).toEqual({ kind: 'address', address: { ...PLAIN, ...address } });
  });

  it.each(refused)('refuses %s, with what is expected and an example', (url, expected) => {
    const reading = readRedisUrl(url);
    expect(reading.kind).toBe('refused');
    if (reading.kind !== 'refused') return;
    expect(reading.expected).toMatch(expected);
    expect(reading.expected).toMatch(/such as rediss?(\+\w+)?:\/\//);
    expect(reading.expected).not.toContain('secret');
  });
});

describe('the place of shared state', () => {
  it.each([
    ['redis://hidden:hidden@cache/3', 'redis cache:6379/3 tls=off'],
    ['rediss://:hidden@[::1]:6380', 'redis [::1]:6380/0 tls=on'],
    ['rediss+sentinel://hidden:hidden@s1,s2:1/main', 'redis sentinel s1:26379,s2:1/main tls=on'],
    ['redis+cluster://n1,n2', 'redis cluster n1:6379,n2:6379/0 tls=off'],
  ])('%s names hosts, and neither user nor password', (url, place) => {
    const reading = readRedisUrl(url);
    expect(reading.kind === 'address' && redisPlace(reading.address)).toBe(place);
  });
});
