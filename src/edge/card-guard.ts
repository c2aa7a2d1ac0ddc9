import type { IncomingMessage } from 'node:http';
import { findCardNumber, findCardNumberInJson } from '../core/cards/card-number.ts';
import { type Problem, problem } from './problems.ts';

/**
 * Headers of tracing systems: long decimal or hexadecimal ids that look like a card number now and then. Like other
 * opaque ids they are refused only when they begin with the card's BIN. We neither log them nor pass them on; the
 * trace id that we do log has its own check.
 */
const OPAQUE_HEADER =
  /^(traceparent|tracestate|b3|x-b3-.+|x-datadog-.+|x-amzn-trace-id|x-cloud-trace-context)$/i;

/** Looks for card numbers in path, query and headers, names and values. Nothing has been logged before. */
export function guardHead(request: Request, incoming: IncomingMessage | undefined): Problem | null {
  const { pathname, search } = splitTarget(incoming?.url ?? request.url);
  if (carries(pathname)) return refusal('path');
  if (search !== '' && carries(search)) return refusal('query');
  for (const [name, value] of headersOf(request, incoming)) {
    if (carriesNumber(name)) return refusal('headers');
    if (carriesNumber(value) && !OPAQUE_HEADER.test(name)) {
      return refusal(`headers.${name.toLowerCase()}`);
    }
  }
  return null;
}

/** Looks for card numbers in a text that is no JSON object. */
export function guardText(text: string): Problem | null {
  return carriesNumber(text) ? refusal('body') : null;
}

/**
 * Looks for card numbers in the names and values of a body, and for the card itself in the opaque headers: now its
 * BIN is known.
 */
export function guardBody(
  body: Record<string, unknown>,
  request: Request,
  incoming: IncomingMessage | undefined,
): Problem | null {
  const path = findCardNumberInJson(body);
  if (path !== null) return refusal(path);
  const bin = binOf(body);
  if (bin === null) return null;
  for (const [name, value] of headersOf(request, incoming)) {
    if (findCardNumber(value, { bin, opaque: true }) !== null)
      return refusal(`headers.${name.toLowerCase()}`);
  }
  return null;
}

function binOf(body: Record<string, unknown>): string | null {
  const card = body['card'];
  if (typeof card !== 'object' || card === null || !('bin' in card)) return null;
  return typeof card.bin === 'string' && /^\d{6,11}$/.test(card.bin) ? card.bin : null;
}

function carriesNumber(text: string): boolean {
  return text.length >= 12 && findCardNumber(text) !== null;
}

/** As it came, and as it reads once decoded: `%34` is a 4. */
function carries(part: string): boolean {
  if (carriesNumber(part)) return true;
  if (!part.includes('%') && !part.includes('+')) return false;
  return carriesNumber(decoded(part.replaceAll('+', ' ')));
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    // Piece by piece: one malformed escape must not hide what the others say.
    return part.replace(/%[0-9a-f]{2}/gi, (code) => String.fromCharCode(Number.parseInt(code.slice(1), 16)));
  }
}

function splitTarget(target: string): { readonly pathname: string; readonly search: string } {
  const query = target.indexOf('?');
  if (query === -1) return { pathname: target, search: '' };
  return { pathname: target.slice(0, query), search: target.slice(query) };
}

/** Every header as it was sent, repeated ones included. */
function* headersOf(request: Request, incoming: IncomingMessage | undefined): Iterable<[string, string]> {
  if (incoming === undefined) {
    yield* request.headers;
    return;
  }
  const { rawHeaders } = incoming;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    yield [rawHeaders[index] as string, rawHeaders[index + 1] as string];
  }
}

function refusal(path: string): Problem {
  return problem('card-number', `What looks like a card number stands in ${path}.`, {
    members: {
      errors: [
        { path, message: 'looks like a card number', expected: 'a token, the BIN or the last four digits' },
      ],
    },
  });
}
