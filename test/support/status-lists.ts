import { deflateSync } from 'node:zlib'
import type { ServerConfig } from '../../src/config.ts'
import type { Fetched } from '../../src/io/fetch-outcome.ts'
import { buildStatusLists, type StatusListEvent, type StatusListOptions } from '../../src/io/status-lists.ts'
import type { StatusAnswer } from '../../src/ports.ts'
import { stillClock } from './clock.ts'
import { buildBell, serverWith } from './key-sources.ts'
import { type ClientKey, forgeText, PROOF_TIME } from './proofs.ts'
import { keySource, serverKey } from './spine.ts'

export const HOST = 'status.example.com'
export const LIST = `https://${HOST}/lists/1`

/** A list of two bits each, the first in the lowest bits of the first byte, packed. */
export const packed = (...bytes: readonly number[]): { readonly bits: 2; readonly lst: string } => ({
  bits: 2,
  lst: deflateSync(Buffer.from(bytes)).toString('base64url'),
})

/** VALID, INVALID, SUSPENDED and 3 in that order. */
export const ALL_STATUSES = 0b11100100

interface ListDifference {
  readonly claims?: object
  readonly header?: object
}

/** A good Status List Token that differs as told; undefined takes a member away. */
export const mintList = ({ claims, header }: ListDifference = {}, key: ClientKey = serverKey): string =>
  forgeText(
    key,
    JSON.stringify({ typ: 'statuslist+jwt', alg: key.algorithm, kid: 'as-1', ...header }),
    JSON.stringify({ sub: LIST, iat: PROOF_TIME - 10, ttl: 600, status_list: packed(ALL_STATUSES), ...claims }),
  )

/** The claim of a token whose status stands there. */
export const at = (idx: unknown, uri: unknown = LIST) => ({ status: { status_list: { idx, uri } } })

export const listOptions = (difference: Partial<StatusListOptions> = {}): StatusListOptions => ({
  hosts: [HOST],
  required: false,
  onFailure: 'hard',
  timeout: 3,
  maxBytes: 1_048_576,
  maxUnpackedBytes: 16_777_216,
  ...difference,
})

export type Supply = (uri: string) => Fetched | Promise<Fetched>

export const given = (text: string): Fetched => ({ ok: true, value: Buffer.from(text) })
export const lost = (status?: number): Fetched => ({
  ok: false,
  problem: 'lost on the way',
  ...(status !== undefined && { status }),
})

/** The lists of a server on a clock and timers of our own, with a network that is a function. */
export function holdLists(supply: Supply, difference: Partial<StatusListOptions> = {}) {
  const events: StatusListEvent[] = []
  let wake = (): void => undefined
  const fetched: string[] = []
  const clock = stillClock()
  const bell = buildBell()
  const keys = { ...keySource(), generation: 1 }
  const server: ServerConfig = serverWith({ file: 'unread.json' })
  let source = supply
  const lists = buildStatusLists(server, listOptions(difference), {
    fetch: (uri) => {
      fetched.push(uri)
      return Promise.resolve(source(uri))
    },
    keys,
    wall: () => PROOF_TIME + clock.monotonic() - 1000,
    monotonic: clock.monotonic,
    schedule: bell.schedule,
    observe: (event) => {
      events.push(event)
      wake()
    },
  })
  const find = async (index = 0, uri = LIST): Promise<string> => spell(await lists.find({ uri, index }))
  /** What is said without waiting; undefined when it takes waiting. */
  const findNow = (index = 0, uri = LIST): string | undefined => {
    const answer = lists.find({ uri, index })
    return answer instanceof Promise ? undefined : spell(answer)
  }
  const change = (to: Supply): void => {
    source = to
  }
  /** Until so many events have been told, which is the end of what was under way. */
  const told = async (count: number): Promise<void> => {
    while (events.length < count) {
      const { promise, resolve } = Promise.withResolvers<void>()
      wake = resolve
      await promise
    }
  }
  const kinds = (): readonly string[] => events.map(({ kind }) => kind)
  return { lists, find, findNow, change, told, fetched, events, kinds, bell, keys, pass: clock.pass }
}

function spell(answer: StatusAnswer): string {
  if (answer.kind === 'found') return String(answer.status)
  return answer.kind === 'unavailable' && answer.tolerated ? 'tolerated' : answer.kind
}
