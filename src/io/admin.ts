import { hash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Reading, read, unreadable } from '../verify/reading.ts'
import { type JsonObject, readJsonObject } from '../verify/strict-json.ts'
import { timer } from './timer.ts'

/** One thing an operator can do. */
export interface AdminAction {
  readonly method: 'GET' | 'POST'
  readonly path: string
  /** `body` is undefined when none was sent. Nothing of it may be repeated in the answer. */
  readonly handle: (body: JsonObject | undefined, query: URLSearchParams) => AdminAnswer | Promise<AdminAnswer>
}

export interface AdminAnswer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

/** What came of a request: `token` is the place of the operator's token in the configuration. */
export interface AdminEvent {
  readonly action: string
  readonly result: 'done' | 'failed' | 'refused' | 'unauthenticated'
  readonly status: number
  readonly token?: number
  /** What an action threw. */
  readonly error?: unknown
}

export interface AdminOptions {
  readonly actions: readonly AdminAction[]
  /** The tokens in force; undefined: nobody may do anything. */
  readonly tokens: () => readonly string[] | undefined
  /** The name or address listened on. */
  readonly host: string
  readonly monotonic: () => number
  readonly observe: (event: AdminEvent) => void
}

/** The part of the admin port that changes things. */
export interface Admin {
  readonly owns: (path: string) => boolean
  readonly answer: (request: IncomingMessage, response: ServerResponse) => Promise<void>
}

const MAX_BODY = 65_536
const MAX_MEMBERS = 4096
const TOO_LARGE = 'a body has at most 64 KiB'
/** Actions under way at the most; each has so many milliseconds. */
const MAX_ACTIONS = 8
const TIME_LIMIT = 5000
/** Wrong tokens that are answered one by one within so many seconds; further ones are put off. */
const FAILURES = { most: 10, within: 60 }

/** Names under which a browser page of this machine, and nobody else's, reaches a loopback port. */
const LOOPBACK = /^(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])$/i

/**
 * Operator actions: JSON over HTTP/1.1 for whoever has a token of `listen.adminAccess`. A page in a browser of the
 * operator gets nowhere: whatever carries an Origin is refused, and so is every host name but the port's own, which a
 * rebound name of somebody else would be.
 */
export function buildAdmin(options: AdminOptions): Admin {
  const { actions, tokens, observe, monotonic } = options
  const paths = new Set(actions.map(({ path }) => path))
  const failures = countFailures(monotonic)
  let underWay = 0

  const act = async (action: AdminAction, request: IncomingMessage, query: URLSearchParams): Promise<AdminAnswer> => {
    if (underWay >= MAX_ACTIONS) return refusal(503, 'overload', 'too many actions are under way')
    underWay += 1
    try {
      const body = await readBody(request)
      return body.ok ? await inTime(async () => await action.handle(body.value, query)) : body.answer
    } finally {
      underWay -= 1
    }
  }

  return {
    owns: (path) => paths.has(path),
    async answer(request, response) {
      const { method = '', url = '' } = request
      const [path = '', query = ''] = url.split('?', 2)
      const offered = actions.filter((action) => action.path === path)
      const action = offered.find((one) => one.method === method)
      const label = `${action?.method ?? 'other'} ${path}`
      const settle = (answer: AdminAnswer, event: Pick<AdminEvent, 'result' | 'token' | 'error'>): void => {
        observe({ action: label, status: answer.status, ...event })
        send(response, answer)
      }

      const known = tokens()
      const stranger = known === undefined ? undeclared : judgeOrigin(request, options.host)
      if (known === undefined || stranger) return settle(stranger ?? undeclared, { result: 'refused' })
      const token = findToken(request, known)
      if (token === undefined) return settle(failures.answer(), { result: 'unauthenticated' })
      if (!action) {
        response.setHeader('allow', offered.map((one) => one.method).join(', '))
        return settle(refusal(405, 'method_not_allowed', 'see Allow'), { result: 'refused', token })
      }
      let error: unknown
      const answer = await act(action, request, new URLSearchParams(query)).catch((thrown: unknown) => {
        error = thrown
        return refusal(500, 'internal_error', 'the action ended in an error')
      })
      const result = answer.status < 300 ? 'done' : answer.status < 500 ? 'refused' : 'failed'
      settle(answer, { result, token, error })
    },
  }
}

