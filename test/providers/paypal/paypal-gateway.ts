import type { Authorization } from '../../../src/core/authorization.ts';
import type { ProviderContract } from '../../../src/core/rules/ruleset.ts';
import { authorize } from '../../../src/gateway/authorize.ts';
import type { GatewayDeps } from '../../../src/gateway/gateway-deps.ts';
import type { OperateCommand } from '../../../src/gateway/operate.ts';
import { operate } from '../../../src/gateway/operate.ts';
import type { Journal, Provider } from '../../../src/gateway/ports.ts';
import { Resolver } from '../../../src/gateway/resolve.ts';
import { createPaypalProvider } from '../../../src/providers/paypal/adapter.ts';
import { openInProcessJournal } from '../../../src/stores/sqlite/in-process-journal.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { roadDeps } from '../../support/road-deps.ts';
import { sampleRequest } from '../../support/sample-request.ts';
import { sampleAction, sampleContract, sampleRuleset } from '../../support/sample-ruleset.ts';
import { ScriptedProvider } from '../../support/scripted-provider.ts';
import { SeededRandom } from '../../support/seeded-random.ts';
import { declineTables } from './paypal-fixture.ts';
import { CLIENT, isLive, PaypalStandIn } from './paypal-stand-in.ts';

const HOUR_MS = 3_600_000;

/**
 * A gateway with its journal, PayPal's adapter over real sockets and another provider to fail over to; time moves only
 * when told.
 */
export class PaypalGateway {
  readonly clock = new FakeClock();
  readonly alerts: string[] = [];
  readonly standIn: PaypalStandIn;
  readonly other: ScriptedProvider;
  readonly #journal: Journal;
  readonly #provider: Provider;
  readonly #deps: GatewayDeps;
  readonly #resolver: Resolver;

  private constructor(standIn: PaypalStandIn, contract: ProviderContract) {
    this.standIn = standIn;
    this.#journal = openInProcessJournal(':memory:');
    this.#provider = createPaypalProvider(contract, {
      clock: this.clock,
      declineTables: () => declineTables,
    });
    this.other = new ScriptedProvider(
      'other',
      this.clock,
      () => 'approve',
      () => 10,
    );
    const action = sampleAction({
      strategy: { kind: 'priority', order: ['paypal', 'other'] },
      deadlineMs: 4_000,
    });
    const ruleset = sampleRuleset(
      [contract, sampleContract('other')],
      [{ name: 'fallback', matches: () => true, action }],
    );
    this.#deps = roadDeps({
      clock: this.clock,
      random: new SeededRandom(20_261_123),
      journal: this.#journal,
      provider: (id) => (id === 'paypal' ? this.#provider : id === 'other' ? this.other : undefined),
      ruleset,
      observer: { alert: ({ kind }) => this.alerts.push(kind) },
    });
    this.#resolver = new Resolver(this.#deps);
  }

  static async start(over: Partial<ProviderContract> = {}): Promise<PaypalGateway> {
    const standIn = await PaypalStandIn.start();
    const contract = sampleContract('paypal', {
      adapter: 'paypal',
      baseUrl: standIn.server.url,
      credentials: CLIENT,
      timeoutMs: 4_000,
      ...over,
    });
    return new PaypalGateway(standIn, contract);
  }

  async stop(): Promise<void> {
    this.#provider.close();
    await this.standIn.server.close();
    await this.#journal.close();
  }

  /** Authorizes a card that is stored at both. */
  async authorize(vaultId: string): Promise<Authorization> {
    const { card } = sampleRequest();
    const result = await this.#finish(
      authorize(
        {
          account: 'acme',
          idempotencyKey: 'key-1',
          bodyFingerprint: 'ab'.repeat(32),
          request: sampleRequest({
            card: { ...card, token: null, tokens: { paypal: vaultId, other: 'tok_visa' } },
          }),
          traceId: '0af7651916cd43dd8448eb211c80319c',
          traceparent: null,
          receivedAtMs: this.clock.monotonicMs(),
        },
        this.#deps,
      ),
    );
    if (!('authorizationId' in result)) throw new Error(`no authorization: ${JSON.stringify(result)}`);
    return this.get(result.authorizationId);
  }

  async operate(id: string, what: Pick<OperateCommand, 'kind' | 'amount'>): Promise<Authorization> {
    await this.#finish(
      operate(
        {
          account: 'acme',
          covers: () => true,
          authorizationId: id,
          final: false,
          currency: null,
          idempotencyKey: `op-${what.kind}`,
          bodyFingerprint: 'cd'.repeat(32),
          traceparent: null,
          receivedAtMs: this.clock.monotonicMs(),
          ...what,
        },
        this.#deps,
      ),
    );
    return this.get(id);
  }

  async get(id: string): Promise<Authorization> {
    const found = await this.#journal.findAuthorization(id);
    if (found === null) throw new Error(`there is no ${id}`);
    return found;
  }

  /** Lets time pass, with a look of the resolver every ten minutes of it, and one at once. */
  async pass(ms: number): Promise<void> {
    await this.#look();
    for (let passed = 0; passed < ms; passed += HOUR_MS / 6) {
      await this.clock.advance(Math.min(HOUR_MS / 6, ms - passed));
      await this.#look();
    }
  }

  live(): number {
    return this.standIn.orders.filter(isLive).length + this.other.books.filter(({ live }) => live).length;
  }

  /** Second steps that reached PayPal, by their request ids. */
  authorizeIds(): readonly (string | undefined)[] {
    return this.standIn.server.requests
      .filter(({ path }) => path.endsWith('/authorize'))
      .map(({ headers }) => headers['paypal-request-id']);
  }

  async #look(): Promise<void> {
    await this.#resolver.takeUp();
    await this.#finish(this.#resolver.idle());
  }

  /** Sockets answer in their own time; when they are silent, the clock moves. */
  async #finish<T>(work: Promise<T>): Promise<T> {
    const state: { done: boolean } = { done: false };
    const mark = () => {
      state.done = true;
    };
    work.then(mark, mark);
    for (let step = 0; step < 400 && !state.done; step += 1) {
      for (let turn = 0; turn < 200 && !state.done; turn += 1) await new Promise(setImmediate);
      if (!state.done) await this.clock.advance(50);
    }
    return work;
  }
}
