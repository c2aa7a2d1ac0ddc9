/** Where a text stops being JSON. */
export interface JsonFault {
  /** In UTF-16 code units, from 0; the length of the text when it ends too early. */
  readonly offset: number;
  /** What could have stood there, in words; nothing of the text itself. */
  readonly expected: string;
}

/** What may come next; each with its words. */
const EXPECTED = {
  value: 'a value',
  valueOrEnd: 'a value or ]',
  name: 'a name in double quotes',
  nameOrEnd: 'a name in double quotes, or }',
  colon: 'a colon',
  nextMember: 'a comma or }',
  nextItem: 'a comma or ]',
  nothing: 'nothing more',
} as const;
type Next = keyof typeof EXPECTED;

const BLANKS = /[ \t\n\r]*/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
const NUMBER_OR_WORD = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

/**
 * Finds where a text stops being JSON, in one pass and without recursion: what the platform's own errors quote of the
 * text may be what nobody is to see, and not all of them have a place.
 * @returns null for what `JSON.parse` takes
 */
export function jsonFault(text: string): JsonFault | null {
  const open: ('{' | '[')[] = [];
  let next: Next = 'value';
  let at = 0;
  for (;;) {
    at = endOf(BLANKS, text, at) ?? at;
    const fault = { offset: at, expected: EXPECTED[next] };
    if (at >= text.length) return next === 'nothing' ? null : fault;
    const mark = text[at];
    if (next === 'colon' || next === 'nothing') {
      if (next === 'nothing' || mark !== ':') return fault;
      next = 'value';
      at += 1;
    } else if (mark === ',' && (next === 'nextMember' || next === 'nextItem')) {
      next = next === 'nextMember' ? 'name' : 'value';
      at += 1;
    } else if (closes(mark, next)) {
      open.pop();
      next = after(open);
      at += 1;
    } else if (next === 'name' || next === 'nameOrEnd') {
      if (mark !== '"') return fault;
      const string = stringFrom(text, at);
      if (string.fault !== null) return string.fault;
      next = 'colon';
      at = string.end;
    } else if (next === 'nextMember' || next === 'nextItem') {
      return fault;
    } else if (mark === '{' || mark === '[') {
      open.push(mark);
      next = mark === '{' ? 'nameOrEnd' : 'valueOrEnd';
      at += 1;
    } else {
      const string = mark === '"' ? stringFrom(text, at) : null;
      if (string !== null && string.fault !== null) return string.fault;
      const end = string === null ? endOf(NUMBER_OR_WORD, text, at) : string.end;
      if (end === null) return fault;
      next = after(open);
      at = end;
    }
  }
}

function closes(mark: string | undefined, next: Next): boolean {
  if (mark === '}') return next === 'nameOrEnd' || next === 'nextMember';
  return mark === ']' && (next === 'valueOrEnd' || next === 'nextItem');
}

function after(open: readonly ('{' | '[')[]): Next {
  const within = open.at(-1);
  return within === undefined ? 'nothing' : within === '{' ? 'nextMember' : 'nextItem';
}

/** @param from where its opening quote stands */
function stringFrom(text: string, from: number): { readonly end: number; readonly fault: JsonFault | null } {
  let at = from + 1;
  for (;;) {
    while (isPlain(text.charCodeAt(at))) at += 1;
    if (text[at] === '"') return { end: at + 1, fault: null };
    const escaped = endOf(ESCAPE, text, at);
    if (escaped === null) return { end: at, fault: stringFault(text, at) };
    at = escaped;
  }
}

/** Stands for itself in a string; the end of the text (not a number) does not. */
function isPlain(code: number): boolean {
  return code >= 0x20 && code !== 0x22 && code !== 0x5c;
}

function stringFault(text: string, at: number): JsonFault {
  if (at >= text.length) return { offset: at, expected: 'a quote that closes the text' };
  const expected =
    text[at] === '\\'
      ? 'one of the escapes of JSON behind the backslash'
      : 'a quote that closes the text, or an escape for this control character';
  return { offset: at, expected };
}

function endOf(pattern: RegExp, text: string, from: number): number | null {
  pattern.lastIndex = from;
  return pattern.test(text) ? pattern.lastIndex : null;
}
