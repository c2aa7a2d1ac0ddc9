import { describe, expect, it } from 'vitest';
import { formatRulesetError } from '../../src/config/ruleset-error.ts';
import { contentHashOf, validateRulesetFiles } from '../../src/config/validate-ruleset-files.ts';
import { SOME_CREDENTIALS, shippedFiles } from './ruleset-files.ts';

const TWO_PROVIDERS = `providers:
  - { id: a, adapter: sandbox, merchants: all, timeout_ms: 2000 }
  - { id: b, adapter: sandbox, merchants: all, timeout_ms: 2000 }
`;
const REAL_PROVIDER = `providers:
  - id: stripe-eu
    adapter: stripe
    base_url: https://api.stripe.com
    credentials: { api_key: "env:STRIPE_API_KEY", webhook_secret: "file:/run/secrets/whsec" }
    enabled: true
    merchants: [acme-eu]
    timeout_ms: 4000
    limits: { per_second: 100, concurrent: 50 }
    capabilities: { currencies: [EUR, USD], brands: [visa, mastercard], countries: all, features: [network_token, partial_capture] }
    fees: { fixed: { value: 10, currency: EUR }, basis_points: 140, cross_border_basis_points: 100 }
    breaker: { failure_ratio: 0.5, unknown_ratio: 0.1, volume: 10, window_ms: 10000, reset_ms: 5000 }
`;
const ONE_RULE = 'rules:\n  - name: fallback\n    then: { strategy: score }\n';

function errorsOf(files: Record<string, string>): readonly string[] {
  const reading = validateRulesetFiles(files, SOME_CREDENTIALS);
  return reading.kind === 'good' ? [] : reading.errors.map(formatRulesetError);
}

type Row = readonly [name: string, text: string, ...expected: readonly RegExp[]];

/** A word of another program, and what is said to write instead. */
const WORDS_OF_OTHERS: readonly Row[] = (
  [
    ['equals: US', 'is: US'],
    ['eq: "45 1"', 'is: "45 1"'],
    ['equals: "4111111111111111"', 'is: "…"'],
    ['in: [DE, FR]', 'one_of: [DE, FR]'],
    ['in: US', 'one_of: [US]'],
    ['not_in: [DE]', 'not_one_of: [DE]'],
    ['gt: 5', 'above: 5'],
    ['lt: 5', 'below: 5'],
    ['gte: 5', 'at_least: 5'],
    ['lte: 5', 'at_most: 5'],
    ['starts_with: "4571"', 'prefix: "4571"'],
    [
      'contains: x',
      'out the values with one_of: […]; only card.bin is asked about by its start, with prefix:',
    ],
  ] as const
).map(([theirs, ours]): Row => {
  const name = `${theirs} for ${ours}`;
  const told = new RegExp(`^rules\\.yaml:2:39 .*; write ${ours.replaceAll(/[.[\]]/g, '\\$&')}$`);
  return [name, `- { name: x, when: { field: merchant, ${theirs} }, then: {} }`, told];
});