const refusal = (status: number, error: string, message: string): AdminAnswer => ({ status, body: { error, message } })

const undeclared = refusal(404, 'not_found', 'operator actions need listen.adminAccess in the configuration')

/** Undefined when the request comes from no web page and names this port. */
function judgeOrigin({ headers }: IncomingMessage, own: string): AdminAnswer | undefined {
  const site = headers['sec-fetch-site']
  if (headers.origin !== undefined || (site !== undefined && site !== 'none' && site !== 'same-origin'))
    return refusal(403, 'origin_refused', 'web pages may not do this')
  const name = (headers.host ?? '').replace(/:[0-9]+$/, '')
  if (LOOPBACK.test(name) || name.toLowerCase() === own.toLowerCase()) return undefined
  return refusal(403, 'host_refused', 'ask under the address that is listened on, or localhost')
}

/** Which of the tokens was sent. Every one is compared, and none sooner than another. */
function findToken({ headers }: IncomingMessage, tokens: readonly string[]): number | undefined {
  const [, sent] = /^Bearer +([A-Za-z0-9._~+/-]{1,256}=*)$/i.exec(headers.authorization ?? '') ?? []
  if (sent === undefined) return undefined
  const digest = hash('sha256', sent, 'buffer')
  const [found] = [...tokens.entries()].filter(([, token]) => timingSafeEqual(digest, hash('sha256', token, 'buffer')))
  return found?.[0]
}

/** A right token still counts when there are too many wrong ones: an operator must not be locked out by others. */
function countFailures(monotonic: () => number) {
  let begun = Number.NEGATIVE_INFINITY
  let count = 0
  return {
    answer(): AdminAnswer {
      if (monotonic() - begun >= FAILURES.within) {
        begun = monotonic()
        count = 0
      }
      count += 1
      return count > FAILURES.most
        ? refusal(429, 'too_many_requests', 'too many requests without a right token')
        : refusal(401, 'unauthorized', 'send a token of listen.adminAccess as Authorization: Bearer')
    },
  }
}

type Body =
  | { readonly ok: true; readonly value: JsonObject | undefined }
  | { readonly ok: false; readonly answer: AdminAnswer }

/** One JSON object, or nothing at all. The server of the port sees to the time it may take. */
async function readBody(request: IncomingMessage): Promise<Body> {
  const refused = (status: number, error: string, message: string): Body => ({
    ok: false,
    answer: refusal(status, error, message),
  })
  const type = request.headers['content-type']
  const unsupported = refused(415, 'unsupported_media_type', 'expected Content-Type: application/json')
  if (type !== undefined && !/^application\/json\s*(?:;|$)/i.test(type)) return unsupported
  const bytes = await collect(request).catch(() => unreadable('the body ended early'))
  if (!bytes.ok) return refused(bytes.problem === TOO_LARGE ? 413 : 400, 'invalid_request', bytes.problem)
  if (bytes.value.length === 0) return { ok: true, value: undefined }
  if (type === undefined) return unsupported
  const document = readJsonObject(bytes.value, { depth: 8, members: MAX_MEMBERS })
  return document.ok ? document : refused(400, 'invalid_request', document.problem)
}

async function collect(request: IncomingMessage): Promise<Reading<Buffer>> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_BODY) return unreadable(TOO_LARGE)
    chunks.push(chunk)
  }
  return read(Buffer.concat(chunks))
}

async function inTime(work: () => Promise<AdminAnswer>): Promise<AdminAnswer> {
  const limit = timer(TIME_LIMIT)
  const late = limit.elapsed.then(() => refusal(504, 'timeout', 'the action takes too long; look whether it was done'))
  return await Promise.race([work(), late]).finally(limit.cancel)
}

function send(response: ServerResponse, { status, body }: AdminAnswer): void {
  response.writeHead(status, {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    // What is left of a body is not read.
    ...(status >= 400 && { connection: 'close' }),
    ...(status === 401 && { 'www-authenticate': 'Bearer' }),
    ...(status === 429 && { 'retry-after': `${FAILURES.within}` }),
  })
  response.end(`${JSON.stringify(body)}\n`)
}
