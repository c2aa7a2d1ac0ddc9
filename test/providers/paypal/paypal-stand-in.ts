import {
  distorted,
  jsonAnswer,
  type Mishap,
  PspStandIn,
  type StandInAnswer,
  type StandInRequest,
} from '../../support/psp-stand-in.ts';

interface Money {
  readonly currency_code: string;
  readonly value: string;
}

interface Moved {
  readonly id: string;
  status: string;
  readonly amount: Money;
  readonly invoice_id: string;
  readonly custom_id: string;
  readonly final_capture?: boolean;
  readonly links: readonly { readonly rel: string; readonly href: string }[];
}

interface Authorization {
  readonly id: string;
  status: string;
  readonly amount: Money;
  readonly custom_id: string;
  readonly processor_response?: Readonly<Record<string, string>>;
  readonly status_details?: { readonly reason: string };
  readonly network_transaction_reference?: Readonly<Record<string, string>>;
  readonly create_time: string;
}

/** An order as PayPal's books have it. */
export interface BookedOrder {
  readonly id: string;
  status: string;
  readonly customId: string;
  readonly amount: Money;
  /** `PayPal-Request-Id` of its authorization; empty before. */
  requestId: string;
  authorization: Authorization | null;
  readonly captures: Moved[];
  readonly refunds: Moved[];
}

/** What becomes of a card: by its `vault_id`. */
export const VAULT = {
  approved: 'vault-ok',
  softDecline: 'vault-0500',
  hardDecline: 'vault-5140',
  unmapped: 'vault-ZZZZ',
  hidden: 'vault-0000',
  authentication: 'vault-3ds',
  partial: 'vault-partial',
  pending: 'vault-pending',
} as const;

export const CLIENT = { client_id: 'client-1', client_secret: 'secret-of-the-app' } as const;
export const TOKEN = 'A21AA-access-token';

const cents = ({ value }: Money) => Math.round(Number(value) * 100);
const sum = (moved: readonly Moved[]) =>
  moved
    .filter(({ status }) => status === 'COMPLETED')
    .reduce((total, { amount }) => total + cents(amount), 0);
const json = (request: StandInRequest) => JSON.parse(request.body || '{}');
const errorAnswer = (status: number, name: string, issue?: string, headers = {}) =>
  jsonAnswer(
    status,
    {
      name,
      message: 'told to nobody',
      debug_id: 'd1',
      ...(issue === undefined ? {} : { details: [{ issue }] }),
    },
    headers,
  );
const NOT_FOUND = errorAnswer(404, 'RESOURCE_NOT_FOUND', 'INVALID_RESOURCE_ID');
const refused = (issue: string) => errorAnswer(422, 'UNPROCESSABLE_ENTITY', issue);

/** A server that speaks PayPal's Orders v2, Payments v2 and token call. Its books are the truth. */
export class PaypalStandIn {
  readonly orders: BookedOrder[] = [];
  readonly #answers = new Map<string, StandInAnswer>();
  #server: PspStandIn | null = null;
  #made = 0;

  static async start(): Promise<PaypalStandIn> {
    const standIn = new PaypalStandIn();
    standIn.#server = await PspStandIn.start((request) => standIn.#answer(request));
    return standIn;
  }

  get server(): PspStandIn {
    if (this.#server === null) throw new Error('not started');
    return this.#server;
  }

  #id(): string {
    this.#made += 1;
    return `5O1901${String(this.#made).padStart(5, '0')}TN364T`;
  }

