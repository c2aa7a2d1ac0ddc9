/** Value of a polynomial whose coefficients begin with the constant one. */
export function polynomial(coefficients: readonly number[], at: number): number {
  let value = 0;
  for (let index = coefficients.length - 1; index >= 0; index -= 1) {
    value = value * at + (coefficients[index] as number);
  }
  return value;
}
