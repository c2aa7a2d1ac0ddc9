import type { AuthorizationRequest } from '../../src/core/authorization.ts';
import type { OperationKind } from '../../src/core/operation.ts';
import { authorize } from '../../src/gateway/authorize.ts';
import { operate } from '../../src/gateway/operate.ts';
import { sampleRequest } from '../support/sample-request.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import { type GatewayProcess, MERCHANTS, type SharedWorld } from './gateway-process.ts';

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const ACCOUNT = 'acme';
/** Times that a caller repeats what could not be written. */
const REPEATS_MAX = 3;

interface FollowOnPlan {
  readonly kind: OperationKind;
  readonly amount: number | null;
  readonly final: boolean;
}

/** The callers of a world: each payment is authorized, and then captured, voided and refunded in some way. */
export class Callers {
  readonly #world: SharedWorld;
  readonly #random: SeededRandom;
  readonly #process: () => GatewayProcess;
  /** Authorizations of each payment, as answers named them. */
  readonly #ids = new Map<string, string>();
  #keys = 0;

  constructor(world: SharedWorld, process: () => GatewayProcess) {
    this.#world = world;
    this.#random = world.random;
    this.#process = process;
  }

  /** A payment begins now. */
  begin(number: number): void {
    const random = this.#random;
    this.#world.work.payments += 1;
    const request = this.#requestOf(number);
    const key = `key-${number}`;
    this.#authorize(request, key);
    if (random.chance(0.3)) {
      const soon = random.chance(0.5) ? random.integer(0, 60) : random.integer(SECOND_MS, 2 * HOUR_MS);
      this.#after(soon, () => this.#authorize(request, key));
    }
    if (random.chance(0.2)) {
      const later = random.chance(0.5) ? random.integer(0, 300) : random.integer(SECOND_MS, 6 * HOUR_MS);
      this.#after(later, () => this.#authorize(request, `${key}-again`));
    }
    if (random.chance(0.03)) {
      const { amount } = request;
      const other = { ...request, amount: { ...amount, value: amount.value + 1 } };
      this.#after(random.integer(0, 5_000), () => this.#authorize(other, key));
    }
    const waitMs = random.chance(0.5) ? random.integer(0, 10_000) : random.integer(10_000, 24 * HOUR_MS);
    this.#after(waitMs, () => this.#followOn(request));
  }

