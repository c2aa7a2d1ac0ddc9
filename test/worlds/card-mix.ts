import { routingFacts } from '../support/routing-facts.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import type { CardKind } from './payment-world.ts';

export interface CardMixSettings {
  readonly seed: number;
  readonly providers: number;
  readonly countries: number;
  readonly issuers: number;
  readonly bins: number;
  /** Largest difference of an issuer's rates from the usual ones, at all providers alike, either way. */
  readonly issuerSpread: number;
  /** Largest difference that a country makes to one provider, either way. */
  readonly countryGap: number;
  /** Share of the issuers at which one provider does worse, and by how much at most. */
  readonly issuersWithGap: number;
  readonly issuerGap: number;
  /** The same for single BINs. */
  readonly binsWithGap: number;
  readonly binGap: number;
}

const BRANDS = ['visa', 'mastercard', 'visa', 'amex', 'visa', 'mastercard'] as const;

/**
 * Cards as a merchant sees them: few issuers have most of the payments (Zipf shares by issuer and, within it, by BIN), and
 * what a provider is good at differs by country, by issuer and by BIN.
 */
export function cardMix(settings: CardMixSettings): readonly CardKind[] {
  const random = new SeededRandom(settings.seed);
  const gapOfOne = (share: number, most: number): readonly number[] => {
    const gaps = new Array<number>(settings.providers).fill(0);
    if (random.chance(share))
      gaps[random.integer(0, settings.providers - 1)] = -most * (0.4 + 0.6 * random.unit());
    return gaps;
  };
  const countries = Array.from({ length: settings.countries }, () =>
    Array.from({ length: settings.providers }, () => settings.countryGap * (2 * random.unit() - 1)),
  );
  const issuers = Array.from({ length: settings.issuers }, (_, index) => ({
    name: `Bank ${index + 1}`,
    // The larger the country, the more issuers it has.
    country: Math.floor(settings.countries * random.unit() ** 2),
    share: 1 / (index + 1),
    everywhere: settings.issuerSpread * (2 * random.unit() - 1),
    gaps: gapOfOne(settings.issuersWithGap, settings.issuerGap),
    bins: 0,
  }));
  return Array.from({ length: settings.bins }, (_, index) => {
    // Every issuer has one BIN at least, the larger ones have most of the others.
    const number = index < issuers.length ? index : Math.floor(issuers.length * random.unit() ** 2);
    const issuer = issuers[number] as (typeof issuers)[number];
    issuer.bins += 1;
    const ofBin = gapOfOne(settings.binsWithGap, settings.binGap);
    const ofCountry = countries[issuer.country] as readonly number[];
    return {
      facts: routingFacts({
        cardBin: String(40_000_000 + index * 7919),
        cardBrand: BRANDS[index % BRANDS.length] ?? 'visa',
        cardIssuer: issuer.name,
        cardCountry: countryCode(issuer.country),
      }),
      share: issuer.share / issuer.bins,
      gaps: ofBin.map(
        (gap, provider) =>
          gap + issuer.everywhere + (issuer.gaps[provider] ?? 0) + (ofCountry[provider] ?? 0),
      ),
    };
  });
}

/** Codes that no country has, so that nobody takes them for findings about one. */
function countryCode(index: number): string {
  return `X${String.fromCharCode(65 + index)}`;
}
