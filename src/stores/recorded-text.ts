import type { Authorization } from '../core/authorization.ts';
import type { RecordedPage } from '../gateway/ports.ts';
import { authorizationFrom, type FoundAuthorization } from './stored-authorization.ts';

/**
 * Takes a page of recorded authorizations apart. They are handed on as text, which costs those that it only passes through
 * next to nothing: the journal's thread and the one of the road.
 * @param text of a page of the journal
 */
export function recordedFrom(text: string): readonly Authorization[] {
  return (JSON.parse(text) as readonly FoundAuthorization[]).map(authorizationFrom);
}

/** Authorizations that a tool reads at a time. */
const PAGE = 100;

/**
 * All authorizations that pages hold, a page at a time, each page with the share that was looked at.
 * @param read a page of at most `limit` after where the one before ended; 0: from the beginning
 * @throws what reading throws or rejects with
 */
export async function* recordedPages(
  read: (after: number, limit: number) => RecordedPage | Promise<RecordedPage>,
): AsyncGenerator<
  { readonly authorizations: readonly Authorization[]; readonly progress: number },
  void,
  undefined
> {
  for (let after: number | null = 0; after !== null; ) {
    const page: RecordedPage = await read(after, PAGE);
    yield { authorizations: recordedFrom(page.text), progress: page.progress };
    after = page.next;
  }
}
