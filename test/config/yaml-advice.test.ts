import { describe, expect, it } from 'vitest';
import { parseDocument } from 'yaml';
import { formatRulesetError } from '../../src/config/ruleset-error.ts';
import { yamlAdvice } from '../../src/config/yaml-advice.ts';
import { readYamlFile } from '../../src/config/yaml-file.ts';

const RULE = '  - name: b\n    when: { field: currency, is: "USD" }\n    then: {}\n';

/** Slips of people who do not write YAML every day; in every one there is one thing to mend, and one error. */
const SLIPS: readonly (readonly [name: string, text: string, told: RegExp])[] = [
  [
    'an open quote',
    `  - name: "eu\n    then: {}\n${RULE.replaceAll('"', '')}`,
    /^2:11 a quote " that is not closed/,
  ],
  [
    'an open quote before others',
    `  - name: "eu\n    then: {}\n${RULE}`,
    /^2:11 a quote " that is not closed/,
  ],
  ['an open single quote', "  - name: 'eu\n    then: {}\n", /^2:11 a quote ' .*; put ' behind the text$/],
  ['an open quote in braces', '  - name: x\n    when: { is: "EUR }\n    then: {}\n', /^3:17 a quote "/],
  [
    'an open quote in braces before others',
    `  - name: x\n    when: { is: "EUR }\n    then: {}\n${RULE}`,
    /^3:17 a quote " that is not closed/,
  ],
  [
    'a missing }',
    `  - name: x\n    when: { is: EUR\n    then: {}\n${RULE}`,
    /^3:11 a \{ that is not closed.*put \}/,
  ],
  ['a missing } at the end', '  - name: x\n    then: { only: [a]\n', /^3:11 a \{ that is not closed/],
  [
    'a missing inner }',
    '  - name: x\n    when: { not: { is: EUR }\n    then: {}\n',
    /^3:11 a \{ that is not closed/,
  ],
  ['a missing ]', `  - name: x\n    then:\n      only: [a\n${RULE}`, /^4:13 a \[ that is not closed.*put \]/],
  ['a missing ] in braces', '  - name: x\n    then: { only: [a }\n', /^3:19 a \[ that is not closed/],
  [
    'no space after a colon',
    '  - name:fallback\n    then: {}\n',
    /^2:5 no space after the colon of name;.*: name: …$/,
  ],
  [
    'no space after the last colon',
    '  - name: x\n    then:{}\n',
    /^3:5 .*put a space after the colon: then: …$/,
  ],
  ['no space after an inner colon', '  - name: x\n    then:\n      a:3\n      b: 1\n', /^4:7 .*colon: a: …$/],
  ['no space after a dash', '  -name: x\n   then: {}\n', /^2:3 .*put a space after the dash: - name:$/],
  ['too small an indent', '  - name: x\n   then: {}\n', /^3:4 a wrong indent: 3 spaces before then/],
  [
    'an indent like the dash',
    '  - name: x\n    when: {}\n  then: {}\n',
    /^4:3 a wrong indent: 2 spaces before then/,
  ],
  ['too large an indent', '  - name: x\n     then: {}\n', /^3:6 a wrong indent: 5 spaces before then/],
  [
    'too large an indent after braces',
    '  - name: x\n    when: {}\n     then: {}\n',
    /^4:6 a wrong indent: 5 spaces before then.*put then exactly below/,
  ],
  [
    'an indent between two',
    '  - name: x\n    when:\n      is: EUR\n     then: {}\n',
    /^5:6 a wrong indent: 5 spaces before then/,
  ],
  [
    'a tab',
    '  - name: x\n\tthen: {}\n',
    /^3:1 a tab at the start of a line; .*tabs are not allowed; use spaces/,
  ],
  ['tabs', '\t- name: x\n\t  then: {}\n\t- name: y\n\t  then: {}\n', /^2:1 a tab/],
  ['what has no words of its own', '  - name: x\n    then: {}}\n', /^3:13 not readable as YAML: Unexpected/],
];

describe('slips in YAML', () => {
  it.each(SLIPS.map((row) => ({ row })))('$row.0', ({ row }) => {
    const reading = readYamlFile('f', `rules:\n${row[1]}`);
    const errors = reading.kind === 'read' ? [] : reading.errors.map(formatRulesetError);
    expect(errors.map((error) => error.replace(/^f:(\d+:\d+) {2}/, '$1 '))).toEqual([
      expect.stringMatching(row[2]),
    ]);
  });

  it('shows no value, which may be a secret', () => {
    const reading = readYamlFile('f', 'credentials:\n  api_key:sk_hunter2\n  webhook_secret: "hunter3\n');
    expect(reading.kind).toBe('refused');
    expect(JSON.stringify(reading)).not.toContain('hunter');
  });

  it('tells of several', () => {
    const reading = readYamlFile('f', 'rules:\n  - name: x\n    then:{}\n  - name: y\n   then: {}\n');
    const lines = reading.kind === 'read' ? [] : reading.errors.map(({ line }) => line);
    expect(lines).toEqual([3, 5]);
  });

  it('never throws, whatever is cut off', () => {
    const text = `rules:\n  - name: 'x'\n    when: { all: [{ field: amount, below: "2.50" }] }\n    then:\n      only: [a]\n`;
    for (let end = 1; end < text.length; end += 1) {
      const reading = readYamlFile('f', text.slice(0, end));
      const lines = reading.kind === 'read' ? [1] : reading.errors.map(({ line }) => line);
      for (const line of lines) expect(line).toBeGreaterThanOrEqual(1);
      expect(lines.length).toBeGreaterThan(0);
    }
  });
});

describe('what advice costs', () => {
  /** Complaints about each character of one long line, over a document of as many values. */
  const costMs = (size: number): number => {
    const document = parseDocument(`[${'c,'.repeat(size)}]`);
    const text = `a:b${'c'.repeat(size)}`;
    const complaints = Array.from({ length: size }, (_, index) => ({
      code: 'BAD_INDENT',
      message: 'Flow sequence in block collection must be sufficiently indented and end with a ]',
      pos: [index + 3, index + 4] as const,
    }));
    const before = process.cpuUsage();
    expect(yamlAdvice(complaints, document, text)).toMatchObject([
      { offset: 0, what: 'no space after the colon of a' },
    ]);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  };

  it('grows with the number of complaints, and not with its square', () => {
    costMs(500);
    const [small, large] = [500, 2_000].map((size) => Math.min(costMs(size), costMs(size), costMs(size)));
    expect((large ?? 0) / Math.max(small ?? 0, 3)).toBeLessThan(10);
  });
});
