import { describe, expect, it } from 'vitest';
import { longFunctions } from './long-functions.ts';

/** What is found in one text where functions may have three lines. */
const found = (text: string) => longFunctions([{ path: 'src/one.ts', text }], 3);

describe('functions that are too long', () => {
  it.each([
    ['a declaration', 'export async function one() {\n  a();\n  b();\n}'],
    ['with its parameters on lines of their own', 'function one(\n  a: number,\n) {\n}'],
    ['with a type that has braces', 'function one(a: {\n  b: number;\n}) {\n}'],
    ['a generator', 'function* one() {\n  a();\n  b();\n}'],
    ['an arrow function', 'const one = () => {\n  a();\n  b();\n};'],
    ['an arrow function without braces', 'const one = () =>\n  a(\n    b,\n  );'],
    ['a function expression', 'const one = function () {\n  a();\n  b();\n};'],
    ['an argument', 'one(() => {\n  a();\n  b();\n});'],
  ])('%s', (_, text) => {
    expect(found(text)).toEqual(['src/one.ts:1 4 lines']);
  });

  it.each([
    ['a method', 'class One {\n  one() {\n    a();\n    b();\n  }\n}'],
    ['a private method', 'class One {\n  async #one(\n    a: number,\n  ) {\n  }\n}'],
    ['a constructor', 'class One {\n  constructor() {\n    a();\n    b();\n  }\n}'],
    ['a getter', 'class One {\n  get one() {\n    a();\n    return b;\n  }\n}'],
    ['a setter', 'class One {\n  set one(a) {\n    b();\n    c();\n  }\n}'],
    ['a field', 'class One {\n  one = () => {\n    a();\n    b();\n  };\n}'],
    ['a method of an object', 'const one = {\n  one() {\n    a();\n    b();\n  },\n};'],
    ['a member of an object', 'const one = {\n  one: () => {\n    a();\n    b();\n  },\n};'],
    ['a getter of an object', 'const one = {\n  get one() {\n    a();\n    return b;\n  },\n};'],
  ])('%s', (_, text) => {
    expect(found(text)).toEqual(['src/one.ts:2 4 lines']);
  });

  it('are found in one another, each once', () => {
    expect(found('function one() {\n  two(() => {\n    a();\n    b();\n  });\n}')).toEqual([
      'src/one.ts:1 6 lines',
      'src/one.ts:2 4 lines',
    ]);
  });

  it.each([
    ['as long as they may be', 'function one() {\n  a();\n}'],
    ['with comments before them', '/**\n * One.\n *\n * Two.\n */\nfunction one() {\n  a();\n}'],
    ['in a class that is longer', 'class One {\n  one() {\n  }\n\n  two() {\n  }\n}'],
    ['as a type alone', 'declare function one(\n  a: number,\n  b: number,\n): void;'],
  ])('are none %s', (_, text) => {
    expect(found(text)).toEqual([]);
  });

  it.each([
    ['a suite', "describe('a', () => {\n  beforeAll(a);\n  it('b', c);\n});"],
    ['a suite under a condition', "describe.skipIf(a)('b', () => {\n  it('c', d);\n  it('e', f);\n});"],
    ['a function of cases', "function cases() {\n  test('a', b);\n  test('c', d);\n}"],
    ['cases of a table', 'function cases() {\n  it.each`\n    a\n  `(b, c);\n}'],
    ['cases of a list', 'function cases() {\n  for (const a of b) {\n    it.each(a)(c, d);\n  }\n}'],
    ['a case without braces', 'const cases = () =>\n  test(\n    a,\n  );'],
  ])('are none of those that declare cases: %s', (_, text) => {
    expect(found(text)).toEqual([]);
  });

  it('are cases themselves, and what they are put together with', () => {
    expect(found("describe('a', () => {\n  it('b', () => {\n    c();\n    d();\n  });\n});")).toEqual([
      'src/one.ts:2 4 lines',
    ]);
    expect(found('const make = () => {\n  const a = /b/;\n  return a.test(c);\n};')).toEqual([
      'src/one.ts:1 4 lines',
    ]);
  });
});
