import { buildDenyList, type RevocableToken, type Revocation, type RevocationKind } from '../verify/deny-list.ts'
import { connect } from './redis-connection.ts'
import { type Failure, readFailure, unreachable } from './redis-failures.ts'
import type { OpenLink } from './redis-link.ts'
import { type RevocationReply, readRevocationReply } from './revocation-reply.ts'
import { BATCH } from './revocation-script.ts'

/** What a shared deny list needs to know. Seconds unless said otherwise. */
export interface SharedRevocationOptions {
  readonly open: OpenLink
  /** Beginning of the keys, with the issuer in it: nobody else's revocations count. */
  readonly stem: string
  readonly maxEntries: number
  /** How old the news may be. */
  readonly maxStale: number
  /** What is known from elsewhere, and may not be in this Redis yet. */
  readonly inherited: readonly Revocation[]
  /** Names a list that does not exist yet. */
  readonly epoch: () => string
  readonly wall: () => number
  readonly monotonic: () => number
  readonly observe: (event: SharedRevocationEvent) => void
}

/** What a list tells. `down` and `up` come once per change; `refilled` when Redis may have lost entries. */
export type SharedRevocationEvent =
  | { readonly kind: 'down'; readonly failure: Failure }
  | { readonly kind: 'up' }
  | { readonly kind: 'refilled'; readonly entries: number }

/** The revocations that all replicas share, as this one knows them. */
export interface SharedRevocations {
  readonly find: (token: RevocableToken, now: number) => RevocationKind | undefined
  /** All that was revoked until `maxStale` ago is known. */
  readonly current: boolean
  /** Seconds since the moment up to which everything is known; infinite before the first. */
  readonly age: number
  readonly size: number
  readonly entries: () => Iterable<Revocation>
  readonly trouble: () => Failure['cause'] | 'unasked' | undefined
  /** Stored means: Redis has it, and every replica will learn of it. It may be asked again whatever the answer. */
  readonly push: (entries: readonly Revocation[]) => Promise<'stored' | 'full' | 'unavailable'>
  /** Takes over at once what is known from elsewhere; Redis is told at the next look. */
  readonly inherit: (entries: Iterable<Revocation>) => void
  readonly close: () => void
}

/** Milliseconds between two looks at the changes. */
const LOOK = 250
/** Seconds between two times that ended entries are let go. */
const PRUNE = 60
/** Looks in a row while there is more; so much is never kept. */
const MAX_ROUNDS = 64
/** A change that Redis will not know. */
const NO_CHANGES = Number.MAX_SAFE_INTEGER - 1

/**
 * Follows the deny list in Redis. The copy here only ever grows stronger: what Redis may have lost by a flush, an older
 * snapshot or a failover is written back from it. Looks that come back often prove that nothing is missing; none of them
 * is waited for by a request.
 */
