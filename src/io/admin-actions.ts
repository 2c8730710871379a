import type { AdminAction, AdminAnswer } from './admin.ts'

/** A key source that can be told to look again at once. True when that brought a usable set. */
interface Flushable {
  readonly flush: () => Promise<boolean>
}

/** `POST /keys/flush`: reads the keys of one authorization server, or of all, again now and forgets the old ones. */
export const flushKeys = (sources: () => ReadonlyMap<string, Flushable>): AdminAction => ({
  method: 'POST',
  path: '/keys/flush',
  async handle(body = {}) {
    const known = sources()
    const { server, ...other } = body
    if (Object.keys(other).length > 0 || !(server === undefined || typeof server === 'string'))
      return invalid('expected { "server": "name" }, or nothing for all')
    if (server !== undefined && !known.has(server)) return unknownServer
    const chosen = [...known].filter(([name]) => server === undefined || name === server)
    const flushed = await Promise.all(chosen.map(async ([name, source]) => [name, await source.flush()] as const))
    const failed = flushed.filter(([, done]) => !done).map(([name]) => name)
    const servers = Object.fromEntries(flushed.map(([name, done]) => [name, done ? 'loaded' : 'failed']))
    return { status: failed.length === 0 ? 200 : 502, body: { servers } }
  },
})

export const invalid = (message: string): AdminAnswer => ({ status: 400, body: { error: 'invalid_request', message } })

export const unknownServer: AdminAnswer = {
  status: 404,
  body: { error: 'unknown_server', message: 'there is no authorization server of that name' },
}
