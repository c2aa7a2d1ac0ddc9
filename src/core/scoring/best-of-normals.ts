/** Distribution function of the normal distribution from -REACH to REACH, by nearest step. */
const REACH = 6;
const STEPS_PER_UNIT = 256;
const NORMAL = normalTable();

/** Steps of the integration: few enough for the road; fewer where many are compared, whose shares are small. */
const STEPS = 24;
const STEPS_OF_MANY = 8;
const MANY = 16;
/** Deviations beyond which nothing is expected. */
const TAIL = 3.5;
const TAIL_OF_MANY = 2.5;
/** Where the largest is below a point with less than this probability, nothing below it is looked at. */
const NEGLIGIBLE = 0.002;

/** Values that can be compared at once. */
export const MOST_COMPARED = 256;

/** Room for one comparison at a time: of each value that has a chance, its place in the arrays that were handed in, */
const members = new Uint16Array(MOST_COMPARED);
/** where the upper end of the step is in the table, and how far a step goes there, */
const places = new Float64Array(MOST_COMPARED);
const strides = new Float64Array(MOST_COMPARED);
/** its distribution at the upper end of the step, */
const uppers = new Float64Array(MOST_COMPARED);
/** and its probability to be in the step, over that to be below the step's middle. */
const shares = new Float64Array(MOST_COMPARED);

/**
 * Probability of each of some independent normal values to be the largest, by integration over the region where the
 * largest can be, from the top down: P(i) = sum over the steps of (F_i(end) - F_i(begin)) prod_j!=i F_j(middle), with F_j in
 * the middle as the mean of both ends. Within 0.03 of the exact value; they add up to 1.
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
  const isMany = count > MANY;
  const tail = isMany ? TAIL_OF_MANY : TAIL;
  let low = Number.NEGATIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let index = 0; index < count; index += 1) {
    const mean = means[index] as number;
    const reach = tail * (deviations[index] as number);
    low = Math.max(low, mean - reach);
    high = Math.max(high, mean + reach);
  }
  const steps = isMany ? STEPS_OF_MANY : STEPS;
  const width = (high - low) / steps;
  let hopeful = 0;
  for (let index = 0; index < count; index += 1) {
    out[index] = 0;
    const mean = means[index] as number;
    const deviation = deviations[index] as number;
    // Nothing is expected of it above the worst that is expected of the best.
    if (mean + tail * deviation <= low) continue;
    const scale = STEPS_PER_UNIT / deviation;
    const place = (high - mean) * scale + REACH * STEPS_PER_UNIT;
    members[hopeful] = index;
    places[hopeful] = place;
    strides[hopeful] = width * scale;
    uppers[hopeful] = distributionAt(place);
    hopeful += 1;
  }
  let sum = 0;
  for (let step = 0; step < steps; step += 1) {
    let belowMiddle = 1;
    let below = 1;
    for (let at = 0; at < hopeful; at += 1) {
      const place = (places[at] as number) - (strides[at] as number);
      const upper = uppers[at] as number;
      const lower = distributionAt(place);
      const middle = (upper + lower) / 2;
      places[at] = place;
      uppers[at] = lower;
      shares[at] = middle > 0 ? (upper - lower) / middle : 0;
      belowMiddle *= middle;
      below *= lower;
    }
    for (let at = 0; at < hopeful; at += 1) {
      const probability = (shares[at] as number) * belowMiddle;
      (out[members[at] as number] as number) += probability;
      sum += probability;
    }
    if (below < NEGLIGIBLE) break;
  }
  for (let index = 0; index < count; index += 1) out[index] = (out[index] as number) / sum;
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
