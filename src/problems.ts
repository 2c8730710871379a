/** What is wrong with a configuration, in the operator's words. */
export interface Problem {
  /** Keys and indexes from the top of the document. */
  readonly path: readonly (string | number)[]
  readonly message: string
}

/** The known name nearest to a misspelled one, when one is near enough to be meant. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const short = name.slice(0, 64)
  const ranked = known
    .map((candidate) => ({ candidate, distance: distance(short.toLowerCase(), candidate.toLowerCase()) }))
    .sort((left, right) => left.distance - right.distance)
  const [best] = ranked
  return best && best.distance <= Math.max(2, Math.floor(short.length / 3)) ? best.candidate : undefined
}

/** Levenshtein distance; names are short, longer ones are cut. */
function distance(a: string, right: string): number {
  const b = right.slice(0, 64)
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= b.length; j += 1)
      next.push(
        Math.min((next[j - 1] ?? 0) + 1, (row[j] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)),
      )
    row = next
  }
  return row[b.length] ?? 0
}
