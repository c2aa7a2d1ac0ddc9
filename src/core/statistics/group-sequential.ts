import { invariant } from '../invariant.ts';
import { normalCdf, normalDensity, normalQuantile, normalSurvival } from './normal.ts';
import { gaussLegendre } from './quadrature.ts';

/** O'Brien and Fleming's is hard to cross early and nearly free at the end; Pocock's is as hard at every look. */
export type BoundaryShape = 'o_brien_fleming' | 'pocock';

/** Chance of crossing first at one look. */
export interface Crossing {
  readonly upper: number;
  readonly lower: number;
}

/**
 * Critical values of |z| for looks planned at equal steps, two-sided: at look k of K, c sqrt(K/k) (O'Brien and
 * Fleming, 1979) or c (Pocock, 1977), with c such that all looks together have error alpha.
 */
export function groupSequentialBoundaries(looks: number, shape: BoundaryShape, alpha = 0.05): number[] {
  invariant(Number.isInteger(looks) && looks >= 1, `a number of looks is 1 or more, got ${looks}`);
  const fractions = Array.from({ length: looks }, (_, look) => (look + 1) / looks);
  const boundaries = (last: number) =>
    fractions.map((fraction) => (shape === 'pocock' ? last : last / Math.sqrt(fraction)));
  // One look needs the single-look value; with more looks Bonferroni's is enough.
  let low = -normalQuantile(alpha / 2);
  let high = -normalQuantile(alpha / 2 / looks) + 1e-9;
  while (high - low > 1e-10) {
    const middle = (low + high) / 2;
    const total = crossingProbabilities(fractions, boundaries(middle)).reduce(
      (sum, crossing) => sum + crossing.upper + crossing.lower,
      0,
    );
    if (total > alpha) low = middle;
    else high = middle;
  }
  return boundaries((low + high) / 2);
}

/**
 * Error that one side has spent when a fraction of the planned information is in (Lan and DeMets, 1983):
 * 2 - 2 Phi(z_(1-alpha/2) / sqrt(t)), like O'Brien and Fleming, or alpha ln(1 + (e-1) t), like Pocock.
 * @param alpha of this side
 * @param fraction clipped to 0..1
 */
export function spentAlpha(fraction: number, shape: BoundaryShape, alpha: number): number {
  if (fraction <= 0) return 0;
  if (fraction >= 1) return alpha;
  return shape === 'pocock'
    ? alpha * Math.log1p((Math.E - 1) * fraction)
    : 2 * normalSurvival(-normalQuantile(alpha / 2) / Math.sqrt(fraction));
}

/**
 * Critical values of |z| for looks at any fractions of the planned information, by alpha spending; two-sided, each
 * side spends alpha/2. Earlier values do not change when further looks are added.
 * @param fractions rising, above 0, at most 1
 */
export function spendingBoundaries(
  fractions: readonly number[],
  shape: BoundaryShape,
  alpha = 0.05,
): number[] {
  checkFractions(fractions);
  const boundaries: number[] = [];
  let walk: Walk | null = null;
  let spent = 0;
  for (let look = 0; look < fractions.length; look += 1) {
    const fraction = fractions[look] as number;
    const allowed = spentAlpha(fraction, shape, alpha / 2);
    const boundary = boundaryFor(walk, fraction, allowed - spent);
    boundaries.push(boundary);
    spent = allowed;
    walk = step(walk, fraction, boundary, fractions[look + 1] ?? 1, 0);
  }
  return boundaries;
}

/**
 * Chance of crossing +-boundary first at each look, of a process that is Brownian motion in the information, which is
 * what the z of a growing sample is nearly: by integration over where it stands at each look (Armitage, McPherson and
 * Rowe, 1969). Absolute error below 1e-9.
 * @param fractions of the planned information, rising, above 0
 * @param boundaries of |z| at each look
 * @param drift expected z at fraction 1: the true effect over its final standard error
 */
