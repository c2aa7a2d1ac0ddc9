import type { ProviderContract, Ruleset } from '../core/rules/ruleset.ts';
import type { RulesetError } from './ruleset-error.ts';
import { readYamlFile } from './yaml-file.ts';

/** A ruleset with the files that it was read from. */
export interface LoadedSet {
  readonly ruleset: Ruleset;
  readonly files: Readonly<Record<string, string>>;
}

/** Whether a provider has money that is open or can be refunded. */
export type HasOpenMoney = (provider: string) => Promise<boolean>;

/**
 * What of `current` may not go: a provider with open or refundable money may be disabled, never removed or pointed
 * elsewhere.
 */
export async function openMoneyErrors(
  current: LoadedSet,
  next: LoadedSet,
  hasOpenMoney: HasOpenMoney,
): Promise<readonly RulesetError[]> {
  // Sandbox money is none: from the sandbox to real providers nothing is lost.
  if (leavesPlayMoney(current, next)) return [];
  const errors: RulesetError[] = [];
  const file = readYamlFile('providers.yaml', next.files['providers.yaml'] ?? '');
  for (const { before, change } of await cutOff(current, next, hasOpenMoney)) {
    if (file.kind === 'refused') continue;
    const index = [...next.ruleset.providers.keys()].indexOf(before.id);
    errors.push(
      file.file.locate({
        path: change === 'removed' ? ['providers'] : ['providers', index, change],
        what:
          change === 'removed'
            ? `provider "${before.id}" is gone, but has open or refundable money`
            : `${change} of "${before.id}" is another, but it has open or refundable money`,
        expected: 'the provider as it was, so that captures, refunds and inquiries reach it',
        remedy: 'put it back with enabled: false; give a new account a new id',
      }),
    );
  }
  return errors;
}

/** Providers whose money is left behind when play money is left: nothing reaches it any more. */
export async function moneyLeftBehind(
  before: LoadedSet,
  next: LoadedSet,
  hasOpenMoney: HasOpenMoney,
): Promise<readonly string[]> {
  if (!leavesPlayMoney(before, next)) return [];
  return (await cutOff(before, next, hasOpenMoney)).map(({ before: { id } }) => id);
}

/** From accounts without real money to live ones, or from the sandbox to any others: they cannot stand in one file. */
function leavesPlayMoney({ ruleset: from }: LoadedSet, { ruleset: to }: LoadedSet): boolean {
  const isSandbox = ({ providers }: Ruleset) =>
    [...providers.values()].every(({ adapter }) => adapter === 'sandbox');
  return !from.live && (to.live || (isSandbox(from) && !isSandbox(to)));
}

/** Providers with money of theirs to which the next set has no way any more. */
async function cutOff(current: LoadedSet, next: LoadedSet, hasOpenMoney: HasOpenMoney) {
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
