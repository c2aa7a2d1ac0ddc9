import { invariant } from '../invariant.ts';
import { polynomial } from './polynomial.ts';

/** 1/sqrt(2 pi). */
const DENSITY_AT_ZERO = 0.3989422804014327;

/**
 * Rational approximations of W. J. Cody, Rational Chebyshev Approximations for the Error Function, Math. Comp. 23
 * (1969), in the form for the normal distribution; coefficients begin with the constant one.
 */
const CENTRE = {
  above: [18154.98125334356, 1067.6894854603709, 161.02823106855587, 2.2352520354606837, 0.06568233791820745],
  below: [45507.78933502673, 10260.932208618979, 976.0985517377767, 47.202581904688245, 1],
} as const;
const MIDDLE = {
  above: [
    9842.714838383978, 11602.65143764735, 6848.190450536283, 2494.5375852903726, 597.2702763948002,
    93.50665613217785, 8.883149794388377, 0.39894151208813466, 1.0765576773720192e-8,
  ],
  below: [
    19685.429676859992, 38912.00328609327, 34900.95272114598, 18615.571640885097, 6485.558298266761,
    1519.3775994075547, 235.387901782625, 22.266688044328117, 1,
  ],
} as const;
const TAIL = {
  above: [
    0.000029112874951168793, 0.0014216191932278934, 0.022235277870649807, 0.12740116116024736,
    0.215898534057957, 0.023073441764940174,
  ],
  below: [
    0.00007297515550839662, 0.0037823963320275824, 0.06598813786892856, 0.4682382124808651, 1.284260096144911,
    1,
  ],
} as const;
const CENTRE_TO = 0.67448975;
const MIDDLE_TO = Math.sqrt(32);

/** Density of the standard normal distribution. */
export function normalDensity(x: number): number {
  return DENSITY_AT_ZERO * gauss(x);
}

/** P(Z <= x) of a standard normal Z. Relative error below 1e-14, also in the far lower tail. */
export function normalCdf(x: number): number {
  return normalSurvival(-x);
}

/** P(Z > x) of a standard normal Z. Relative error below 1e-14, also in the far upper tail. */
export function normalSurvival(x: number): number {
  if (Math.abs(x) <= CENTRE_TO) return 0.5 - centre(x);
  return x > 0 ? gauss(x) * ratio(x) : 1 - gauss(x) * ratio(-x);
}

/** ln P(Z > x), for tails below what a number holds. */
export function logNormalSurvival(x: number): number {
  if (x <= CENTRE_TO) return Math.log1p(-normalCdf(x));
  return -0.5 * x * x + Math.log(ratio(x));
}

/** The error function: 2/sqrt(pi) times the integral of e^(-t^2) from 0 to x. */
export function erf(x: number): number {
  const scaled = x * Math.SQRT2;
  return Math.abs(scaled) <= CENTRE_TO ? 2 * centre(scaled) : 1 - 2 * normalSurvival(scaled);
}

/** 1 - erf(x), relative error below 1e-12 also in the far upper tail. */
export function erfc(x: number): number {
  return 2 * normalSurvival(x * Math.SQRT2);
}

/** P(0 < Z <= x) about the centre. */
function centre(x: number): number {
  const square = x * x;
  return (x * polynomial(CENTRE.above, square)) / polynomial(CENTRE.below, square);
}

/** P(Z > x) / e^(-x^2/2), for x above the centre. */
function ratio(x: number): number {
  if (x <= MIDDLE_TO) return polynomial(MIDDLE.above, x) / polynomial(MIDDLE.below, x);
  const inverse = 1 / (x * x);
  const correction = (inverse * polynomial(TAIL.above, inverse)) / polynomial(TAIL.below, inverse);
  return (DENSITY_AT_ZERO - correction) / x;
}

/** e^(-x^2/2). The square is taken in two parts, the first one exact: its rounding would be seen in the tail. */
function gauss(x: number): number {
  const size = Math.abs(x);
  if (size > 40) return 0;
  const coarse = Math.trunc(size * 16) / 16;
  return Math.exp(-0.5 * coarse * coarse) * Math.exp(-0.5 * (size - coarse) * (size + coarse));
}

/**
 * Rational approximations of M. J. Wichura, Algorithm AS 241, Applied Statistics 37 (1988), PPND16; coefficients
 * begin with the constant one.
 */
const QUANTILE_CENTRE = {
  above: [
    3.3871328727963665, 133.14166789178438, 1971.5909503065513, 13731.69376550946, 45921.95393154987,
    67265.7709270087, 33430.57558358813, 2509.0809287301227,
  ],
  below: [
    1, 42.31333070160091, 687.1870074920579, 5394.196021424751, 21213.794301586597, 39307.89580009271,
    28729.085735721943, 5226.495278852854,
  ],
} as const;
const QUANTILE_MIDDLE = {
  above: [
    1.4234371107496835, 4.630337846156546, 5.769497221460691, 3.6478483247632045, 1.2704582524523684,
    0.2417807251774506, 0.022723844989269184, 0.0007745450142783414,
  ],
  below: [
    1, 2.053191626637759, 1.6763848301838038, 0.6897673349851, 0.14810397642748008, 0.015198666563616457,
    0.0005475938084995345, 1.0507500716444169e-9,
  ],
} as const;
const QUANTILE_TAIL = {
  above: [
    6.657904643501103, 5.463784911164114, 1.7848265399172913, 0.29656057182850487, 0.026532189526576124,
    0.0012426609473880784, 0.000027115555687434876, 2.0103343992922881e-7,
  ],
  below: [
    1, 0.599832206555888, 0.1369298809227358, 0.014875361290850615, 0.0007868691311456133,
    0.000018463183175100548, 1.421511758316446e-7, 2.0442631033899397e-15,
  ],
} as const;

/**
 * The value that a standard normal variable stays at or below with a probability. Relative error below 1e-14. For an
 * upper tail take `-normalQuantile(tail)`: 1 minus a tail has lost its digits.
 * @param probability 0 to 1; the ends give the infinities
 */
export function normalQuantile(probability: number): number {
  invariant(probability >= 0 && probability <= 1, `a probability is 0 to 1, got ${probability}`);
  const fromHalf = probability - 0.5;
  if (Math.abs(fromHalf) <= 0.425) {
    const at = 0.180625 - fromHalf * fromHalf;
    return (fromHalf * polynomial(QUANTILE_CENTRE.above, at)) / polynomial(QUANTILE_CENTRE.below, at);
  }
  const tail = Math.min(probability, 1 - probability);
  if (tail === 0) return fromHalf < 0 ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  const depth = Math.sqrt(-Math.log(tail));
  const { above, below } = depth <= 5 ? QUANTILE_MIDDLE : QUANTILE_TAIL;
  const at = depth - (depth <= 5 ? 1.6 : 5);
  return Math.sign(fromHalf) * (polynomial(above, at) / polynomial(below, at));
}
