import { realpathSync } from 'node:fs'
import { createServer } from 'node:net'
import { basename, dirname, join } from 'node:path'
import { type Reading, read, unreadable } from '../verify/reading.ts'
import { claimSocket } from './socket.ts'

/** Holds a file for this process alone. */
export interface AuditLock {
  readonly release: () => Promise<void>
}

/** Of a socket (unix(7)). */
const MAX_PATH = 107

/** Symbolic links lead to the same file, and so to the same lock. */
function realPath(file: string): string {
  try {
    return realpathSync(file)
  } catch {
    return join(realpathSync(dirname(file)), basename(file))
  }
}

/**
 * A socket beside the file says that somebody writes it. It needs no cleaning up: when its process is gone nobody
 * answers there any more, whatever number the next process has.
 */
export async function lockAudit(file: string): Promise<Reading<AuditLock>> {
  const path = `${realPath(file)}.lock`
  if (Buffer.byteLength(path) > MAX_PATH)
    return unreadable(`${path} is longer than the ${MAX_PATH} bytes that the path of a socket may have`)
  const claimed = await claimSocket(path)
  if (!claimed.ok)
    return unreadable(claimed.problem.includes('in use') ? 'another process writes to it' : claimed.problem)
  const server = createServer((connection) => connection.destroy())
  server.unref()
  const { promise, resolve } = Promise.withResolvers<string | undefined>()
  server.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code ?? 'an error'))
  server.listen(path, () => resolve(undefined))
  const problem = await promise
  if (problem !== undefined) return unreadable(`${path} cannot be made: ${problem}`)
  return read({
    release: () => {
      const { promise: closed, resolve: done } = Promise.withResolvers<void>()
      server.close(() => done())
      return closed
    },
  })
}