  #answer(request: StandInRequest): StandInAnswer {
    const { method, path, headers } = request;
    if (path === '/v1/oauth2/token') return this.#token(request);
    if (headers['authorization'] !== `Bearer ${TOKEN}`) {
      return jsonAnswer(401, {
        error: 'invalid_token',
        error_description: 'Token signature verification failed',
      });
    }
    if (method === 'GET') return this.#show(path);
    const key = headers['paypal-request-id'];
    const replayed = key === undefined ? undefined : this.#answers.get(key);
    // "The latest status of the previous request", with 200 instead of 201.
    if (replayed !== undefined) return this.#latest(replayed);
    const answer = this.#carryOut(request);
    if (key !== undefined && answer.status < 300) this.#answers.set(key, answer);
    return answer;
  }

  #token({ headers, body }: StandInRequest): StandInAnswer {
    const expected = Buffer.from(`${CLIENT.client_id}:${CLIENT.client_secret}`).toString('base64');
    if (headers['authorization'] !== `Basic ${expected}` || body !== 'grant_type=client_credentials') {
      return jsonAnswer(401, { error: 'invalid_client', error_description: 'Client Authentication failed' });
    }
    return jsonAnswer(200, { access_token: TOKEN, token_type: 'Bearer', expires_in: 32_400 });
  }

  #latest(first: StandInAnswer): StandInAnswer {
    const { id } = JSON.parse(first.body);
    const order = this.orders.find((each) => each.id === id);
    return order === undefined ? { ...first, status: 200 } : jsonAnswer(200, shown(order));
  }

  #show(path: string): StandInAnswer {
    const id = /^\/v2\/checkout\/orders\/([^/]+)$/.exec(path)?.[1];
    const order = this.orders.find((each) => each.id === id);
    return order === undefined ? NOT_FOUND : jsonAnswer(200, shown(order));
  }

  #carryOut(request: StandInRequest): StandInAnswer {
    const [, , , kind = '', id = '', action = ''] = request.path.split('/');
    if (request.path === '/v2/checkout/orders') return this.#create(request);
    if (kind === 'orders' && action === 'authorize') {
      const order = this.orders.find((each) => each.id === id);
      return order === undefined ? NOT_FOUND : this.#authorize(order, request);
    }
    if (kind === 'authorizations') {
      const order = this.orders.find(({ authorization }) => authorization?.id === id);
      if (order?.authorization == null) return NOT_FOUND;
      return action === 'void'
        ? this.#void(order.authorization)
        : this.#capture(order, order.authorization, request);
    }
    const order = this.orders.find(({ captures }) => captures.some((capture) => capture.id === id));
    return order === undefined ? NOT_FOUND : this.#refund(order, id, request);
  }

  #create(request: StandInRequest): StandInAnswer {
    const { purchase_units: units } = json(request);
    const order: BookedOrder = {
      id: this.#id(),
      status: 'CREATED',
      customId: units[0].custom_id,
      amount: units[0].amount,
      requestId: '',
      authorization: null,
      captures: [],
      refunds: [],
    };
    this.orders.push(order);
    return jsonAnswer(201, shown(order));
  }

  #authorize(order: BookedOrder, request: StandInRequest): StandInAnswer {
    if (order.authorization !== null) return refused('ORDER_ALREADY_AUTHORIZED');
    const vaultId = json(request).payment_source.card.vault_id;
    order.requestId = request.headers['paypal-request-id'] ?? '';
    if (vaultId === VAULT.authentication) {
      order.status = 'PAYER_ACTION_REQUIRED';
      return jsonAnswer(201, shown(order));
    }
    const { amount, customId } = order;
    const partial = { ...amount, value: (cents(amount) / 200).toFixed(2) };
    const denied = /^vault-([0-9A-Z]{4})$/.exec(vaultId)?.[1];
    order.status = 'COMPLETED';
    order.authorization = {
      id: this.#id(),
      status: denied !== undefined ? 'DENIED' : vaultId === VAULT.pending ? 'PENDING' : 'CREATED',
      amount: vaultId === VAULT.partial ? partial : amount,
      custom_id: customId,
      processor_response: { response_code: denied ?? '0000' },
      create_time: '2026-11-23T10:00:00Z',
      network_transaction_reference: { id: 'MCC123456789', date: '1123', network: 'VISA' },
      ...(vaultId === VAULT.pending ? { status_details: { reason: 'PENDING_REVIEW' } } : {}),
    };
    return jsonAnswer(201, shown(order));
  }

  #capture(order: BookedOrder, authorization: Authorization, request: StandInRequest): StandInAnswer {
    const { amount, invoice_id, final_capture } = json(request);
    if (authorization.status === 'VOIDED') return refused('AUTHORIZATION_VOIDED');
    if (sum(order.captures) + cents(amount) > cents(authorization.amount)) {
      return refused('MAX_CAPTURE_AMOUNT_EXCEEDED');
    }
    const capture: Moved = {
      id: this.#id(),
      status: 'COMPLETED',
      amount,
      invoice_id,
      custom_id: order.customId,
      final_capture,
      links: [],
    };
    order.captures.push(capture);
    authorization.status = final_capture ? 'CAPTURED' : 'PARTIALLY_CAPTURED';
    return jsonAnswer(201, capture);
  }

  #void(authorization: Authorization): StandInAnswer {
    if (authorization.status === 'VOIDED') return refused('PREVIOUSLY_VOIDED');
    if (authorization.status === 'CAPTURED') return refused('PREVIOUSLY_CAPTURED');
    authorization.status = 'VOIDED';
    return jsonAnswer(200, authorization);
  }

  #refund(order: BookedOrder, captureId: string, request: StandInRequest): StandInAnswer {
    const { amount, invoice_id, custom_id } = json(request);
    const capture = order.captures.find(({ id }) => id === captureId);
    const href = `${this.server.url}/v2/payments/captures/${captureId}`;
    const before = order.refunds.filter(({ links }) => links[0]?.href === href);
    if (capture === undefined || sum(before) + cents(amount) > cents(capture.amount)) {
      return refused('REFUND_AMOUNT_EXCEEDED');
    }
    const links = [{ rel: 'up', href }];
    const refund: Moved = { id: this.#id(), status: 'COMPLETED', amount, invoice_id, custom_id, links };
    order.refunds.push(refund);
    return jsonAnswer(201, refund);
  }
}

