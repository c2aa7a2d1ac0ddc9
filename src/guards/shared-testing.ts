import type { Clock } from '../gateway/ports.ts';
import type { SharedState } from '../gateway/shared-state.ts';
import type { CardTestingGuard } from './card-testing-guard.ts';
import type { SharedStatus } from './shared-status.ts';

const EVERY_MS = 500;

export interface SharedTestingDeps {
  readonly clock: Clock;
  readonly state: Pick<SharedState, 'exchangeTesting'>;
  readonly status: SharedStatus;
  readonly guard: Pick<CardTestingGuard, 'counts' | 'heard'>;
}

/** Tells the other processes what this one counted of card testing, and hears what they did, twice a second. */
export class SharedTesting {
  readonly #deps: SharedTestingDeps;
  #cancel = () => {};
  #closed = false;

  constructor(deps: SharedTestingDeps) {
    this.#deps = deps;
  }

  /** Exchanges again and again, until {@link close}. */
  begin(): void {
    void this.#exchange().then(() => {
      if (!this.#closed) this.#cancel = this.#deps.clock.after(EVERY_MS, () => this.begin());
    });
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
  }

  async #exchange(): Promise<void> {
    const { state, status, guard } = this.#deps;
    try {
      guard.heard(await state.exchangeTesting(guard.counts()));
      status.answered('card_testing');
    } catch (error) {
      status.failed('card_testing', error);
    }
  }
}
