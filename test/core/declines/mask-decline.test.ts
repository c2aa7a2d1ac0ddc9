import { readdir, readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { DECLINE_CATEGORIES, type Decline } from '../../../src/core/declines/decline.ts';
import { maskDecline } from '../../../src/core/declines/mask-decline.ts';

const DECLINE: Decline = {
  category: 'soft_decline_issuer',
  code: 'stolen_card',
  networkCode: '43',
  advice: '03',
  retryNotBefore: '2026-11-24T10:00:00.000Z',
  otherProvider: 'no',
  mayHideApproval: false,
};

const folder = new URL('../../../src/config/default-outcomes/', import.meta.url);
const fileSchema = z.object({
  kind: z.string(),
  codes: z.array(
    z.object({
      codes: z.array(z.string()),
      means: z.string(),
      category: z.enum(DECLINE_CATEGORIES).optional(),
    }),
  ),
});
const rows: {
  readonly file: string;
  readonly means: string;
  readonly code: string;
  readonly category: Decline['category'];
}[] = [];
for (const file of await readdir(folder)) {
  const value: unknown = parse(await readFile(new URL(file, folder), 'utf8'));
  if (typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'visa_categories')
    continue;
  for (const { codes, means, category } of fileSchema.parse(value).codes) {
    if (category === undefined) continue;
    for (const code of codes) rows.push({ file, means, code, category });
  }
}

describe('maskDecline', () => {
  it('sees the shipped tables', () => {
    expect(rows.length).toBeGreaterThan(200);
  });

  it.each(['fraud_issuer', 'fraud_psp', 'hard_decline_issuer'] as const)(
    'makes %s one among many',
    (category) => {
      const masked = maskDecline({ ...DECLINE, category });
      expect(masked).toEqual(
        maskDecline({ ...DECLINE, category: 'hard_decline_issuer', code: '14', networkCode: '14' }),
      );
      expect(masked).toMatchObject({
        category: 'hard_decline_issuer',
        code: 'declined',
        networkCode: null,
        advice: null,
      });
      expect(masked.retryNotBefore).toBe(DECLINE.retryNotBefore);
    },
  );

  it('hides every code of every table that speaks of fraud, theft, pick-up or risk', () => {
    const telling = rows.filter(({ means }) =>
      /fraud|lost|stolen|pick.?up|risk|blacklist|security/i.test(means),
    );
    expect(telling.length).toBeGreaterThan(30);
    for (const { code, category, means } of telling) {
      const masked = maskDecline({ ...DECLINE, category, code, networkCode: code });
      expect(`${means}: ${JSON.stringify(masked)}`).toContain(
        '"code":"declined","networkCode":null,"advice":null',
      );
    }
  });

  it('leaves the others as they are, and never makes a decline look less final', () => {
    for (const { code, category } of rows) {
      const decline = { ...DECLINE, category, code };
      const masked = maskDecline(decline);
      if (masked.code !== 'declined') expect(masked).toEqual(decline);
      else expect(masked.otherProvider).toBe('never');
    }
  });
});
