import type { CrossBorder, Region } from '../card.ts';

/**
 * Countries by region: ISO 3166-1 alpha-2, all 249 officially assigned codes, and XK, which card networks use for
 * Kosovo. Where schemes and maps disagree it is our choice, made for issuers that behave alike:
 * - `eea`: EU, Iceland, Liechtenstein, Norway, with Åland and the French outermost regions, where EU law on payment
 *   services applies;
 * - `uk`: with Jersey, Guernsey and the Isle of Man;
 * - `europe_other`: with Turkey, the Caucasus and Central Asia, which Mastercard counts to Europe;
 * - `north_america`: United States, Canada, Saint-Pierre-et-Miquelon and the Pacific territories of the US;
 * - `latin_america`: with Mexico and the Caribbean, among it Bermuda, Puerto Rico and the Virgin Islands, as both
 *   Visa and Mastercard count them;
 * - `middle_east_africa`: with Israel, Iran, Afghanistan and Pakistan.
 */
const COUNTRIES: Readonly<Record<Region, string>> = {
  eea: 'AT AX BE BG CY CZ DE DK EE ES FI FR GF GP GR HR HU IE IS IT LI LT LU LV MF MQ MT NL NO PL PT RE RO SE SI SK YT',
  uk: 'GB GG IM JE',
  europe_other: 'AD AL AM AZ BA BY CH FO GE GI GL KG KZ MC MD ME MK RS RU SJ SM TJ TM TR UA UZ VA XK',
  north_america: 'AS CA GU MP PM UM US',
  latin_america:
    'AG AI AR AW BB BL BM BO BQ BR BS BZ CL CO CR CU CW DM DO EC FK GD GS GT GY HN HT JM KN KY LC MS MX NI PA PE PR ' +
    'PY SR SV SX TC TT UY VC VE VG VI',
  middle_east_africa:
    'AE AF AO BF BH BI BJ BW CD CF CG CI CM CV DJ DZ EG EH ER ET GA GH GM GN GQ GW IL IQ IR JO KE KM KW LB LR LS LY ' +
    'MA MG ML MR MU MW MZ NA NE NG OM PK PS QA RW SA SC SD SH SL SN SO SS ST SY SZ TD TG TN TZ UG YE ZA ZM ZW',
  asia_pacific:
    'AQ AU BD BN BT BV CC CK CN CX FJ FM HK HM ID IN IO JP KH KI KP KR LA LK MH MM MN MO MV MY NC NF NP NR NU NZ PF ' +
    'PG PH PN PW SB SG TF TH TK TL TO TV TW VN VU WF WS',
};

const REGION_OF: ReadonlyMap<string, Region> = new Map(
  (Object.entries(COUNTRIES) as [Region, string][]).flatMap(([region, countries]) =>
    countries.split(' ').map((country) => [country, region] as const),
  ),
);

/** Whether `code` is a country code in capitals: ISO 3166-1 alpha-2 or XK. */
export function isCountry(code: string): boolean {
  return REGION_OF.has(code);
}

/** Region of a country, or null for null and for what is no country code. */
export function regionOf(country: string | null): Region | null {
  return country === null ? null : (REGION_OF.get(country) ?? null);
}

/**
 * The issuer's country against the shopper's. Null when either is not known. The UK and the EEA are two regions, as
 * they are for interchange since 2021.
 */
export function crossBorder(issuerCountry: string | null, shopperCountry: string | null): CrossBorder | null {
  const issuerRegion = regionOf(issuerCountry);
  const shopperRegion = regionOf(shopperCountry);
  if (issuerRegion === null || shopperRegion === null) return null;
  if (issuerCountry === shopperCountry) return 'domestic';
  return issuerRegion === shopperRegion ? 'intra_region' : 'cross_border';
}

/** Whether cards of this issuer country are under strong customer authentication: the EEA and the UK. */
export function isScaRegion(issuerCountry: string | null): boolean {
  const region = regionOf(issuerCountry);
  return region === 'eea' || region === 'uk';
}
