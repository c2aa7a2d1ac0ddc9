import type { Authorization } from '../core/authorization.ts';
import { isTheirs } from '../gateway/asker.ts';
import { isAuthorizationId, noSuchAuthorization } from './about-authorization.ts';
import type { EdgeDeps } from './edge-deps.ts';
import { askerOf, type Exchange } from './endpoint.ts';
import { readInTime } from './from-journal.ts';
import { isProblem, type Problem } from './problems.ts';

/**
 * The authorization that the path names, as it is now, when it is of the caller's account and its key covers the
 * merchant. A malformed id, an unknown or purged one and one of others' look the same: 404.
 */
export async function ownAuthorization(
  exchange: Exchange,
  deps: Pick<EdgeDeps, 'clock' | 'journal' | 'reportFault'>,
): Promise<Authorization | Problem> {
  const { caller, context } = exchange;
  const id = context.req.param('id') ?? '';
  const find = () => deps.journal.findAuthorization(id);
  const found = isAuthorizationId(id) ? await readInTime(exchange, deps, find) : null;
  if (isProblem(found)) return found;
  const isOwn = found !== null && isTheirs(found, askerOf(caller));
  return isOwn ? found : noSuchAuthorization();
}
