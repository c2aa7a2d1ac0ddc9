import { isDeepStrictEqual } from 'node:util';
import { isLiveAccount } from '../core/rules/live-account.ts';
import type { AdapterName, ProviderContract, Ruleset } from '../core/rules/ruleset.ts';
import type { Provider } from '../gateway/ports.ts';
import type { AdapterDeps } from './adapter-deps.ts';
import { createAdyenProvider } from './adyen/adapter.ts';
import { createCheckoutProvider } from './checkout/adapter.ts';
import { createPaypalProvider } from './paypal/adapter.ts';
import { ProviderSetupError } from './provider-setup-error.ts';
import { createSandboxProvider } from './sandbox/adapter.ts';
import { createStripeProvider } from './stripe/adapter.ts';

type CreateProvider = (contract: ProviderContract, deps: AdapterDeps) => Provider;

const ADAPTERS: Readonly<Record<AdapterName, CreateProvider>> = {
  sandbox: createSandboxProvider,
  stripe: createStripeProvider,
  adyen: createAdyenProvider,
  checkout: createCheckoutProvider,
  paypal: createPaypalProvider,
};

/** What the registry builds accounts with. */
export interface RegistryDeps extends AdapterDeps {
  /**
   * Where the sandbox that was started beside the gateway simulates an account; null when there is none. For sandbox
   * contracts that name no base URL of their own.
   */
  readonly sandboxUrl: (providerId: string) => string | null;
}

interface Entry {
  /** With the base URL that it was built with. */
  readonly contract: ProviderContract;
  readonly provider: Provider;
}

/**
 * The provider accounts of the active ruleset, disabled ones included: captures, voids, refunds and inquiries go to
 * the account that authorized, whether or not it takes new authorizations.
 */
export class ProviderRegistry {
  readonly #deps: RegistryDeps;
  #entries: ReadonlyMap<string, Entry> = new Map();

  constructor(deps: RegistryDeps) {
    this.#deps = deps;
  }

  /**
   * Takes the contracts of a ruleset. An account whose connection is the same keeps its instance, with its open
   * connections; one that changed gets a new instance; those that are gone are closed once their calls have ended.
   * @throws ProviderSetupError with a line for each account that cannot be built; then everything stays as it was
   */
  load(ruleset: Pick<Ruleset, 'providers'>): void {
    const entries = new Map<string, Entry>();
    const built: Provider[] = [];
    const problems: string[] = [];
    const lines: string[] = [];
    for (const [id, asWritten] of ruleset.providers) {
      const contract = this.#withBaseUrl(asWritten);
      const known = this.#entries.get(id);
      if (known !== undefined && sameConnection(known.contract, contract)) {
        entries.set(id, known);
        continue;
      }
      try {
        const provider = ADAPTERS[contract.adapter](contract, this.#deps);
        built.push(provider);
        entries.set(id, { contract, provider });
      } catch (error) {
        if (!(error instanceof ProviderSetupError)) throw error;
        problems.push(...error.problems.map((problem) => `provider ${id}: ${problem}`));
        lines.push(`provider ${id}: ${error.message}`);
      }
    }
    if (problems.length > 0) {
      for (const provider of built) provider.close();
      throw new ProviderSetupError(problems, lines.join('\n'));
    }
    const dropped = [...this.#entries].filter(([id, entry]) => entries.get(id) !== entry);
    this.#entries = entries;
    for (const [, entry] of dropped) entry.provider.close();
  }

  /**
   * Builds an account anew with other credentials, on new connections; calls under way end on the old ones.
   * @returns what differs, by name; nothing when they are those in force, or the active ruleset has no such account; or
   * why it cannot be built with them: then it stays as it was
   */
  rotate(
    id: string,
    credentials: ProviderContract['credentials'],
  ):
    | { readonly kind: 'unchanged' }
    | { readonly kind: 'rotated'; readonly names: readonly string[] }
    | { readonly kind: 'refused'; readonly reason: string } {
    const known = this.#entries.get(id);
    if (known === undefined || sameTexts(known.contract.credentials, credentials))
      return { kind: 'unchanged' };
    const before = known.contract.credentials;
    const names = [...new Set([...Object.keys(before), ...Object.keys(credentials)])].filter(
      (name) => before[name] !== credentials[name],
    );
    const contract = { ...known.contract, credentials };
    if (isLiveAccount(contract) !== isLiveAccount(known.contract)) {
      const [from, to] = contract.live ? ['live', 'test'] : ['test', 'live'];
      return {
        kind: 'refused',
        reason: `provider ${id}: a ${to} key cannot take the place of a ${from} one`,
      };
    }
    try {
      this.#entries = new Map(this.#entries).set(id, {
        contract,
        provider: ADAPTERS[contract.adapter](contract, this.#deps),
      });
    } catch (error) {
      if (!(error instanceof ProviderSetupError)) throw error;
      return { kind: 'refused', reason: `provider ${id}: ${error.message}` };
    }
    known.provider.close();
    return { kind: 'rotated', names };
  }

  /** The account of that id, if the active ruleset has it. */
  get(id: string): Provider | undefined {
    return this.#entries.get(id)?.provider;
  }

  #withBaseUrl(contract: ProviderContract): ProviderContract {
    if (contract.adapter !== 'sandbox' || contract.baseUrl !== null) return contract;
    return { ...contract, baseUrl: this.#deps.sandboxUrl(contract.id) };
  }

  /** Closes all, once their calls have ended. */
  close(): void {
    for (const { provider } of this.#entries.values()) provider.close();
  }
}

/** Whether nothing changed that a provider instance was built from. */
function sameConnection(one: ProviderContract, other: ProviderContract): boolean {
  return (
    one.adapter === other.adapter &&
    one.baseUrl === other.baseUrl &&
    one.live === other.live &&
    one.limits.concurrent === other.limits.concurrent &&
    sameTexts(one.credentials, other.credentials) &&
    sameTexts(one.settings, other.settings) &&
    isDeepStrictEqual(one.semantics, other.semantics)
  );
}

function sameTexts(one: Readonly<Record<string, string>>, other: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => one[name] === other[name]);
}
