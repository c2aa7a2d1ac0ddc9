/**
 * The word of a closed list that a misspelt one was probably meant to be, for "did you mean".
 * @returns null when none is close: more than a third of the letters, rounded up, differ
 */
export function nearestWord(word: string, known: Iterable<string>): string | null {
  if (word.length === 0 || word.length > 64) return null;
  let best: string | null = null;
  let bestDistance = Math.ceil(word.length / 3) + 1;
  for (const candidate of known) {
    // Case is the commonest slip: "de" for "DE".
    const distance =
      candidate.toLowerCase() === word.toLowerCase() ? 0 : editDistance(word, candidate, bestDistance);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/**
 * Insertions, deletions and substitutions from one word to the other (Levenshtein); `limit` when not below
 * it.
 */
function editDistance(from: string, to: string, limit: number): number {
  if (Math.abs(from.length - to.length) >= limit) return limit;
  let previous = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const substitution = (previous[column - 1] ?? 0) + (from[row - 1] === to[column - 1] ? 0 : 1);
      const gap = Math.min(previous[column] ?? 0, current[column - 1] ?? 0) + 1;
      current.push(Math.min(substitution, gap));
    }
    previous = current;
  }
  return Math.min(previous[to.length] ?? limit, limit);
}
