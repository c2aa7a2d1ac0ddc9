import { retryDelayMs } from '../core/outgoing-event.ts';
import { describeError } from './describe-error.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import { callJournal } from './journal-calls.ts';
import type { DeliveryPlan, EventEndpoint, EventSending, TakenDelivery } from './ports.ts';

/** Deliveries to one endpoint in hand at once, at most: one that hangs does not hold up the others. */
const IN_HAND_MAX = 16;
/** Events of the history that deliveries are made of in one transaction, at most: payments wait for it. */
const MAKE_BATCH = 100;
/** Such transactions in one look, at most. */
const MAKES_MAX = 20;
/** How long a delivery that was taken up belongs to its process, milliseconds. */
export const DELIVERY_LEASE_MS = 60_000;
/** Of the lease, what one try may take at most, its record included; with less left, it is not begun. */
const TRY_MAX_MS = 15_000;
/** No receiver may put an event off for longer, milliseconds. */
const RETRY_AFTER_MAX_MS = 86_400_000;

/** `paused`: it has answered 410. */
export const ENDPOINT_STATES = ['told', 'paused', 'disabled'] as const;
export type EndpointState = (typeof ENDPOINT_STATES)[number];

/** The receiver does not want to be told any more. */
const GONE = 410;

type DelivererDeps = Pick<
  GatewayDeps,
  'clock' | 'randomness' | 'journal' | 'observer' | 'outgoing' | 'owner' | 'stopSignal'
>;

/**
 * Tells endpoints what the history holds for them: at least once, each event under one id however often it is sent. Those
 * of one authorization go in their order, until the first one has failed so often that later ones overtake it. Safe to
 * run in every process: each delivery is sent under a lease.
 */
export class EventDeliverer {
  readonly #deps: DelivererDeps;
  readonly #inHand = new Map<string, Set<Promise<void>>>();
  /** Endpoints that have answered 410, as they were configured then. */
  readonly #gone = new WeakSet<EventEndpoint>();
  #stopped = false;

  constructor(deps: DelivererDeps) {
    this.#deps = deps;
  }

  /**
   * Makes deliveries of what is new, takes up what is due, and does not wait for it.
   * @returns how many deliveries were taken up
   */
  async takeUp(): Promise<number> {
    let taken = 0;
    for (const endpoint of this.#deps.outgoing.endpoints()) {
      if (this.#stopped) break;
      if (this.stateOf(endpoint) !== 'told') continue;
      await this.#make(endpoint);
      taken += await this.#take(endpoint);
    }
    return taken;
  }

  /** Whether nothing is sent to an endpoint, and why not. */
  stateOf(endpoint: EventEndpoint): EndpointState {
    if (!endpoint.enabled) return 'disabled';
    return this.#gone.has(endpoint) ? 'paused' : 'told';
  }

  /** Takes nothing up any more; resolves when nothing is in hand. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.idle();
  }

  /** Resolves when nothing is in hand. */
  async idle(): Promise<void> {
    for (const inHand of this.#inHand.values()) {
      while (inHand.size > 0) await Promise.all(inHand);
    }
  }

  async #make({ id, account, types, includesAnswered }: EventEndpoint): Promise<void> {
    const deps = this.#deps;
    const subscription = { endpoint: id, account, types, includesAnswered };
    for (let made = 0; made < MAKES_MAX && !this.#stopped; made += 1) {
      const moved = await callJournal('make_deliveries', deps, () =>
        deps.journal.makeDeliveries(subscription, deps.clock.wallMs(), MAKE_BATCH),
      );
      if (!moved.ok || moved.value === 0) return;
    }
  }

  async #take(endpoint: EventEndpoint): Promise<number> {
    const deps = this.#deps;
    const inHand = this.#inHand.get(endpoint.id) ?? new Set();
    this.#inHand.set(endpoint.id, inHand);
    const room = IN_HAND_MAX - inHand.size;
    if (room <= 0 || this.#stopped) return 0;
    const nowMs = deps.clock.wallMs();
    const lease = { owner: deps.owner, untilMs: nowMs + DELIVERY_LEASE_MS };
    const whose = { endpoint: endpoint.id, account: endpoint.account };
    const taken = await callJournal('take_deliveries', deps, () =>
      deps.journal.takeDeliveries(whose, nowMs, room, lease),
    );
    if (!taken.ok) return 0;
    const takenAtMs = deps.clock.monotonicMs();
    for (const item of taken.value) {
      const work = this.#deliverPaced(endpoint, item, takenAtMs).finally(() => inHand.delete(work));
      inHand.add(work);
    }
    return taken.value.length;
  }

