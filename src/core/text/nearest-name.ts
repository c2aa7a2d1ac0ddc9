/**
 * What was probably meant: the known name at an edit distance of at most 2 (1 for names of up to 4 letters), or null.
 */
export function nearestName(name: string, known: readonly string[]): string | null {
  if (name.length > 40) return null;
  let best: string | null = null;
  let bestDistance = name.length <= 4 ? 2 : 3;
  const word = name.toLowerCase();
  for (const candidate of known) {
    const other = candidate.toLowerCase();
    // Each edit makes a word longer by one letter at most: most names need not be looked into.
    if (Math.abs(word.length - other.length) >= bestDistance) continue;
    const distance = editDistance(word, other);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Levenshtein distance in which two neighbouring letters swapped count as one edit (optimal string alignment). */
function editDistance(left: string, right: string): number {
  let before: readonly number[] = [];
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= right.length; column += 1) {
      const substitution = (previous[column - 1] ?? 0) + (left[row - 1] === right[column - 1] ? 0 : 1);
      const swapped = left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1];
      const swap = row > 1 && column > 1 && swapped ? (before[column - 2] ?? 0) + 1 : substitution;
      current.push(Math.min((previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1, substitution, swap));
    }
    before = previous;
    previous = current;
  }
  return previous[right.length] ?? 0;
}
