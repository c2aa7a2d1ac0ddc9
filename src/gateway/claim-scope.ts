import type { ClaimScope } from './ports.ts';
import type { AuthorizeCommand } from './road-results.ts';

/** The scope of an authorization's idempotency key: the same wherever the claim is made or looked for. */
export function claimScope(command: AuthorizeCommand): ClaimScope {
  return {
    account: command.account,
    merchant: command.request.merchant,
    operation: 'authorize',
    key: command.idempotencyKey,
  };
}
