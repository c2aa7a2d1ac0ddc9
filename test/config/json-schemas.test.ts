import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { jsonSchemas } from '../../src/config/json-schemas.ts';
import { shippedFiles } from './ruleset-files.ts';

describe('JSON Schemas for editors', () => {
  it.each([...jsonSchemas()])('the committed %s is what the code checks', (name, content) => {
    const committed = readFileSync(new URL(`../../routing-rules/schema/${name}`, import.meta.url), 'utf8');
    // When this fails: npm run schemas
    expect(committed).toBe(content);
  });

  it.each(Object.entries(shippedFiles()))('%s points to its schema', (name, text) => {
    const schema = `schema/${name.replace('.yaml', '.json')}`;
    expect(text.split('\n')[0]).toBe(`# yaml-language-server: $schema=${schema}`);
  });

  it('refuses unknown keys and completes fields', () => {
    const rules = JSON.parse(jsonSchemas().get('rules.json') ?? '{}');
    expect(rules.additionalProperties).toBe(false);
    expect(JSON.stringify(rules)).toContain('"card.issuer_region"');
  });
});
