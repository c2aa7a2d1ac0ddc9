/** A rule for integrals over -1..1, with what integrates up to each of its points. */
export interface Quadrature {
  readonly points: readonly number[];
  readonly weights: readonly number[];
  /** Row i: weights of the integral from -1 to point i of the polynomial through all points. */
  readonly upTo: readonly (readonly number[])[];
}

/**
 * The Gauss-Legendre rule: exact for polynomials of degree up to 2 size - 1, the integrals up to a point for those of
 * degree up to size - 1.
 */
export function gaussLegendre(size: number): Quadrature {
  const points = Array.from({ length: size }, (_, index) => legendreZero(size, size - 1 - index));
  const weights = points.map((point) => {
    const slope = legendreSlope(size, point);
    return 2 / ((1 - point * point) * slope * slope);
  });
  // With f = sum of c_l P_l: c_l = (2l+1)/2 sum_j w_j f_j P_l(x_j), and the integral of P_l up to x is
  // (P_(l+1)(x) - P_(l-1)(x)) / (2l+1), of P_0 it is x + 1.
  const values = points.map((point) => legendre(size, point));
  const upTo = values.map((at, row) =>
    points.map((_, column) => {
      let sum = (points[row] as number) + 1;
      for (let degree = 1; degree < size; degree += 1) {
        const integral = (at[degree + 1] as number) - (at[degree - 1] as number);
        sum += integral * (values[column]?.[degree] as number);
      }
      return (sum * (weights[column] as number)) / 2;
    }),
  );
  return { points, weights, upTo };
}

/** P_0(x) to P_size(x). */
function legendre(size: number, x: number): number[] {
  const values = [1, x];
  for (let degree = 1; degree < size; degree += 1) {
    const [before, last] = [values[degree - 1] as number, values[degree] as number];
    values.push(((2 * degree + 1) * x * last - degree * before) / (degree + 1));
  }
  return values;
}

function legendreSlope(size: number, x: number): number {
  const values = legendre(size, x);
  return (size * (x * (values[size] as number) - (values[size - 1] as number))) / (x * x - 1);
}

/** The zeros of P_size from the largest down, by Newton's method. */
function legendreZero(size: number, index: number): number {
  let x = Math.cos((Math.PI * (index + 0.75)) / (size + 0.5));
  for (let step = 0; step < 10; step += 1) {
    x -= (legendre(size, x)[size] as number) / legendreSlope(size, x);
  }
  return x;
}