  #after(delayMs: number, action: () => void): void {
    this.#world.time.after(delayMs, action);
  }

  #requestOf(number: number): AuthorizationRequest {
    const random = this.#random;
    const { card } = sampleRequest();
    return sampleRequest({
      // A card of its own: the schemes' ceilings are not what this is about.
      card: { ...card, id: `card-${number}` },
      merchant: random.pick(MERCHANTS),
      reference: `order-${number}`,
      amount: { value: random.integer(100, 20_000), currency: 'EUR' },
      capture: random.chance(0.15) ? 'automatic' : 'manual',
      acceptPartial: random.chance(0.3),
      deadlineMs: random.pick([400, 2_000, 8_000]),
      threeDs: random.chance(0.05)
        ? { eci: '05', cavv: 'cavv', dsTransactionId: null, version: '2.2.0', exemption: null }
        : null,
    });
  }

  #authorize(request: AuthorizationRequest, key: string): void {
    void this.#guard(() => this.#authorizeNow(request, key, 0));
  }

  async #authorizeNow(request: AuthorizationRequest, key: string, repeats: number): Promise<void> {
    const { work, checker } = this.#world;
    const process = this.#process();
    work.authorizeCalls += 1;
    const payment = `${request.merchant}/${request.reference}`;
    const name = `authorize ${payment} ${key}`;
    const hadFinal = checker.hasFinal(name);
    const bodyFingerprint = `${request.reference}:${request.amount.value}`.padEnd(64, '0');
    const result = await authorize(
      {
        account: ACCOUNT,
        idempotencyKey: key,
        bodyFingerprint,
        request,
        traceId: '0af7651916cd43dd8448eb211c80319c',
        traceparent: null,
        receivedAtMs: process.clock.monotonicMs(),
      },
      process.deps,
    );
    switch (result.kind) {
      case 'answered':
        checker.answered(name, bodyFingerprint, result, {
          beganAfterFinal: hadFinal,
          couldNotRead: process.hasNotHeardOf(result.authorizationId, key),
        });
        this.#ids.set(payment, result.authorizationId);
        if (result.replayed) work.answersReplayed += 1;
        if (result.httpStatus === 202) work.pendingAnswers += 1;
        else if (/"status":"(approved|partially_approved|captured)"/.test(result.body))
          work.approvedAnswers += 1;
        else work.negativeAnswers += 1;
        return;
      case 'in_flight':
        work.refusedInFlight += 1;
        return;
      case 'payment_live':
        work.refusedPaymentLive += 1;
        this.#ids.set(payment, result.authorizationId);
        return;
      case 'other_body':
        work.refusedOtherBody += 1;
        checker.otherBody(name, bodyFingerprint);
        return;
      case 'no_route':
        work.noRoute += 1;
        break;
      case 'journal_unavailable':
        work.journalUnavailable += 1;
        break;
    }
    if (repeats < REPEATS_MAX) {
      await this.#world.time.sleep(5 * SECOND_MS);
      await this.#authorizeNow(request, key, repeats + 1);
    }
  }

  #followOn(request: AuthorizationRequest): void {
    const random = this.#random;
    const { value } = request.amount;
    const draw = random.unit();
    const part = Math.max(1, Math.floor(value / random.integer(2, 4)));
    const plans: FollowOnPlan[] = [];
    const plan = (kind: OperationKind, amount: number | null, final = false) =>
      plans.push({ kind, amount, final });
    if (draw < 0.2) plan('void', null);
    else if (draw < 0.65) {
      if (random.chance(0.4)) plan('capture', part);
      plan('capture', random.chance(0.2) ? part : null, random.chance(0.2));
      if (random.chance(0.4)) plan('refund', random.chance(0.5) ? part : null);
      if (random.chance(0.15)) plan('refund', null);
      if (random.chance(0.1)) plan('void', null);
    }
    let atMs = 0;
    for (const each of plans) {
      const key = `op-${this.#keys++}`;
      this.#after(atMs, () => this.#operate(request, each, key));
      if (random.chance(0.25)) {
        const again = random.chance(0.5) ? random.integer(0, 100) : random.integer(SECOND_MS, HOUR_MS);
        this.#after(atMs + again, () => this.#operate(request, each, key));
      }
      atMs += random.chance(0.3) ? random.integer(0, 300) : random.integer(SECOND_MS, 40 * HOUR_MS);
    }
  }

  #operate(request: AuthorizationRequest, plan: FollowOnPlan, key: string): void {
    void this.#guard(() => this.#operateNow(request, plan, key, 0));
  }

  async #operateNow(
    request: AuthorizationRequest,
    plan: FollowOnPlan,
    key: string,
    repeats: number,
  ): Promise<void> {
    const { work, checker } = this.#world;
    const payment = `${request.merchant}/${request.reference}`;
    const authorizationId = this.#ids.get(payment);
    if (authorizationId === undefined) return;
    const process = this.#process();
    work[`${plan.kind}s`] += 1;
    const name = `${plan.kind} ${payment} ${authorizationId} ${key}`;
    const hadFinal = checker.hasFinal(name);
    const bodyFingerprint = JSON.stringify(plan).padEnd(64, '0');
    const result = await operate(
      {
        ...plan,
        account: ACCOUNT,
        covers: () => true,
        authorizationId,
        currency: 'EUR',
        idempotencyKey: key,
        bodyFingerprint,
        traceparent: null,
        receivedAtMs: process.deps.clock.monotonicMs(),
      },
      process.deps,
    );
    switch (result.kind) {
      case 'answered':
        work.operationAnswers += 1;
        checker.answered(name, bodyFingerprint, result, {
          beganAfterFinal: hadFinal,
          couldNotRead: process.hasNotHeardOf(authorizationId, key),
        });
        return;
      case 'refused':
        work.operationRefusals += 1;
        if (checker.hasFinal(name)) checker.break(`${name} is refused after its final answer`, payment);
        if (result.refusal !== 'outcome_not_known' || repeats >= REPEATS_MAX) return;
        break;
      case 'journal_unavailable':
        work.journalUnavailable += 1;
        if (repeats >= REPEATS_MAX) return;
        break;
      case 'other_body':
        checker.otherBody(name, bodyFingerprint);
        return;
      case 'not_found':
        checker.break(`${authorizationId} is not found`, payment);
        return;
    }
    await this.#world.time.sleep(5 * SECOND_MS);
    await this.#operateNow(request, plan, key, repeats + 1);
  }

  async #guard(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const detail = error instanceof Error ? error.stack : String(error);
      this.#world.checker.break(`the road threw: ${detail}`, null);
    }
  }
}
