/** A column of a {@link textTable}. */
export interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
}

const GAP = '  ';

/**
 * A table in plain text, each column as wide as its widest cell.
 * @param rows cells in the order of the columns; missing ones are empty
 * @returns the title's line, then one line a row, without blanks at their ends
 */
export function textTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const lines = [columns.map(({ title }) => title), ...rows];
  const widths = columns.map((_, index) => Math.max(...lines.map((cells) => (cells[index] ?? '').length)));
  return lines.map((cells) =>
    columns
      .map(({ align }, index) => {
        const cell = cells[index] ?? '';
        const width = widths[index] ?? 0;
        return align === 'left' ? cell.padEnd(width) : cell.padStart(width);
      })
      .join(GAP)
      .trimEnd(),
  );
}

/** Columns from their titles: the first `left` to the left, the others, which hold figures, to the right. */
export function columnsOf(titles: readonly string[], left = 1): readonly Column[] {
  return titles.map((title, index) => ({ title, align: index < left ? 'left' : 'right' }));
}
