import { expect, it } from 'vitest';
import { printable, printableLines } from '../../src/cli/printable.ts';

it.each([
  ['order-7781, 49.99 € (über, 東京, 💳)', 'order-7781, 49.99 € (über, 東京, 💳)'],
  ['\u001b[2J\u001b[31mred', '\\u001b[2J\\u001b[31mred'],
  ['auth_x\r\nok: fake line\t', 'auth_x\\u000d\\u000aok: fake line\\u0009'],
  ['\0\u007f\u009b31m', '\\u0000\\u007f\\u009b31m'],
  ['\u202eabc\u2066\u200b', '\\u202eabc\\u2066\\u200b'],
  ['a\u2028b\u2029c', 'a\\u2028b\\u2029c'],
  ['\ud800x', '\\ud800x'],
  ['\u{e0041}', '\\udb40\\udc41'],
])('%j is printed as %s', (text, printed) => {
  expect(printable(text)).toBe(printed);
  expect(JSON.parse(`"${printed}"`)).toBe(text);
});

it('leaves the ends of lines of a text that the command put together', () => {
  expect(printableLines('refused:\n\u001b[2J\n')).toBe('refused:\n\\u001b[2J\n');
});
