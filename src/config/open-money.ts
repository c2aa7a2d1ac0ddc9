import type { ProviderContract, Ruleset } from '../core/rules/ruleset.ts';
import { type ProviderPlaces, whereIsIn } from './provider-places.ts';
import type { RulesetError } from './ruleset-error.ts';

/** A ruleset with the files that it was read from. */
export interface LoadedSet {
  readonly ruleset: Ruleset;
  readonly files: Readonly<Record<string, string>>;
  readonly places: ProviderPlaces;
}

/** What a process looks at before it goes over to a ruleset, beside the files. */
export interface CheckedSet {
  readonly ruleset: Pick<Ruleset, 'providers' | 'live'>;
  readonly places: ProviderPlaces;
}

/** Whether a provider has money that is open or can be refunded. */
export type HasOpenMoney = (provider: string) => Promise<boolean>;

/**
 * What of `current` may not go: a provider with open or refundable money may be disabled, never removed or pointed
 * elsewhere.
 */
export async function openMoneyErrors(
  current: Pick<CheckedSet, 'ruleset'>,
  next: CheckedSet,
  hasOpenMoney: HasOpenMoney,
): Promise<readonly RulesetError[]> {
  // Sandbox money is none: from the sandbox to real providers nothing is lost.
  if (leavesPlayMoney(current, next)) return [];
  const whereIs = whereIsIn(next.places);
  return (await cutOff(current, next, hasOpenMoney)).map(({ before, change }) =>
    // One that is gone stands nowhere any more.
    whereIs(before.id, change === 'removed' ? 'adapter' : change, {
      what:
        change === 'removed'
          ? `provider "${before.id}" is gone, but has open or refundable money`
          : `${change} of "${before.id}" is another, but it has open or refundable money`,
      expected: 'the provider as it was, so that captures, refunds and inquiries reach it',
      remedy: 'put it back with enabled: false; give a new account a new id',
    }),
  );
}

/** Providers whose money is left behind when play money is left: nothing reaches it any more. */
export async function moneyLeftBehind(
  before: Pick<CheckedSet, 'ruleset'>,
  next: Pick<CheckedSet, 'ruleset'>,
  hasOpenMoney: HasOpenMoney,
): Promise<readonly string[]> {
  if (!leavesPlayMoney(before, next)) return [];
  return (await cutOff(before, next, hasOpenMoney)).map(({ before: { id } }) => id);
}

/** From accounts without real money to live ones, or from the sandbox to any others: they cannot stand in one file. */
function leavesPlayMoney(
  { ruleset: from }: Pick<CheckedSet, 'ruleset'>,
  { ruleset: to }: Pick<CheckedSet, 'ruleset'>,
): boolean {
  const isSandbox = ({ providers }: Pick<Ruleset, 'providers'>) =>
    [...providers.values()].every(({ adapter }) => adapter === 'sandbox');
  return !from.live && (to.live || (isSandbox(from) && !isSandbox(to)));
}

/** Providers with money of theirs to which the next set has no way any more. */
async function cutOff(
  current: Pick<CheckedSet, 'ruleset'>,
  next: Pick<CheckedSet, 'ruleset'>,
  hasOpenMoney: HasOpenMoney,
) {
  const found: { readonly before: ProviderContract; readonly change: 'removed' | 'adapter' | 'base_url' }[] =
    [];
  for (const before of current.ruleset.providers.values()) {
    const change = changeOf(before, next.ruleset.providers.get(before.id));
    if (change !== null && (await hasOpenMoney(before.id))) found.push({ before, change });
  }
  return found;
}

/** What would cut the way to a provider's money, or null. */
function changeOf(
  before: ProviderContract,
  after: ProviderContract | undefined,
): 'removed' | 'adapter' | 'base_url' | null {
  if (after === undefined) return 'removed';
  if (after.adapter !== before.adapter) return 'adapter';
  return after.baseUrl === before.baseUrl ? null : 'base_url';
}
