import { z } from '@hono/zod-openapi';
import type { MemberNames } from './field-errors.ts';

/** The known members of each object within a schema, for "did you mean". */
export function memberNamesOf(schema: z.ZodObject): MemberNames {
  return (path) => {
    let current: unknown = schema;
    for (const part of path) {
      const object = unwrapped(current);
      if (!(object instanceof z.ZodObject)) return [];
      current = object.shape[String(part)];
    }
    const object = unwrapped(current);
    return object instanceof z.ZodObject ? Object.keys(object.shape) : [];
  };
}

/** The schema within `optional` and `nullable`. */
function unwrapped(schema: unknown): unknown {
  let current = schema;
  while (current instanceof z.ZodOptional || current instanceof z.ZodNullable) current = current.unwrap();
  return current;
}
