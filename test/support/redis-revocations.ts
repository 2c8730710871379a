import { createHash, randomUUID } from 'node:crypto'
import { onTestFinished, vi } from 'vitest'
import { readRedis, redisPlace } from '../../src/config-stores.ts'
import { prepareLink } from '../../src/io/redis-link.ts'
import {
  followRevocations,
  type SharedRevocationEvent,
  type SharedRevocationOptions,
  type SharedRevocations,
} from '../../src/io/redis-revocations.ts'
import { revocationScript } from '../../src/io/revocation-script.ts'
import type { RevocableToken, Revocation } from '../../src/verify/deny-list.ts'

/** Where the tests' list lies. */
export const STEM = 'envoy-fapi:{rtest}'

export const digest = (text: string): string => createHash('sha256').update(text).digest('base64url')

/** An entry for one token identifier. */
export const revoked = (jti: string, until = 0): Revocation => ({ key: `j${digest(jti)}`, before: 0, until })

/** As much of a token as such entries are about. */
export const tokenOf = (jti: string): RevocableToken => ({
  ...{ raw: 'opaque', tokenId: jti, subject: 's', clientId: 'c', issuedAt: 0, cnf: undefined, claims: {} },
})

/** One replica's list. */
export interface Follower {
  readonly list: SharedRevocations
  readonly events: readonly SharedRevocationEvent[]
  /** Sets this replica's clocks ahead by so many seconds. */
  readonly step: (seconds: number) => void
  readonly knows: (jti: string) => boolean
  /** Waits until it says so. */
  readonly until: (what: () => boolean) => Promise<void>
}

/** Follows a list as the service does, until the test ends. */
export function follow(place: unknown, more: Partial<SharedRevocationOptions> = {}): Follower {
  const store = readRedis(redisPlace.parse(place))
  const open = prepareLink({ ...store, timeout: 5 }, revocationScript)
  if (!open.ok) throw new Error(open.problem)
  const events: SharedRevocationEvent[] = []
  let offset = 0
  const list = followRevocations({
    open: open.value,
    stem: STEM,
    maxEntries: 1000,
    maxStale: 30,
    inherited: [],
    epoch: randomUUID,
    wall: () => Date.now() / 1000 + offset,
    monotonic: () => performance.now() / 1000 + offset,
    observe: (event) => void events.push(event),
    ...more,
  })
  onTestFinished(() => list.close())
  return {
    list,
    events,
    step: (seconds) => {
      offset += seconds
    },
    knows: (jti) => list.find(tokenOf(jti), Date.now() / 1000 + offset) !== undefined,
    until: (what) =>
      vi.waitFor(
        () => {
          if (!what()) throw new Error(`it does not come: ${list.trouble()}, ${JSON.stringify(events)}`)
        },
        { timeout: 10_000, interval: 10 },
      ),
  }
}
