const QUOTE = 0x22;
const COMMA = 0x2c;
const LIST = 0x5b;
const BACKSLASH = 0x5c;
const LIST_END = 0x5d;
const OBJECT = 0x7b;
const OBJECT_END = 0x7d;

/** An object or list that is open at a place of the text. */
interface Open {
  /** Names that the object had so far; null for a list. */
  readonly names: Set<string> | null;
  /** The member that the place is in, by its name or its position. */
  member: string | number;
  /** The next string is the name of a member. */
  isNameNext: boolean;
}

/**
 * Finds a name that an object has more than once: readers of JSON differ in which of its values counts. Names are
 * compared as they read, whatever is escaped in them. It takes one pass, and no more room than the objects that are
 * open at a place, however deep they are.
 * @param json what JSON.parse takes; of anything else the answer means nothing
 * @returns where the first one stands that is given again, names and positions in lists; null when there is none
 */
export function findRepeatedMember(json: string): readonly (string | number)[] | null {
  const opened: Open[] = [];
  let current: Open | undefined;
  for (let at = 0; at < json.length; at += 1) {
    switch (json.charCodeAt(at)) {
      case QUOTE: {
        const end = endOfString(json, at + 1);
        if (current?.names != null && current.isNameNext) {
          const name = unescaped(json.slice(at + 1, end));
          current.member = name;
          current.isNameNext = false;
          if (current.names.has(name)) return opened.map(({ member }) => member);
          current.names.add(name);
        }
        at = end;
        break;
      }
      case OBJECT:
        current = { names: new Set(), member: '', isNameNext: true };
        opened.push(current);
        break;
      case LIST:
        current = { names: null, member: 0, isNameNext: false };
        opened.push(current);
        break;
      case OBJECT_END:
      case LIST_END:
        opened.pop();
        current = opened.at(-1);
        break;
      case COMMA:
        if (current === undefined) break;
        if (typeof current.member === 'number') current.member += 1;
        else current.isNameNext = true;
        break;
    }
  }
  return null;
}

/** Where the quote stands that ends a string; the end of the text when there is none. */
function endOfString(json: string, from: number): number {
  let end = json.indexOf('"', from);
  while (end !== -1 && isEscaped(json, end, from)) end = json.indexOf('"', end + 1);
  return end === -1 ? json.length : end;
}

/** Whether an odd number of backslashes stands before it. */
function isEscaped(json: string, at: number, from: number): boolean {
  let first = at;
  while (first > from && json.charCodeAt(first - 1) === BACKSLASH) first -= 1;
  return (at - first) % 2 === 1;
}

function unescaped(text: string): string {
  return text.includes('\\') ? (JSON.parse(`"${text}"`) as string) : text;
}
