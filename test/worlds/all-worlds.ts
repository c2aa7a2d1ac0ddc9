import { type CardMixSettings, cardMix } from './card-mix.ts';
import type { PaymentWorld, Phase } from './payment-world.ts';

const THREE = ['alpha', 'beta', 'gamma'] as const;
const PAYMENTS = 80_000;

/** Approval rates two points apart, two outages and a lasting change. */
export const STRESS_PHASES: readonly Phase[] = [
  { until: 20_000, means: [0.92, 0.9, 0.88] },
  { until: 24_000, means: [0.7, 0.9, 0.88] },
  { until: 40_000, means: [0.92, 0.9, 0.88] },
  { until: 44_000, means: [0.92, 0.9, 0.1] },
  { until: 60_000, means: [0.92, 0.9, 0.88] },
  { until: 80_000, means: [0.91, 0.93, 0.88] },
];

export const STRESS: PaymentWorld = {
  name: 'stress',
  about: 'three providers two points apart, two outages, a lasting change',
  providers: THREE,
  phases: STRESS_PHASES,
};

export const STEADY: PaymentWorld = {
  name: 'steady',
  about: 'the same without any change',
  providers: THREE,
  phases: [{ until: PAYMENTS, means: [0.92, 0.9, 0.88] }],
};

/** Rates that move a little every two hundred payments. */
function drifting(rates: readonly ((share: number) => number)[]): readonly Phase[] {
  return Array.from({ length: PAYMENTS / 200 }, (_, index) => ({
    until: (index + 1) * 200,
    means: rates.map((rate) => rate((index + 0.5) / (PAYMENTS / 200))),
  }));
}

export const DRIFTS: PaymentWorld = {
  name: 'drifts',
  about: 'one falls slowly, one rises, one goes up and down',
  providers: THREE,
  phases: drifting([
    (share) => 0.93 - 0.05 * share,
    (share) => 0.88 + 0.05 * share,
    (share) => 0.9 + 0.02 * Math.sin(share * 2 * Math.PI * 2),
  ]),
};

export const OUTAGES: PaymentWorld = {
  name: 'outages',
  about: 'five providers, approval breaks in at each of them for a while, and recovers',
  providers: ['alpha', 'beta', 'gamma', 'delta', 'epsilon'],
  phases: [
    { until: 10_000, means: [0.93, 0.91, 0.9, 0.89, 0.85] },
    { until: 12_000, means: [0.1, 0.91, 0.9, 0.89, 0.85] },
    { until: 25_000, means: [0.93, 0.91, 0.9, 0.89, 0.85] },
    { until: 28_000, means: [0.6, 0.91, 0.9, 0.89, 0.85] },
    { until: 36_000, means: [0.93, 0.91, 0.9, 0.89, 0.85] },
    { until: 37_000, means: [0.93, 0.3, 0.9, 0.3, 0.85] },
    { until: 50_000, means: [0.93, 0.91, 0.9, 0.89, 0.85] },
    { until: 56_000, means: [0.84, 0.8, 0.9, 0.89, 0.85] },
    { until: 70_000, means: [0.93, 0.91, 0.9, 0.89, 0.85] },
    { until: 70_500, means: [0.02, 0.91, 0.9, 0.89, 0.85] },
    { until: PAYMENTS, means: [0.93, 0.91, 0.9, 0.89, 0.85] },
  ],
};

export const JOINED_AT = 30_000;
export const JOINING: PaymentWorld = {
  name: 'joining',
  about: 'a provider joins after 30,000 payments and is better than all others',
  providers: ['alpha', 'beta', 'gamma', 'newcomer'],
  phases: [{ until: PAYMENTS, means: [0.91, 0.9, 0.88, 0.93] }],
  joinsAt: [0, 0, 0, JOINED_AT],
};

const MIX: CardMixSettings = {
  seed: 41,
  providers: 4,
  countries: 24,
  issuers: 160,
  bins: 420,
  issuerSpread: 0.06,
  countryGap: 0.02,
  issuersWithGap: 0.35,
  issuerGap: 0.1,
  binsWithGap: 0.25,
  binGap: 0.15,
};

export const GAPS: PaymentWorld = {
  name: 'gaps',
  about: '420 BINs of 160 issuers in 24 countries with Zipf shares; who is best differs among them',
  providers: ['alpha', 'beta', 'gamma', 'delta'],
  phases: [{ until: 120_000, means: [0.91, 0.905, 0.895, 0.885] }],
  cards: cardMix(MIX),
};

/** The second largest issuer, with about nine per cent of the payments. */
export const FAILING_ISSUER = 'Bank 2';
export const ISSUER_OUTAGE: PaymentWorld = {
  name: 'issuer',
  about: 'one issuer declines nearly everything for a while, first like any decline, later saying so',
  providers: ['alpha', 'beta', 'gamma', 'delta'],
  phases: [{ until: PAYMENTS, means: [0.92, 0.9, 0.89, 0.88] }],
  cards: cardMix({ ...MIX, countryGap: 0, issuersWithGap: 0, binsWithGap: 0 }),
  issuerOutages: [
    { issuer: FAILING_ISSUER, from: 25_000, until: 33_000, rate: 0.05, told: false },
    { issuer: FAILING_ISSUER, from: 50_000, until: 58_000, rate: 0.05, told: true },
  ],
};

export const TECHNICAL: PaymentWorld = {
  name: 'technical',
  about: 'attempts without an answer: breakers act, a second provider is asked; approval changes as well',
  providers: THREE,
  phases: [
    { until: 50_000, means: [0.92, 0.9, 0.88] },
    { until: 54_000, means: [0.7, 0.9, 0.88] },
    { until: 70_000, means: [0.92, 0.9, 0.88] },
    { until: PAYMENTS, means: [0.9, 0.92, 0.88] },
  ],
  technicalFaults: [
    // Down, for ten minutes at twenty payments a second.
    { provider: 0, from: 10_000, until: 22_000, failing: 0.95, unknown: 0.03 },
    // Below what opens a breaker.
    { provider: 0, from: 30_000, until: 38_000, failing: 0.3, unknown: 0.01 },
    // Answers are lost.
    { provider: 0, from: 42_000, until: 46_000, failing: 0, unknown: 0.3 },
    { provider: 1, from: 58_000, until: 59_000, failing: 0.6, unknown: 0.05 },
    { provider: 1, from: 61_000, until: 62_000, failing: 0.6, unknown: 0.05 },
    { provider: 1, from: 74_000, until: 77_000, failing: 0.9, unknown: 0.05 },
  ],
};

export const ALL_WORLDS: readonly PaymentWorld[] = [
  STRESS,
  STEADY,
  DRIFTS,
  OUTAGES,
  JOINING,
  ISSUER_OUTAGE,
  GAPS,
  TECHNICAL,
];
