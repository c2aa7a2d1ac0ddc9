import type { Authorization } from '../core/authorization.ts';

/** Who asks for something to be done with an authorization that exists. */
export interface Asker {
  readonly account: string;
  /** Whether the caller's key covers a merchant. */
  readonly covers: (merchant: string) => boolean;
}

/** Whether an authorization is theirs. What is not, does not exist for them. */
export function isTheirs({ account, request }: Authorization, asker: Asker): boolean {
  return account === asker.account && asker.covers(request.merchant);
}
