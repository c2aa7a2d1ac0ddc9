import { describe, expect, it } from 'vitest';
import { columnsOf, textTable } from '../../../src/cli/demo/text-table.ts';

describe('textTable', () => {
  it('makes each column as wide as its widest cell, texts to the left and figures to the right', () => {
    const lines = textTable(columnsOf(['provider', 'sent']), [
      ['a', '1'],
      ['sandbox-long', '12,345'],
    ]);
    expect(lines).toEqual(['provider        sent', 'a                  1', 'sandbox-long  12,345']);
  });

  it('leaves no blanks at the ends of lines, and takes rows that are too short', () => {
    const lines = textTable(columnsOf(['name', 'note'], 2), [['x'], ['longer', 'yes']]);
    expect(lines).toEqual(['name    note', 'x', 'longer  yes']);
  });

  it('is its title alone without rows', () => {
    expect(textTable(columnsOf(['a', 'b']), [])).toEqual(['a  b']);
  });
});
