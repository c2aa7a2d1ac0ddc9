import { type Document, isCollection, isNode, isScalar, visit } from 'yaml';

/** A complaint of the parser. */
export interface YamlComplaint {
  readonly code: string;
  readonly message: string;
  /** Where it stopped: from, to; offsets in the text. */
  readonly pos: readonly [number, number];
}

/** A complaint in the words of people who write rules. */
export interface YamlAdvice {
  /** In the text, where the slip is; the parser often notices it only later. */
  readonly offset: number;
  readonly what: string;
  readonly expected: string;
  readonly remedy: string;
}

/** Complaints that are passed on; what comes after the first is often its echo. */
const ADVICE_MAX = 10;

/**
 * Words for what the parser complains about. After an open quote or bracket and a tab, what the parser has to say is
 * their echo, and left out; of several complaints at one place the first says it.
 */
export function yamlAdvice(
  complaints: readonly YamlComplaint[],
  document: Document.Parsed,
  text: string,
): readonly YamlAdvice[] {
  const found = new Map<number, YamlAdvice>();
  const tab = complaints.find(({ code }) => code === 'TAB_AS_INDENT');
  if (tab !== undefined) return [tabAdvice(tab)];
  const places = placesIn(complaints, document, text);
  for (const complaint of complaints) {
    const open = openQuote(complaint, places) ?? openBracket(complaint, places);
    const advice = open ?? layoutAdvice(complaint, places) ?? parserWords(complaint);
    if (!found.has(advice.offset)) found.set(advice.offset, advice);
    if (open !== null || found.size === ADVICE_MAX) break;
  }
  return [...found.values()];
}

/** What is looked up for each complaint, of which a file may have as many as it has characters. */
interface Places {
  readonly text: string;
  /** Offsets of the first characters of its lines. */
  readonly lineStarts: readonly number[];
  /** Lines that were looked into, by where they start: all of a file's complaints may be about one long line. */
  readonly lines: Map<number, Line>;
  /** Offsets in order, by the character that stands there: where quoted texts begin, and brackets that are not closed. */
  readonly opened: ReadonlyMap<string, readonly number[]>;
  /** Ends of texts that were taken for one key over several lines, by where they begin. */
  readonly longKeys: ReadonlyMap<number, number>;
}

function placesIn(complaints: readonly YamlComplaint[], document: Document.Parsed, text: string): Places {
  const lineStarts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) lineStarts.push(at + 1);
  const longKeys = new Map<number, number>();
  for (const { code, pos } of complaints) {
    if (code === 'MULTILINE_IMPLICIT_KEY' && !longKeys.has(pos[0])) longKeys.set(pos[0], pos[1]);
  }
  return { text, lineStarts, lines: new Map(), opened: openedIn(document, text), longKeys };
}

const CLOSES: Readonly<Record<string, string>> = { '{': '}', '[': ']' };

function openedIn(document: Document.Parsed, text: string): Places['opened'] {
  const opened = new Map<string, number[]>([...`"'{[`].map((sign) => [sign, []]));
  visit(document, (_key, node) => {
    if (!isNode(node) || !node.range) return;
    const [start, end] = node.range;
    const sign = text[start] ?? '';
    const close = CLOSES[sign];
    const isOpen = close === undefined ? isScalar(node) : isCollection(node) && text[end - 1] !== close;
    if (isOpen) opened.get(sign)?.push(start);
  });
  for (const offsets of opened.values()) offsets.sort((a, b) => a - b);
  return opened;
}

function tabAdvice({ pos }: YamlComplaint): YamlAdvice {
  return {
    offset: pos[0],
    what: 'a tab at the start of a line',
    expected: 'spaces: tabs are not allowed',
    remedy: 'use spaces here and in the lines below',
  };
}

/** The parser reads on to the end of the file for a quote; the slip is where it opens. */
function openQuote(complaint: YamlComplaint, { opened, text }: Places): YamlAdvice | null {
  if (complaint.code !== 'MISSING_CHAR' || !/closing ["']quote/.test(complaint.message)) return null;
  const offset = Math.max(...['"', "'"].map((sign) => lastBefore(opened.get(sign), complaint.pos[0])));
  if (offset < 0) return null;
  const quote = text[offset] === "'" ? "'" : '"';
  return {
    offset,
    what: `a quote ${quote} that is not closed`,
    expected: `${quote} at both ends of the text, in one line`,
    remedy: `put ${quote} behind the text`,
  };
}

/** The same for brackets: the parser notices them where the next line or bracket does not fit. */
function openBracket(complaint: YamlComplaint, { opened }: Places): YamlAdvice | null {
  const close = /^Flow (?:map|sequence) in block collection .*end with a ([}\]])/.exec(
    complaint.message,
  )?.[1];
  if (complaint.code !== 'BAD_INDENT' || close === undefined) return null;
  const open = close === '}' ? '{' : '[';
  const offset = lastBefore(opened.get(open), complaint.pos[0]);
  if (offset < 0) return null;
  return {
    offset,
    what: `a ${open} that is not closed`,
    expected: `a ${close} for each ${open}`,
    remedy: `put ${close} where it ends, before the next key`,
  };
}

