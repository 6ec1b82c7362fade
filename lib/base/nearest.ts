/** The known word that is most similar to the given one. Undefined if none is similar. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const best = closest(word, known);
  return editDistance(word, best) <= Math.max(2, Math.floor(word.length / 3)) ? best : undefined;
}

/** The known word with the smallest edit distance. Needs at least one word. */
export function closest(word: string, known: readonly string[]): string {
  return known.reduce((best, other) => editDistance(word, other) < editDistance(word, best) ? other : best);
}

/** The Levenshtein distance between two words, ignoring case. */
function editDistance(word: string, other: string): number {
  const [a, b] = [word.toLowerCase().slice(0, 64), other.toLowerCase()];
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length];
}
