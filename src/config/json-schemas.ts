import { z } from 'zod';
import {
  experimentsFileSchema,
  providersFileSchema,
  ratesFileSchema,
  rulesFileSchema,
} from './ruleset-schemas.ts';

/**
 * JSON Schemas of the payments team's files, for completion and checks in editors: file name within
 * `routing-rules/schema/` to content. Draft 7, which YAML language servers read.
 */
export function jsonSchemas(): ReadonlyMap<string, string> {
  return new Map([
    ['providers.json', rendered(providersFileSchema, 'Providers of Pointsman: routing-rules/providers.yaml')],
    ['fx.json', rendered(ratesFileSchema, 'Exchange rates of Pointsman: routing-rules/fx.yaml')],
    ['rules.json', rendered(rulesFileSchema, 'Rules of Pointsman: routing-rules/rules.yaml')],
    [
      'experiments.json',
      rendered(experimentsFileSchema, 'Experiments of Pointsman: routing-rules/experiments.yaml'),
    ],
  ]);
}

function rendered(schema: z.ZodType, title: string): string {
  // As a person writes it (input): what has a default may be left out.
  const json = z.toJSONSchema(schema, { target: 'draft-7', io: 'input', unrepresentable: 'any' });
  return `${JSON.stringify({ title, ...json }, null, 2)}\n`;
}
