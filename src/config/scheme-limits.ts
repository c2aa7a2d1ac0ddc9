import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { CARD_BRANDS } from '../core/card.ts';
import { invariant } from '../core/invariant.ts';
import type { RuleProblem } from '../core/rules/rule-problem.ts';
import type { SchemeLimit, SchemeRules } from '../core/scheme/scheme-rules.ts';
import { checkShape } from './check-shape.ts';
import { danglingLink } from './misnamed-files.ts';
import type { RulesetError } from './ruleset-error.ts';
import { readYamlFile } from './yaml-file.ts';

/** Name of the file in the rules folder, beside `rules.yaml`; may be missing. */
export const SCHEME_LIMITS_FILE = 'scheme-limits.yaml';

const HOUR_MS = 3_600_000;
const LIMITS_MAX = 100;
const WINDOW_HOURS_MAX = 2_160;

/** Thirty days: Visa category 1 and Mastercard advice 03 and 21 (payments reference, invariant 16). */
const HARD_DECLINE_BLOCK_MS = 30 * 24 * HOUR_MS;

/**
 * What the schemes themselves publish as the most: no file may allow more. Visa: 20 reattempts in 30 days. Mastercard:
 * the tenth decline in 24 hours and the thirty-fifth of an amount in 30 days are charged for.
 */
const CEILINGS: Readonly<Record<string, { readonly max: number; readonly windowHours: number }>> = {
  'visa-30-days': { max: 20, windowHours: 720 },
  'mastercard-24-hours': { max: 9, windowHours: 24 },
  'mastercard-30-days-same-amount': { max: 34, windowHours: 720 },
};

const known = CARD_BRANDS.filter((brand) => brand !== 'unknown');

const wholeNumber = (low: number, high: number) => {
  const error = `a whole number from ${low} to ${high}`;
  return z.int({ error }).min(low, error).max(high, error);
};

const limitSchema = z.strictObject({
  name: z
    .string({ error: 'a name' })
    .regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'lower-case letters, digits and dashes'),
  brands: z.union([z.literal('all'), z.array(z.enum(known)).min(1)], { error: 'all, or a list of brands' }),
  from: z.iso.date('a day in quotes, YYYY-MM-DD'),
  window_hours: wholeNumber(1, WINDOW_HOURS_MAX),
  max: wholeNumber(1, 1_000),
  same_amount: z.boolean({ error: 'true or false' }).default(false),
  source: z.string({ error: 'where the limit is from' }).min(3).max(500),
});

const fileSchema = z.strictObject({
  limits: z
    .array(limitSchema, { error: 'a list of limits' })
    .min(1, 'at least one limit')
    .max(LIMITS_MAX, `at most ${LIMITS_MAX} limits`),
});

export type SchemeRulesReading =
  | { readonly kind: 'read'; readonly rules: SchemeRules }
  | { readonly kind: 'refused'; readonly errors: readonly RulesetError[] };

/**
 * Reads the attempt ceilings of the schemes. The shipped ones always apply; a file in the rules folder adds limits, or
 * replaces shipped ones by name, with less or with as much as the scheme itself allows, never with more.
 * @param rulesFolder null: the shipped limits alone
 */
export async function loadSchemeRules(rulesFolder: string | null): Promise<SchemeRulesReading> {
  const shipped = await readFile(new URL('./default-scheme-limits.yaml', import.meta.url), 'utf8');
  const own = rulesFolder === null ? null : await readIfThere(join(rulesFolder, SCHEME_LIMITS_FILE));
  if (rulesFolder !== null && own === null) {
    const dangling = await danglingLink(rulesFolder, SCHEME_LIMITS_FILE);
    if (dangling !== null) return { kind: 'refused', errors: [dangling] };
  }
  return compileSchemeRules(shipped, own);
}

async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

/** Lays the operator's limits over the shipped ones. */
export function compileSchemeRules(shipped: string, own: string | null): SchemeRulesReading {
  const base = readLimits('default-scheme-limits.yaml', shipped);
  invariant(base.kind === 'read', 'the shipped limits are part of the product');
  const over = own === null ? { kind: 'read' as const, limits: [] } : readLimits(SCHEME_LIMITS_FILE, own);
  if (over.kind === 'refused') return over;
  const replaced = new Set(over.limits.map(({ name }) => name));
  const limits = [...base.limits.filter(({ name }) => !replaced.has(name)), ...over.limits];
  return { kind: 'read', rules: { limits, hardDeclineBlockMs: HARD_DECLINE_BLOCK_MS } };
}

function readLimits(
  name: string,
  text: string,
):
  | { readonly kind: 'read'; readonly limits: readonly SchemeLimit[] }
  | { readonly kind: 'refused'; readonly errors: readonly RulesetError[] } {
  const reading = readYamlFile(name, text);
  if (reading.kind === 'refused') return reading;
  const shape = checkShape(fileSchema, reading.file.value);
  if (shape.kind === 'bad') return { kind: 'refused', errors: shape.problems.map(reading.file.locate) };
  const problems = shape.data.limits.flatMap(ceilingProblems);
  if (problems.length > 0) return { kind: 'refused', errors: problems.map(reading.file.locate) };
  return { kind: 'read', limits: shape.data.limits.map(limitOf) };
}

function ceilingProblems(limit: z.output<typeof limitSchema>, index: number): readonly RuleProblem[] {
  const ceiling = CEILINGS[limit.name];
  if (ceiling === undefined) return [];
  const problems: RuleProblem[] = [];
  if (limit.max > ceiling.max) {
    problems.push({
      path: ['limits', index, 'max'],
      what: `max ${limit.max} is more than the scheme allows`,
      expected: `at most ${ceiling.max}`,
      remedy: `write ${ceiling.max} or less: what is above it costs fees for every attempt`,
    });
  }
  if (limit.window_hours < ceiling.windowHours) {
    problems.push({
      path: ['limits', index, 'window_hours'],
      what: `window_hours ${limit.window_hours} is shorter than the scheme's window`,
      expected: `at least ${ceiling.windowHours}`,
      remedy: `write ${ceiling.windowHours} or more, or give the limit a name of its own`,
    });
  }
  return problems;
}

function limitOf(limit: z.output<typeof limitSchema>): SchemeLimit {
  return {
    name: limit.name,
    brands: limit.brands === 'all' ? 'all' : new Set(limit.brands),
    fromMs: Date.parse(`${limit.from}T00:00:00Z`),
    windowMs: limit.window_hours * HOUR_MS,
    max: limit.max,
    sameAmount: limit.same_amount,
    source: limit.source,
  };
}
