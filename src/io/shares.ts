/** How many places there are, how many of them are given to whoever comes first, and how many of the others to each. */
export interface ShareOptions {
  readonly places: number
  readonly free: number
  readonly each: number
}

/**
 * Places for work that many callers want done. While there is plenty everybody gets one; the last ones are only for
 * callers that hold few, so that one who wants all of them cannot keep the others out. What is kept is as much as there
 * are places.
 */
export function buildShares({ places, free, each }: ShareOptions) {
  const held = new Map<string, number>()
  let taken = 0
  return {
    /** Undefined when there is no place for this caller now; else what gives it back, to be called once. */
    take(caller: string): (() => void) | undefined {
      const own = held.get(caller) ?? 0
      if (taken >= places || (taken >= free && own >= each)) return undefined
      taken += 1
      held.set(caller, own + 1)
      return () => {
        taken -= 1
        const left = (held.get(caller) ?? 0) - 1
        if (left > 0) held.set(caller, left)
        else held.delete(caller)
      }
    },
  }
}
