import { describe, expect, it } from 'vitest';
import { readBeside } from '../../src/config/read-beside.ts';
import type { ReadingOutcome, ReadingPlace, ReadingTask } from '../../src/config/reading-task.ts';
import { validateRulesetFiles } from '../../src/config/validate-ruleset-files.ts';
import type { RoutingFacts } from '../../src/core/facts.ts';
import type { Ruleset } from '../../src/core/rules/ruleset.ts';
import { bareFacts, someFacts } from '../core/rules/some-facts.ts';
import { READING_IN_LINE } from '../support/reading-in-line.ts';
import { SOME_CREDENTIALS, shippedFiles } from './ruleset-files.ts';

const PADDING = '# as somebody explained at length\n'.repeat(1_000);
const SHORT = shippedFiles();

/** A place that answers this, and tells what it was asked. */
function placeThat(outcome: ReadingOutcome<ReadingTask> | null) {
  const asked: ReadingTask[] = [];
  const place: ReadingPlace = {
    ...READING_IN_LINE,
    run(task) {
      asked.push(task);
      return outcome === null ? READING_IN_LINE.run(task) : Promise.resolve(outcome as never);
    },
  };
  return { asked, read: readBeside(place, SOME_CREDENTIALS) };
}

/** A rule of its own for each kind of question, so that each decides alone. */
const QUESTIONS = [
  '{ field: amount, currency: EUR, below: "50.00" }',
  '{ field: card.bin, prefix: ["457173", "222100-272099"] }',
  '{ field: card.country, not_one_of: [DE, FR] }',
  '{ field: card.brand, exists: false }',
  '{ field: metadata.a in b, is: x }',
  '{ field: time.hour, at_least: 9, time_zone: Asia/Tokyo }',
  '{ field: time.weekday, one_of: [monday, sunday] }',
  '{ all: [{ field: three_ds, is: true }, { any: [{ not: { field: initiator, is: merchant } }, { field: currency, is: USD }] }] }',
];
const RULES = `${PADDING}rules:\n${QUESTIONS.map((when, index) => `  - { name: r${index}, when: ${when}, then: {} }\n`).join('')}`;
const WORLDS: readonly RoutingFacts[] = [
  bareFacts(),
  ...[0, 7, 15, 30].map((hour) => someFacts({ atMs: Date.UTC(2026, 10, 23, hour) })),
  someFacts({ amount: { value: 100, currency: 'EUR' } }),
  someFacts({ cardBin: '45717360', cardCountry: 'US', threeDsPresent: true, metadata: { 'a in b': 'x' } }),
  someFacts({ cardBin: '51', amount: { value: 100, currency: 'USD' }, initiator: 'merchant' }),
];
const matches = ({ rules }: Ruleset) => WORLDS.map((facts) => rules.map((rule) => rule.matches(facts)));

describe('files that operators wrote', () => {
  it('are read in line while they are short', async () => {
    const { asked, read } = placeThat({ kind: 'stopped' });
    expect((await read(SHORT)).kind).toBe('good');
    expect(asked).toEqual([]);
  });

  it('are read beside payments when they are long, and then decide the same', async () => {
    const { asked, read } = placeThat(null);
    const files = { ...SHORT, 'rules.yaml': RULES, 'experiments.yaml': 'experiments: []\n' };
    const reading = await read(files);
    const inLine = validateRulesetFiles(files, SOME_CREDENTIALS);
    expect(asked).toHaveLength(1);
    if (reading.kind !== 'good' || inLine.kind !== 'good') throw new Error(JSON.stringify([reading, inLine]));
    const data = ({ rules, experiments, ...others }: Ruleset) => ({
      ...others,
      rules: rules.map(({ name, action }) => ({ name, action })),
      notes: experiments.notes,
    });
    expect(data(reading.ruleset)).toEqual(data(inLine.ruleset));
    expect(reading.places).toEqual(inLine.places);
    expect(matches(reading.ruleset)).toEqual(matches(inLine.ruleset));
    // Each question says yes to some and no to others: else nothing was compared.
    for (const [index] of QUESTIONS.entries()) {
      const answers = new Set(matches(inLine.ruleset).map((row) => row[index]));
      expect([QUESTIONS[index], answers.size]).toEqual([QUESTIONS[index], 2]);
    }
    const broken = { ...files, 'rules.yaml': `${RULES}  - { name: x, then: { only: [nobody] } }\n` };
    expect(await read(broken)).toEqual(validateRulesetFiles(broken, SOME_CREDENTIALS));
  });

  it('have the experiments that they have in line', async () => {
    const { read } = placeThat(null);
    const files = { ...SHORT, 'fx.yaml': `${PADDING}${SHORT['fx.yaml']}` };
    const reading = await read(files);
    const inLine = validateRulesetFiles(files, SOME_CREDENTIALS);
    if (reading.kind !== 'good' || inLine.kind !== 'good') throw new Error('the shipped files are good');
    const plain = ({ experiments }: Ruleset) => ({
      ...experiments,
      list: experiments.list.map(({ matches: asked, ...experiment }) => ({
        ...experiment,
        asked: WORLDS.map(asked),
      })),
    });
    expect(plain(reading.ruleset)).toEqual(plain(inLine.ruleset));
  });

  it('are read in line where no thread can be had, and refused where they need too much', async () => {
    const long = { ...SHORT, 'fx.yaml': `${PADDING}${SHORT['fx.yaml']}` };
    expect((await placeThat({ kind: 'failed', reason: 'no thread' }).read(long)).kind).toBe('good');
    expect(await placeThat({ kind: 'too_costly', limit: 'time', at: 'fx.yaml' }).read(long)).toMatchObject({
      kind: 'refused',
      errors: [{ file: 'fx.yaml', what: 'checking this file took more than 5 s, and was given up' }],
    });
    expect(await placeThat({ kind: 'stopped' }).read(long)).toMatchObject({
      kind: 'refused',
      errors: [{ what: expect.stringContaining('the files were not checked') }],
    });
  });
});
