import { invariant } from '../invariant.ts';
import type { BetaPosterior } from './beta-posterior.ts';
import { logBeta } from './gamma.ts';
import { gaussLegendre } from './quadrature.ts';

const RULE = gaussLegendre(8);
const SIZE = RULE.points.length;
/** A density whose logarithm lies so far below its peak is left out: together less than 1e-12 of everything. */
const NEGLIGIBLE = -32;
/** Panel width in standard deviations about a peak. */
const PANEL = 1.5;

/**
 * Probability of each arm that its success probability is the highest, without any drawing: the integral of its
 * density times the distribution functions of all others.
 *
 * Taken over the log-odds, where Beta densities are smooth at the ends too, in panels cut wherever some arm's density
 * bends, with an 8-point rule whose polynomial also gives the distribution functions at its points. Absolute error
 * below 1e-8 for parameters from 0.01 to 1e7; the sum is 1. About 60 us for four arms.
 */
export function bestProbabilities(arms: readonly BetaPosterior[]): number[] {
  if (arms.length < 2) return arms.map(() => 1);
  const edges = panelEdges(arms);
  const count = arms.length;
  const logScale = arms.map(({ alpha, beta }) => logBeta(alpha, beta));
  const below = new Float64Array(count);
  const best = new Float64Array(count);
  const densities = new Float64Array(count * SIZE);
  const distributions = new Float64Array(count);
  const others = new Float64Array(count);
  for (let panel = 0; panel + 1 < edges.length; panel += 1) {
    const half = ((edges[panel + 1] as number) - (edges[panel] as number)) / 2;
    const middle = (edges[panel] as number) + half;
    fillDensities(arms, logScale, middle, half, densities);
    for (let point = 0; point < SIZE; point += 1) {
      for (let arm = 0; arm < count; arm += 1) {
        const inPanel = half * weighted(RULE.upTo[point] as readonly number[], densities, arm);
        distributions[arm] = Math.max(0, (below[arm] as number) + inPanel);
      }
      productsOfOthers(distributions, others);
      const weight = half * (RULE.weights[point] as number);
      for (let arm = 0; arm < count; arm += 1) {
        const density = densities[arm * SIZE + point] as number;
        if (density > 0) best[arm] = (best[arm] as number) + weight * density * (others[arm] as number);
      }
    }
    for (let arm = 0; arm < count; arm += 1) {
      below[arm] = (below[arm] as number) + half * weighted(RULE.weights, densities, arm);
    }
  }
  const total = best.reduce((sum, value) => sum + value, 0);
  return Array.from(best, (value) => value / total);
}

/** Densities of the log-odds at the panel's points: x^alpha (1-x)^beta / B. */
function fillDensities(
  arms: readonly BetaPosterior[],
  logScale: readonly number[],
  middle: number,
  half: number,
  densities: Float64Array,
): void {
  for (let point = 0; point < SIZE; point += 1) {
    const logOdds = middle + half * (RULE.points[point] as number);
    const logX = -softplus(-logOdds);
    const logComplement = -softplus(logOdds);
    for (let arm = 0; arm < arms.length; arm += 1) {
      const { alpha, beta } = arms[arm] as BetaPosterior;
      const logDensity = alpha * logX + beta * logComplement - (logScale[arm] as number);
      densities[arm * SIZE + point] = logDensity < 2 * NEGLIGIBLE ? 0 : Math.exp(logDensity);
    }
  }
}

/** Sum of one arm's densities at the panel's points by weights. */
function weighted(weights: readonly number[], densities: Float64Array, arm: number): number {
  let sum = 0;
  for (let at = 0; at < SIZE; at += 1)
    sum += (weights[at] as number) * (densities[arm * SIZE + at] as number);
  return sum;
}

/** Of each value, the product of all others: those before it times those after it. */
function productsOfOthers(values: Float64Array, products: Float64Array): void {
  let before = 1;
  for (let index = 0; index < values.length; index += 1) {
    products[index] = before;
    before *= values[index] as number;
  }
  let after = 1;
  for (let index = values.length - 1; index >= 0; index -= 1) {
    products[index] = (products[index] as number) * after;
    after *= values[index] as number;
  }
}

/** ln(1 + e^x). */
function softplus(x: number): number {
  return x > 0 ? x + Math.log1p(Math.exp(-x)) : Math.log1p(Math.exp(x));
}

/**
 * Width over which an 8-point rule follows a density: by how it bends, (alpha + beta) x (1-x), which grows or shrinks by
 * up to e with each unit of log-odds, and in a tail by how fast it falls.
 */
function panelWidth(alpha: number, beta: number, logOdds: number): number {
  const x = 1 / (1 + Math.exp(-logOdds));
  const complement = 1 / (1 + Math.exp(logOdds));
  const bend = 1 / Math.sqrt((alpha + beta) * x * complement);
  if (bend < 1) return PANEL * bend;
  const slope = Math.abs(alpha * complement - beta * x);
  return Math.min(PANEL * (1 + 0.8 * Math.log(bend)), Math.max(PANEL, 2 / slope));
}

/** Where to cut: outwards from each arm's peak until nothing is left of its density. */
function panelEdges(arms: readonly BetaPosterior[]): number[] {
  const edges: number[] = [];
  let narrowest = Number.POSITIVE_INFINITY;
  for (const { alpha, beta } of arms) {
    invariant(
      alpha > 0 && beta > 0,
      `a Beta distribution needs parameters above 0, got ${alpha} and ${beta}`,
    );
    const peak = Math.log(alpha / beta);
    const deviation = Math.sqrt(1 / alpha + 1 / beta);
    narrowest = Math.min(narrowest, deviation);
    const logDensity = (logOdds: number) => -alpha * softplus(-logOdds) - beta * softplus(logOdds);
    const least = logDensity(peak) + NEGLIGIBLE;
    edges.push(peak);
    for (const side of [-1, 1]) {
      let at = peak;
      while (logDensity(at) > least) {
        at += side * panelWidth(alpha, beta, at);
        edges.push(at);
      }
    }
  }
  edges.sort((one, other) => one - other);
  // Cuts of several arms next to each other are one; the panel beside it grows by too little to matter.
  const kept = [edges[0] as number];
  for (const edge of edges) {
    if (edge - (kept.at(-1) as number) > 0.25 * narrowest) kept.push(edge);
  }
  return kept;
}
