/** When a breaker opens and how long it stays so. Seconds. */
export interface BreakerOptions {
  /** Failures in a row after which nothing is tried any more. */
  readonly failures: number
  /** Time after which one call may try again. */
  readonly pause: number
  readonly monotonic: () => number
}

/** Every call that was admitted has to say how it ended, or that it did not try at all. */
export interface Breaker {
  readonly admits: () => boolean
  readonly succeeded: () => void
  readonly failed: () => void
  /** Opens at once: the cause is known and will not pass by itself. */
  readonly trip: () => void
  readonly open: boolean
}

/**
 * Spares a dependency that fails, and whoever would wait for it: after some failures in a row calls are refused without
 * being made, except one per pause that finds out whether it works again.
 */
export function buildBreaker({ failures, pause, monotonic }: BreakerOptions): Breaker {
  let inARow = 0
  /** When the next trial may be made; undefined while closed. */
  let trialAt: number | undefined
  const trip = (): void => {
    trialAt = monotonic() + pause
  }
  return {
    admits() {
      if (trialAt === undefined) return true
      if (monotonic() < trialAt) return false
      // Whoever comes while the trial is under way waits for its outcome, or for the next pause.
      trip()
      return true
    },
    succeeded() {
      inARow = 0
      trialAt = undefined
    },
    failed() {
      inARow += 1
      if (inARow >= failures) trip()
    },
    trip,
    get open() {
      return trialAt !== undefined
    },
  }
}
