import { authorize } from './authorize.ts';
import { describeError } from './describe-error.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import { recoverLapsed } from './recover.ts';
import type { AuthorizeCommand, AuthorizeResult } from './road-results.ts';

/** Time between two runs of the housekeeping. */
const HOUSEKEEPING_MS = 1_000;

/** The road with what a process does beside it: counting what is under way, and taking up what was left. */
export class Gateway {
  readonly #deps: GatewayDeps;
  #underWay = 0;
  #onIdle: (() => void)[] = [];
  #cancelTimer: () => void = () => {};
  #housekeeping: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(deps: GatewayDeps) {
    this.#deps = deps;
  }

  /** Authorizations whose road is not over. */
  get underWay(): number {
    return this.#underWay;
  }

  /** Takes an authorization along its road. The road goes on when the caller hangs up. */
  async authorize(command: AuthorizeCommand): Promise<AuthorizeResult> {
    this.#underWay += 1;
    try {
      return await authorize(command, this.#deps);
    } finally {
      this.#underWay -= 1;
      if (this.#underWay === 0) for (const tell of this.#onIdle.splice(0)) tell();
    }
  }

  /** Runs the housekeeping at once, and from then on every second, until {@link close}. */
  async start(): Promise<void> {
    await this.housekeep();
    this.#schedule();
  }

  /** Records what could not be recorded before, and takes up what a dead process left behind. */
  async housekeep(): Promise<void> {
    await this.#deps.unrecorded.retry(this.#deps);
    await recoverLapsed(this.#deps);
  }

  /** Resolves when no road is under way. */
  idle(): Promise<void> {
    if (this.#underWay === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  /** Ends the housekeeping, after a last try to record what is still unrecorded. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelTimer();
    await this.#housekeeping;
    await this.#deps.unrecorded.retry(this.#deps);
  }

  #schedule(): void {
    if (this.#closed) return;
    this.#cancelTimer = this.#deps.clock.after(HOUSEKEEPING_MS, () => {
      this.#housekeeping = this.housekeep()
        .catch((error: unknown) => {
          const detail = describeError(error);
          this.#deps.observer.alert({ kind: 'housekeeping_failed', detail, authorizationId: null });
        })
        .then(() => this.#schedule());
    });
  }
}
