import { type CardNumberPosition, DigitScan, hasDigitsEnough } from './digit-scan.ts';
import { isSchemeNumber } from './scheme-prefixes.ts';

export interface CardNumberOptions {
  /** The card's BIN when it is known, 6 to 11 digits: a number that begins with it is found inside longer runs too. */
  readonly bin?: string | null;
  /** The text is an id that others made: only numbers that begin with `bin` count. */
  readonly opaque?: boolean;
}

/**
 * Finds a card number: 12 to 19 digits with nothing but spaces and dashes (of any script) between them that pass the
 * Luhn check (ISO/IEC 7812-1 annex B) and have a scheme's prefix and length. Digits of other scripts count.
 *
 * What bounds a number: any character but digit, space and dash. Within a run of digits and separators every sequence
 * of whole groups is tried ("ref 12 4111 1111 1111 1111 12/29"), and leading zeros of a group may be padding. A part
 * of an unbroken run of digits is *not* tried, since one long numeric id in five would hold a "card number" by chance;
 * with one exception: what begins with the card's own BIN is found anywhere in a run.
 *
 * One full stop, comma, slash, underscore or middle dot may stand between digits as well where the groups are those of
 * a printed card number (4-4-4-4 and up to three more, 4-6-5, 4-6-4): any other groups are amounts, dates, addresses.
 * Track data are found by the number that they begin with: `=`, `D` and `^` end it.
 *
 * Not recognised: numbers that are encoded (percent-encoding but in the path and query, base64), written in words,
 * split over several texts, or, without the BIN, glued to further digits.
 *
 * Not taken for card numbers, unless they begin with the BIN: 12 or 13 digits after a plus sign (telephone numbers,
 * E.164) and digits within a UUID or a hexadecimal id of 24 or more characters.
 * @returns the first one, or null
 */
export function findCardNumber(text: string, options: CardNumberOptions = {}): CardNumberPosition | null {
  if (!hasDigitsEnough(text) || (options.opaque === true && options.bin == null)) return null;
  return new DigitScan(text, options.bin ?? null, options.opaque === true, false).next(0);
}

/**
 * The text with every card number replaced by `[card number removed]`, for messages of providers that are logged.
 * Cuts more than {@link findCardNumber} finds: also within unbroken runs of more than 19 digits, where a wrong cut
 * costs nothing.
 */
export function scrub(text: string): string {
  if (!hasDigitsEnough(text)) return text;
  const scan = new DigitScan(text, null, false, true);
  let scrubbed = '';
  let from = 0;
  for (let hit = scan.next(0); hit !== null; hit = scan.next(from)) {
    scrubbed += `${text.slice(from, hit.start)}[card number removed]`;
    from = hit.end;
  }
  return scrubbed + text.slice(from);
}

/**
 * Members that hold ids made by others, as a tree of names; `*` stands for every name.
 * `opaque`: only a number that begins with the card's BIN counts.
 * `token`: the same; and while no BIN is known, a value that is a card number as a whole.
 */
type OpaqueMembers = ReadonlyMap<string, 'opaque' | 'token' | OpaqueMembers>;

/**
 * Members of an authorization that are opaque. The amount is one, because a large sum of a currency with small units
 * has twelve digits and may pass for a Maestro number.
 */
const OPAQUE_AUTHORIZATION_MEMBERS: OpaqueMembers = new Map<string, OpaqueMembers>([
  ['amount', new Map([['value', 'opaque' as const]])],
  [
    'card',
    new Map<string, 'opaque' | 'token' | OpaqueMembers>([
      ['token', 'token'],
      ['tokens', new Map([['*', 'token' as const]])],
      ['account_reference', 'opaque'],
    ]),
  ],
  [
    'three_ds',
    new Map([
      ['cavv', 'opaque' as const],
      ['ds_transaction_id', 'opaque' as const],
    ]),
  ],
  ['network_transaction', new Map([['id', 'opaque' as const]])],
]);

