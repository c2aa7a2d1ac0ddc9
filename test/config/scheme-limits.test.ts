import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { formatRulesetError } from '../../src/config/ruleset-error.ts';
import { loadSchemeRules } from '../../src/config/scheme-limits.ts';

async function read(text: string | null) {
  const folder = mkdtempSync(join(tmpdir(), 'pointsman-limits-'));
  try {
    if (text !== null) writeFileSync(join(folder, 'scheme-limits.yaml'), text);
    return await loadSchemeRules(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const names = (reading: Awaited<ReturnType<typeof read>>) =>
  reading.kind === 'read' ? reading.rules.limits.map(({ name, max }) => `${name} ${max}`) : [];

const limit = (over: Record<string, unknown> = {}) =>
  JSON.stringify({
    limits: [
      {
        name: 'visa-30-days',
        brands: ['visa'],
        from: '2026-01-01',
        window_hours: 720,
        max: 10,
        source: 'our bank',
        ...over,
      },
    ],
  });

describe('attempt ceilings', () => {
  it('ship with the product', async () => {
    const shipped = ['visa-30-days 15', 'mastercard-24-hours 9', 'mastercard-30-days-same-amount 34'];
    expect(names(await read(null))).toEqual(shipped);
    expect(names(await loadSchemeRules(null))).toEqual(shipped);
  });

  it('are replaced by name, and added to', async () => {
    expect(names(await read(limit()))).toEqual([
      'mastercard-24-hours 9',
      'mastercard-30-days-same-amount 34',
      'visa-30-days 10',
    ]);
    expect(names(await read(limit({ max: 20 })))).toContain('visa-30-days 20');
    expect(names(await read(limit({ name: 'ours', brands: 'all', max: 3 })))).toContain('ours 3');
  });

  it.each([
    ['more than the scheme allows', limit({ max: 21 }), /max 21 is more than the scheme allows.*at most 20/],
    ['a shorter window', limit({ window_hours: 24 }), /shorter than the scheme's window.*at least 720/],
    ['a brand that does not exist', limit({ brands: ['viza'] }), /brands/],
    ['a window of nothing', limit({ window_hours: 0 }), /window_hours.*1 to 2160/],
    ['a date that is none', limit({ from: 'May' }), /from.*YYYY-MM-DD/],
    ['no source', limit({ source: '' }), /source/],
    ['a key that does not exist', limit({ maximum: 3 }), /maximum/],
    ['no list', 'limits: 7', /limits.*list/],
    ['no YAML', 'limits: [', /scheme-limits\.yaml/],
  ])('%s is refused, with place and remedy', async (_, text, words) => {
    const reading = await read(text);
    if (reading.kind !== 'refused') throw new Error('it was read');
    const said = reading.errors.map(formatRulesetError).join('\n');
    expect(said).toMatch(words);
    expect(said).toMatch(/^scheme-limits\.yaml:\d+:\d+/m);
  });
});