export function crossingProbabilities(
  fractions: readonly number[],
  boundaries: readonly number[],
  drift = 0,
): Crossing[] {
  checkFractions(fractions);
  let walk: Walk | null = null;
  return fractions.map((fraction, look) => {
    const boundary = boundaries[look] ?? Number.POSITIVE_INFINITY;
    const crossing = crossingFrom(walk, fraction, boundary, drift);
    walk = step(walk, fraction, boundary, fractions[look + 1] ?? fraction, drift);
    return crossing;
  });
}

/** Where the process may stand at a look without having crossed: points of its value and the chance at each. */
interface Walk {
  readonly fraction: number;
  readonly points: Float64Array;
  readonly chances: Float64Array;
}

const RULE = gaussLegendre(8);
/** Beyond so many standard deviations nothing is left. */
const FAR = 9;

function crossingFrom(walk: Walk | null, fraction: number, boundary: number, drift: number): Crossing {
  const edge = boundary * Math.sqrt(fraction);
  if (walk === null) {
    const spread = Math.sqrt(fraction);
    return {
      upper: normalSurvival((edge - drift * fraction) / spread),
      lower: normalCdf((-edge - drift * fraction) / spread),
    };
  }
  const spread = Math.sqrt(fraction - walk.fraction);
  const shift = drift * (fraction - walk.fraction);
  let upper = 0;
  let lower = 0;
  for (let index = 0; index < walk.points.length; index += 1) {
    const from = (walk.points[index] as number) + shift;
    const chance = walk.chances[index] as number;
    upper += chance * normalSurvival((edge - from) / spread);
    lower += chance * normalCdf((-edge - from) / spread);
  }
  return { upper, lower };
}

/** The walk one look on. Panels are as narrow as the finer of the steps before and after it. */
function step(walk: Walk | null, fraction: number, boundary: number, next: number, drift: number): Walk {
  const spread = Math.sqrt(fraction - (walk?.fraction ?? 0));
  const centre = drift * fraction;
  const reach = FAR * Math.sqrt(fraction);
  const edge = boundary * Math.sqrt(fraction);
  const from = Math.max(-edge, centre - reach);
  const to = Math.min(edge, centre + reach);
  const finest = next > fraction ? Math.min(spread, Math.sqrt(next - fraction)) : spread;
  const panels = Math.max(1, Math.ceil((to - from) / (1.5 * finest)));
  const half = Math.max(0, to - from) / panels / 2;
  const size = RULE.points.length;
  const points = new Float64Array(panels * size);
  const chances = new Float64Array(panels * size);
  for (let index = 0; index < points.length; index += 1) {
    const panel = Math.floor(index / size);
    const point = from + half * (2 * panel + 1 + (RULE.points[index % size] as number));
    points[index] = point;
    const density = densityAt(walk, point, spread, drift * (fraction - (walk?.fraction ?? 0)));
    chances[index] = half * (RULE.weights[index % size] as number) * density;
  }
  return { fraction, points, chances };
}

function densityAt(walk: Walk | null, point: number, spread: number, shift: number): number {
  if (walk === null) return normalDensity((point - shift) / spread) / spread;
  let sum = 0;
  for (let index = 0; index < walk.points.length; index += 1) {
    const distance = (point - (walk.points[index] as number) - shift) / spread;
    sum += (walk.chances[index] as number) * normalDensity(distance);
  }
  return sum / spread;
}

/** The |z| that one side crosses first at this look with the chance given; infinite when that is nothing. */
function boundaryFor(walk: Walk | null, fraction: number, chance: number): number {
  if (!(chance > 0)) return Number.POSITIVE_INFINITY;
  if (walk === null) return -normalQuantile(chance);
  let low = 0;
  let high = 40;
  while (high - low > 1e-10) {
    const middle = (low + high) / 2;
    if (crossingFrom(walk, fraction, middle, 0).upper > chance) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

function checkFractions(fractions: readonly number[]): void {
  fractions.forEach((fraction, look) => {
    invariant(fraction > (fractions[look - 1] ?? 0), `information must grow, got ${fractions.join(', ')}`);
  });
}
