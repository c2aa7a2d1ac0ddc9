import {
  API_KEY as ADYEN_KEY,
  TOKENS as ADYEN_TOKENS,
  AdyenStandIn,
  HMAC_KEY,
  MERCHANT_ACCOUNT,
} from '../providers/adyen/adyen-stand-in.ts';
import { STAND_IN_KEY, StripeStandIn } from '../providers/stripe/stripe-stand-in.ts';
import { eventually } from '../support/eventually.ts';
import { paymentBody, priorityRules } from '../support/gateway-files.ts';
import type { StandInRequest } from '../support/psp-stand-in.ts';
import { startGateway, type TestGateway } from '../support/start-gateway.ts';

const FEATURES = { features: ['partial_capture'] };

/** One gateway process, and two providers with interfaces of their own: Stripe first, then Adyen. Real sockets. */
export class StripeAndAdyen implements AsyncDisposable {
  readonly stripe: StripeStandIn;
  readonly adyen: AdyenStandIn;
  readonly gateway: TestGateway;

  private constructor(stripe: StripeStandIn, adyen: AdyenStandIn, gateway: TestGateway) {
    this.stripe = stripe;
    this.adyen = adyen;
    this.gateway = gateway;
  }

  static async start(): Promise<StripeAndAdyen> {
    const stripe = await StripeStandIn.start({ wallMs: () => Date.now() });
    const adyen = await AdyenStandIn.start();
    const providers = [
      {
        id: 'stripe-eu',
        adapter: 'stripe',
        base_url: stripe.server.url,
        credentials: { api_key: 'env:STRIPE_KEY', webhook_secret: 'env:STRIPE_WHSEC' },
        merchants: 'all',
        timeout_ms: 2000,
        capabilities: FEATURES,
      },
      {
        id: 'adyen-eu',
        adapter: 'adyen',
        base_url: adyen.server.url,
        credentials: { api_key: 'env:ADYEN_KEY', webhook_secret: 'env:ADYEN_HMAC' },
        settings: { merchant_account: MERCHANT_ACCOUNT, return_url: 'https://shop.example.com/checkout' },
        merchants: 'all',
        timeout_ms: 2000,
        capabilities: FEATURES,
      },
    ];
    const gateway = await startGateway({
      providers: JSON.stringify({ providers }),
      rules: priorityRules(['stripe-eu', 'adyen-eu']),
      env: {
        STRIPE_KEY: STAND_IN_KEY,
        STRIPE_WHSEC: 'whsec_stand_in',
        ADYEN_KEY,
        ADYEN_HMAC: HMAC_KEY,
        LEASE_MS: '3000',
        RESOLVER_SCHEDULE_MS: '300,300,300',
      },
    });
    return new StripeAndAdyen(stripe, adyen, gateway);
  }

  /** A payment that Stripe decides by this token, and Adyen approves. */
  payment(reference: string, stripeToken: string) {
    const more = { shopper: { country: 'DE', id: 'cust-9' }, deadline_ms: 2500 };
    const body = paymentBody(reference, more);
    const { token: _, ...card } = body.card;
    return {
      ...body,
      card: { ...card, tokens: { 'stripe-eu': stripeToken, 'adyen-eu': ADYEN_TOKENS.approve } },
    };
  }

  async statusOf(reference: string): Promise<string | undefined> {
    return (await this.gateway.find('acme-eu', reference))?.status;
  }

  becomes(reference: string, status: string): Promise<unknown> {
    return eventually(`${reference} is ${status}`, async () =>
      (await this.statusOf(reference)) === status ? true : null,
    );
  }

  /** Authorizations that hold money: at Stripe, at Adyen. */
  live(): readonly [stripe: number, adyen: number] {
    return [
      this.stripe.books().filter(({ live }) => live).length,
      this.adyen.payments.filter(({ cancelled }) => !cancelled).length,
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.gateway[Symbol.asyncDispose]();
    await this.stripe.close();
    await this.adyen.server.close();
  }
}

export const isConfirm = ({ path }: StandInRequest): boolean => path.endsWith('/confirm');
export const isCreate = ({ method, path }: StandInRequest): boolean =>
  method === 'POST' && path === '/v1/payment_intents';
