import type { BetaPosterior } from './beta-posterior.ts';

/** Draws uniformly from [0, 1). Seeded, the same draws follow. */
export type UniformSource = () => number;

/** Index of the arm that a draw from each posterior puts first: Thompson sampling. -1 for no arms. */
export function thompsonChoice(arms: readonly BetaPosterior[], random: UniformSource): number {
  let chosen = -1;
  let highest = Number.NEGATIVE_INFINITY;
  arms.forEach((arm, index) => {
    const drawn = sampleLogOdds(arm, random);
    if (drawn > highest) {
      highest = drawn;
      chosen = index;
    }
  });
  return chosen;
}

/** A draw from Beta(alpha, beta). */
export function sampleBeta(posterior: BetaPosterior, random: UniformSource): number {
  return 1 / (1 + Math.exp(-sampleLogOdds(posterior, random)));
}

/** ln(x / (1 - x)) of a draw x, as the ratio of two gamma draws: exact also where x would round to 0 or 1. */
function sampleLogOdds({ alpha, beta }: BetaPosterior, random: UniformSource): number {
  return sampleLogGamma(alpha, random) - sampleLogGamma(beta, random);
}

/**
 * ln of a draw from the gamma distribution by G. Marsaglia and W. W. Tsang, A Simple Method for Generating Gamma
 * Variables (2000). Below shape 1 by Gamma(shape + 1) U^(1/shape).
 */
function sampleLogGamma(shape: number, random: UniformSource): number {
  if (shape < 1) return sampleLogGamma(shape + 1, random) + Math.log(1 - random()) / shape;
  const middle = shape - 1 / 3;
  const scale = 1 / Math.sqrt(9 * middle);
  for (;;) {
    const normal = sampleNormal(random);
    const root = 1 + scale * normal;
    if (root <= 0) continue;
    const cube = root * root * root;
    const logCube = Math.log(cube);
    if (Math.log(1 - random()) < 0.5 * normal * normal + middle * (1 - cube + logCube)) {
      return Math.log(middle) + logCube;
    }
  }
}

/** A draw from the standard normal distribution, by Marsaglia's polar method. */
function sampleNormal(random: UniformSource): number {
  for (;;) {
    const x = 2 * random() - 1;
    const y = 2 * random() - 1;
    const square = x * x + y * y;
    if (square > 0 && square < 1) return x * Math.sqrt((-2 * Math.log(square)) / square);
  }
}
