import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonFault } from '../../../src/core/text/json-fault.ts';

const parses = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

describe('where a text stops being JSON', () => {
  it.each([
    ['', 0, 'a value'],
    ['\ufeff{}', 0, 'a value'],
    ['{"a": 1,\n "b" 2}', 14, 'a colon'],
    ['{"a": 1 "b": 2}', 8, 'a comma or }'],
    ['{"a": 1,}', 8, 'a name in double quotes'],
    ["{'a': 1}", 1, 'a name in double quotes, or }'],
    ['{"a": }', 6, 'a value'],
    ['{"a": tru}', 6, 'a value'],
    ['{"a": [1, 2}', 11, 'a comma or ]'],
    ['[1,]', 3, 'a value'],
    ['[,]', 1, 'a value or ]'],
    ['{"a": 01}', 7, 'a comma or }'],
    ['{"a": 1}}', 8, 'nothing more'],
    ['{"a": {"b": 1}', 14, 'a comma or }'],
    ['{"a": "b', 8, 'a quote that closes the text'],
    ['{"a": "b\nc"}', 8, 'a quote that closes the text, or an escape for this control character'],
    ['{"a": "\\x"}', 7, 'one of the escapes of JSON behind the backslash'],
    ['{"a": "\\u12g4"}', 7, 'one of the escapes of JSON behind the backslash'],
    ['['.repeat(60_000), 60_000, 'a value or ]'],
  ])('%j', (text, offset, expected) => {
    expect(jsonFault(text)).toEqual({ offset, expected });
  });

  it('finds one where JSON.parse finds one, and nowhere else', () => {
    const work = { good: 0, bad: 0 };
    const letters = fc.constantFrom(...'{}[]",:\\ \n\tu0123.-+eEtruefalsnb\u0001é😀');
    const changed = fc
      .tuple(
        fc.json({ depthSize: 'medium' }),
        fc.nat(),
        fc.nat(3),
        fc.string({ unit: letters, maxLength: 3 }),
      )
      .map(([json, at, cut, put]) => {
        const from = at % (json.length + 1);
        return json.slice(0, from) + put + json.slice(from + cut);
      });
    fc.assert(
      fc.property(fc.oneof(changed, fc.json(), fc.string({ unit: letters, maxLength: 12 })), (text) => {
        const isGood = parses(text);
        work[isGood ? 'good' : 'bad'] += 1;
        const fault = jsonFault(text);
        expect(fault === null).toBe(isGood);
        // What stands before it is no reason to refuse it.
        if (fault !== null)
          expect(jsonFault(text.slice(0, fault.offset))?.offset ?? fault.offset).toBe(fault.offset);
      }),
      { numRuns: 3000 },
    );
    expect(work.good).toBeGreaterThan(500);
    expect(work.bad).toBeGreaterThan(500);
  });
});
