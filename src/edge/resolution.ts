import type { z } from '@hono/zod-openapi';
import type { Authorization } from '../core/authorization.ts';
import type { PersonsWord } from '../gateway/resolve-by-person.ts';
import { renderAuthorization } from './answer.ts';
import type { EdgeDeps } from './edge-deps.ts';
import { askerOf, type Exchange } from './endpoint.ts';
import { invalidRequest, PARSING } from './field-errors.ts';
import { jsonResponse } from './json-response.ts';
import { isProblem, type Problem, problem } from './problems.ts';
import { readJson } from './read-json.ts';
import { memberNamesOf } from './schema-members.ts';
import { plainText } from './text-schemas.ts';

/** What a person's word rests on. */
export const evidenceSchema = plainText(1000, 10).openapi({
  description: 'Where it can be checked. Kept in the history with the account of the key.',
  example: "ticket 4711: not in the provider's settlement report of 2026-11-24",
});

/** The body of every endpoint that takes a resolution. */
interface ResolutionBody<Found extends string> {
  readonly resolution: Found;
  readonly provider_reference?: string | null | undefined;
  readonly evidence: string;
}

/** Reads what a person found out, or says what is wrong with the body. */
export async function readResolution<Found extends string>(
  exchange: Exchange,
  schema: z.ZodObject & z.ZodType<ResolutionBody<Found>>,
  { clock }: Pick<EdgeDeps, 'clock'>,
): Promise<PersonsWord<Found> | Problem> {
  const body = await readJson(exchange);
  if (isProblem(body)) return body;
  const parsed = schema.safeParse(body, PARSING);
  if (!parsed.success) return invalidRequest(parsed.error, memberNamesOf(schema));
  const { resolution, provider_reference, evidence } = parsed.data;
  return {
    ...askerOf(exchange.caller),
    resolution,
    providerReference: provider_reference ?? null,
    evidence,
    receivedAtMs: clock.monotonicMs(),
  };
}

/** For the audit: who said it and why, also where it was not taken. */
export function tellResolution(
  { caller, trace }: Exchange,
  subject: string,
  { resolution, evidence }: Pick<PersonsWord<string>, 'resolution' | 'evidence'>,
  result: Parameters<EdgeDeps['resolutionGiven']>[0]['result'],
  deps: Pick<EdgeDeps, 'resolutionGiven'>,
): void {
  const { account } = caller;
  deps.resolutionGiven({ subject, resolution, evidence, account, result, traceId: trace.traceId });
}

/** It is recorded: the authorization as it is now. */
export function resolvedResponse(authorization: Authorization): Response {
  return jsonResponse(renderAuthorization(authorization).body);
}

/** Perhaps it was recorded after all, or will be: a repetition finds out. */
export function resolutionNotWritten(): Problem {
  return problem(
    'journal-unavailable',
    'That the resolution is written could not be confirmed: it may be, now or later. Repeat it as it was, which records it ' +
      'once: a 409 says that there is nothing to resolve any more, and the history whose word it was.',
    {
      headers: { 'Retry-After': '1' },
    },
  );
}

/** Why nothing is taken from a person before the request has ended. */
export const STILL_UNDER_WAY =
  'The request that it belongs to is still under way, and may find it out by itself: wait for its end.';
