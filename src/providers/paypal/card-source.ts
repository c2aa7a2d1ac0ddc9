import type { AuthorizationRequest, StoredCredential } from '../../core/authorization.ts';
import type { CardBrand } from '../../core/card.ts';
import type { AuthorizeCall } from '../../gateway/ports.ts';

/** A `vault_id` (OpenAPI description of Orders v2). */
const VAULT_ID = /^[0-9a-zA-Z_-]{1,255}$/;
/** The `id` of a network transaction reference (the same). */
const NETWORK_TRANSACTION_ID = /^[a-zA-Z0-9\-_@.:&+=*^'~#!$%()]{9,36}$/;

/** PayPal's names of networks (`card_brand`, the same) that we know by name. */
const NETWORKS: ReadonlyMap<CardBrand, string> = new Map([
  ['visa', 'VISA'],
  ['mastercard', 'MASTERCARD'],
  ['amex', 'AMEX'],
  ['discover', 'DISCOVER'],
  ['jcb', 'JCB'],
  ['maestro', 'MAESTRO'],
  ['unionpay', 'CHINA_UNION_PAY'],
]);

/** Our name of a network that PayPal names. One that we have no name for is told in lower case. */
export function networkNamed(name: string): string {
  for (const [brand, network] of NETWORKS) if (network === name) return brand;
  return name.toLowerCase();
}

/** `payment_source.card` of an authorization. */
interface CardSource {
  readonly vault_id: string;
  readonly stored_credential: {
    readonly payment_initiator: 'CUSTOMER' | 'MERCHANT';
    readonly payment_type: 'ONE_TIME' | 'RECURRING' | 'UNSCHEDULED';
    readonly usage?: 'FIRST' | 'SUBSEQUENT';
    readonly previous_network_transaction_reference?: NetworkReference;
  };
}

interface NetworkReference {
  readonly id: string;
  /** MMDD; Mastercard and Discover demand it (developer.paypal.com/sdk/orders/v2/definitions/network_transaction). */
  readonly date: string;
  readonly network: string;
}

/** The card to charge; null when PayPal cannot be told what is asked of it. */
export function cardSourceOf({ token, request, brand }: AuthorizeCall): CardSource | null {
  if (!VAULT_ID.test(token) || hasAuthenticationData(request)) return null;
  const credential = storedCredentialOf(request, brand);
  return credential === null ? null : { vault_id: token, stored_credential: credential };
}

/** What {@link cardSourceOf} could not say, by the first member that stood in its way. */
export function missingOf({ token, request }: AuthorizeCall): string {
  const { initiator, storedCredential, networkTransaction } = request;
  if (!VAULT_ID.test(token)) return 'card token that is a vault_id of PayPal';
  if (hasAuthenticationData(request)) return 'three_ds left out: PayPal has no place for it';
  if (storedCredential?.reason === 'installment') return 'stored_credential.reason other than installment';
  if (initiator === 'merchant' && storedCredential?.usage !== 'subsequent') {
    return 'stored_credential with usage subsequent, of what a merchant initiates';
  }
  return initiator === 'customer' && networkTransaction !== null
    ? "network_transaction left out of a customer's payment"
    : "network_transaction of the card's own network";
}

/**
 * Whether a request carries what came of an authentication elsewhere, or asks for an exemption: the interface has a
 * place for neither. (The cryptogram and ECI that it knows are those of a network token's number, which never enters.)
 */
function hasAuthenticationData({ threeDs }: AuthorizationRequest): boolean {
  return threeDs !== null && Object.values(threeDs).some((value) => value !== null);
}

/**
 * The credential's use, within the combinations that the description allows: one-time and first payments are the
 * customer's, an earlier network transaction is the merchant's to name.
 */
function storedCredentialOf(
  { initiator, storedCredential, networkTransaction }: AuthorizationRequest,
  brand: CardBrand,
): CardSource['stored_credential'] | null {
  if (initiator === 'customer') {
    if (networkTransaction !== null) return null;
    // PayPal derives the use of a card that was stored with it when nothing is said.
    if (storedCredential === null) return { payment_initiator: 'CUSTOMER', payment_type: 'ONE_TIME' };
    const type = paymentTypeOf(storedCredential);
    const usage = storedCredential.usage === 'first' ? 'FIRST' : 'SUBSEQUENT';
    return type === null ? null : { payment_initiator: 'CUSTOMER', payment_type: type, usage };
  }
  if (storedCredential === null || storedCredential.usage === 'first') return null;
  const type = paymentTypeOf(storedCredential);
  if (type === null) return null;
  const told = { payment_initiator: 'MERCHANT', payment_type: type, usage: 'SUBSEQUENT' } as const;
  if (networkTransaction === null) return told;
  const reference = networkReferenceOf(networkTransaction, brand);
  return reference === null ? null : { ...told, previous_network_transaction_reference: reference };
}

/** Null: PayPal knows no installments, which networks mark apart from other series. */
function paymentTypeOf({ reason }: StoredCredential): 'RECURRING' | 'UNSCHEDULED' | null {
  switch (reason) {
    case 'recurring':
      return 'RECURRING';
    case 'unscheduled':
      return 'UNSCHEDULED';
    case 'installment':
      return null;
  }
}

/** Null: another network gave it than the one that is charged, or PayPal would not take it. */
function networkReferenceOf(
  { id, network, date }: NonNullable<AuthorizationRequest['networkTransaction']>,
  brand: CardBrand,
): NetworkReference | null {
  const name = NETWORKS.get(brand);
  if (name === undefined || network.toLowerCase() !== brand || !NETWORK_TRANSACTION_ID.test(id)) return null;
  return { id, date: date.slice(5).replace('-', ''), network: name };
}
