import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type YAMLMap,
} from 'yaml';
import { type FilePath, type RuleProblem, shown } from '../core/rules/rule-problem.ts';
import type { RulesetError } from './ruleset-error.ts';
import { yamlAdvice } from './yaml-advice.ts';

/** Characters of one file; the shipped ones have a few thousand. */
const FILE_LENGTH_MAX = 512 * 1024;
const DEPTH_MAX = 40;

/** A YAML file that can tell where each of its values stands. */
export interface YamlFile {
  /** Plain data. */
  readonly value: unknown;
  /** Turns a problem with a path into an error with line and column. */
  readonly locate: (problem: RuleProblem) => RulesetError;
  /** Where the value of a path stands; the nearest that exists when it does not. */
  readonly placeOf: (path: FilePath) => Pick<RulesetError, 'line' | 'column'>;
}

export type YamlReading =
  | { readonly kind: 'read'; readonly file: YamlFile }
  | { readonly kind: 'refused'; readonly errors: readonly RulesetError[] };

/** Parses one file. Never throws: what the parser cannot take is an error with its place. */
export function readYamlFile(name: string, text: string): YamlReading {
  const refuse = (offset: number, what: string, expected: string, remedy: string): YamlReading => ({
    kind: 'refused',
    errors: [{ file: name, ...position(offset), what, expected, remedy }],
  });
  const lines = new LineCounter();
  const position = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    // An empty text has no line at all for the counter.
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  if (text.length > FILE_LENGTH_MAX) {
    return refuse(0, `${text.length} characters`, `at most ${FILE_LENGTH_MAX}`, 'split or shorten the file');
  }
  const parsed = parse(text, lines);
  const tooDeep = refuse(
    0,
    'values nested too deeply to be read',
    `at most ${DEPTH_MAX} levels`,
    'write it flatter',
  );
  if (parsed === null) return tooDeep;
  const complaints = [...parsed.errors, ...parsed.warnings];
  if (complaints.some((error) => /call stack/.test(error.message))) return tooDeep;
  if (complaints.length > 0) {
    const advice = yamlAdvice(complaints, parsed, text);
    return {
      kind: 'refused',
      errors: advice.map(({ offset, ...words }) => ({ file: name, ...position(offset), ...words })),
    };
  }
  if (parsed.contents === null || (isScalar(parsed.contents) && parsed.contents.value === null)) {
    return refuse(0, 'the file is empty', 'providers: or rules: with a list', 'see README.md in this folder');
  }
  if (parsed.schema.name !== 'core') {
    return refuse(
      0,
      'a %YAML directive for an old version',
      'YAML 1.2, where NO is a word',
      'remove the directive',
    );
  }
  const oddity = findOddity(parsed.contents);
  if (oddity !== null) return refuse(oddity.offset, oddity.what, oddity.expected, oddity.remedy);
  const pairs: PairsOf = new Map();
  const locate = (problem: RuleProblem): RulesetError => {
    const { path, atKey = false, what, expected, remedy, other } = problem;
    const place = position(offsetOf(parsed, path, atKey, pairs));
    if (other === undefined) return { file: name, ...place, what, expected, remedy };
    const { line, column } = position(offsetOf(parsed, other, false, pairs));
    const where = line === place.line ? `line ${line}, column ${column}` : `line ${line}`;
    return { file: name, ...place, what: `${what} ${where}`, expected, remedy };
  };
  const placeOf = (path: FilePath) => position(offsetOf(parsed, path, false, pairs));
  return { kind: 'read', file: { value: parsed.toJS(), locate, placeOf } };
}