interface Place {
  readonly value: object;
  readonly opaque: OpaqueMembers | null;
  readonly parent: Place | null;
  readonly name: string;
}

/** How {@link findCardNumberInJson} reads a value. */
export interface JsonOptions {
  /** The card's BIN; left out: the value's own `card.bin`, if there is one. */
  readonly bin?: string | null;
  /** Left out: {@link OPAQUE_AUTHORIZATION_MEMBERS}. */
  readonly opaque?: OpaqueMembers;
}

/**
 * Finds a card number in a parsed JSON value: in strings, numbers and names, at any depth.
 * @returns the path of the first hit, such as `metadata.note` or `items[2]`, never with the number itself; or null
 */
export function findCardNumberInJson(value: unknown, options: JsonOptions = {}): string | null {
  const bin = options.bin === undefined ? binOf(value) : options.bin;
  if (typeof value !== 'object' || value === null) return leafHolds(value, bin, null) ? 'body' : null;
  const opaque = options.opaque ?? OPAQUE_AUTHORIZATION_MEMBERS;
  const open: Place[] = [{ value, opaque, parent: null, name: '' }];
  for (let place = open.pop(); place !== undefined; place = open.pop()) {
    const isList = Array.isArray(place.value);
    const members = place.value as Readonly<Record<string, unknown>>;
    for (const name of Object.keys(members)) {
      const child = members[name];
      if (!isList && name.length >= 12 && findCardNumber(name, { bin }) !== null) {
        return pathOf(place) === '' ? 'a member name' : `a member name of ${pathOf(place)}`;
      }
      const rule = place.opaque?.get(name) ?? place.opaque?.get('*') ?? null;
      if (typeof child === 'object' && child !== null) {
        const below = typeof rule === 'object' ? rule : null;
        open.push({ value: child, opaque: below, parent: place, name: isList ? `[${name}]` : name });
      } else if (leafHolds(child, bin, typeof rule === 'string' ? rule : null)) {
        const path = pathOf(place);
        return isList ? `${path}[${name}]` : path === '' ? name : `${path}.${name}`;
      }
    }
  }
  return null;
}

function leafHolds(leaf: unknown, bin: string | null, rule: 'opaque' | 'token' | null): boolean {
  if (typeof leaf === 'number') return numberHolds(leaf, bin, rule !== null);
  if (typeof leaf !== 'string' || leaf.length < 12) return false;
  if (rule === 'token' && bin === null) {
    const hit = findCardNumber(leaf);
    return hit !== null && hit.start === 0 && hit.end === leaf.length;
  }
  return findCardNumber(leaf, { bin, opaque: rule !== null }) !== null;
}

/**
 * Above 2^53 a JSON number has lost its last digits, the check digit among them: prefix and length must do. No member
 * of ours takes such a number.
 */
function numberHolds(number: number, bin: string | null, opaque: boolean): boolean {
  const size = Math.abs(number);
  if (size < 1e11) return false;
  if (size <= Number.MAX_SAFE_INTEGER) return findCardNumber(String(size), { bin, opaque }) !== null;
  const digits = String(size);
  if (!/^\d{16,19}$/.test(digits)) return false;
  if (opaque) return bin !== null && digits.startsWith(bin);
  return isSchemeNumber(Number(digits.slice(0, 6)), digits.length);
}

function pathOf(place: Place): string {
  const names: string[] = [];
  for (let at: Place | null = place; at !== null && at.parent !== null; at = at.parent) names.push(at.name);
  return names.reverse().join('.').replaceAll('.[', '[');
}

function binOf(value: unknown): string | null {
  if (typeof value !== 'object' || value === null || !('card' in value)) return null;
  const { card } = value;
  if (typeof card !== 'object' || card === null || !('bin' in card)) return null;
  return typeof card.bin === 'string' && /^\d{6,11}$/.test(card.bin) ? card.bin : null;
}