/** An order as PayPal shows it. */
function shown({ id, status, customId, amount, authorization, captures, refunds }: BookedOrder) {
  const payments = {
    ...(authorization === null ? {} : { authorizations: [authorization] }),
    ...(captures.length === 0 ? {} : { captures }),
    ...(refunds.length === 0 ? {} : { refunds }),
  };
  const unit = { reference_id: customId, custom_id: customId, invoice_id: customId, amount };
  return {
    id,
    intent: 'AUTHORIZE',
    status,
    purchase_units: [Object.keys(payments).length === 0 ? unit : { ...unit, payments }],
  };
}

/** Whether an authorization holds money, or money of it was taken. */
export function isLive({ authorization }: BookedOrder): boolean {
  return ['CREATED', 'PARTIALLY_CAPTURED', 'CAPTURED'].includes(authorization?.status ?? '');
}

export function capturedAmount({ captures }: BookedOrder): number {
  return sum(captures);
}

export function refundedAmount({ refunds }: BookedOrder): number {
  return sum(refunds);
}

/** Every amount, currency or name in a body is changed. */
export function misstated(how: 'wrong_amount' | 'wrong_currency' | 'wrong_reference'): Mishap {
  const change = (value: unknown, key = ''): unknown => {
    if (Array.isArray(value)) return value.map((each) => change(each));
    if (how === 'wrong_amount' && key === 'value' && typeof value === 'string') return '12.34';
    if (how === 'wrong_currency' && key === 'currency_code') return 'SEK';
    if (how === 'wrong_reference' && ['custom_id', 'invoice_id', 'reference_id'].includes(key))
      return 'att_zz_9';
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, change(each, name)]));
  };
  return distorted((body) => change(body));
}

export const failures = {
  rateLimited: errorAnswer(429, 'RATE_LIMIT_REACHED', undefined, { 'retry-after': '7' }),
  forbidden: errorAnswer(403, 'NOT_AUTHORIZED', 'PERMISSION_DENIED'),
  declined: errorAnswer(422, 'UNPROCESSABLE_ENTITY', 'INSTRUMENT_DECLINED'),
  internal: errorAnswer(500, 'INTERNAL_SERVER_ERROR'),
  unavailable: errorAnswer(503, 'SERVICE_UNAVAILABLE'),
  badGateway: { status: 502, headers: { 'content-type': 'text/html' }, body: '<html>Bad Gateway</html>' },
  garbage: { status: 201, headers: { 'content-type': 'application/json' }, body: '{"id":' },
} as const satisfies Record<string, StandInAnswer>;
