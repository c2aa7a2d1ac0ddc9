import type { Authorization } from '../core/authorization.ts';
import type { Operation } from '../core/operation.ts';
import type { FrozenAnswer } from '../gateway/ports.ts';
import { shownAmounts } from './shown-amounts.ts';
import { shownOperation } from './shown-operation.ts';

/**
 * The answer about a capture, void or refund: the body that is frozen and replayed, from what the journal holds and
 * nothing else. 202 while it is pending, 201 once it has ended, in whichever way.
 */
export function renderOperation(authorization: Authorization, operation: Operation): FrozenAnswer {
  return {
    httpStatus: operation.status === 'pending' ? 202 : 201,
    body: JSON.stringify({
      ...shownOperation(authorization, operation),
      authorization: {
        id: authorization.id,
        status: authorization.status,
        amounts: shownAmounts(authorization),
      },
    }),
  };
}
