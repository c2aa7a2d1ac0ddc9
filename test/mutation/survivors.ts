/** A place in a file, lines and columns from 1, the end exclusive. */
export interface Span {
  readonly start: { readonly line: number; readonly column: number };
  readonly end: { readonly line: number; readonly column: number };
}

/** A change of a file that no test noticed. */
export interface Survivor {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** The lines as they are and as the mutant has them, white space joined. */
  readonly was: string;
  readonly becomes: string;
  /** The whole file as the mutant has it. */
  readonly source: string;
}

/** An entry of `explained-survivors.json`. It holds no line number, so that it outlives edits elsewhere. */
export interface Explanation {
  readonly file: string;
  readonly was: string;
  readonly becomes: string;
  /** Why no test can notice it, or why it does no harm. */
  readonly why: string;
  /** How many survivors it speaks of, where the same line stands several times; 1 when left out. */
  readonly times?: number;
}

export interface Comparison {
  readonly explained: readonly Survivor[];
  readonly unexplained: readonly Survivor[];
  /** Entries that speak of more than there is. */
  readonly stale: readonly Explanation[];
}

export function joinWhiteSpace(text: string): string {
  return text.trim().replaceAll(/\s+/g, ' ');
}

/** What a mutant does to a file: put `replacement` where `span` is. */
export function survivorOf(file: string, source: string, span: Span, replacement: string): Survivor {
  const lines = source.split('\n');
  const first = lines[span.start.line - 1] ?? '';
  const last = lines[span.end.line - 1] ?? '';
  const changed = first.slice(0, span.start.column - 1) + replacement + last.slice(span.end.column - 1);
  const before = lines.slice(0, span.start.line - 1);
  return {
    file,
    line: span.start.line,
    column: span.start.column,
    was: joinWhiteSpace(lines.slice(span.start.line - 1, span.end.line).join('\n')),
    becomes: joinWhiteSpace(changed),
    source: [...before, changed, ...lines.slice(span.end.line)].join('\n'),
  };
}

/**
 * Sets survivors against their explanations, by content. An entry explains no more survivors than it says, so that it
 * cannot cover for a second line that happens to read the same.
 */
export function compare(survivors: readonly Survivor[], explanations: readonly Explanation[]): Comparison {
  const left = new Map(explanations.map((entry) => [entry, entry.times ?? 1]));
  const explained: Survivor[] = [];
  const unexplained: Survivor[] = [];
  for (const survivor of survivors) {
    const entry = explanations.find(
      (candidate) => speaksOf(candidate, survivor) && left.get(candidate) !== 0,
    );
    if (entry === undefined) unexplained.push(survivor);
    else {
      explained.push(survivor);
      left.set(entry, (left.get(entry) ?? 0) - 1);
    }
  }
  return { explained, unexplained, stale: explanations.filter((entry) => left.get(entry) !== 0) };
}

function speaksOf(entry: Explanation, survivor: Survivor): boolean {
  return entry.file === survivor.file && entry.was === survivor.was && entry.becomes === survivor.becomes;
}
