import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { compileDeclineTables, loadDeclineTables } from '../../src/config/decline-tables.ts';
import { formatRulesetError } from '../../src/config/ruleset-error.ts';
import { networkMeaning } from '../../src/core/declines/decline-tables.ts';
import { ADAPTERS } from '../../src/core/rules/ruleset.ts';

const HEAD =
  'kind: provider\ntable: mine\nedition: "2026-11-23"\nsource: our contract\nadvice_is: own\ncodes:\n';
const NETWORK = 'kind: network\ntable: iso8583\nedition: "2026-11-23"\nsource: our contract\ncodes:\n';

function complaints(text: string): readonly string[] {
  const reading = compileDeclineTables({ 'outcomes/mine.yaml': text }, {});
  return reading.kind === 'refused' ? reading.errors.map(formatRulesetError) : [];
}

describe('compileDeclineTables', () => {
  it.each([
    ['fraud', 'category: fraud_issuer, other_provider: yes_once', '7:'],
    ['risk', 'category: fraud_psp, other_provider: yes_once', '7:'],
    ['a hard decline', 'category: hard_decline_issuer, other_provider: yes_once', '7:'],
    ['invalid data', 'category: invalid_data, other_provider: yes_once', '7:'],
    ['unmapped', 'category: unmapped, other_provider: yes_once', '7:'],
    ['a duplicate', 'category: duplicate_suspected, other_provider: yes_once', '7:'],
    ['a hidden approval', 'category: config, other_provider: yes_once, hides_approval: true', '7:'],
    ['an ambiguous row', 'result: ambiguous, other_provider: yes_once', '7:'],
    ['a pending row', 'result: pending, category: config, other_provider: "no"', '7:'],
    ['an unknown category', 'category: soft, other_provider: "no"', '7:'],
    ['no category', 'other_provider: "no"', '7:'],
    ['an unknown key', 'category: config, other_provider: "no", retry: true', '7:'],
    ['not_processed without a reason', 'result: not_processed', '7:'],
    ['approved in a provider table', 'result: approved', '7:'],
  ])('refuses %s', (_, facts, place) => {
    const found = complaints(`${HEAD}  - { codes: [x], means: whatever, ${facts} }\n`);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(new RegExp(`^outcomes/mine\\.yaml:${place}\\d+ {2}.+; expected .+; .+`));
  });

  it.each(['lost card', 'stolen', 'pick up card', 'suspected fraud'])(
    'refuses failover for "%s"',
    (means) => {
      const found = complaints(
        `${HEAD}  - { codes: [x], means: ${means}, category: soft_decline_issuer, other_provider: yes_once }\n`,
      );
      expect(found.join()).toContain('other_provider: yes_once');
      expect(found.join()).toContain('which answers mask');
    },
  );

  it('refuses failover from pick-up, lost and stolen whatever a file calls them', () => {
    const found = complaints(
      `${NETWORK}  - { codes: ["43"], means: fine, category: soft_decline_issuer, other_provider: yes_once }\n`,
    );
    expect(found).toEqual([expect.stringContaining('for code 43')]);
  });

  it('refuses duplicates, and rows without a source', () => {
    const row = '  - { codes: [x], means: whatever, category: config, other_provider: "no" }\n';
    expect(complaints(HEAD + row + row)).toEqual([expect.stringMatching(/:8:\d+ {2}code x twice/)]);
    expect(complaints(HEAD.replace('source: our contract\n', '') + row)).toEqual([
      expect.stringContaining('a row without a source'),
    ]);
    const network = (conditions: string) =>
      `  - { codes: ["51"], means: whatever, category: config, other_provider: "no"${conditions} }\n`;
    expect(complaints(NETWORK + network('') + network(', brands: [visa]'))).toEqual([]);
    expect(complaints(NETWORK + network(', brands: [visa, jcb]') + network(', brands: [visa]'))).toHaveLength(
      1,
    );
    expect(complaints(NETWORK + network(', three_ds: true') + network(', three_ds: false'))).toEqual([]);
  });

  it('refuses a number where a code belongs: 05 is not 5', () => {
    expect(
      complaints(
        `${NETWORK}  - { codes: [05], means: x y, category: config, other_provider: "no" }\n`,
      ).join(),
    ).toContain('put it in quotes');
  });

  it('refuses a kind that there is not', () => {
    expect(complaints('kind: other\n')).toEqual([expect.stringContaining('outcomes/mine.yaml:1:')]);
  });
});

