/** Elapses after so many milliseconds, unless called off. */
export function timer(milliseconds: number) {
  const { promise, resolve } = Promise.withResolvers<void>()
  const handle = setTimeout(resolve, milliseconds)
  return { elapsed: promise, cancel: () => clearTimeout(handle) }
}
