/** Distribution function of the normal distribution from -REACH to REACH, by nearest step. */
const REACH = 6;
const STEPS_PER_UNIT = 256;
const NORMAL = normalTable();

/** Steps of the integration: few enough for the road; fewer where many are compared, whose shares are small. */
const STEPS = 24;
const STEPS_OF_MANY = 8;
const MANY = 16;
const EDGES = STEPS + 1;
/** Deviations beyond which nothing is expected. */
const TAIL = 3.5;

/** Values that can be compared at once. */
export const MOST_COMPARED = 256;

const distributions = new Float64Array(MOST_COMPARED * EDGES);
const products = new Float64Array(STEPS);

/**
 * Probability of each of some independent normal values to be the largest, by integration over the region where the
 * largest can be: P(i) = sum over the steps of (F_i(end) - F_i(begin)) prod_j!=i F_j(middle), with F_j in the middle as
 * the mean of both ends. Within 0.03 of the exact value; they add up to 1.
 * @param means one per value
 * @param deviations standard deviations, above 0
 * @param count values that are looked at, 1 to {@link MOST_COMPARED}; the rest of the arrays is not
 * @param out where the probabilities go
 */
export function bestOfNormals(
  means: Float64Array,
  deviations: Float64Array,
  count: number,
  out: Float64Array,
): void {
  let low = Number.NEGATIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let index = 0; index < count; index += 1) {
    const mean = means[index] as number;
    const reach = TAIL * (deviations[index] as number);
    low = Math.max(low, mean - reach);
    high = Math.max(high, mean + reach);
  }
  const steps = count > MANY ? STEPS_OF_MANY : STEPS;
  const width = (high - low) / steps;
  products.fill(1);
  for (let index = 0; index < count; index += 1) {
    if (isHopeless(means, deviations, index, low)) continue;
    const scale = STEPS_PER_UNIT / (deviations[index] as number);
    const row = index * EDGES;
    let place = (low - (means[index] as number)) * scale + REACH * STEPS_PER_UNIT;
    let before = distributionAt(place);
    distributions[row] = before;
    for (let step = 0; step < steps; step += 1) {
      place += width * scale;
      const after = distributionAt(place);
      distributions[row + step + 1] = after;
      (products[step] as number) *= (before + after) / 2;
      before = after;
    }
  }
  let sum = 0;
  for (let index = 0; index < count; index += 1) {
    if (isHopeless(means, deviations, index, low)) {
      out[index] = 0;
      continue;
    }
    const row = index * EDGES;
    let probability = 0;
    let before = distributions[row] as number;
    for (let step = 0; step < steps; step += 1) {
      const after = distributions[row + step + 1] as number;
      // The others' product: everybody's without its own.
      if (after > before)
        probability += ((after - before) * 2 * (products[step] as number)) / (before + after);
      before = after;
    }
    out[index] = probability;
    sum += probability;
  }
  for (let index = 0; index < count; index += 1) out[index] = (out[index] as number) / sum;
}

/** Whether nothing is expected of it above the worst that is expected of the best. */
function isHopeless(means: Float64Array, deviations: Float64Array, index: number, low: number): boolean {
  return (means[index] as number) + TAIL * (deviations[index] as number) <= low;
}

function distributionAt(place: number): number {
  if (place <= 0) return 0;
  return place >= NORMAL.length - 1 ? 1 : (NORMAL[(place + 0.5) | 0] as number);
}

/** By summing the density with Simpson's rule from the middle outwards. */
function normalTable(): Float64Array {
  const middle = REACH * STEPS_PER_UNIT;
  const table = new Float64Array(2 * middle + 1);
  table[middle] = 0.5;
  const density = (at: number): number => Math.exp((-at * at) / 2) / Math.sqrt(2 * Math.PI);
  const width = 1 / STEPS_PER_UNIT;
  for (let step = 1; step <= middle; step += 1) {
    const end = step * width;
    const area = (density(end - width) + 4 * density(end - width / 2) + density(end)) * (width / 6);
    const above = (table[middle + step - 1] as number) + area;
    table[middle + step] = above;
    table[middle - step] = 1 - above;
  }
  return table;
}
