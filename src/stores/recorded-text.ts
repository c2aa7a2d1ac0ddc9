import type { Authorization } from '../core/authorization.ts';
import { authorizationFrom, type FoundAuthorization } from './stored-authorization.ts';

/**
 * Takes a page of recorded authorizations apart. They are handed on as text, which costs those that it only passes through
 * next to nothing: the journal's thread and the one of the road.
 * @param text of a page of the journal
 */
export function recordedFrom(text: string): readonly Authorization[] {
  return (JSON.parse(text) as readonly FoundAuthorization[]).map(authorizationFrom);
}
