import { request } from 'node:http'
import { type Reading, unreadable } from '../verify/reading.ts'
import { type JsonObject, own, readJsonObject } from '../verify/strict-json.ts'

/** Milliseconds for one question, and bytes of its answer at the most. */
const TIME_LIMIT = 5000
const MAX_ANSWER = 4_194_304

/** Asks the admin port of a running service; `base` is `http://host:port` or `unix:/path`. */
export async function askAdmin(base: string, path: string, token: string | undefined): Promise<Reading<JsonObject>> {
  const socket = /^unix:(\/.+)$/.exec(base)?.[1]
  if (socket === undefined && !(/^http:\/\/[^/?#@]+\/?$/.test(base) && URL.canParse(base)))
    return unreadable('expected http://host:port or unix:/path')
  const headers = { accept: 'application/json', ...(token !== undefined && { authorization: `Bearer ${token}` }) }
  const signal = AbortSignal.timeout(TIME_LIMIT)
  const options = { path, headers, signal, agent: false as const }
  const where = socket === undefined ? addressOf(base) : { socketPath: socket, host: 'localhost' }
  const { promise, resolve } = Promise.withResolvers<Reading<JsonObject>>()
  const asked = request({ ...where, ...options }, (response) => {
    const chunks: Buffer[] = []
    let size = 0
    response.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= MAX_ANSWER) chunks.push(chunk)
      else {
        resolve(unreadable('the answer is too long'))
        asked.destroy()
      }
    })
    response.on('error', (error) => resolve(unreadable(describe(error))))
    response.on('end', () => resolve(readAnswer(response.statusCode ?? 0, Buffer.concat(chunks))))
  })
  asked.on('error', (error) => resolve(unreadable(describe(error))))
  asked.end()
  return await promise
}

function addressOf(base: string): { readonly host: string; readonly port: number } {
  const { hostname, port } = new URL(base)
  return { host: hostname.replaceAll(/[[\]]/g, ''), port: Number(port || 80) }
}

function readAnswer(status: number, bytes: Buffer): Reading<JsonObject> {
  const document = readJsonObject(bytes, { depth: 16, members: 200_000 })
  if (status === 200) return document
  const message = document.ok ? own(document.value, 'message') : undefined
  return unreadable(`it answers ${status}${typeof message === 'string' ? `: ${message}` : ''}`)
}

function describe(error: Error): string {
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ECONNREFUSED' || code === 'ENOENT') return 'nobody listens there; is the service running?'
  return error.name === 'TimeoutError' || error.name === 'AbortError' ? 'no answer in time' : (code ?? error.message)
}
