import type { LookupAddress } from 'node:dns'
import { type IncomingMessage, Agent as PlainAgent, request as requestPlainly } from 'node:http'
import { Agent, type RequestOptions, request } from 'node:https'
import type { LookupFunction } from 'node:net'
import { type Fetched, type FetchFailure, failed } from './fetch-outcome.ts'

/** Media types that are taken, in lower case, and what to call them. */
export interface Wanted {
  readonly name: string
  readonly is: (mediaType: string) => boolean
}

/** The addresses that were looked at are the ones that are connected to, whatever the name stands for a moment later. */
export const pinned =
  (addresses: readonly LookupAddress[]): LookupFunction =>
  (_name, { all }, callback) => {
    const [first] = addresses
    if (all) callback(null, [...addresses])
    else callback(null, first?.address ?? '', first?.family)
  }

/** What is sent, and what is taken for an answer. Bytes. */
export interface Exchange {
  readonly call: RequestOptions
  readonly wanted: Wanted
  readonly body?: string | Buffer | undefined
  readonly maxBytes: number
  /** Told the Date header of the answer, whatever else is in it. */
  readonly observeDate?: ((date: string | undefined) => void) | undefined
}

/** One request to the server of a URL and the whole body of its 200. The caller limits the time. */
export function send(target: URL, { call, wanted, body, maxBytes, observeDate }: Exchange): Promise<Fetched> {
  const { promise, resolve } = Promise.withResolvers<Fetched>()
  const secure = target.protocol === 'https:'
  // One connection per call: calls are rare, and a kept one could outlive a change of certificates.
  const agent = secure ? new Agent({ keepAlive: false }) : new PlainAgent({ keepAlive: false })
  // Through a tunnel the connection is there already.
  let phase: 'connect' | 'tls' | 'answer' = 'socket' in call ? 'tls' : 'connect'
  const fail = (error: Error): void => resolve(explain(error, phase))
  const outgoing = (secure ? request : requestPlainly)(target, { ...call, agent }, (response) => {
    observeDate?.(response.headers.date)
    const failure = judgeHead(response, wanted)
    if (failure) return resolve(failure)
    const chunks: Buffer[] = []
    let size = 0
    response.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > maxBytes) {
        outgoing.destroy()
        resolve({ ...failed('size', `the answer is larger than ${maxBytes} bytes`), status: 200 })
      } else chunks.push(chunk)
    })
    response.on('end', () => resolve({ ok: true, value: Buffer.concat(chunks) }))
    response.on('error', fail)
    response.on('aborted', () => resolve(failed('connect', 'the answer broke off')))
  })
  outgoing.on('socket', (socket) => {
    socket.on('connect', () => {
      phase = secure ? 'tls' : 'answer'
    })
    socket.on('secureConnect', () => {
      phase = 'answer'
    })
  })
  outgoing.on('error', fail)
  outgoing.end(body)
  return promise
}

/** Node's error codes say enough and hold nothing of the request. */
function explain(error: Error, phase: 'connect' | 'tls' | 'answer'): FetchFailure {
  const code = (error as NodeJS.ErrnoException).code ?? error.message
  if (code === 'HPE_HEADER_OVERFLOW') return failed('size', code)
  if (code.startsWith('HPE_')) return failed('garbage', code)
  return failed(phase === 'tls' ? 'tls' : 'connect', code)
}

function judgeHead(
  { statusCode: status = 0, headers: { 'content-type': type, 'content-encoding': encoding } }: IncomingMessage,
  wanted: Wanted,
): FetchFailure | undefined {
  if (status >= 300 && status < 400)
    return { ...failed('redirect', `it redirects (${status}), and redirects are not followed`), status }
  if (status !== 200) return { ...failed('status', `it answered ${status}`), status }
  if (encoding !== undefined && encoding !== 'identity')
    return { ...failed('type', 'the answer is compressed although that was not asked for'), status }
  const media = type?.split(';', 1)[0]?.trim().toLowerCase() ?? ''
  if (wanted.is(media)) return undefined
  return { ...failed('type', `the answer is not ${wanted.name} (${media.slice(0, 64) || 'no type'})`), status }
}