/** The document, or null when its nesting exhausts the parser's stack. */
function parse(text: string, lineCounter: LineCounter): Document.Parsed | null {
  try {
    // Keys given twice are found below: the parser compares each key with all before it, which takes half a
    // minute for a file of forty thousand keys.
    return parseDocument(text, { lineCounter, prettyErrors: false, uniqueKeys: false });
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** Constructs of YAML that make a rule hard to read or mean something else than it says. */
function findOddity(root: Node) {
  const open: { readonly node: Node; readonly depth: number }[] = [{ node: root, depth: 1 }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { node, depth } = next;
    const offset = node.range?.[0] ?? 0;
    if (depth > DEPTH_MAX) {
      return {
        offset,
        what: 'values nested too deeply',
        expected: `at most ${DEPTH_MAX} levels`,
        remedy: 'write it flatter',
      };
    }
    // Their names are not repeated: a secret without quotes that begins with `*`, `&` or `!` is read as one.
    if (isAlias(node) || node.anchor !== undefined) {
      return {
        offset,
        what: isAlias(node) ? 'an alias (*)' : 'an anchor (&)',
        expected: 'values written out',
        remedy: 'write it out: each rule reads by itself',
      };
    }
    if (node.tag !== undefined) {
      return { offset, what: 'a tag (!)', expected: 'plain values', remedy: 'remove the tag' };
    }
    const children: unknown[] = isSeq(node)
      ? node.items
      : isMap(node)
        ? node.items.flatMap((pair) => [pair.key, pair.value])
        : [];
    for (const child of children) if (isNode(child)) open.push({ node: child, depth: depth + 1 });
    const odd = isMap(node) ? findOddKey(node.items.map((pair) => pair.key)) : null;
    if (odd !== null) return { offset, ...odd };
  }
  return null;
}

/** A key that is no plain word, or that stands in its map twice. */
function findOddKey(keys: readonly unknown[]) {
  const seen = new Set<string>();
  for (const key of keys) {
    const place = isNode(key) && key.range ? { offset: key.range[0] } : {};
    if (!isScalar(key) || key.value === '__proto__') {
      return {
        ...place,
        what: 'a key that is no word',
        expected: 'words as keys',
        remedy: 'write key: value',
      };
    }
    const name = String(key.value);
    if (seen.has(name)) {
      return {
        ...place,
        what: `the key ${shown(name)} a second time`,
        expected: 'each key once',
        remedy: 'remove one of the two',
      };
    }
    seen.add(name);
  }
  return null;
}

/** Pairs of maps by key, for those in which something was looked up: one may have as many keys as there are errors. */
type PairsOf = Map<YAMLMap, ReadonlyMap<string, Pair>>;

/**
 * Where the value of a path starts, in characters from 0; the nearest that exists when it does not.
 * @param known is filled, for the next look-up in the same document
 */
export function offsetOf(
  document: Document.Parsed,
  path: FilePath,
  atKey: boolean,
  known: PairsOf = new Map(),
): number {
  let node: unknown = document.contents;
  let offset = document.contents?.range?.[0] ?? 0;
  for (const [index, step] of path.entries()) {
    if (isMap(node)) {
      const pair = pairsOf(node, known).get(String(step));
      if (pair === undefined) return offset;
      const keyOffset = isNode(pair.key) ? (pair.key.range?.[0] ?? offset) : offset;
      if (atKey && index === path.length - 1) return keyOffset;
      node = pair.value;
      offset = isNode(node) ? (node.range?.[0] ?? keyOffset) : keyOffset;
    } else if (isSeq(node)) {
      node = node.items[Number(step)];
      offset = isNode(node) ? (node.range?.[0] ?? offset) : offset;
    } else {
      return offset;
    }
  }
  return offset;
}

function pairsOf(map: YAMLMap, known: PairsOf): ReadonlyMap<string, Pair> {
  const before = known.get(map);
  if (before !== undefined) return before;
  const pairs = new Map<string, Pair>();
  for (const pair of map.items) {
    // Of a key that is there twice, the first one.
    if (isScalar(pair.key) && !pairs.has(String(pair.key.value))) pairs.set(String(pair.key.value), pair);
  }
  known.set(map, pairs);
  return pairs;
}
