import { z } from '@hono/zod-openapi';
import { type FieldError, invalidFields } from './field-errors.ts';
import type { Problem } from './problems.ts';

const LIMIT_DEFAULT = 50;

/** Members of a query that every list takes. */
export const pageQueryMembers = {
  limit: z
    .string()
    .regex(/^([1-9]\d?|1\d\d|200)$/, 'an integer, 1 to 200')
    .optional()
    .openapi({ description: `1 to 200, ${LIMIT_DEFAULT} when left out.`, example: '50' }),
  cursor: z
    .string()
    .regex(/^[A-Za-z0-9_.:=-]{1,256}$/, 'a next_cursor of an earlier page')
    .optional(),
};

/** Items of a page. */
export function limitOf(limit: string | undefined): number {
  return limit === undefined ? LIMIT_DEFAULT : Number(limit);
}

/** Each parameter once: of two values, nobody could say which one counted. */
export function singleQuery(parameters: URLSearchParams): Record<string, string> | Problem {
  const errors: FieldError[] = [];
  const query = new Map<string, string>();
  for (const [name, value] of parameters) {
    if (query.has(name)) errors.push({ path: name, message: 'given more than once', expected: 'one value' });
    query.set(name, value);
  }
  return errors.length === 0 ? Object.fromEntries(query) : invalidFields(errors);
}