  async #deliverPaced(endpoint: EventEndpoint, item: TakenDelivery, takenAtMs: number): Promise<void> {
    const deps = this.#deps;
    try {
      await deps.outgoing.pacer.run(endpoint.id, () => this.#deliver(endpoint, item, takenAtMs));
    } catch (error) {
      // A bug of ours. The lease ends, and it is taken up again.
      deps.observer.alert({
        kind: 'event_delivery_failed',
        detail: `${item.delivery.id}: ${describeError(error)}`,
        authorizationId: item.delivery.authorizationId,
      });
    }
  }

  async #deliver(endpoint: EventEndpoint, item: TakenDelivery, takenAtMs: number): Promise<void> {
    const deps = this.#deps;
    const { delivery, told } = item;
    const heldForMs = deps.clock.monotonicMs() - takenAtMs;
    const isTooLate = heldForMs > DELIVERY_LEASE_MS - TRY_MAX_MS;
    if (this.#stopped || isTooLate || deps.stopSignal.aborted || this.#gone.has(endpoint)) {
      return this.#settle(item, { kind: 'put_back' });
    }
    if (told === null) return this.#giveUp(item, 'unreadable');
    const body = deps.outgoing.render(delivery, told);
    const message = { id: delivery.id, body, signal: deps.stopSignal };
    const sending = await deps.outgoing.sender.send(endpoint, message);
    if (sending.kind === 'interrupted') return this.#settle(item, { kind: 'put_back' });
    if (sending.kind === 'answered' && sending.status >= 200 && sending.status < 300) {
      this.#tell(item, 'delivered', String(sending.status));
      const plan = { kind: 'delivered', result: String(sending.status), atMs: deps.clock.wallMs() } as const;
      return this.#settle(item, plan);
    }
    if (sending.kind === 'answered' && sending.status === GONE) this.#pause(endpoint);
    return this.#fail(item, sending);
  }

  #fail(
    item: TakenDelivery,
    sending: Exclude<EventSending, { readonly kind: 'interrupted' }>,
  ): Promise<void> {
    const { clock, randomness } = this.#deps;
    const result = sending.kind === 'answered' ? String(sending.status) : sending.code;
    const delayMs = retryDelayMs(item.delivery.failures + 1, randomness.unit());
    if (delayMs === null) return this.#giveUp(item, result);
    this.#tell(item, 'failed', result);
    const askedMs = sending.kind === 'answered' ? (sending.retryAfterMs ?? 0) : 0;
    const atMs = clock.wallMs();
    const dueAtMs = atMs + Math.max(delayMs, Math.min(askedMs, RETRY_AFTER_MAX_MS));
    return this.#settle(item, { kind: 'failed', result, atMs, dueAtMs });
  }

  #giveUp(item: TakenDelivery, result: string): Promise<void> {
    const { delivery } = item;
    this.#tell(item, 'dead', result);
    this.#deps.observer.alert({
      kind: 'event_dead',
      detail:
        `${delivery.endpoint} was not told ${delivery.type} (${result}); once it takes events again: ` +
        `POST /v1/events/deliveries/${delivery.id}/replay`,
      authorizationId: delivery.authorizationId,
    });
    return this.#settle(item, { kind: 'dead', result, atMs: this.#deps.clock.wallMs() });
  }

  /** Nothing more is sent until its entry is changed or the process starts anew; what it is to be told waits. */
  #pause(endpoint: EventEndpoint): void {
    if (this.#gone.has(endpoint)) return;
    this.#gone.add(endpoint);
    this.#deps.observer.alert({
      kind: 'event_endpoint_gone',
      detail:
        `${endpoint.id} answered 410 and is paused: nothing is sent to it until its entry in EVENT_ENDPOINTS_FILE is ` +
        'changed or the gateway restarts; what it is to be told waits',
      authorizationId: null,
    });
  }

  /** A record that fails leaves the lease to end: it is sent again then, under its id. */
  async #settle({ delivery }: TakenDelivery, plan: DeliveryPlan): Promise<void> {
    const deps = this.#deps;
    await callJournal('settle_delivery', deps, () =>
      deps.journal.settleDelivery(delivery.id, deps.owner, plan),
    );
  }

  #tell({ delivery }: TakenDelivery, result: 'delivered' | 'failed' | 'dead', detail: string): void {
    const { endpoint, id, type, authorizationId, atMs } = delivery;
    const ageMs = Math.max(0, this.#deps.clock.wallMs() - atMs);
    this.#deps.observer.eventSent({ endpoint, delivery: id, type, authorizationId, result, detail, ageMs });
  }
}