/** Rules, and what is said about them: place and words. None: they are good. */
const RULES: readonly Row[] = [
  ['a rule without when', '- { name: x, then: {} }'],
  ['strategy implied by priority', '- { name: x, then: { priority: [b, a] } }'],
  ['strategy implied by split', '- { name: x, then: { split: { a: 70, b: 30 } } }'],
  ['no rules', '  []', /^rules\.yaml:2:3 {2}rules is an empty list; expected at least one rule; add one$/],
  ['rules left empty', '', /^rules\.yaml:1:\d .*rules is not what it should be.*a list of rules/],
  ['no name', '- { then: {} }', /^rules\.yaml:2:3 {2}name is missing/],
  ['no then', '- { name: x }', /^rules\.yaml:2:3 {2}then is missing/],
  ['an unknown key', '- { name: x, wen: {}, then: {} }', /^rules\.yaml:2:14 .*"wen".*did you mean when/],
  ['an unknown key in then', '- { name: x, then: { onli: [a] } }', /^rules\.yaml:2:22 .*did you mean only/],
  [
    'an unknown key in a condition',
    '- { name: x, when: { feild: merchant, is: m }, then: {} }',
    /^rules\.yaml:2:22 .*"feild".*did you mean field/,
  ],
  ['when without a condition', '- name: x\n  when:\n  then: {}', /^rules\.yaml:3:\d+ .*when.*remove the key/],
  [
    'an empty all',
    '- { name: x, when: { all: [] }, then: {} }',
    /^rules\.yaml:2:27 .*at least one condition/,
  ],
  [
    'an empty one_of',
    '- { name: x, when: { field: merchant, one_of: [] }, then: {} }',
    /^rules\.yaml:2:47 .*at least one value/,
  ],
  ['a name with blanks', '- { name: "x y", then: {} }', /^rules\.yaml:2:11 .*"x y" for name/],
  [
    'a name twice',
    '- { name: x, when: { field: merchant, is: m }, then: {} }\n- { name: x, then: {} }',
    /^rules\.yaml:3:11 .*a second rule "x"/,
  ],
  [
    'an unknown provider in only',
    '- { name: x, then: { only: [a, c] } }',
    /^rules\.yaml:2:32 .*provider "c"/,
  ],
  ['an unknown provider in priority', '- { name: x, then: { priority: [a, c] } }', /^rules\.yaml:2:36 .*"c"/],
  [
    'an unknown provider in split',
    '- { name: x, then: { split: { a: 1, c: 1 } } }',
    /^rules\.yaml:2:37 .*"c"/,
  ],
  ['a provider twice', '- { name: x, then: { priority: [a, a] } }', /^rules\.yaml:2:36 .*"a" twice/],
  [
    'priority outside only',
    '- { name: x, then: { only: [a], priority: [a, b] } }',
    /^rules\.yaml:2:47 .*"b" is left out by only/,
  ],
  [
    'split outside only',
    '- { name: x, then: { only: [a], split: { b: 1 } } }',
    /^rules\.yaml:2:42 .*"b" is left out by only/,
  ],
  ['an empty only', '- { name: x, then: { only: [] } }', /^rules\.yaml:2:28 .*at least one provider/],
  ['an empty split', '- { name: x, then: { split: {} } }', /^rules\.yaml:2:29 .*between no providers/],
  ['a weight of nothing', '- { name: x, then: { split: { a: 0 } } }', /^rules\.yaml:2:34 .*above 0/],
  ['a negative weight', '- { name: x, then: { split: { a: -1 } } }', /^rules\.yaml:2:34 .*above 0/],
  ['a weight without end', '- { name: x, then: { split: { a: .inf } } }', /^rules\.yaml:2:34 .*a number/],
  [
    'a weight that is no number',
    '- { name: x, then: { split: { a: .nan } } }',
    /^rules\.yaml:2:34 .*a number/,
  ],
  [
    'priority and split',
    '- { name: x, then: { priority: [a], split: { a: 1 } } }',
    /^rules\.yaml:2:37 .*priority and split/,
  ],
  [
    'a strategy without its list',
    '- { name: x, then: { strategy: split } }',
    /^rules\.yaml:2:32 .*without split/,
  ],
  [
    'a strategy beside another list',
    '- { name: x, then: { strategy: score, priority: [a] } }',
    /^rules\.yaml:2:32 .*score beside priority/,
  ],
  [
    'an unknown strategy',
    '- { name: x, then: { strategy: scroe } }',
    /^rules\.yaml:2:32 .*did you mean score/,
  ],
  ['no attempts', '- { name: x, then: { attempts_max: 0 } }', /^rules\.yaml:2:36 .*from 1 to 5/],
  ['half an attempt', '- { name: x, then: { attempts_max: 1.5 } }', /^rules\.yaml:2:36 .*from 1 to 5/],
  ['too many attempts', '- { name: x, then: { attempts_max: 6 } }', /^rules\.yaml:2:36 .*from 1 to 5/],
  [
    'attempts as a word',
    '- { name: x, then: { attempts_max: "2" } }',
    /^rules\.yaml:2:36 .*remove the quotes/,
  ],
  [
    'too short a deadline',
    '- { name: x, then: { deadline_ms: 499 } }',
    /^rules\.yaml:2:35 .*from 500 to 60000/,
  ],
  [
    'a deadline below a time-out',
    '- { name: x, then: { deadline_ms: 1999 } }',
    /^rules\.yaml:2:35 .*1999 is below timeout_ms 2000 of "a"/,
    /"b"/,
  ],
  ['a deadline below one time-out', '- { name: x, then: { only: [b], deadline_ms: 600 } }', /of "b"/],
  ['too long a wait', '- { name: x, then: { queue_ms: 5001 } }', /^rules\.yaml:2:32 .*from 0 to 5000/],
  [
    'a rule after one that always matches',
    '- { name: x, then: {} }\n- { name: y, when: { field: merchant, is: m }, then: {} }',
    /^rules\.yaml:3:11 .*"y" is never reached: "x"/,
  ],
  [
    'a rule after a wider one',
    '- { name: x, when: { field: card.country, one_of: [DE, FR] }, then: {} }\n' +
      '- { name: y, when: { all: [{ field: card.country, is: DE }, { field: card.funding, is: debit }] }, then: {} }',
    /^rules\.yaml:3:11 .*"y" is never reached: "x"/,
  ],
  [
    'a rule that asks contrary things',
    '- { name: x, when: { all: [{ field: currency, is: EUR }, { field: currency, is: USD }] }, then: {} }',
    /^rules\.yaml:2:58 .*contradicts what is asked about currency in line 2, column 28;/,
  ],
  [
    'a rule that asks contrary things, line by line',
    '- name: x\n  when:\n    all:\n      - { field: currency, is: EUR }\n      - { field: currency, is: USD }\n  then: {}',
    /^rules\.yaml:6:9 .*contradicts what is asked about currency in line 5;/,
  ],
  ...WORDS_OF_OTHERS,
  ['letters swapped in a short key', '- { name: x, wehn: {}, then: {} }', /"wehn".*; did you mean when\?$/],
  [
    'a key of a rule that is like none',
    '- { name: x, unless: {}, then: {} }',
    /"unless".*expected one of name, when, then; write one of these instead: without it the rule may match more$/,
  ],
  [
    'another word for when',
    '- { name: x, if: { field: currency, is: EUR }, then: {} }',
    /^rules\.yaml:2:14 .*"if".*; write when: …$/,
  ],
  [
    'no space after the colon in braces',
    '- { name: x, when: { field: currency, is:"EUR" }, then: {} }',
    /^rules\.yaml:2:39 .*; put a space after the colon: is: EUR$/,
  ],
  [
    'decimals of a currency that has none',
    '- { name: x, when: { field: amount, currency: JPY, below: "250.00" }, then: {} }',
    /^rules\.yaml:2:59 .*expected major units of JPY in quotes, without decimals, such as "250"; .*without decimals$/,
  ],
  [
    'too many decimals',
    '- { name: x, when: { field: amount, currency: KWD, below: "1.2345" }, then: {} }',
    /at most 3 decimals, such as "250\.000"/,
  ],
  [
    'an amount without quotes',
    '- { name: x, when: { field: amount, currency: EUR, below: 250 }, then: {} }',
    /put it in quotes: "250"$/,
  ],
  [
    'a currency in small letters',
    '- { name: x, when: { field: amount, currency: jpy, below: "250" }, then: {} }',
    /^rules\.yaml:2:47 .*write currency: JPY$/,
  ],
  ['a key twice', '- { name: x, name: y, then: {} }', /^rules\.yaml:2:14 .*the key "name" a second time/],
  ['a bracket left open', '- { name: x, then: { only: [a } }', /^rules\.yaml:2:28 .*a \[ that is not closed/],
  ['a tab for an indent', '- name: x\n\tthen: {}', /^rules\.yaml:3:1 .*tabs are not allowed/],
  ['an anchor', '- &x { name: x, then: {} }', /^rules\.yaml:2:\d+ .*an anchor \(&\);/],
  ['a tag', '- { name: !!binary eA==, then: {} }', /^rules\.yaml:2:\d+ .*a tag/],
  [
    'a key that is no word',
    '- { name: x, ? [a] : 1, then: {} }',
    /^rules\.yaml:2:\d+ .*a key that is no word/,
  ],
  [
    'a hidden key',
    '- { name: x, then: { split: { __proto__: 1 } } }',
    /^rules\.yaml:2:\d+ .*a key that is no word/,
  ],
];

describe('rules.yaml', () => {
  it.each(RULES.map((row) => ({ row })))('$row.0', ({ row }) => {
    const [, rules, ...expected] = row;
    const errors = errorsOf({ 'providers.yaml': TWO_PROVIDERS, 'rules.yaml': `rules:\n${rules}\n` });
    expect(errors).toHaveLength(expected.length);
    expected.forEach((pattern, index) => {
      expect(errors[index]).toMatch(pattern);
    });
  });

  it('fills in the defaults', () => {
    const reading = validateRulesetFiles(
      { 'providers.yaml': TWO_PROVIDERS, 'rules.yaml': ONE_RULE },
      SOME_CREDENTIALS,
    );
    if (reading.kind === 'refused') throw new Error(reading.errors.map(formatRulesetError).join('\n'));
    expect(reading.ruleset.rules[0]?.action).toEqual({
      only: null,
      strategy: { kind: 'score' },
      fallback: false,
      attemptsMax: 2,
      deadlineMs: 8000,
      queueMs: 0,
      marginBasisPoints: 10_000,
      costTolerancePp: null,
      explorationShare: 0.02,
      unknownCostBasisPoints: 10_000,
      afterUnknown: 'hold',
      lateApprovalReverseAfterMs: null,
      threeDsReuse: 'not_sent',
    });
    const { limits, breaker, capabilities } = reading.ruleset.providers.get('a') ?? {};
    expect(limits).toEqual({ perSecond: 100, concurrent: 50 });
    expect(breaker).toMatchObject({
      failureRatio: 0.5,
      unknownRatio: 0.1,
      volume: 10,
      windowMs: 10_000,
      resetMs: 5000,
    });
    expect(capabilities).toEqual({ currencies: 'all', brands: 'all', countries: 'all', features: new Set() });
    expect(reading.ruleset).toMatchObject({ version: 0, live: false });
  });

  it('keeps the rest of a list of errors countable', () => {
    const rules = Array.from(
      { length: 300 },
      (_, index) => `- { name: r${index}, when: { field: merchant, is: m${index} }, then: { only: [c] } }`,
    );
    const errors = errorsOf({
      'providers.yaml': TWO_PROVIDERS,
      'rules.yaml': `rules:\n${rules.join('\n')}\n`,
    });
    expect(errors).toHaveLength(100);
    expect(errors.at(-1)).toContain('201 more errors');
  });
});

const PROVIDERS: readonly Row[] = [
  ['the example of the design', REAL_PROVIDER],
  ['no providers', 'providers: []\n', /^providers\.yaml:1:12 .*at least one provider/],
  [
    'no merchants',
    REAL_PROVIDER.replace(/ {4}merchants.*\n/, ''),
    /^providers\.yaml:2:5 {2}merchants is missing/,
  ],
  [
    'an account at a test system among live ones',
    `${REAL_PROVIDER}  - { id: adyen-eu, adapter: adyen, base_url: "https://x-checkout-live.adyenpayments.com/checkout/v72", merchants: all, credentials: { api_key: "env:STRIPE_API_KEY" } }\n`,
    /^providers\.yaml:2:9 {2}"stripe-eu" is an account at a test system, by its address or its key, among live ones/,
  ],
  ['no merchant', REAL_PROVIDER.replace('[acme-eu]', '[]'), /^providers\.yaml:7:16 .*at least one merchant/],
  [
    'an unknown adapter',
    REAL_PROVIDER.replace('r: stripe', 'r: strip'),
    /^providers\.yaml:3:14 .*did you mean stripe/,
  ],
  [
    'an unknown key',
    REAL_PROVIDER.replace('timeout_ms', 'timout_ms'),
    /^providers\.yaml:8:5 .*did you mean timeout_ms/,
  ],
  ['an unknown currency', REAL_PROVIDER.replace('USD', 'US'), /^providers\.yaml:10:39 .*"US" for currencies/],
  ['an unknown brand', REAL_PROVIDER.replace('[visa', '[vsa'), /^providers\.yaml:10:5\d .*did you mean visa/],
  [
    'an unknown country',
    REAL_PROVIDER.replace('countries: all', 'countries: [UK]'),
    /^providers\.yaml:10:\d+ .*"UK"/,
  ],
  [
    'an unknown feature',
    REAL_PROVIDER.replace('[network_token', '[network_tokn'),
    /did you mean network_token/,
  ],
  [
    'a fee in an unknown currency',
    REAL_PROVIDER.replace('currency: EUR', 'currency: EU'),
    /^providers\.yaml:11:\d+ .*"EU"/,
  ],
  ['a negative fee', REAL_PROVIDER.replace('points: 140', 'points: -1'), /^providers\.yaml:11:\d+ .*-1/],
  [
    'a ratio above one',
    REAL_PROVIDER.replace('failure_ratio: 0.5', 'failure_ratio: 50'),
    /^providers\.yaml:12:\d+ .*50/,
  ],
  [
    'too short a reset',
    REAL_PROVIDER.replace('reset_ms: 5000', 'reset_ms: 3999'),
    /^providers\.yaml:12:\d+ .*3999 is below timeout_ms 4000/,
  ],
  [
    'http to elsewhere',
    REAL_PROVIDER.replace('https:', 'http:'),
    /^providers\.yaml:4:15 .*http:\/\/ to api\.stripe\.com/,
  ],
  ['http to loopback', REAL_PROVIDER.replace('https://api.stripe.com', 'http://127.0.0.1:9000')],
  [
    'http to what looks like loopback',
    REAL_PROVIDER.replace('https://api.stripe.com', 'http://127.0.0.1.evil.test'),
    /http:\/\/ to 127\.0\.0\.1\.evil\.test/,
  ],
  ['another protocol', REAL_PROVIDER.replace('https:', 'ftp:'), /^providers\.yaml:4:15 .*no URL for HTTP/],
  [
    'a user in the URL',
    REAL_PROVIDER.replace('//api', '//me:hunter2@api'),
    /^providers\.yaml:4:15 .*more than host and path/,
  ],
  [
    'a variable that is not set',
    REAL_PROVIDER.replace('env:STRIPE_API_KEY', 'env:NOWHERE'),
    /^providers\.yaml:5:29 {2}the environment variable named there for api_key of "stripe-eu" is not set(?!.*NOWHERE)/,
  ],
  [
    'a secret after env:',
    REAL_PROVIDER.replace('env:STRIPE_API_KEY', 'env:sk_live_hunter2'),
    /^providers\.yaml:5:29 {2}the environment variable named there for api_key of "stripe-eu" is not set(?!.*hunter2)/,
  ],
  ...['*', '&', '!'].map(
    (mark): Row => [
      `a secret without quotes that begins with ${mark}`,
      REAL_PROVIDER.replace('"env:STRIPE_API_KEY"', `${mark}hunter2`),
      /^providers\.yaml:5:\d+ {2}(?!.*hunter2).*expected /,
    ],
  ),
  [
    'a secret in capitals after env:',
    REAL_PROVIDER.replace('env:STRIPE_API_KEY', 'env:HUNTER2'),
    /^providers\.yaml:5:29 {2}(?!.*HUNTER2).*is not set/,
  ],
  [
    'a secret after file:',
    REAL_PROVIDER.replace('/run/secrets/whsec', '/run/hunter2'),
    /^providers\.yaml:5:\d+ {2}(?!.*hunter2).*not readable \(ENOENT\)/,
  ],
  [
    'a variable that is empty',
    REAL_PROVIDER.replace('env:STRIPE_API_KEY', 'env:EMPTY'),
    /^providers\.yaml:5:29 .*for api_key of "stripe-eu" is empty/,
  ],
  [
    'a file that is not there',
    REAL_PROVIDER.replace('/run/secrets/whsec', '/run/none'),
    /^providers\.yaml:5:\d+ {2}the file named there for webhook_secret of .* is not readable \(ENOENT\)/,
  ],
  [
    'a literal secret',
    REAL_PROVIDER.replace('env:STRIPE_API_KEY', 'sk_live_hunter2'),
    /^providers\.yaml:5:29 .*no reference, perhaps the secret/,
  ],
  [
    'a secret as a number',
    REAL_PROVIDER.replace('"env:STRIPE_API_KEY"', '77123'),
    /^providers\.yaml:5:29 .*env:NAME/,
  ],
  [
    'no credentials',
    REAL_PROVIDER.replace(/ {4}credentials.*\n/, ''),
    /^providers\.yaml:2:5 .*no credentials/,
  ],
  [
    'a provider twice',
    REAL_PROVIDER + REAL_PROVIDER.slice('providers:\n'.length),
    /^providers\.yaml:13:9 .*a second provider/,
  ],
  [
    'a sandbox among real ones',
    `${REAL_PROVIDER}  - { id: a, adapter: sandbox, merchants: all }\n`,
    /^providers\.yaml:13:23 .*a sandbox among real/,
  ],
  [
    'a real one among sandboxes',
    TWO_PROVIDERS + REAL_PROVIDER.slice('providers:\n'.length),
    /^providers\.yaml:5:14 .*a real one among sandboxes/,
  ],
  ['empty', '', /^providers\.yaml:1:1 .*empty/],
  ['only comments', '# nothing\n\n', /^providers\.yaml:\d+:\d+ .*empty/],
  ['a list', '- a\n', /^providers\.yaml:1:1 .*keys with values/],
  ['two documents', `${TWO_PROVIDERS}---\n`, /^providers\.yaml:4:1 .*second document/],
  ['an old YAML', `%YAML 1.1\n---\n${TWO_PROVIDERS}`, /^providers\.yaml:1:1 .*%YAML/],
];

describe('providers.yaml', () => {
  it.each(PROVIDERS.map((row) => ({ row })))('$row.0', ({ row }) => {
    const [, providers, ...expected] = row;
    const errors = errorsOf({ 'providers.yaml': providers, 'rules.yaml': ONE_RULE });
    expect(errors).toHaveLength(expected.length);
    expected.forEach((pattern, index) => {
      expect(errors[index]).toMatch(pattern);
    });
    expect(errors.join()).not.toMatch(/hunter2|77123|sk_test_of_the_variable/);
  });

  it('takes of the semantics what is written, each window by itself', () => {
    const semantics = 'semantics: { operation_not_found_after_ms: 60000, validity_ms: 5000 }';
    const providers = TWO_PROVIDERS.replace('2000 }', `2000, ${semantics} }`);
    const reading = validateRulesetFiles(
      { 'providers.yaml': providers, 'rules.yaml': ONE_RULE },
      SOME_CREDENTIALS,
    );
    if (reading.kind !== 'good') throw new Error(errorsOf({ 'providers.yaml': providers }).join('\n'));
    expect(reading.ruleset.providers.get('a')?.semantics).toEqual({
      operationNotFoundAfterMs: 60_000,
      validityMs: 5_000,
    });
  });

  it('resolves references to secrets', () => {
    const reading = validateRulesetFiles(
      { 'providers.yaml': REAL_PROVIDER, 'rules.yaml': ONE_RULE },
      SOME_CREDENTIALS,
    );
    // By its key it is an account of the test mode.
    expect(reading).toMatchObject({ kind: 'good', ruleset: { live: false } });
    const contract = reading.kind === 'good' ? reading.ruleset.providers.get('stripe-eu') : undefined;
    expect(contract?.credentials).toEqual({
      api_key: 'sk_test_of_the_variable',
      webhook_secret: 'secret_of_the_file',
    });
  });

  describe('fx.yaml', () => {
    const withRates = (fx: string) => ({
      'providers.yaml': TWO_PROVIDERS,
      'rules.yaml': ONE_RULE,
      'fx.yaml': fx,
    });
    const ONE_DAY = 'rates:\n  - { date: 2026-11-23, base: EUR, per_unit: { USD: "1.0832", GBP: 0.84 } }\n';

    it('gives the rates by day, the earliest first', () => {
      const fx = `${ONE_DAY}  - { date: 2026-11-01, base: USD, per_unit: { EUR: "0.9" } }\n`;
      const reading = validateRulesetFiles(withRates(fx), SOME_CREDENTIALS);
      expect(reading).toMatchObject({
        kind: 'good',
        ruleset: {
          exchangeRates: [
            { fromMs: Date.UTC(2026, 10, 1), base: 'USD', perUnit: new Map([['EUR', 0.9]]) },
            {
              fromMs: Date.UTC(2026, 10, 23),
              base: 'EUR',
              perUnit: new Map([
                ['USD', 1.0832],
                ['GBP', 0.84],
              ]),
            },
          ],
        },
      });
    });

    it('may be left out, and then counts for nothing in the hash', () => {
      const { 'fx.yaml': _, ...without } = withRates('');
      const reading = validateRulesetFiles(without, SOME_CREDENTIALS);
      expect(reading).toMatchObject({ kind: 'good', ruleset: { exchangeRates: [] } });
      const hash = (files: Record<string, string>) => contentHashOf(files);
      expect(hash(without)).not.toBe(hash(withRates(ONE_DAY)));
      expect(hash(without)).not.toBe(hash(withRates('')));
    });

    it.each([
      ['no list', 'rates: 5\n', /^fx\.yaml:1:8 .*a list of rates by day/],
      ['no day', ONE_DAY.replace('2026-11-23', '2026-02-30'), /^fx\.yaml:2:13 {2}2026-02-30 is no day/],
      ['another form of a day', ONE_DAY.replace('2026-11-23', '"23.11."'), /a day such as 2026-11-23/],
      [
        'a day twice',
        ONE_DAY + ONE_DAY.slice(7),
        /^fx\.yaml:3:13 {2}the rates of 2026-11-23 for a second time/,
      ],
      ['no rate', ONE_DAY.replace('"1.0832"', '"much"'), /^fx\.yaml:2:\d+ .*a rate above 0/],
      ['a rate of 0', ONE_DAY.replace('0.84', '0'), /^fx\.yaml:2:\d+ .*a rate above 0/],
      ['a rate in another notation', ONE_DAY.replace('1.0832', '0x10'), /^fx\.yaml:2:\d+ .*a rate above 0/],
      [
        'a rate of the base to itself',
        ONE_DAY.replace('GBP', 'EUR'),
        /^fx\.yaml:2:\d+ {2}a rate of EUR to itself; expected rates of other currencies/,
      ],
      ['no currency', ONE_DAY.replace('GBP', 'XYZ'), /^fx\.yaml:2:\d+ .*ISO 4217/],
      ['another key', ONE_DAY.replace('per_unit', 'per_units'), /^fx\.yaml:2:\d+ .*per_unit/],
    ])('is refused with %s', (_, fx, error) => {
      const errors = errorsOf(withRates(fx));
      expect(errors).not.toEqual([]);
      expect(errors.join('\n')).toMatch(new RegExp(error.source, 'm'));
    });
  });

  it('knows the brand that fees were probably meant for', () => {
    const files = {
      'providers.yaml': REAL_PROVIDER.replace(
        'cross_border_basis_points: 100 }',
        'cross_border_basis_points: 100, brands: { vissa: { basis_points: 290 } } }',
      ),
      'rules.yaml': ONE_RULE,
    };
    const reading = validateRulesetFiles(files, SOME_CREDENTIALS);
    expect(reading).toMatchObject({
      kind: 'refused',
      errors: [
        {
          what: 'unknown key "vissa"',
          expected: expect.stringMatching(/^one of visa, mastercard, /),
          remedy: 'did you mean visa?',
        },
      ],
    });
  });

  it('takes fees by brand, and those of all others where the brand says nothing', () => {
    const files = {
      'providers.yaml': REAL_PROVIDER.replace(
        'cross_border_basis_points: 100 }',
        'cross_border_basis_points: 100, brands: { amex: { basis_points: 290 }, jcb: { fixed: null } } }',
      ),
      'rules.yaml': ONE_RULE,
    };
    const reading = validateRulesetFiles(files, SOME_CREDENTIALS);
    const fees = reading.kind === 'good' ? reading.ruleset.providers.get('stripe-eu')?.fees : undefined;
    const fixed = { value: 10, currency: 'EUR' };
    expect(fees?.brands).toEqual(
      new Map([
        ['amex', { fixed, basisPoints: 290, crossBorderBasisPoints: 100 }],
        ['jcb', { fixed: null, basisPoints: 140, crossBorderBasisPoints: 100 }],
      ]),
    );
  });

  it('says what is wrong in both files at once', () => {
    const errors = errorsOf({ 'providers.yaml': '', 'rules.yaml': 'rules: []' });
    expect(errors.map((error) => error.split(':')[0])).toEqual(['providers.yaml', 'rules.yaml']);
  });

  it('says what is wrong with the shape and with the content of both files at once', () => {
    const errors = errorsOf({
      'providers.yaml':
        'providers:\n' +
        '  - { id: a, adapter: sandbox, merchants: all, tymeout: 5 }\n' +
        '  - { id: b, adapter: sandbox, merchants: all, base_url: "http://example.test" }\n',
      'rules.yaml':
        'rules:\n' +
        '  - { name: x, wehn: {}, then: {} }\n' +
        '  - { name: y, when: { field: card.country, is: UK }, then: { only: [c] } }\n' +
        '  - { name: y, then: { priority: [a, a], split: { a: 1 } } }\n',
    });
    expect(errors.map((error) => error.replace(/; expected.*/, ''))).toEqual([
      'providers.yaml:2:48  unknown key "tymeout"',
      expect.stringMatching(/^providers\.yaml:3:\d+ .*http:\/\/ to example\.test/),
      'rules.yaml:2:16  unknown key "wehn"',
      expect.stringMatching(/^rules\.yaml:3:\d+ {2}unknown country "UK"/),
      expect.stringMatching(/^rules\.yaml:3:\d+ {2}unknown provider "c"/),
      'rules.yaml:4:13  a second rule "y"',
      expect.stringMatching(/^rules\.yaml:4:\d+ {2}"a" twice/),
      expect.stringMatching(/^rules\.yaml:4:\d+ {2}priority and split/),
    ]);
  });

  it('says at once what is wrong in parts, between rules, and with providers that are wrong themselves', () => {
    const errors = errorsOf({
      'providers.yaml':
        'providers:\n' +
        '  - { id: a, adapter: sandbox, merchants: all, timeout_ms: 5 }\n' +
        '  - { id: b, adapter: sandbox, merchants: all, timeout_ms: 9000 }\n',
      'rules.yaml':
        'rules:\n' +
        '  - { name: x, when: { field: card.contry, is: DE }, then: { only: [a] } }\n' +
        '  - { name: y, when: { feild: currency, is: EUR }, then: { only: [c] } }\n' +
        '  - { name: z, then: { strategy: score, attempts: 3 } }\n' +
        '  - { name: x, then: { only: [a] } }\n' +
        '  - { name: v, wehn: { field: currency, is: EUR }, then: { only: [b] } }\n' +
        '  - { name: w, when: { field: currency, is: EUR }, then: { only: [a] } }\n',
    });
    expect(errors.map((error) => error.replace(/; expected.*/, '').replace(/:\d+ {2}/, '  '))).toEqual([
      'providers.yaml:2  5 for timeout_ms',
      'rules.yaml:2  unknown field "card.contry"',
      'rules.yaml:3  unknown key "feild"',
      'rules.yaml:3  unknown provider "c"',
      'rules.yaml:4  unknown key "attempts"',
      'rules.yaml:5  a second rule "x"',
      'rules.yaml:5  "x" is never reached: "z" above takes all it matches',
      'rules.yaml:6  unknown key "wehn"',
      'rules.yaml:6  deadline_ms 8000 is below timeout_ms 9000 of "b"',
      'rules.yaml:7  "w" is never reached: "z" above takes all it matches',
    ]);
  });

  it('refuses no name of a provider when an id cannot be read', () => {
    const errors = errorsOf({
      'providers.yaml': 'providers:\n  - { idd: a, adapter: sandbox, merchants: all }\n',
      'rules.yaml': 'rules:\n  - { name: x, then: { only: [a] } }\n',
    });
    expect(errors.filter((error) => error.startsWith('rules'))).toEqual([]);
  });

  it.each<[adapter: string, members: string, expected: RegExp]>([
    [
      'stripe',
      'credentials: { webhok_secret: "env:X" }',
      /unknown credential webhok_secret of stripe; .*webhook_secret\?$/,
    ],
    ['stripe', 'settings: { acount: acct_1 }', /unknown setting acount of stripe; .*did you mean account\?$/],
    [
      'adyen',
      'credentials: { apikey: "env:X" }',
      /unknown credential apikey of adyen; .*did you mean api_key\?$/,
    ],
    ['adyen', 'settings: { merchant_acount: A }', /unknown setting merchant_acount .*merchant_account\?$/],
    [
      'checkout',
      'credentials: { secretkey: "env:X" }',
      /unknown credential secretkey .*did you mean secret_key\?$/,
    ],
    ['checkout', 'settings: { processing_chanel_id: pc_1 }', /unknown setting .*processing_channel_id\?$/],
    [
      'paypal',
      'credentials: { clientid: "env:X" }',
      /unknown credential clientid .*did you mean client_id\?$/,
    ],
    ['paypal', 'settings: { mercant_id: A }', /unknown setting mercant_id .*did you mean merchant_id\?$/],
    ['sandbox', 'credentials: { api_kei: "env:X" }', /unknown credential api_kei .*did you mean api_key\?$/],
    [
      'sandbox',
      'settings: { account: A }',
      /a setting that sandbox does not know; expected no settings; correct/,
    ],
    [
      'stripe',
      'credentials: { hunter2: "env:X" }',
      /a credential that stripe does not know; expected one of api_key/,
    ],
  ])('refuses of %s %s', (adapter, members, expected) => {
    const provider = `providers:\n  - id: a\n    adapter: ${adapter}\n    merchants: all\n    ${members}\n`;
    const errors = errorsOf({ 'providers.yaml': provider, 'rules.yaml': ONE_RULE });
    expect(errors.filter((error) => expected.test(error))).toEqual([
      expect.stringMatching(/^providers\.yaml:5:\d+ /),
    ]);
    expect(errors.join()).not.toContain('hunter2');
  });

  it('says which file is missing', () => {
    expect(errorsOf({})).toEqual([
      expect.stringMatching(/^providers\.yaml:1:1 {2}the file is missing/),
      expect.stringMatching(/^rules\.yaml:1:1 {2}the file is missing/),
    ]);
  });

  it('refuses absurd sizes in little time', () => {
    // Processor time: a busy machine must not fail the test.
    const start = process.cpuUsage();
    const { 'rules.yaml': rules } = shippedFiles();
    const refused = (providers: string, expected: RegExp) =>
      expect(errorsOf({ 'providers.yaml': providers, 'rules.yaml': rules })[0]).toMatch(expected);
    refused('['.repeat(100_000), /nested too deeply/);
    refused(`a: ${'['.repeat(60)}${']'.repeat(60)}`, /nested too deeply/);
    refused('x'.repeat(600_000), /600000 characters/);
    refused(`providers: [${'a, '.repeat(150)}]`, /at most 100 providers/);
    const keys = Array.from({ length: 40_000 }, (_, index) => `k${index}: 1`);
    refused(keys.join('\n'), /unknown key|providers is missing/);
    const prefixes = (last: string) =>
      Array.from({ length: 9000 }, (_, index) => `${1000 + index}0${last}`).join('","');
    const rule = (name: string, last: string) =>
      `- { name: ${name}, when: { field: card.bin, prefix: ["${prefixes(last)}"] }, then: {} }`;
    const many = ['1', '3', '5', '7', '3'].map((last, index) => rule(`r${index}`, last)).join('\n');
    expect(errorsOf({ 'providers.yaml': TWO_PROVIDERS, 'rules.yaml': `rules:\n${many}\n` })).toEqual([
      expect.stringMatching(/^rules\.yaml:6:\d+ .*"r4" is never reached: "r1"/),
    ]);
    expect(process.cpuUsage(start).user / 1000).toBeLessThan(5000);
  });
});

describe('content hash', () => {
  it('tells files apart whose texts join to the same', () => {
    const hash = (providers: string, rules: string) =>
      contentHashOf({ 'providers.yaml': providers, 'rules.yaml': rules });
    expect(hash('ab', 'c')).not.toBe(hash('a', 'bc'));
    expect(hash('a', 'b')).toBe(hash('a', 'b'));
    expect(hash('a', 'b')).toMatch(/^[0-9a-f]{64}$/);
    expect(contentHashOf({ 'providers.yaml': 'a', 'rules.yaml': 'b', 'README.md': 'x' })).toBe(
      hash('a', 'b'),
    );
  });
});
