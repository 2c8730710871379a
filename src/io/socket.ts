import { chmodSync, existsSync, lstatSync, unlinkSync } from 'node:fs'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import { type Reading, read, unreadable } from '../verify/reading.ts'

/** A path that is free for a Unix socket. */
export interface SocketClaim {
  /** Lets the group use the socket too (0660), once it exists. */
  readonly share: () => void
}

/** Removes a socket file that a dead process left behind; never another kind of file, never one somebody listens on. */
export async function claimSocket(path: string): Promise<Reading<SocketClaim>> {
  const share = (): void => chmodSync(path, 0o660)
  const kind = kindOf(path)
  if (kind === 'absent')
    return existsSync(dirname(path)) ? read({ share }) : unreadable(`${dirname(path)} does not exist; create it`)
  if (kind !== 'socket') return unreadable(`${path} exists and is not a socket`)
  if (await isAlive(path)) return unreadable(`${path} is in use by another process`)
  unlinkSync(path)
  return read({ share })
}

function kindOf(path: string): 'absent' | 'socket' | 'other' {
  try {
    return lstatSync(path).isSocket() ? 'socket' : 'other'
  } catch {
    return 'absent'
  }
}

/** Only a refusal proves that nobody listens: a socket may be full, of another kind, or not ours to connect to. */
function isAlive(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const probe = connect(path)
  probe.setTimeout(1000, () => resolve(true))
  probe.once('connect', () => resolve(true))
  probe.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code !== 'ECONNREFUSED'))
  return promise.finally(() => probe.destroy())
}
