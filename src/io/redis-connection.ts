import { type Failure, readFailure } from './redis-failures.ts'
import type { OpenLink, RedisLink } from './redis-link.ts'

/** A link from the moment somebody wants one: it may not be there yet, or may never come. */
export interface RedisConnection {
  readonly link: () => RedisLink | undefined
  /** What keeps it from coming. */
  readonly trouble: () => Failure
  /** The same failure, or why there is no connection where it says only that there is none. */
  readonly explain: (failure: Failure) => Failure
  readonly close: () => void
}

/** Opens a link in the background; `ready` is called each time it can be used. */
export function connect(open: OpenLink, ready: () => void): RedisConnection {
  const lost: Failure = { cause: 'connection', code: undefined }
  let link: RedisLink | undefined
  let trouble = lost
  let closed = false
  const troubled = (error: unknown): void => {
    trouble = readFailure(error)
  }
  const opened = (connected: RedisLink): void => {
    link = connected
    if (closed) connected.close()
  }
  const hooks = {
    troubled,
    ready: () => {
      trouble = lost
      ready()
    },
  }
  open(hooks).then(opened, troubled)
  return {
    link: () => link,
    trouble: () => trouble,
    explain: (failure) => (failure.cause === 'connection' && failure.code === undefined ? trouble : failure),
    close: () => {
      closed = true
      link?.close()
    },
  }
}
