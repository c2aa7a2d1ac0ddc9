import type { z } from '@hono/zod-openapi';
import { nearestName } from '../core/text/nearest-name.ts';
import { type Problem, problem } from './problems.ts';

/** One field that does not match the interface. Never with the value that was sent. */
export interface FieldError {
  /** Dotted path, such as `card.expiry_month`; empty for the body itself. */
  readonly path: string;
  readonly message: string;
  readonly expected: string;
}

const CODE = 'a card verification code is never accepted: leave it to the tokenisation';
const NUMBER = 'card numbers and track data are never accepted: send tokens, bin and last4';
const PIN = 'a PIN is never accepted';
const AUTHENTICATION = 'authentication data is never kept: send it in three_ds';

/** Members that people send although they must not reach us at all, and why; names as {@link bareName} gives them. */
const FORBIDDEN_MEMBERS: ReadonlyMap<string, string> = new Map([
  ...named(CODE, 'cvc cvv cvv2 cvc2 cvn cvn2 cid csc cardcvc cardcvv cardcvv2 cvccode cvvcode'),
  ...named(CODE, 'securitycode cardsecuritycode cv2 cav cav2'),
  ...named(CODE, 'verificationvalue cardverificationvalue cardverificationcode'),
  ...named(NUMBER, 'number pan cardpan fullpan cardnumber creditcardnumber primaryaccountnumber'),
  ...named(NUMBER, 'track track1 track2 track3 trackdata track1data track2data magstripe magneticstripe'),
  ...named(PIN, 'pin pinblock cardpin'),
]);
/** Names within which others stand, such as `my_cvv` and `cvvNumber`: what no other word is spelt with. */
const FORBIDDEN_WITHIN: readonly string[] = [
  'cvv',
  'cvc',
  'cv2',
  'cvn2',
  'securitycode',
  'verificationvalue',
];

/** What 3-D Secure gives: has its place, but is never kept, as other members are. */
const AUTHENTICATION_MEMBERS: ReadonlyMap<string, string> = new Map(
  named(AUTHENTICATION, 'cavv aav ucaf tavv cryptogram'),
);

function named(reason: string, names: string): (readonly [string, string])[] {
  return names.split(' ').map((name) => [name, reason]);
}

const BARE = /^[a-z0-9]*$/;

/** In lower case and without what separates words: `card_number`, `Card-Number` and `cardNumber` are one name. */
function bareName(key: string): string {
  // Most are bare already.
  if (BARE.test(key)) return key;
  return key
    .normalize('NFKC')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]/gu, '');
}

const ERRORS_MAX = 20;
const PATH_LENGTH_MAX = 120;

/** How bodies are parsed. */
export const PARSING = { reportInput: true } as const;

/** What a field of an object may be called, by the object's path. */
export type MemberNames = (path: readonly PropertyKey[]) => readonly string[];

/**
 * Turns the issues of a schema into a problem that names every field at once. The schema must have been asked to
 * report its input ({@link PARSING}), by which a missing member is told from a wrong one.
 * @param memberNames the known members of an object, for "did you mean"
 */
export function invalidRequest(error: z.ZodError, memberNames: MemberNames): Problem {
  const errors = error.issues.flatMap((issue) => fieldErrors(issue, memberNames));
  // Several rules of a schema may say the same of one value: a number too large is no safe integer, and above the bound.
  const distinct = new Map(errors.map((found) => [JSON.stringify(found), found]));
  return invalidFields([...distinct.values()]);
}

/** A problem from field errors found elsewhere than in a schema. */
export function invalidFields(errors: readonly FieldError[]): Problem {
  const shown = errors.slice(0, ERRORS_MAX);
  const names = [...new Set(shown.map((error) => error.path || 'the body'))].join(', ');
  return problem('invalid-request', `Not as expected: ${names}.`, { members: { errors: shown } });
}

function fieldErrors(issue: z.core.$ZodIssue, memberNames: MemberNames): FieldError[] {
  if (issue.code === 'unrecognized_keys') {
    const known = memberNames(issue.path);
    return issue.keys.map((key) => unknownMember(pathText([...issue.path, key]), key, known));
  }
  if (issue.code === 'invalid_key') {
    const expected = issue.issues[0]?.message ?? 'a well-formed name';
    return [{ path: pathText(issue.path), message: 'the name of this member is malformed', expected }];
  }
  return [{ path: pathText(issue.path), ...explained(issue) }];
}

/** Our own messages say what was expected; the default ones begin with "Invalid" and say it elsewhere. */
function explained(issue: z.core.$ZodIssue): Pick<FieldError, 'message' | 'expected'> {
  const expected = issue.message.startsWith('Invalid') ? defaultExpectation(issue) : issue.message;
  if (issue.code !== 'custom' && issue.input === undefined)
    return { message: 'required, and missing', expected };
  return { message: 'not as expected', expected };
}

function defaultExpectation(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type') return issue.expected;
  if (issue.code === 'invalid_value') return issue.values.map(String).join(' | ');
  return issue.message;
}

/** Why a member of that bare name must not reach us, whatever it holds; null when nothing is against it. */
function whyForbidden(bare: string): string | null {
  const within = FORBIDDEN_WITHIN.some((name) => bare.includes(name)) ? CODE : null;
  return FORBIDDEN_MEMBERS.get(bare) ?? within;
}

/** Why nothing may be kept under that name of the caller's choice; null when nothing is against it. */
export function whyNotKept(key: string): string | null {
  const bare = bareName(key);
  return whyForbidden(bare) ?? AUTHENTICATION_MEMBERS.get(bare) ?? null;
}

function unknownMember(path: string, key: string, known: readonly string[]): FieldError {
  const forbidden = whyForbidden(bareName(key));
  if (forbidden !== null) return { path, message: forbidden, expected: 'no such member' };
  const near = nearestName(key, known);
  return {
    path,
    message: near === null ? 'unknown member' : `unknown member: did you mean ${near}?`,
    expected: known.join(' | ') || 'no such member',
  };
}

/** Dotted, bounded, printable: names come from the caller. */
export function pathText(path: readonly PropertyKey[]): string {
  const joined = path.map((part) => String(part).replace(/[^\x21-\x7e]/g, '?')).join('.');
  return joined.length > PATH_LENGTH_MAX ? `${joined.slice(0, PATH_LENGTH_MAX)}…` : joined;
}
