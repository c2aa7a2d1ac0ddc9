import { expect } from 'vitest';
import { eventually } from './eventually.ts';
import { paymentBody } from './gateway-files.ts';
import { authorizationIn, type TestGateway } from './start-gateway.ts';

/** The ruleset in the detail of `/readyz`. */
export interface RulesetDetail {
  readonly version: number;
  readonly cause: string;
  readonly rejected: object | null;
  readonly waiting: { readonly kind: string; readonly version: number | null } | null;
}

/** What tests of releases ask a gateway for. */
export class ReleaseDesk {
  readonly #gateway: TestGateway;
  #sequence = 0;

  constructor(gateway: TestGateway) {
    this.#gateway = gateway;
  }

  /** Where the next payment goes, and by which ruleset. */
  async routed(): Promise<readonly [provider: string | null, ruleset: number]> {
    this.#sequence += 1;
    const reference = `order-${this.#sequence}`;
    const answer = await this.#gateway.authorize(paymentBody(reference), `key-${reference}`);
    const found = authorizationIn(answer) as ReturnType<typeof authorizationIn> & {
      readonly routing: { readonly ruleset: number };
    };
    expect(found.status).toBe('approved');
    return [found.provider, found.routing.ruleset];
  }

  async ruleset(): Promise<RulesetDetail> {
    const answer = await this.#gateway.get('/readyz', { key: null });
    expect(answer.status).toBe(200);
    return (answer.json as { readonly ruleset: RulesetDetail }).ruleset;
  }

  /** Once the folder waits, and for that reason. */
  waiting(kind: string): Promise<RulesetDetail> {
    return this.#until(`the folder waits: ${kind}`, (found) => found.waiting?.kind === kind);
  }

  inForce(version: number): Promise<RulesetDetail> {
    return this.#until(`ruleset ${version} is in force`, (found) => found.version === version);
  }

  /** @param path behind `/v1/rulesets/` */
  release(path: string, expected: number) {
    const body = { reason: 'ticket 4714', expected_active: expected };
    return this.#gateway.call('POST', `/v1/rulesets/${path}`, { body });
  }

  /** The newest line of the log about this event, once there is one. */
  logged(event: string): Promise<Readonly<Record<string, unknown>>> {
    return eventually(`the log tells ${event}`, () => this.#gateway.output.events(event).at(-1) ?? null, {
      describe: () => this.#gateway.output.text(),
    });
  }

  /** Versions and causes of all activations, oldest first. */
  async history(): Promise<readonly string[]> {
    const { json } = await this.#gateway.get('/v1/rulesets/activations');
    const { data } = json as {
      readonly data: readonly { readonly version: number; readonly cause: string }[];
    };
    return data.toReversed().map(({ version, cause }) => `${version} ${cause}`);
  }

  #until(what: string, isSo: (detail: RulesetDetail) => boolean): Promise<RulesetDetail> {
    return eventually(
      what,
      async () => {
        const found = await this.ruleset();
        return isSo(found) ? found : null;
      },
      { describe: () => this.#gateway.output.text() },
    );
  }
}
