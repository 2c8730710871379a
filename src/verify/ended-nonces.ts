/** Seconds for which a nonce that ended is told from one that never was ours, and how many steps that may be at the most. */
const REMEMBERED = 86_400
const MAX_STEPS = 1440
/** Nonces worked out again for one request, for steps in which nobody asked for any. */
const MAX_WORK = 128

/**
 * Nonces of one origin that are not accepted any more. Nobody gets in with one, nor without; it only tells a client that
 * comes back after hours from somebody who made a nonce up.
 */
export class EndedNonces {
  readonly #step: number
  readonly #make: (count: number) => readonly string[]
  readonly #bySteps = new Map<number, ReadonlySet<string>>()

  /** `make` gives the nonces of a step, one for each secret. */
  constructor(step: number, make: (count: number) => readonly string[]) {
    this.#step = step
    this.#make = make
  }

  /** The nonces of a step, which were worked out anyway. */
  remember(count: number, nonces: readonly string[]): void {
    this.#bySteps.set(count, new Set(nonces))
    const [oldest] = this.#bySteps.keys()
    if (this.#bySteps.size > MAX_STEPS && oldest !== undefined) this.#bySteps.delete(oldest)
  }

  /** Whether it is one of a step up to `newest`, within the last day. */
  has(nonce: string, newest: number): boolean {
    const steps = Math.min(MAX_STEPS, Math.ceil(REMEMBERED / this.#step))
    let work = 0
    for (let count = newest; count > newest - steps; count -= 1) {
      if (!this.#bySteps.has(count)) {
        if (work >= MAX_WORK) continue
        const made = this.#make(count)
        work += made.length
        this.remember(count, made)
      }
      if (this.#bySteps.get(count)?.has(nonce)) return true
    }
    return false
  }
}
