/** A clock that stands still until it is moved; seconds. */
export function stillClock(start = 1000) {
  let now = start
  const pass = (seconds: number): void => {
    now += seconds
  }
  return { monotonic: () => now, pass }
}
