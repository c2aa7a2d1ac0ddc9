import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findRepeatedMember } from '../../../src/core/text/repeated-member.ts';

describe('findRepeatedMember', () => {
  it.each<[string, readonly (string | number)[]]>([
    ['{"a":1,"a":1}', ['a']],
    ['{"amount":{"value":1,"currency":"EUR","value":2}}', ['amount', 'value']],
    ['{"a":{"b":1},"c":{"b":1,"b":2},"c":0}', ['c', 'b']],
    ['[{"a":1},[0,{"a":1,"a":2}]]', [1, 1, 'a']],
    ['{"a":{"x":1},"b":2,"a":3}', ['a']],
    [String.raw`{"a":1,"\u0061":2}`, ['a']],
    [String.raw`{"\"":1,"\u0022":2}`, ['"']],
    [String.raw`{"\\":1,"b":"\\","\u005c":2}`, ['\\']],
    ['{"":1,"":2}', ['']],
    ['{"__proto__":1,"__proto__":2}', ['__proto__']],
    [' { "a" :\t1 ,\n"a" : 2 } ', ['a']],
  ])('%s', (json, path) => {
    expect(() => JSON.parse(json)).not.toThrow();
    expect(findRepeatedMember(json)).toEqual(path);
  });

  it.each([
    '{"a":1,"A":2,"b":{"a":1}}',
    '[{"a":1},{"a":1}]',
    '{"a":"a","b":["a","a"]}',
    String.raw`{"a":"\",\"a\":1,{\"a","b":"}"}`,
    String.raw`{"a\\":1,"a":2}`,
    '{"é":1,"e\u0301":2}',
    '{"constructor":1,"toString":2,"hasOwnProperty":3}',
    '"a"',
    '1',
    '{}',
    '[]',
  ])('nothing in %s', (json) => {
    expect(() => JSON.parse(json)).not.toThrow();
    expect(findRepeatedMember(json)).toBeNull();
  });

  it('takes what is deep and what is wide, in time that grows with its length', () => {
    const depth = 30_000;
    const deep = `${'{"a":['.repeat(depth)}{"b":1,"b":2}${']}'.repeat(depth)}`;
    expect(findRepeatedMember(deep)).toHaveLength(2 * depth + 1);
    const names = Array.from({ length: 20_000 }, (_, index) => `"${index}":0`);
    expect(findRepeatedMember(`{${names.join()}}`)).toBeNull();
    expect(findRepeatedMember(`{${names.join()},"0":0}`)).toEqual(['0']);
    expect(findRepeatedMember(`{"a":"${'\\\\'.repeat(20_000)}${'\\"'.repeat(20_000)}","a":0}`)).toEqual([
      'a',
    ]);
  });

  it('ends on a text that is no JSON', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'{}[]",:\\a u'.split('')) }), (text) => {
        try {
          findRepeatedMember(text);
        } catch (error) {
          // A name that JSON.parse does not take.
          expect(error).toBeInstanceOf(SyntaxError);
        }
      }),
    );
  });
});

/** A JSON text before it is written: its objects may have a name twice. */
type Node =
  | { readonly leaf: string }
  | { readonly items: readonly Node[] }
  | { readonly members: readonly (readonly [name: string, spelling: readonly boolean[], value: Node])[] };

/** Few names, so that they are often the same, some of which need escapes. */
const name = fc.constantFrom(
  'a',
  'b',
  'ab',
  '',
  '"',
  '\\',
  'a"',
  '{"a":1',
  'é',
  '\u2028',
  '\ud83d\ude00',
  '\ud800',
);
const { node } = fc.letrec<{ readonly node: Node }>((tie) => ({
  node: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.record({
      leaf: fc.oneof(name, fc.integer(), fc.boolean(), fc.constant(null)).map((leaf) => JSON.stringify(leaf)),
    }),
    fc.record({ items: fc.array(tie('node'), { maxLength: 4 }) }),
    fc.record({
      members: fc.array(fc.tuple(name, fc.array(fc.boolean(), { minLength: 2, maxLength: 2 }), tie('node')), {
        maxLength: 4,
      }),
    }),
  ),
}));

/** Every character as itself or as an escape, in turns that differ from case to case. */
function spelt(text: string, [escapesFirst = false, spaced = false]: readonly boolean[]): string {
  const characters = Array.from({ length: text.length }, (_, index) => {
    const isEscaped = escapesFirst === (index % 2 === 0);
    const code = text.charCodeAt(index).toString(16).padStart(4, '0');
    return isEscaped ? `\\u${code}` : JSON.stringify(text.charAt(index)).slice(1, -1);
  });
  const quoted = `"${characters.join('')}"`;
  return spaced ? ` ${quoted}\n` : quoted;
}

function write(tree: Node): string {
  if ('leaf' in tree) return tree.leaf;
  if ('items' in tree) return `[${tree.items.map(write).join(' ,')}]`;
  const members = tree.members.map(
    ([member, spelling, value]) => `${spelt(member, spelling)}:${write(value)}`,
  );
  return `{${members.join(',')}}`;
}

/** The simplest way to say it: the first that was there before, in the order of the text. */
function firstRepeated(tree: Node): readonly (string | number)[] | null {
  if ('leaf' in tree) return null;
  const children: readonly (readonly [string | number, Node])[] =
    'items' in tree
      ? tree.items.map((item, index) => [index, item] as const)
      : tree.members.map(([member, , value]) => [member, value] as const);
  for (const [index, [member, value]] of children.entries()) {
    if ('members' in tree && children.slice(0, index).some(([before]) => before === member)) return [member];
    const below = firstRepeated(value);
    if (below !== null) return [member, ...below];
  }
  return null;
}

describe('on any JSON', () => {
  it('it finds what the tree has twice, and nothing else (property)', () => {
    let found = 0;
    let clean = 0;
    fc.assert(
      fc.property(node, (tree) => {
        const json = write(tree);
        JSON.parse(json);
        const expected = firstRepeated(tree);
        if (expected === null) clean += 1;
        else found += 1;
        expect(findRepeatedMember(json)).toEqual(expected);
      }),
      { numRuns: 2_000 },
    );
    // Both kinds came: else the property says little.
    expect(Math.min(found, clean)).toBeGreaterThan(100);
  });

  it('nothing is found in what JSON.stringify writes (property)', () => {
    fc.assert(
      fc.property(fc.json(), (json) => {
        expect(findRepeatedMember(JSON.stringify(JSON.parse(json)))).toBeNull();
      }),
    );
  });
});
