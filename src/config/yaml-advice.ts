import { type Document, isCollection, isNode, isScalar, type Node, visit } from 'yaml';

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
  for (const complaint of complaints) {
    const open = openQuote(complaint, document, text) ?? openBracket(complaint, document, text);
    const advice = open ?? layoutAdvice(complaint, complaints, text) ?? parserWords(complaint);
    if (!found.has(advice.offset)) found.set(advice.offset, advice);
    if (open !== null) break;
  }
  return [...found.values()].slice(0, ADVICE_MAX);
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
function openQuote(complaint: YamlComplaint, document: Document.Parsed, text: string): YamlAdvice | null {
  if (complaint.code !== 'MISSING_CHAR' || !/closing ["']quote/.test(complaint.message)) return null;
  const offset = lastStart(document, complaint.pos[0], (node, start) => {
    return isScalar(node) && /["']/.test(text[start] ?? '');
  });
  if (offset === null) return null;
  const quote = text[offset] === "'" ? "'" : '"';
  return {
    offset,
    what: `a quote ${quote} that is not closed`,
    expected: `${quote} at both ends of the text, in one line`,
    remedy: `put ${quote} behind the text`,
  };
}

/** The same for brackets: the parser notices them where the next line or bracket does not fit. */
function openBracket(complaint: YamlComplaint, document: Document.Parsed, text: string): YamlAdvice | null {
  const close = /^Flow (?:map|sequence) in block collection .*end with a ([}\]])/.exec(
    complaint.message,
  )?.[1];
  if (complaint.code !== 'BAD_INDENT' || close === undefined) return null;
  const open = close === '}' ? '{' : '[';
  const offset = lastStart(document, complaint.pos[0], (node, start, end) => {
    return isCollection(node) && text[start] === open && text[end - 1] !== close;
  });
  if (offset === null) return null;
  return {
    offset,
    what: `a ${open} that is not closed`,
    expected: `a ${close} for each ${open}`,
    remedy: `put ${close} where it ends, before the next key`,
  };
}

/** Start of the last node before `before` that fits; null when there is none. */
function lastStart(
  document: Document.Parsed,
  before: number,
  fits: (node: Node, start: number, end: number) => boolean,
): number | null {
  let last: number | null = null;
  visit(document, (_key, node) => {
    if (!isNode(node) || !node.range) return;
    const [start, end] = node.range;
    if (start < before && (last === null || start > last) && fits(node, start, end)) last = start;
  });
  return last;
}

const LAYOUT = /^(?:MULTILINE_IMPLICIT_KEY|BLOCK_AS_IMPLICIT_KEY|MISSING_CHAR|BAD_INDENT)$/;

/** Slips of layout: blanks that are missing behind colons and dashes, and indents. */
function layoutAdvice(
  complaint: YamlComplaint,
  complaints: readonly YamlComplaint[],
  text: string,
): YamlAdvice | null {
  if (!LAYOUT.test(complaint.code)) return null;
  const line = lineAt(text, complaint.pos[0]);
  const missing = missingBlank(line);
  if (missing !== null) return missing;
  if (/^(?:All \w+ items must start|Sequence item without)/.test(complaint.message))
    return indentAdvice(line);
  // A line that is indented too far counts as more text of the one above: the second of two complaints about
  // that text ends at its colon.
  const longer = complaints.find(
    ({ code, pos }) => code === 'MULTILINE_IMPLICIT_KEY' && pos[0] === complaint.pos[0],
  );
  const next = longer === undefined ? line : lineAt(text, longer.pos[1]);
  const isNested = next.start > line.start && /^\s*[\w.-]+:(?:\s|$)/.test(next.text);
  return isNested ? indentAdvice(next) : null;
}

interface Line {
  /** Offset of its first character. */
  readonly start: number;
  readonly text: string;
}

function lineAt(text: string, offset: number): Line {
  const start = text.lastIndexOf('\n', offset - 1) + 1;
  const end = text.indexOf('\n', start);
  return { start, text: text.slice(start, end === -1 ? text.length : end) };
}

function missingBlank(line: Line): YamlAdvice | null {
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

function indentAdvice(line: Line): YamlAdvice {
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
