import type { FaultBody } from '../../src/sandbox/faults.ts';
import type { LedgerEntry, LedgerReport } from '../../src/sandbox/ledger-view.ts';
import {
  type SandboxOptions,
  type SandboxServer,
  startSandbox as startServer,
} from '../../src/sandbox/sandbox-server.ts';
import type { TraitsBody } from '../../src/sandbox/traits.ts';
import type { WorldBody } from '../../src/sandbox/world.ts';

/** The key of every provider port of a test's sandbox. */
export const SANDBOX_KEY = 'sandbox-key';

/** A sandbox on free ports, answering at once, with what tests ask of it. */
export interface TestSandbox extends SandboxServer, AsyncDisposable {
  /** Base URL of one provider. */
  url(provider: string): string;
  /** Adds a fault (once, unless `times` says otherwise) and returns its id. */
  addFault(fault: FaultBody): Promise<string>;
  removeFault(id: string): Promise<void>;
  clearFaults(): Promise<void>;
  setWorld(world: WorldBody): Promise<void>;
  /** How a provider behaves by contract; traits that are left out have their defaults. */
  setTraits(traits: TraitsBody): Promise<void>;
  /** Calls the control port; throws when it refuses. Resolves to the parsed body, null when there is none. */
  control(method: string, path: string, body?: unknown): Promise<unknown>;
  /**
   * Authorizations with money held or taken, oldest first; more than one for a payment is what must never be.
   */
  liveAuthorizations(referencePrefix?: string): readonly LedgerEntry[];
  ledger(filter?: Parameters<SandboxServer['ledger']>[0]): LedgerReport;
}

/**
 * `await using sandbox = await startSandbox();` or `startSandbox(['sandbox-a'])`; providers `sandbox-a` and
 * `sandbox-b` when left out. Close it at the end.
 */
export async function startSandbox(
  providers: readonly string[] = ['sandbox-a', 'sandbox-b'],
  options: Partial<SandboxOptions> = {},
): Promise<TestSandbox> {
  const server = await startServer({
    providers: providers.map((id) => ({ id, port: 0 })),
    controlPort: 0,
    apiKey: SANDBOX_KEY,
    latencyMs: 0,
    ...options,
  });
  const control = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const response = await fetch(`${server.controlUrl}${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === '' ? null : JSON.parse(text);
  };
  return {
    ...server,
    control,
    url(provider) {
      const url = server.providers[provider];
      if (url === undefined) throw new Error(`no provider ${provider} in this sandbox`);
      return url;
    },
    async addFault(fault) {
      return ((await control('POST', '/faults', fault)) as { readonly id: string }).id;
    },
    async removeFault(id) {
      await control('DELETE', `/faults/${id}`);
    },
    async clearFaults() {
      await control('DELETE', '/faults');
    },
    async setWorld(world) {
      await control('PUT', '/world', world);
    },
    async setTraits(traits) {
      await control('PUT', '/traits', traits);
    },
    liveAuthorizations(referencePrefix) {
      return server.ledger({ live: true, referencePrefix }).authorizations;
    },
    [Symbol.asyncDispose]: () => server.close(),
  };
}
