import { isSchemeNumber } from './scheme-prefixes.ts';

/** Where a card number stands in a text: offsets of its first character and after its last one. */
export interface CardNumberPosition {
  readonly start: number;
  readonly end: number;
}

const DIGITS_MIN = 12;
const DIGITS_MAX = 19;

/** Cheap first look: whether a run of digits and separators may hold twelve digits. Beyond ASCII all may be digits. */
export function hasDigitsEnough(text: string): boolean {
  if (text.length < DIGITS_MIN) return false;
  let count = 0;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if ((code >= 0x30 && code <= 0x39) || code > 0x7f) {
      count += 1;
      if (count === DIGITS_MIN) return true;
    } else if (count > 0 && !isSeparator(code) && !isPunctuation(code)) count = 0;
  }
  return false;
}

/** What stands between a digit and the one before it. */
const GLUED = 0;
/** Spaces, dashes and characters that show nothing. */
const SEPARATED = 1;
/** Punctuation without spaces (those make a list of it): joins only groups that are those of a card number. */
const PUNCTUATED = 2;
const FIRST_OF_RUN = 3;

/** Digits of each group as card numbers are printed and typed: 16 to 19 digits, American Express, Diners. */
const PRINTED_GROUPS: readonly (readonly number[])[] = [
  [4, 4, 4, 4, 3],
  [4, 4, 4, 4, 2],
  [4, 4, 4, 4, 1],
  [4, 4, 4, 4],
  [4, 6, 5],
  [4, 6, 4],
];

/** A text taken apart into its digits, with their places and what stands before each. */
export class DigitScan {
  readonly #text: string;
  readonly #bin: readonly number[] | null;
  readonly #opaque: boolean;
  readonly #withinLongRuns: boolean;
  readonly #digits: number[] = [];
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  readonly #before: number[] = [];
  /** Whether nothing but zeros stands between the start of the group and this digit. */
  readonly #afterZeros: boolean[] = [];

  constructor(text: string, bin: string | null, opaque: boolean, withinLongRuns: boolean) {
    this.#text = text;
    this.#bin = bin !== null && /^\d{6,11}$/.test(bin) ? [...bin].map(Number) : null;
    this.#opaque = opaque;
    this.#withinLongRuns = withinLongRuns;
    let before = FIRST_OF_RUN;
    for (let index = 0; index < text.length; ) {
      const point = text.codePointAt(index) ?? 0;
      const width = point > 0xffff ? 2 : 1;
      const digit = digitValue(point);
      if (digit >= 0) {
        const previous = this.#digits.length - 1;
        this.#afterZeros.push(
          before !== GLUED || (this.#digits[previous] === 0 && this.#afterZeros[previous] === true),
        );
        this.#digits.push(digit);
        this.#starts.push(index);
        this.#ends.push(index + width);
        this.#before.push(before);
        before = GLUED;
      } else before = gapAfter(before, point);
      index += width;
    }
  }

