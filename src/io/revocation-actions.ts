import { type Revocation, readRevocation } from '../verify/deny-list.ts'
import { type Reading, read, unreadable } from '../verify/reading.ts'
import { isObject, type JsonObject } from '../verify/strict-json.ts'
import type { AdminAction, AdminAnswer } from './admin.ts'
import { invalid, unknownServer } from './admin-actions.ts'
import type { ServerRevocations } from './revocations.ts'

type Lists = ReadonlyMap<string, ServerRevocations>

interface Surroundings {
  readonly wall: () => number
  readonly count: (server: string, result: 'stored' | 'full' | 'unavailable') => void
}

/** Revocations of one push at the most. */
const MAX_PUSH = 200
/** No token lives longer: `accessToken.maxLifetime` and its leeway, and the clock of the server may be ahead. */
const LONGEST_LIFE = 86_400 + 60 + 10
/** A push cannot be taken back, so it reaches no further into the future, seconds. */
const MAX_BEFORE = 86_400
/** A token may be dated so much ahead of its time (FAPI 2.0 Security Profile section 5.3.2.1 (13)). */
const SKEW = 10

/** What operators can do about revoked tokens. */
export const revocationActions = (lists: () => Lists, surroundings: Surroundings): readonly AdminAction[] => [
  { method: 'GET', path: '/revocations', handle: () => describe(lists()) },
  { method: 'POST', path: '/revocations', handle: async (body = {}) => await push(body, lists(), surroundings) },
]

/** Numbers alone: what is in the lists concerns nobody here. */
function describe(lists: Lists): AdminAnswer {
  const servers = [...lists].map(([name, { options, listed, shared, pushable }]) => [
    name,
    {
      ...(options.file !== undefined && { file: listed }),
      ...(shared && {
        redis: shared.size,
        ageSeconds: Number.isFinite(shared.age) ? Math.round(shared.age * 10) / 10 : null,
        current: shared.current,
      }),
      maxEntries: options.maxEntries,
      push: pushable,
    },
  ])
  return { status: 200, body: { servers: Object.fromEntries(servers) } }
}

/** Takes `{ "server": "bank", "jti": "…" }`, or several as `{ "server": "bank", "revocations": [ … ] }`. */
async function push(body: JsonObject, lists: Lists, { wall, count }: Surroundings): Promise<AdminAnswer> {
  const { server, ...rest } = body
  const pushable = [...lists].filter(([, list]) => list.pushable)
  const [only] = pushable
  if (server === undefined && pushable.length > 1) return invalid('say with server whose tokens are meant')
  const chosen = server === undefined ? only : pushable.find(([name]) => name === server)
  if (!chosen?.[1].shared) return only ? unknownServer : nothingToPush
  const entries = readEntries(rest, wall(), chosen[1])
  if (!entries.ok) return invalid(entries.problem)
  const result = await chosen[1].shared.push(entries.value)
  count(chosen[0], result)
  return result === 'stored' ? { status: 200, body: { stored: entries.value.length } } : refusals[result]
}

const nothingToPush: AdminAnswer = {
  status: 404,
  body: { error: 'not_found', message: 'no authorization server has a revocation.denyList with push' },
}

const isDated = (item: unknown): boolean => isObject(item) && Object.hasOwn(item, 'until')

const refusals = {
  full: { status: 507, body: { error: 'list_full', message: 'there is no room for more; nothing is dropped for it' } },
  unavailable: {
    status: 503,
    body: { error: 'temporarily_unavailable', message: 'it may not have been stored; push it again' },
  },
} satisfies Record<string, AdminAnswer>

function readEntries(body: JsonObject, now: number, { shortLived }: ServerRevocations): Reading<readonly Revocation[]> {
  const { revocations: list = [body], ...other } = body
  if (body.revocations !== undefined && Object.keys(other).length > 0)
    return unreadable('revocations stands alone, beside server')
  if (!Array.isArray(list) || list.length === 0 || list.length > MAX_PUSH)
    return unreadable(`revocations is a list of 1 to ${MAX_PUSH}`)
  const defaults = { before: Math.ceil(now) + SKEW, until: Math.ceil(now) + LONGEST_LIFE }
  const entries: Revocation[] = []
  for (const [index, item] of (list as readonly unknown[]).entries()) {
    const entry = isObject(item) ? readRevocation(item, defaults) : unreadable('it is not an object')
    if (!entry.ok) return unreadable(`revocation ${index + 1}: ${entry.problem}`)
    if (!shortLived && !isDated(item))
      return unreadable(`revocation ${index + 1}: say until when; tokens of this server may live longer than a day`)
    if (entry.value.before > now + MAX_BEFORE)
      return unreadable(`revocation ${index + 1}: before is more than a day ahead, and a push cannot be taken back`)
    if (entry.value.until !== 0 && entry.value.until <= now) return unreadable(`revocation ${index + 1}: until is over`)
    entries.push(entry.value)
  }
  return read(entries)
}
