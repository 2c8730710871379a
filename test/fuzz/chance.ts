/** Repeatable chance: the same seed gives the same run. */
export interface Chance {
  /** A whole number from 0 to below `limit`. */
  readonly below: (limit: number) => number
  readonly pick: <T>(items: readonly T[]) => T
  readonly coin: (probability: number) => boolean
  /** Up to `length` characters of all kinds, each one byte. */
  readonly text: (length: number) => string
}

export function chanceOf(seed: number): Chance {
  let state = seed | 0
  // A small mixing generator; quality matters little, repeatability much.
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (limit: number): number => Math.floor(next() * limit)
  return {
    below,
    coin: (probability) => next() < probability,
    pick: <T>(items: readonly T[]): T => {
      if (items.length === 0) throw new Error('nothing to pick from')
      // Within the list, though the item may itself be undefined.
      return items[below(items.length)] as T
    },
    text: (length) =>
      Array.from({ length: below(length + 1) }, () =>
        String.fromCharCode(next() < 0.8 ? 0x20 + below(0x5f) : below(256)),
      ).join(''),
  }
}
