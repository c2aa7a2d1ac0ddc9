import { createControlServer } from './control-listener.ts';
import { Controls, type SimulatedProvider } from './controls.ts';
import { FaultBook } from './faults.ts';
import { Ledger, type LedgerFilter } from './ledger.ts';
import type { LedgerReport } from './ledger-view.ts';
import { PortGate } from './port-gate.ts';
import { ProviderListener } from './provider-listener.ts';
import { PspAccount } from './psp-account.ts';
import { createSandboxClock } from './sandbox-clock.ts';
import { TraitBook, type Traits } from './traits.ts';
import { WebhookSender } from './webhooks.ts';

/** How to run a sandbox. */
export interface SandboxOptions {
  /** Port 0: any free one. */
  readonly providers: readonly { readonly id: string; readonly port: number }[];
  readonly controlPort: number;
  /** Key of every provider port. */
  readonly apiKey: string;
  /** A loopback address; 127.0.0.1 when left out. The control port asks for no key. */
  readonly host?: string;
  /** Of every draw, while no world says otherwise. */
  readonly seed?: string;
  /**
   * A fixed latency while no world says otherwise; left out: 5 to 30 ms, always the same for the same
   * reference.
   */
  readonly latencyMs?: number;
  /** Most rows in the ledger, 1,000,000 when left out (about 1 GB). */
  readonly ledgerRowsMax?: number;
  /** Wall clock, milliseconds since 1970. Timers follow the machine's time in any case. */
  readonly now?: () => number;
}

/** A running sandbox. */
export interface SandboxServer {
  readonly controlUrl: string;
  /** Base URL of each provider's port. */
  readonly providers: Readonly<Record<string, string>>;
  /** What the providers really did. */
  ledger(filter?: LedgerFilter): LedgerReport;
  /** Frees every port and timer; connections are dropped. */
  close(): Promise<void>;
}

const LOOPBACK_HOST = /^(127(\.\d{1,3}){3}|::1|localhost)$/;

/**
 * Starts the sandbox PSP: a control port and one port per provider.
 * @throws PortTakenError when a port cannot be opened; nothing is left open then
 */
export async function startSandbox(options: SandboxOptions): Promise<SandboxServer> {
  const host = options.host ?? '127.0.0.1';
  if (!LOOPBACK_HOST.test(host)) {
    throw new Error(`host ${host} is no loopback address: the control port asks for no key; use 127.0.0.1`);
  }
  const ids = options.providers.map((provider) => provider.id);
  if (ids.length === 0 || new Set(ids).size < ids.length || ids.includes('*')) {
    throw new Error(`expected one or more different provider ids, none of them *; got ${ids.join(', ')}`);
  }
  const clock = createSandboxClock(options.now);
  const controls = assemble(options, clock, ids);
  const control = new PortGate(createControlServer(controls));
  const gates = [control, ...[...controls.providers.values()].map(({ listener }) => listener.gate)];
  const close = async (): Promise<void> => {
    controls.webhooks.close();
    await Promise.all(gates.map((gate) => gate.shut()));
    clock.stop();
  };
  try {
    await control.open(host, options.controlPort, 'the control port of the sandbox');
    for (const { id, port } of options.providers) {
      await controls.providers.get(id)?.listener.gate.open(host, port, `the sandbox provider ${id}`);
    }
  } catch (error) {
    await close();
    throw error;
  }
  const urls = [...controls.providers].map(([id, { listener }]) => [id, listener.gate.url] as const);
  return {
    controlUrl: control.url,
    providers: Object.fromEntries(urls),
    ledger: (filter = {}) => controls.ledger(filter, Number.POSITIVE_INFINITY),
    close,
  };
}

const LEDGER_ROWS_MAX = 1_000_000;
const DEFAULT_SEED = '1';

/** Puts the parts together. */
function assemble(
  options: SandboxOptions,
  clock: ReturnType<typeof createSandboxClock>,
  ids: readonly string[],
): Controls {
  const seed = options.seed ?? DEFAULT_SEED;
  const providers = new Map<string, SimulatedProvider>();
  const traitBook = new TraitBook(ids);
  const ledger = new Ledger({
    providers: ids,
    startedAtMs: clock.nowMs(),
    rowsMax: options.ledgerRowsMax ?? LEDGER_ROWS_MAX,
    nowMs: clock.nowMs,
    validityMs: (provider) => traitBook.of(provider).authorization_validity_ms,
    onDrop: (row) => providers.get(row.provider)?.account.forget(row),
  });
  const faults = new FaultBook(seed);
  const webhooks = new WebhookSender(clock, () => ledger.nextId('evt'));
  const controls = new Controls({
    providers,
    ledger,
    faults,
    traits: traitBook,
    webhooks,
    clock,
    seed,
    latencyMs: options.latencyMs ?? null,
  });
  const world = (): Controls['world'] => controls.world;
  for (const provider of ids) {
    const traits = (): Traits => traitBook.of(provider);
    const account = new PspAccount({
      provider,
      ledger,
      clock,
      world,
      traits,
      onSettled: (event) => {
        const composed = webhooks.compose(event);
        if (composed !== null) void webhooks.send(composed);
      },
    });
    const shared = { ledger, faults, world, traits, webhooks, clock };
    const listener = new ProviderListener({ provider, apiKey: options.apiKey, account, ...shared });
    providers.set(provider, { account, listener });
  }
  return controls;
}
