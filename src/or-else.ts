/** What comes of it; when it throws, what was opened for it is closed first. */
export function orElse<T>(build: () => T, close: () => void): T {
  try {
    return build()
  } catch (error) {
    close()
    throw error
  }
}
