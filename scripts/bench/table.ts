/** Lines up rows of text under their titles, the first column to the left and numbers to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const columns = Math.max(...rows.map((row) => row.length))
  const widths = Array.from({ length: columns }, (_, index) => Math.max(...rows.map((row) => (row[index] ?? '').length)))
  return rows
    .map((row) =>
      widths
        .map((width, index) => (index === 0 ? (row[index] ?? '').padEnd(width) : (row[index] ?? '').padStart(width)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** The middle one, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const high = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? high : ((sorted[middle - 1] ?? Number.NaN) + high) / 2
}

/** Measures every contender several times, in a different order each time. */
export async function inTurns<C, M>(contenders: readonly C[], runs: number, measure: (contender: C) => Promise<M>): Promise<Map<C, M[]>> {
  const results = new Map(contenders.map((contender) => [contender, [] as M[]]))
  for (let run = 0; run < runs; run++) {
    const first = run % contenders.length
    for (const contender of [...contenders.slice(first), ...contenders.slice(0, first)])
      results.get(contender)?.push(await measure(contender))
  }
  return results
}
