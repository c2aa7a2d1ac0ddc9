import { z } from 'zod';
import { call } from './gateway-client.ts';
import { GatewayUnavailableError } from './gateway-process.ts';

const providersSchema = z.object({ providers: z.array(z.object({ id: z.string() })) });
const worldSchema = z.object({ world: z.unknown() });
const faultSchema = z.object({ id: z.string() });
const ledgerSchema = z.object({
  authorizations: z.array(
    z.object({
      provider: z.string(),
      id: z.string(),
      merchant_reference: z.string().nullable(),
      status: z.string(),
      live: z.boolean(),
      authorized_amount: z.number(),
      amount: z.object({ value: z.number(), currency: z.string() }),
    }),
  ),
  truncated: z.boolean(),
  dropped: z.number(),
});

/** A row of a provider's own books. */
export type LedgerRow = z.infer<typeof ledgerSchema>['authorizations'][number];

/** The control port of the sandbox: world, faults, ledgers. What the demo changes there it puts back. */
export class SandboxControl {
  readonly #url: string;
  #faults: string[] = [];
  /** What was set before; undefined while nothing was changed. */
  #worldBefore: unknown;

  constructor(url: string) {
    this.#url = url;
  }

  async providers(): Promise<readonly string[]> {
    return providersSchema.parse(await this.#ask('GET', '/providers')).providers.map(({ id }) => id);
  }

  async setWorld(world: unknown): Promise<void> {
    const before = worldSchema.parse(await this.#ask('GET', '/world')).world;
    this.#worldBefore ??= before;
    await this.#ask('PUT', '/world', world);
  }

  /** Sets faults in place of those that the demo set before; others stay. */
  async setFaults(faults: readonly unknown[]): Promise<void> {
    const earlier = this.#faults;
    this.#faults = [];
    for (const id of earlier) await this.#ask('DELETE', `/faults/${id}`);
    for (const fault of faults) {
      this.#faults.push(faultSchema.parse(await this.#ask('POST', '/faults', fault)).id);
    }
  }

  /** Leaves the sandbox as it was found. The ledger keeps the demo's rows. */
  async restore(): Promise<void> {
    await this.setFaults([]);
    if (this.#worldBefore === undefined) return;
    if (this.#worldBefore === null) await this.#ask('DELETE', '/world');
    else await this.#ask('PUT', '/world', this.#worldBefore);
    this.#worldBefore = undefined;
  }

  /** Authorizations of a merchant with money held or taken, over all providers, and whether these are all. */
  async liveRows(
    merchant: string,
  ): Promise<{ readonly rows: readonly LedgerRow[]; readonly complete: boolean }> {
    const query = `live=true&merchant=${encodeURIComponent(merchant)}`;
    const ledger = ledgerSchema.parse(await this.#ask('GET', `/ledger?${query}`));
    return { rows: ledger.authorizations, complete: !ledger.truncated && ledger.dropped === 0 };
  }

  async #ask(method: string, path: string, body?: unknown): Promise<unknown> {
    const init = { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
    const response = await call(`${this.#url}${path}`, init, 'sandbox', '--sandbox');
    const text = await response.text();
    if (response.ok) return text === '' ? null : JSON.parse(text);
    // A fault that is gone needs no removing.
    if (response.status === 404 && method === 'DELETE') return null;
    throw new GatewayUnavailableError(
      `sandbox ${this.#url}: ${method} ${path} answered ${response.status} ${text}`,
    );
  }
}
