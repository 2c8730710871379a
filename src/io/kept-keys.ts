import type { KeySearch } from '../ports.ts'
import { findKeys, type KeySet } from '../verify/key-set.ts'

export interface KeepOptions {
  /** Name of the server, for words. */
  readonly name: string
  /** A set serves for this time after it was last read, seconds. */
  readonly maxStale: number
  readonly monotonic: () => number
}

/** The last good set of one server and its age. A set that got too old is dropped like one that was flushed. */
export function keepSet({ name, maxStale, monotonic }: KeepOptions) {
  let set: KeySet | undefined
  let content = ''
  let known = false
  let generation = 0
  let readAt = Number.NEGATIVE_INFINITY
  const drop = (): void => {
    if (set !== undefined) generation += 1
    set = undefined
    content = ''
  }
  const usable = (): KeySet | undefined => {
    if (monotonic() - readAt > maxStale) drop()
    return set
  }
  return {
    /** Takes over a set, read so many seconds ago; `text` tells whether anything changed. */
    accept(keys: KeySet, text: string, age = 0): void {
      readAt = monotonic() - age
      known = true
      if (text === content) return
      set = keys
      content = text
      generation += 1
    },
    /** As if there had never been any. What was verified with it is not remembered any more either. */
    forget(): void {
      drop()
      known = false
    },
    search(kid: string | undefined, algorithm: string): KeySearch {
      const current = usable()
      if (!current) return { kind: 'unavailable', detail: `no keys of ${name} could be fetched` }
      return findKeys(current, kid, algorithm)
    },
    /** A set was there once, however old it is now. */
    get known() {
      return known
    },
    get generation() {
      usable()
      return generation
    },
    get size() {
      return usable()?.keys.length ?? 0
    },
  }
}