/** The last of the offsets below `before`; -1 when there is none. @param offsets in order */
function lastBefore(offsets: readonly number[] = [], before: number): number {
  let low = 0;
  let high = offsets.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((offsets[middle] ?? 0) < before) low = middle + 1;
    else high = middle;
  }
  return offsets[low - 1] ?? -1;
}

const LAYOUT = /^(?:MULTILINE_IMPLICIT_KEY|BLOCK_AS_IMPLICIT_KEY|MISSING_CHAR|BAD_INDENT)$/;

/** Slips of layout: blanks that are missing behind colons and dashes, and indents. */
function layoutAdvice(complaint: YamlComplaint, places: Places): YamlAdvice | null {
  if (!LAYOUT.test(complaint.code)) return null;
  const line = lineAt(places, complaint.pos[0]);
  if (line.missing !== null) return line.missing;
  if (/^(?:All \w+ items must start|Sequence item without)/.test(complaint.message)) return line.indent;
  // A line that is indented too far counts as more text of the one above: the second of two complaints about
  // that text ends at its colon.
  const longer = places.longKeys.get(complaint.pos[0]);
  const next = longer === undefined ? line : lineAt(places, longer);
  return next.start > line.start && next.isKey ? next.indent : null;
}

interface Line {
  /** Offset of its first character. */
  readonly start: number;
  /** Whether it begins with a key. */
  readonly isKey: boolean;
  /** When a blank is missing in it. */
  readonly missing: YamlAdvice | null;
  /** Should its indent be what is wrong. */
  readonly indent: YamlAdvice;
}

function lineAt({ text, lineStarts, lines }: Places, offset: number): Line {
  // A line break belongs to the line that it ends.
  const start = Math.max(0, lastBefore(lineStarts, offset + 1));
  const known = lines.get(start);
  if (known !== undefined) return known;
  const end = text.indexOf('\n', start);
  const content = { start, text: text.slice(start, end === -1 ? text.length : end) };
  const line: Line = {
    start,
    isKey: /^\s*[\w.-]+:(?:\s|$)/.test(content.text),
    missing: missingBlank(content),
    indent: indentAdvice(content),
  };
  lines.set(start, line);
  return line;
}

interface LineText {
  /** Offset of its first character. */
  readonly start: number;
  readonly text: string;
}

function missingBlank(line: LineText): YamlAdvice | null {
  const colon = /^(\s*(?:-\s+)?)([a-z_]+):[^\s/]/.exec(line.text);
  if (colon !== null) {
    const [, before = '', key = ''] = colon;
    return {
      offset: line.start + before.length,
      what: `no space after the colon of ${key}`,
      expected: `${key}: and a value`,
      // Without the value, which may be a secret.
      remedy: `put a space after the colon: ${key}: …`,
    };
  }
  const dash = /^(\s*)-([a-z_]+):(?:\s|$)/.exec(line.text);
  if (dash === null) return null;
  const [, before = '', key = ''] = dash;
  return {
    offset: line.start + before.length,
    what: `no space after the dash before ${key}`,
    expected: `- ${key}:`,
    remedy: `put a space after the dash: - ${key}:`,
  };
}

function indentAdvice(line: LineText): YamlAdvice {
  const blanks = /^ */.exec(line.text)?.[0].length ?? 0;
  const word = /^[\w.-]+(?=:)/.exec(line.text.slice(blanks))?.[0] ?? 'this line';
  return {
    offset: line.start + blanks,
    what: `a wrong indent: ${blanks} spaces before ${word}`,
    expected: 'keys that belong together in one column, the first of a list item behind its dash',
    remedy: `put ${word} exactly below the key above that it belongs with`,
  };
}

function parserWords({ code, message, pos }: YamlComplaint): YamlAdvice {
  if (code === 'MULTIPLE_DOCS') {
    return {
      offset: pos[0],
      what: 'a second document after ---',
      expected: 'one document',
      remedy: 'remove the line with ---',
    };
  }
  // What follows a colon is text of the file, perhaps a secret.
  const words = message
    .replaceAll(/\s+/g, ' ')
    .replace(/(?<=\w|\)): .*$/, '')
    .slice(0, 200);
  return {
    offset: pos[0],
    what: `not readable as YAML: ${words}`,
    expected: 'YAML 1.2',
    remedy: 'check indents, quotes, brackets',
  };
}
