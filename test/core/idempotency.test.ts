import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, fingerprintedBody } from '../../src/core/idempotency.ts';

describe('canonicalJson', () => {
  const cases: [text: string, canonical: string][] = [
    ['{"b":1,"a":{"d":[3,{"y":1,"x":2}],"c":null}}', '{"a":{"c":null,"d":[3,{"x":2,"y":1}]},"b":1}'],
    ['{"a":1e3,"b":1.50,"c":-0}', '{"a":1000,"b":1.5,"c":0}'],
    ['"\\u00e9\\/"', '"é/"'],
    ['{"10":1,"9":2,"":3}', '{"":3,"10":1,"9":2}'],
    ['{"__proto__":1,"a":2}', '{"__proto__":1,"a":2}'],
    ['true', 'true'],
  ];
  it.each(cases)('%s', (text, canonical) => {
    expect(canonicalJson(JSON.parse(text))).toBe(canonical);
  });

  it('means the same value, and is the same for every order of members', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const read: unknown = JSON.parse(JSON.stringify(value));
        const canonical = canonicalJson(read);
        expect(JSON.parse(canonical)).toEqual(read);
        expect(canonicalJson(JSON.parse(canonical))).toBe(canonical);
        expect(canonicalJson(reversed(read))).toBe(canonical);
      }),
    );
  });
});

describe('fingerprintedBody', () => {
  it('leaves deadline_ms out, at the top only', () => {
    expect(fingerprintedBody({ deadline_ms: 1, a: { deadline_ms: 2 } })).toBe('{"a":{"deadline_ms":2}}');
  });
});

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([name, member]) => [name, reversed(member)]),
  );
}
