import { describe, expect, it } from 'vitest';
import { redisIdentity } from '../../../src/stores/redis/redis-identity.ts';

const SECRET = new Uint8Array(32).fill(7);
const OTHER = new Uint8Array(32).fill(8);

describe('whose keys in a Redis are', () => {
  it('are those of one journal, and of no other', () => {
    const { prefix } = redisIdentity(SECRET, null);
    expect(prefix).toMatch(/^pointsman:[a-z]{16}$/);
    expect(redisIdentity(SECRET, null).prefix).toBe(prefix);
    expect(redisIdentity(OTHER, null).prefix).not.toBe(prefix);
  });

  it('are set apart by a prefix, that of a copy of a journal too', () => {
    const copy = redisIdentity(SECRET, 'staging');
    expect(copy.prefix).toMatch(/^pointsman:staging:[a-z]{16}$/);
    expect(copy.prefix.slice(-16)).not.toBe(redisIdentity(SECRET, null).prefix.slice(-16));
    expect(redisIdentity(OTHER, 'staging').prefix).not.toBe(copy.prefix);
  });

  it('are sealed: of another kind, text, journal or prefix no seal holds', () => {
    const one = redisIdentity(SECRET, null);
    const seal = one.seal('vote', 'text');
    expect(seal).toMatch(/^[\w-]{22}$/);
    expect(one.isSealed('vote', 'text', seal)).toBe(true);
    const not = [
      one.isSealed('pod', 'text', seal),
      one.isSealed('vote', 'texts', seal),
      one.isSealed('vote', 'text', `${seal}x`),
      one.isSealed('vote', 'text', ''),
      redisIdentity(OTHER, null).isSealed('vote', 'text', seal),
      redisIdentity(SECRET, 'staging').isSealed('vote', 'text', seal),
    ];
    expect(not).toEqual(not.map(() => false));
  });
});
