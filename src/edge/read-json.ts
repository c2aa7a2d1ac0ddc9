import { invariant } from '../core/invariant.ts';
import { jsonFault } from '../core/text/json-fault.ts';
import { findRepeatedMember } from '../core/text/repeated-member.ts';
import { guardBody, guardText } from './card-guard.ts';
import type { Exchange } from './endpoint.ts';
import { invalidFields, pathText } from './field-errors.ts';
import { isProblem, type Problem, problem } from './problems.ts';
import { readBody } from './read-body.ts';

/**
 * Reads a JSON object, in this order: size (413), card numbers (400), content type (415), JSON (400), members that are
 * given more than once (400). The guard comes first, so that a card number is called by its name in whatever wrapping
 * it comes.
 * @param optional no body at all, and none declared, is an empty object
 * @param emptyToo with `optional`: so is one that is declared as JSON and is empty. Not where money moves: a command
 * line that failed to make a body sends that.
 */
export async function readJson(
  exchange: Exchange,
  { optional = false, emptyToo = false }: { readonly optional?: boolean; readonly emptyToo?: boolean } = {},
): Promise<Record<string, unknown> | Problem> {
  const { context } = exchange;
  const { headers } = context.req.raw;
  const text = await readBody(context.env?.incoming, context.req.raw);
  if (isProblem(text)) return text;
  if (optional && text === '') {
    if (headers.get('content-type') === null) return {};
    if (emptyToo && contentTypeProblem(headers) === null) return {};
  }
  const body = parsed(text);
  const carried = isProblem(body) ? guardText(text) : guardBody(body, context.req.raw, context.env?.incoming);
  if (carried !== null) return carried;
  const wrongType = contentTypeProblem(headers);
  if (wrongType !== null || isProblem(body)) return wrongType ?? body;
  return repeatedMemberProblem(text) ?? body;
}

/**
 * Of two amounts nobody could say which one the caller meant: the last one counts here, the first one to whoever looked
 * at the request on its way.
 */
function repeatedMemberProblem(text: string): Problem | null {
  const path = findRepeatedMember(text);
  if (path === null) return null;
  // What the last value hides was seen by no guard, and the path may lead through it.
  const carried = guardText(text) ?? guardText(path.join(' '));
  const expected = 'one member of this name: leave out all but the one that is meant';
  return carried ?? invalidFields([{ path: pathText(path), message: 'given more than once', expected }]);
}

function parsed(text: string): Record<string, unknown> | Problem {
  // No member of ours has this name, and libraries drop it in silence.
  if (text.includes('"__proto__"'))
    return problem('malformed-json', 'The body has a member named __proto__.');
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === 'object' && body !== null && !Array.isArray(body)) {
      return body as Record<string, unknown>;
    }
    return problem('malformed-json', 'The body is JSON, but no object.');
  } catch {
    return problem('malformed-json', text === '' ? 'The body is empty.' : notWellFormed(text));
  }
}

/** Where it is not, without a word of it: what stands there may be what nobody is to see. */
function notWellFormed(text: string): string {
  const fault = jsonFault(text);
  invariant(fault !== null, 'what JSON.parse refuses has a fault');
  const before = text.slice(0, fault.offset).split('\n');
  const place = `line ${before.length}, column ${(before.at(-1) ?? '').length + 1}`;
  const end = fault.offset === text.length ? ', and the body ends there' : '';
  return `The body is not well-formed JSON: ${place}: expected ${fault.expected}${end}.`;
}

const JSON_TYPE = /^application\/json *(?:; *charset="?utf-8"? *)?$/i;

function contentTypeProblem(headers: Headers): Problem | null {
  const type = headers.get('content-type');
  if (type === null || !JSON_TYPE.test(type)) {
    return problem('unsupported-media-type', 'The Content-Type is not application/json.');
  }
  const encoding = headers.get('content-encoding');
  if (encoding !== null && encoding.toLowerCase() !== 'identity') {
    return problem('unsupported-media-type', 'Encoded bodies are not read.');
  }
  return null;
}
