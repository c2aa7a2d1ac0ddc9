import type { z } from 'zod';
import type { TransportResult } from './transport.ts';

type HttpAnswer = Extract<TransportResult, { kind: 'response' }>;

/** Whether an answer says that it is JSON. */
export function isJson({ headers }: Pick<HttpAnswer, 'headers'>): boolean {
  return /^application\/(?:[a-z0-9.+-]+\+)?json\s*(;|$)/i.test(headers['content-type'] ?? '');
}

/**
 * The body of an answer in the shape that is asked for; null when it does not say that it is JSON, is none, or has another
 * shape. What a schema does not name is left out.
 */
export function readJsonAnswer<Schema extends z.ZodType>(
  answer: HttpAnswer,
  schema: Schema,
): z.output<Schema> | null {
  return isJson(answer) ? readJson(answer.body, schema) : null;
}

/** A text in the shape that is asked for; null when it is no JSON or has another shape. */
export function readJson<Schema extends z.ZodType>(text: string, schema: Schema): z.output<Schema> | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const read = schema.safeParse(value);
  return read.success ? read.data : null;
}
