import type { z } from 'zod'
import type { ServerConfig } from '../../src/config.ts'
import { keys as keysOf } from '../../src/config-outbound.ts'
import { type Fetched, failed } from '../../src/io/fetch-outcome.ts'
import { buildKeySource, type KeyEvent, type LiveKeySource, type Schedule } from '../../src/io/keys.ts'
import type { JsonObject } from '../../src/verify/strict-json.ts'
import { stillClock } from './clock.ts'

export const ISSUER = 'https://as.example.com'
export const KEYS_URI = `${ISSUER}/jwks`

/** A configured authorization server whose keys come from there. */
export const serverWith = (keys: z.input<typeof keysOf>, issuer = ISSUER): ServerConfig => ({
  name: 'bank',
  issuer,
  audiences: ['https://api.example.com'],
  keys: keysOf.parse(keys),
  algorithms: ['ES256', 'PS256', 'EdDSA'],
  revocation: { shortLived: 600 },
})

/** Timers that ring when told. */
export function buildBell() {
  const waiting = new Map<number, { readonly seconds: number; readonly work: () => void }>()
  let next = 0
  const schedule: Schedule = (seconds, work) => {
    const id = next
    next += 1
    waiting.set(id, { seconds, work })
    return () => void waiting.delete(id)
  }
  const ring = (): void => {
    const due = [...waiting.values()]
    waiting.clear()
    for (const { work } of due) work()
  }
  return { schedule, ring, waiting: () => [...waiting.values()].map(({ seconds }) => seconds) }
}

/** Waiting that ends when told. */
export function buildPatience() {
  const pending = new Map<() => void, number>()
  const wait = (milliseconds: number) => {
    const { promise, resolve } = Promise.withResolvers<void>()
    pending.set(resolve, milliseconds)
    return { elapsed: promise, cancel: () => void pending.delete(resolve) }
  }
  const end = (): void => {
    const all = [...pending.keys()]
    pending.clear()
    for (const resolve of all) resolve()
  }
  return { wait, end, pending: () => [...pending.values()] }
}

/** A key source on a clock and timers of our own, with a network that is a function. */
export function buildTestSource(
  answer: (url: string) => Fetched<JsonObject> | Promise<Fetched<JsonObject>>,
  server = serverWith({ uri: KEYS_URI }),
  wall?: () => number,
) {
  const events: KeyEvent[] = []
  const fetched: string[] = []
  const { monotonic, pass } = stillClock()
  const bell = buildBell()
  const patience = buildPatience()
  const source: LiveKeySource = buildKeySource(server, {
    fetch: (url) => {
      fetched.push(url)
      return Promise.resolve(answer(url))
    },
    monotonic,
    ...(wall && { wall }),
    observe: (event) => events.push(event),
    schedule: bell.schedule,
    // Nobody's patience ends before a test says so.
    wait: patience.wait,
  })
  return { source, events, fetched, pass, bell, patience }
}

export const down = failed('connect', 'ECONNREFUSED')