  /** The first card number that starts at offset `from` or later. */
  next(from: number): CardNumberPosition | null {
    const count = this.#digits.length;
    for (let first = 0; first + DIGITS_MIN <= count; first += 1) {
      if ((this.#starts[first] ?? 0) < from) continue;
      const length = this.#lengthAt(first);
      if (length > 0) {
        return { start: this.#starts[first] ?? 0, end: this.#ends[first + length - 1] ?? this.#text.length };
      }
    }
    return null;
  }

  /** Digits of the longest card number that starts at this digit, 0 for none. */
  #lengthAt(first: number): number {
    const ownCard = this.#beginsWithBin(first);
    const atGroup = !this.#opaque && this.#mayStart(first);
    if (!ownCard && !atGroup) return 0;
    const firstSix = this.#firstSix(first);
    const printed = this.#printedLengthAt(first, firstSix);
    if (printed > 0) return printed;
    for (let length = this.#reach(first); length >= DIGITS_MIN; length -= 1) {
      if (!ownCard && !this.#mayEnd(first + length)) continue;
      if (!isSchemeNumber(firstSix, length)) continue;
      if (luhnSum(this.#digits, first, length) % 10 !== 0) continue;
      if (ownCard || !(this.#isTelephone(first, length) || this.#isInHexadecimalId(first, length)))
        return length;
    }
    return 0;
  }

  /** Digits of the card number whose printed groups start here with punctuation between them, 0 for none. */
  #printedLengthAt(first: number, firstSix: number): number {
    const groups = this.#groupsFrom(first);
    if (groups === null) return 0;
    for (const printed of PRINTED_GROUPS) {
      if (!printed.every((size, index) => groups[index] === size)) continue;
      const length = printed.reduce((sum, size) => sum + size, 0);
      if (isSchemeNumber(firstSix, length) && luhnSum(this.#digits, first, length) % 10 === 0) return length;
    }
    return 0;
  }

  /** Sizes of the groups from here, at most five of at most six digits; null when no punctuation stands between. */
  #groupsFrom(first: number): readonly number[] | null {
    const sizes: number[] = [];
    let punctuated = false;
    for (let at = first; sizes.length < 5 && at < this.#digits.length; ) {
      const gap = this.#before[at];
      if (at > first && gap === FIRST_OF_RUN) break;
      punctuated ||= at > first && gap === PUNCTUATED;
      let size = 1;
      while (size <= 6 && at + size < this.#digits.length && this.#before[at + size] === GLUED) size += 1;
      sizes.push(size);
      if (size > 6) break;
      at += size;
    }
    return punctuated ? sizes : null;
  }

  /** Digits from here to the end of the run, at most 19. */
  #reach(first: number): number {
    let length = 1;
    while (length < DIGITS_MAX && first + length < this.#digits.length) {
      if ((this.#before[first + length] ?? FIRST_OF_RUN) >= PUNCTUATED) break;
      length += 1;
    }
    return length;
  }

  #mayStart(first: number): boolean {
    if (this.#before[first] !== GLUED) return true;
    if (this.#withinLongRuns && this.#isInLongGroup(first)) return true;
    // Behind zeros that only pad the group.
    return this.#digits[first] !== 0 && this.#afterZeros[first] === true;
  }

  #mayEnd(after: number): boolean {
    if (after >= this.#digits.length || this.#before[after] !== GLUED) return true;
    return this.#withinLongRuns && this.#isInLongGroup(after);
  }

  #isInLongGroup(index: number): boolean {
    let from = index;
    while (from > 0 && this.#before[from] === GLUED && index - from <= DIGITS_MAX) from -= 1;
    let to = index + 1;
    while (to < this.#digits.length && this.#before[to] === GLUED && to - from <= DIGITS_MAX) to += 1;
    return to - from > DIGITS_MAX;
  }

  #beginsWithBin(first: number): boolean {
    if (this.#bin === null) return false;
    return this.#bin.every((digit, index) => this.#digits[first + index] === digit);
  }

  #firstSix(first: number): number {
    let value = 0;
    for (let index = first; index < first + 6; index += 1) value = value * 10 + (this.#digits[index] ?? 0);
    return value;
  }

  #isTelephone(first: number, length: number): boolean {
    const start = this.#starts[first] ?? 0;
    return length <= 13 && start > 0 && this.#text[start - 1] === '+';
  }

  #isInHexadecimalId(first: number, length: number): boolean {
    let start = this.#starts[first] ?? 0;
    let end = this.#ends[first + length - 1] ?? 0;
    while (start > 0 && isIdCharacter(this.#text.charCodeAt(start - 1))) start -= 1;
    while (end < this.#text.length && isIdCharacter(this.#text.charCodeAt(end))) end += 1;
    const id = this.#text.slice(start, end);
    return (UUID.test(id) || HEXADECIMAL.test(id)) && (id.match(/[a-f]/gi)?.length ?? 0) >= 3;
  }
}

const UUID = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i;
/** Lengths of object ids and of digests of 128 bits and more. */
const HEXADECIMAL = /^(?:[\da-f]{24}|[\da-f]{32}|[\da-f]{40}|[\da-f]{64})$/i;

function isIdCharacter(code: number): boolean {
  return (
    code === 0x2d ||
    (code >= 0x30 && code <= 0x39) ||
    (code >= 0x41 && code <= 0x5a) ||
    (code >= 0x61 && code <= 0x7a)
  );
}

/** Whether `digits` ends in its check digit (Luhn, ISO/IEC 7812-1 annex B). */
export function passesLuhn(digits: string): boolean {
  return digits.length > 0 && luhnSum([...digits].map(Number), 0, digits.length) % 10 === 0;
}

/** Sum of the digits, every second one from the right doubled; a multiple of ten when the check digit is right. */
function luhnSum(digits: readonly number[], first: number, length: number): number {
  let sum = 0;
  for (let index = 0; index < length; index += 1) {
    const digit = digits[first + length - 1 - index] ?? 0;
    const weighted = index % 2 === 0 ? digit : digit * 2;
    sum += weighted > 9 ? weighted - 9 : weighted;
  }
  return sum;
}

/** Value of a decimal digit of any script (and of digits written as superscripts and the like), else -1. */
function digitValue(point: number): number {
  if (point <= 0x7f) return point >= 0x30 && point <= 0x39 ? point - 0x30 : -1;
  const plain = String.fromCodePoint(point).normalize('NFKC');
  if (/^[0-9]$/.test(plain)) return Number(plain);
  if (!/\p{Nd}/u.test(plain)) return -1;
  // Unicode encodes decimal digits in contiguous rows of ten, from zero upwards.
  let zero = point;
  while (/\p{Nd}/u.test(String.fromCodePoint(zero - 1))) zero -= 1;
  return (point - zero) % 10;
}

/** What stands before the next digit, once `point`, which is no digit, has followed the last one. */
function gapAfter(gap: number, point: number): number {
  if (isSeparator(point)) return gap === GLUED ? SEPARATED : gap === PUNCTUATED ? FIRST_OF_RUN : gap;
  return (gap === GLUED || gap === PUNCTUATED) && isPunctuation(point) ? PUNCTUATED : FIRST_OF_RUN;
}

/** What is neither letter nor digit, space nor control character. */
function isPunctuation(point: number): boolean {
  if (point <= 0x7f) {
    return (
      (point >= 0x21 && point <= 0x2f) ||
      (point >= 0x3a && point <= 0x40) ||
      (point >= 0x5b && point <= 0x60) ||
      (point >= 0x7b && point <= 0x7e)
    );
  }
  return /[\p{P}\p{S}]/u.test(String.fromCodePoint(point));
}

/** Spaces, dashes and characters that show nothing. */
function isSeparator(point: number): boolean {
  if (point <= 0x7f) return point === 0x2d || point === 0x20 || (point >= 0x09 && point <= 0x0d);
  return /[\s\p{Pd}\p{Cf}\u2212]/u.test(String.fromCodePoint(point));
}