describe('loadDeclineTables', () => {
  let folder: string | null = null;
  afterEach(async () => {
    if (folder !== null) await rm(folder, { recursive: true });
    folder = null;
  });

  async function load(texts: Readonly<Record<string, string>>) {
    folder = await mkdtemp(join(tmpdir(), 'outcomes-'));
    await mkdir(join(folder, 'outcomes'));
    for (const [name, text] of Object.entries(texts)) await writeFile(join(folder, 'outcomes', name), text);
    return loadDeclineTables(folder);
  }

  it('ships tables for the network, Visa, Mastercard and every adapter', async () => {
    const reading = await loadDeclineTables(null);
    expect(reading.kind).toBe('read');
    if (reading.kind !== 'read') return;
    expect([...reading.tables.providers.keys()].sort()).toEqual([...ADAPTERS].sort());
    expect(reading.tables.network.size).toBeGreaterThan(60);
    expect(reading.tables.visaCategories.size).toBe(41);
    expect(reading.tables.merchantAdvice.size).toBe(18);
  });

  it('works without an outcomes folder', async () => {
    expect((await loadDeclineTables(join(tmpdir(), 'there-is-no-such-folder'))).kind).toBe('read');
  });

  it('refuses a link to nothing, of the folder and in it', async () => {
    await load({});
    const rules = folder ?? '';
    await symlink('/nowhere/stripe.yaml', join(rules, 'outcomes', 'stripe.yaml'));
    const inside = [{ file: 'outcomes/stripe.yaml', what: expect.stringContaining('/nowhere/stripe.yaml') }];
    expect(await loadDeclineTables(rules)).toMatchObject({ kind: 'refused', errors: inside });
    await rm(join(rules, 'outcomes'), { recursive: true });
    await symlink('/nowhere', join(rules, 'outcomes'));
    const itself = [{ file: 'outcomes', what: 'a link to /nowhere, where nothing is' }];
    expect(await loadDeclineTables(rules)).toMatchObject({ kind: 'refused', errors: itself });
  });

  it('lays a file of the rules folder over the shipped table, code by code', async () => {
    const own = `${NETWORK}  - { codes: ["62"], means: restricted, category: soft_decline_issuer, other_provider: "no" }\n`;
    const reading = await load({ 'ours.yaml': own, 'notes.txt': 'passed over' });
    if (reading.kind !== 'read') throw new Error(JSON.stringify(reading.errors));
    const card = { brand: 'visa', scaRegion: false, threeDsPresent: false } as const;
    expect(networkMeaning(reading.tables, '62', card)).toMatchObject({ otherProvider: 'no' });
    expect(networkMeaning(reading.tables, '5C', card)).toMatchObject({ otherProvider: 'yes_once' });
  });

  it('refuses to loosen what Visa forbids', async () => {
    const own = `${NETWORK}  - { codes: ["57"], means: not permitted, category: hard_decline_issuer, other_provider: "no" }\n`;
    const reading = await load({ 'ours.yaml': own });
    expect(reading.kind === 'refused' ? reading.errors.map(formatRulesetError) : []).toEqual([
      expect.stringMatching(/^outcomes\/ours\.yaml:6:\d+ {2}code 57 is not other_provider: never for Visa/),
    ]);
  });

  it('refuses a table that no adapter reads', async () => {
    const row = '  - { codes: [x], means: whatever, category: config, other_provider: "no" }\n';
    const reading = await load({ 'ours.yaml': HEAD.replace('mine', 'strpe') + row });
    expect(reading.kind === 'refused' ? reading.errors.map(formatRulesetError) : []).toEqual([
      expect.stringMatching(
        /^outcomes\/ours\.yaml:2:\d+ {2}no adapter reads the table "strpe"; .*did you mean stripe\?$/,
      ),
    ]);
  });

  it('refuses a table of another kind under the same name', async () => {
    const reading = await load({
      'ours.yaml':
        NETWORK.replace('iso8583', 'stripe') +
        '  - { codes: ["62"], means: restricted, category: soft_decline_issuer, other_provider: "no" }\n',
    });
    expect(reading.kind).toBe('refused');
  });
});
