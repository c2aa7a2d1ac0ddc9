import type { CardBrand } from '../card.ts';

/** Names of brands as tables, libraries and callers write them, in lower case without anything but letters. */
const NAMES: Readonly<Record<CardBrand, string>> = {
  visa: 'visa visaelectron electron visacredit visadebit',
  mastercard: 'mastercard mc mastercardcredit mastercarddebit debitmastercard eurocard',
  amex: 'amex americanexpress',
  discover: 'discover',
  diners: 'diners dinersclub dinersclubinternational',
  jcb: 'jcb',
  unionpay: 'unionpay chinaunionpay cup unionpayinternational',
  maestro: 'maestro',
  mir: 'mir nspkmir',
  troy: 'troy',
  elo: 'elo',
  hiper: 'hiper',
  hipercard: 'hipercard',
  dankort: 'dankort',
  unknown: 'unknown',
};

const BRAND_OF: ReadonlyMap<string, CardBrand> = new Map(
  (Object.entries(NAMES) as [CardBrand, string][]).flatMap(([brand, names]) =>
    names.split(' ').map((name) => [name, brand] as const),
  ),
);

/** The brand that a name means, or null. Co-brands ("Visa/Dankort") are the international one, which is named first. */
export function brandNamed(name: string): CardBrand | null {
  const plain = (part: string) => part.toLowerCase().replaceAll(/[^a-z]/g, '');
  return BRAND_OF.get(plain(name)) ?? BRAND_OF.get(plain(name.split('/')[0] ?? '')) ?? null;
}
