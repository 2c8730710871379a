import type { Places } from '../ports.ts'

/** So many places and no queue: whoever finds none is told so at once. */
export function buildPlaces(count: number): Places {
  let free = count
  return {
    take(places) {
      if (places > free) return false
      free -= places
      return true
    },
    release(places) {
      free += places
    },
  }
}
