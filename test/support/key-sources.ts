import type { ServerConfig } from '../../src/config.ts'
import { buildKeySource, type KeyEvent, type LiveKeySource, type Schedule } from '../../src/io/keys.ts'
import { type Reading, unreadable } from '../../src/verify/reading.ts'
import type { JsonObject } from '../../src/verify/strict-json.ts'
import { stillClock } from './clock.ts'

export const ISSUER = 'https://as.example.com'
export const KEYS_URI = `${ISSUER}/jwks`

/** A configured authorization server whose keys come from there. */
export const serverWith = (keys: ServerConfig['keys'], issuer = ISSUER): ServerConfig => ({
  name: 'bank',
  issuer,
  audiences: ['https://api.example.com'],
  keys,
  algorithms: ['ES256', 'PS256', 'EdDSA'],
  revocation: { shortLived: 600 },
})

/** Timers that ring when told. */
function buildBell() {
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

/** A key source on a clock and timers of our own, with a network that is a function. */
export function buildTestSource(
  answer: (url: string) => Reading<JsonObject> | Promise<Reading<JsonObject>>,
  server = serverWith({ uri: KEYS_URI }),
) {
  const events: KeyEvent[] = []
  const fetched: string[] = []
  const { monotonic, pass } = stillClock()
  const bell = buildBell()
  const source: LiveKeySource = buildKeySource(server, {
    fetch: (url) => {
      fetched.push(url)
      return Promise.resolve(answer(url))
    },
    monotonic,
    observe: (event) => events.push(event),
    schedule: bell.schedule,
  })
  return { source, events, fetched, pass, bell }
}

export const down = unreadable('ECONNREFUSED')
