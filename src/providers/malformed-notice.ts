import type { z } from 'zod';
import type { NoticeReading } from '../gateway/ports.ts';

/** Names in the adapters' own schemas look like this; what somebody else wrote into an event may be anything. */
const MEMBER = /^[A-Za-z_]{1,40}$/;

/** The refusal of an event that has not its provider's shape, with the first member that is missing or of another form. */
export function malformedNotice(body: string, schema: z.ZodType): NoticeReading {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return { kind: 'refused', reason: 'malformed', member: 'the body, which is no JSON' };
  }
  const read = schema.safeParse(value);
  // What is wrong lies deeper.
  if (read.success) return { kind: 'refused', reason: 'malformed' };
  const path = read.error.issues[0]?.path ?? [];
  const isOurs = path.every((step) => typeof step === 'number' || MEMBER.test(String(step)));
  if (!isOurs) return { kind: 'refused', reason: 'malformed' };
  const member = path.length === 0 ? 'the body, which is no object' : path.join('.');
  return { kind: 'refused', reason: 'malformed', member };
}
