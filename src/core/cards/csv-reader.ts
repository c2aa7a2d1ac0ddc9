/** Lines that one quoted field may span; beyond it the quote was never closed. */
const RECORD_LINES_MAX = 20;

export interface CsvSink {
  /** @param line of the record's first character, from 1 */
  row(fields: readonly string[], line: number): void;
  /** A quote that opens in this line and never closes; the line is left out, reading goes on after it. */
  unclosed(line: number): void;
}

/**
 * Reads comma-separated values (RFC 4180) piece by piece. Also taken: a byte order mark, LF or CRLF, and semicolons
 * or tabs instead of commas, as the first line uses them. Empty lines are passed over.
 */
export class CsvReader {
  readonly #sink: CsvSink;
  #delimiter: string | null = null;
  #rest = '';
  #line = 0;
  /** Lines of a record whose quote is still open. */
  #open: string[] = [];

  constructor(sink: CsvSink) {
    this.#sink = sink;
  }

  push(chunk: string): void {
    const text = this.#rest + chunk;
    let from = 0;
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', from)) {
      this.#take(text.slice(from, text.charCodeAt(at - 1) === 0x0d && at > from ? at - 1 : at));
      from = at + 1;
    }
    this.#rest = text.slice(from);
  }

  /** Nothing more comes. */
  end(): void {
    if (this.#rest !== '') this.push('\n');
    while (this.#open.length > 0) this.#giveUp();
  }

  #take(raw: string): void {
    this.#line += 1;
    const line = this.#line === 1 ? raw.replace(/^\uFEFF/, '') : raw;
    this.#delimiter ??= delimiterOf(line);
    this.#open.push(line);
    this.#emit();
    if (this.#open.length > RECORD_LINES_MAX) this.#giveUp();
  }

  /** Hands on the open lines if they make a whole record. */
  #emit(): void {
    const record = this.#open.length === 1 ? (this.#open[0] ?? '') : this.#open.join('\n');
    const fields = fieldsOf(record, this.#delimiter ?? ',');
    if (fields === null) return;
    const line = this.#line - this.#open.length + 1;
    this.#open = [];
    if (record !== '') this.#sink.row(fields, line);
  }

  /** Leaves the line with the open quote out, and reads those after it anew. */
  #giveUp(): void {
    const [, ...after] = this.#open;
    this.#line -= after.length;
    this.#open = [];
    this.#sink.unclosed(this.#line);
    for (const line of after) this.#take(line);
  }
}

function delimiterOf(header: string): string {
  const count = (delimiter: string) => header.split(delimiter).length;
  return [',', ';', '\t'].reduce((best, delimiter) => (count(delimiter) > count(best) ? delimiter : best));
}

/** The fields of a record, or null while a quote is open. */
function fieldsOf(record: string, delimiter: string): string[] | null {
  if (!record.includes('"')) return record.split(delimiter);
  const fields: string[] = [];
  for (let at = 0; at <= record.length; ) {
    if (record[at] !== '"') {
      const next = record.indexOf(delimiter, at);
      const end = next === -1 ? record.length : next;
      fields.push(record.slice(at, end));
      at = end + 1;
      continue;
    }
    let close = record.indexOf('"', at + 1);
    while (close !== -1 && record[close + 1] === '"') close = record.indexOf('"', close + 2);
    if (close === -1) return null;
    // Whatever stands between the closing quote and the next delimiter belongs to the field.
    const next = record.indexOf(delimiter, close);
    const end = next === -1 ? record.length : next;
    fields.push(record.slice(at + 1, close).replaceAll('""', '"') + record.slice(close + 1, end));
    at = end + 1;
  }
  return fields;
}
