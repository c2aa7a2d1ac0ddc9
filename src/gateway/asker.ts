import type { Authorization } from '../core/authorization.ts';

/** Who asks about an authorization, or a decision, that exists. */
export interface Asker {
  readonly account: string;
  /** Whether the caller's key covers a merchant. */
  readonly covers: (merchant: string) => boolean;
}

/** Whether it is theirs. What is not, does not exist for them. */
export function isTheirs(
  { account, request }: Pick<Authorization, 'account' | 'request'>,
  asker: Asker,
): boolean {
  return account === asker.account && asker.covers(request.merchant);
}
