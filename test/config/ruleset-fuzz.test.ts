import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { validateRulesetFiles } from '../../src/config/validate-ruleset-files.ts';
import type { RoutingFacts } from '../../src/core/facts.ts';
import { matchRule } from '../../src/core/rules/ruleset.ts';
import { bareFacts, someFacts } from '../core/rules/some-facts.ts';
import { SOME_CREDENTIALS, shippedFiles } from './ruleset-files.ts';

const SEED = 20261123;
const GOOD = shippedFiles();
const WORLDS: readonly RoutingFacts[] = [
  someFacts(),
  bareFacts(),
  someFacts({ atMs: Number.NaN, cardBin: 'x' }),
];

/** Either a ruleset that answers, or errors that each have a place in their file. */
function check(files: Record<string, string>): 'good' | 'refused' {
  const reading = validateRulesetFiles(files, SOME_CREDENTIALS);
  if (reading.kind === 'good') {
    for (const facts of WORLDS) matchRule(reading.ruleset, facts);
    return 'good';
  }
  expect(reading.errors.length).toBeGreaterThan(0);
  for (const { file, line, column, what, expected, remedy } of reading.errors) {
    const lines = (files[file] ?? '').split('\n');
    expect(line).toBeGreaterThanOrEqual(1);
    expect(line).toBeLessThanOrEqual(Math.max(1, lines.length));
    expect(column).toBeGreaterThanOrEqual(1);
    for (const text of [what, expected, remedy]) expect(text).toMatch(/^\S(.*\S)?$/);
  }
  return 'refused';
}

/** Cuts, copies, swaps and scribbles, as editors and people do. */
const mutation = fc.oneof(
  fc.record({ kind: fc.constant('cut' as const), from: fc.nat(), length: fc.nat(60) }),
  fc.record({ kind: fc.constant('copy' as const), from: fc.nat(), length: fc.nat(200), to: fc.nat() }),
  fc.record({
    kind: fc.constant('write' as const),
    to: fc.nat(),
    text: fc.oneof(
      fc.constantFrom(
        ...[
          '{',
          '}',
          '[',
          ']',
          ':',
          '-',
          ',',
          '"',
          "'",
          '#',
          '\n',
          '\n  ',
          '\t',
          '&a ',
          '*a',
          '!!set ',
          '? ',
          '|',
          '>',
        ],
        ...[
          'null',
          '~',
          '.nan',
          '-1',
          '1e999',
          '0x1f',
          'true',
          '__proto__',
          'constructor',
          '<<: ',
          '---\n',
          '%YAML 1.1\n',
        ],
        ...[
          'not: ',
          'all: ',
          'exists: true',
          'field: ',
          'DE',
          'EUR',
          'sandbox-a',
          '\u0000',
          '\ud800',
          '😀',
          '\r\n',
        ],
      ),
      fc.string({ maxLength: 8 }),
    ),
  }),
);

function mutate(
  text: string,
  edits: readonly (typeof mutation extends fc.Arbitrary<infer Edit> ? Edit : never)[],
) {
  let result = text;
  for (const edit of edits) {
    const place = (value: number) => (result.length === 0 ? 0 : value % result.length);
    if (edit.kind === 'cut') {
      const from = place(edit.from);
      result = result.slice(0, from) + result.slice(from + edit.length);
    } else {
      const at = place(edit.to);
      const piece =
        edit.kind === 'write' ? edit.text : result.slice(place(edit.from), place(edit.from) + edit.length);
      result = result.slice(0, at) + piece + result.slice(at);
    }
  }
  return result;
}

describe(`any input gives a ruleset or errors with places (seed ${SEED})`, () => {
  it('mutated files', () => {
    const seen = { good: 0, refused: 0 };
    fc.assert(
      fc.property(
        fc.array(mutation, { minLength: 1, maxLength: 4 }),
        fc.constantFrom('providers.yaml' as const, 'rules.yaml' as const),
        (edits, name) => {
          seen[check({ ...GOOD, [name]: mutate(GOOD[name], edits) })] += 1;
        },
      ),
      { seed: SEED, numRuns: 300 },
    );
    // Neither all good nor all refused: else the mutations would try nothing.
    expect(seen.good).toBeGreaterThan(10);
    expect(seen.refused).toBeGreaterThan(100);
  });

  it('any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        expect(check({ ...GOOD, 'rules.yaml': text })).toBe('refused');
        expect(check({ ...GOOD, 'providers.yaml': text })).toBe('refused');
      }),
      { seed: SEED, numRuns: 150 },
    );
  });

  it('any data in the place of a value', () => {
    const paths = [
      (value: string) => ({ ...GOOD, 'rules.yaml': `rules: ${value}\n` }),
      (value: string) => ({ ...GOOD, 'rules.yaml': `rules: [{ name: x, then: ${value} }]\n` }),
      (value: string) => ({ ...GOOD, 'rules.yaml': `rules: [{ name: x, when: ${value}, then: {} }]\n` }),
      (value: string) => ({
        ...GOOD,
        'rules.yaml': `rules: [{ name: x, when: { field: card.country, one_of: ${value} }, then: {} }]\n`,
      }),
      (value: string) => ({
        ...GOOD,
        'rules.yaml': `rules: [{ name: x, when: { field: card.bin, prefix: ${value} }, then: {} }]\n`,
      }),
      (value: string) => ({ ...GOOD, 'providers.yaml': `providers: [${value}]\n` }),
      (value: string) => ({
        ...GOOD,
        'providers.yaml': `providers: [{ id: a, adapter: stripe, merchants: all, credentials: ${value} }]\n`,
      }),
      (value: string) => ({ ...GOOD, 'experiments.yaml': `experiments: ${value}\n` }),
      (value: string) => ({
        ...GOOD,
        'experiments.yaml': `experiments: [{ id: x, status: running, seed: s, arms: [{ arm: control, weight: 1, then: ${value} }, { arm: b, weight: 1, then: { split: ${value} } }] }]\n`,
      }),
      (value: string) => ({ ...GOOD, 'experiments.yaml': `holdout: ${value}\n` }),
    ];
    fc.assert(
      // JSON is YAML: every JSON value may stand there.
      fc.property(fc.json({ maxDepth: 4 }), fc.constantFrom(...paths), (value, filesWith) => {
        check(filesWith(value));
      }),
      { seed: SEED, numRuns: 600 },
    );
  });
});
