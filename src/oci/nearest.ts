/** Insertions, deletions and replacements that turn one word into the other. */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let index = 0; index < a.length; index++) {
    const next = [index + 1]
    for (let column = 1; column <= b.length; column++) {
      const replaced = (row[column - 1] ?? 0) + (a[index] === b[column - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}

/** Words that are compared: a foreign list may be very long. */
const mostWords = 10_000

/** The words, of very many the first 10 000, those first that are spelled most like `word`; equally near ones keep their order. */
export function nearestFirst(word: string, words: readonly string[]): readonly string[] {
  return words
    .slice(0, mostWords)
    .map((candidate) => ({ candidate, distance: editDistance(word, candidate) }))
    .toSorted((a, b) => a.distance - b.distance)
    .map(({ candidate }) => candidate)
}