export function followRevocations(options: SharedRevocationOptions): SharedRevocations {
  const { wall, monotonic, observe } = options
  const copy = buildDenyList(options.maxEntries)
  /** What Redis may not have been told yet. */
  let owed: readonly Revocation[] = []
  const inherit = (entries: Iterable<Revocation>): void => {
    const additional = [...entries].filter((entry) => !copy.holds(entry))
    // What has no room here is written to Redis all the same, which then says that it is too much.
    for (const entry of additional) copy.add(entry)
    owed = [...owed, ...additional]
  }
  inherit(options.inherited)
  const keys = ['h', 's', 't'].map((part) => `${options.stem}${part}`)
  let told: Failure | 'unasked' | undefined = 'unasked'
  let known: { readonly identity: string; readonly serial: number } | undefined
  let completeAt = Number.NEGATIVE_INFINITY
  let prunedAt = monotonic()
  let serial = 0
  let closed = false
  let nextLook: NodeJS.Timeout | undefined
  let looking = false

  /** One step of the script. Throws a `Trouble` when there is no answer that can be used. */
  const ask = async (step: string, args: readonly (string | number)[]): Promise<RevocationReply> => {
    const link = connection.link()
    if (!link) throw new Trouble(connection.trouble())
    serial = (serial + 1) % 1_000_000
    const tag = serial.toString(36)
    const reply = await link.run(keys, [tag, step, options.epoch(), ...args]).catch((error: unknown) => {
      throw new Trouble(connection.explain(readFailure(error)))
    })
    const understood = readRevocationReply(reply, tag)
    if (!('cause' in understood)) return understood
    // The next reply would be as wrong, and somebody else may be the primary now.
    if (understood.cause === 'protocol' || understood.cause === 'readonly') link.reconnect()
    throw new Trouble(understood)
  }
  const learn = (entry: Revocation): void => {
    if (copy.add(entry)) return
    copy.prune(wall())
    if (!copy.add(entry)) throw new Trouble({ cause: 'full', code: undefined })
  }
  const merge = async (entries: readonly Revocation[]): Promise<void> => {
    for (let at = 0; at < entries.length; at += BATCH.merge) {
      const words = entries.slice(at, at + BATCH.merge).flatMap(({ key, before, until }) => [key, before, until])
      await ask('merge', [options.maxEntries, Math.floor(wall()), ...words])
    }
  }

  /** What was taken over goes there. */
  const settle = async (): Promise<void> => {
    const { length } = owed
    await merge(owed)
    owed = owed.slice(length)
  }
  /** What we know goes there. */
  const refill = async (): Promise<void> => {
    copy.prune(wall())
    const { length } = owed
    const entries = [...owed.filter((entry) => !copy.holds(entry)), ...copy.entries()]
    await merge(entries)
    owed = owed.slice(length)
    if (known) observe({ kind: 'refilled', entries: entries.length })
  }
  /**
   * What is there comes here, all of it. Should it be another list by now than the one that was looked at, the next look
   * shows it, and what we know is written there as well.
   */
  const readAll = async (identity: string): Promise<void> => {
    const { serial: from } = await ask('look', [NO_CHANGES])
    let cursor = '0'
    do {
      const page = await ask('read', [cursor])
      if (page.word !== 'read') throw new Trouble({ cause: 'protocol', code: undefined })
      for (const entry of page.entries) learn(entry)
      cursor = page.cursor
    } while (cursor !== '0')
    known = { identity, serial: from }
  }

  /** Learns of what happened since the last look. True when there is more. */
  const follow = async (): Promise<boolean> => {
    const begun = monotonic()
    if (known) await settle()
    const before = known?.serial ?? NO_CHANGES
    const reply = await ask('look', [before])
    const same = reply.word === 'seen' && reply.identity === known?.identity && reply.serial >= before
    if (!same) await refill()
    if (!same || !isWhole(reply.changes, before, reply.serial)) {
      await readAll(reply.identity)
      return true
    }
    for (const { entry } of reply.changes) learn(entry)
    known = { identity: reply.identity, serial: before + reply.changes.length }
    if (known.serial < reply.serial) return true
    completeAt = begun
    return false
  }

  const catchUp = async (): Promise<undefined> => {
    for (let round = 0; round < MAX_ROUNDS && !closed; round += 1) if (!(await follow())) break
  }
  const conclude = (failure: Failure | undefined): void => {
    const before = told
    told = failure
    if (!failure && before) observe({ kind: 'up' })
    if (!failure || (typeof before === 'object' && before.cause === failure.cause)) return
    if (typeof before !== 'object' || !unreachable.has(failure.cause)) observe({ kind: 'down', failure })
  }
  const look = async (): Promise<void> => {
    clearTimeout(nextLook)
    if (looking || closed) return
    looking = true
    const failure = await catchUp().catch((error: unknown) =>
      error instanceof Trouble ? error.failure : readFailure(error),
    )
    looking = false
    if (closed) return
    conclude(failure)
    if (monotonic() - prunedAt >= PRUNE) {
      copy.prune(wall())
      prunedAt = monotonic()
    }
    nextLook = setTimeout(() => void look(), LOOK * (0.9 + Math.random() / 5)).unref()
  }

  const connection = connect(options.open, () => void look())
  nextLook = setTimeout(() => void look(), LOOK).unref()

  return {
    find: copy.find,
    entries: copy.entries,
    get current() {
      return monotonic() - completeAt <= options.maxStale
    },
    get age() {
      return monotonic() - completeAt
    },
    get size() {
      return copy.size
    },
    inherit,
    trouble: () => (typeof told === 'object' ? told.cause : told),
    async push(entries) {
      try {
        await merge(entries)
        for (const entry of entries) learn(entry)
        // Whoever takes over from a list that is closed may have asked it before.
        return closed ? 'unavailable' : 'stored'
      } catch (error) {
        return error instanceof Trouble && error.failure.cause === 'full' ? 'full' : 'unavailable'
      }
    },
    close: () => {
      closed = true
      clearTimeout(nextLook)
      connection.close()
    },
  }
}

/** Nothing was lost between what we know and what there is. */
function isWhole(changes: readonly { readonly serial: number }[], before: number, last: number): boolean {
  const expected = Math.min(last - before, BATCH.changes)
  return changes.length === expected && changes.every(({ serial }, index) => serial === before + index + 1)
}

class Trouble extends Error {
  readonly failure: Failure

  constructor(failure: Failure) {
    super(failure.cause)
    this.failure = failure
  }
}
