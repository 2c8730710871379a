import { isIP } from 'node:net'
import { type ConnectionOptions, connect, rootCertificates, type TLSSocket } from 'node:tls'
import type { Config } from '../config.ts'
import { type Finding, finding } from '../doctor/findings.ts'
import { type Handshake, judgeHandshakes } from '../doctor/handshake.ts'
import { needsOf } from '../doctor/outside.ts'
import { judgePublished, type Published } from '../doctor/published.ts'
import { type Aim, buildProbes, firstProbe, type Observation } from '../doctor/requests.ts'
import { fetchPublished } from './doctor-published.ts'
import { checkIdentity } from './fetch.ts'

/** Where to connect, and what to trust there. */
export interface Door {
  readonly host: string
  readonly port: number
  readonly serverName: string
  /** PEM of authorities trusted besides the system's. */
  readonly ca: string | undefined
}

/** How long one request may take, milliseconds, and how much of an answer is read, bytes. */
const PATIENCE = 5000
const MAX_ANSWER = 65_536
/** When no more requests are begun, milliseconds. */
const PATIENCE_IN_ALL = 45_000

/**
 * Sends the canned set through the deployed Envoy, one request after the other, and looks for the metadata of the
 * resource where they are published.
 */
export async function tryThrough(
  door: Door,
  aim: Aim,
  config: Config,
  published?: Published,
): Promise<readonly Finding[]> {
  const first = firstProbe(aim)
  const met = first.judge(await sendRaw(door, first.bytes))
  // Nobody there: everything else would say the same.
  if (met.id === 'DT-01') return [met]
  const findings = [met]
  const end = performance.now() + PATIENCE_IN_ALL
  for (const { tried, bytes, judge } of buildProbes(aim, config))
    findings.push(
      performance.now() < end
        ? judge(await sendRaw(door, bytes))
        : finding('DT-09', tried, 'not tried: the answers took too long'),
    )
  const fresh = await shakeHands(door, {})
  const session = fresh.sessions.at(-1)
  const handshakes = {
    fresh,
    again: session && (await shakeHands(door, { session })),
    old: await shakeHands(door, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }),
  }
  return [
    ...findings,
    ...(published ? [judgePublished(published, await fetchPublished(optionsFor(door), published.url))] : []),
    ...judgeHandshakes(handshakes, needsOf(config)),
    finding('DT-13', "a client's x-authz-* headers", 'only the upstream sees whether they arrive'),
  ]
}

const optionsFor = ({ host, port, serverName, ca }: Door): ConnectionOptions => ({
  host,
  port,
  minVersion: 'TLSv1.2',
  checkServerIdentity: (_, { raw }) => checkIdentity(serverName, raw),
  ALPNProtocols: ['http/1.1'],
  ...(isIP(serverName) === 0 && { servername: serverName }),
  ...(ca !== undefined && { ca: [...rootCertificates, ca] }),
})

/** Sends bytes as they are and reads the head of the answer. Never throws. */
export function sendRaw(door: Door, bytes: string): Promise<Observation> {
  const { promise, resolve } = Promise.withResolvers<Observation>()
  let text = ''
  let failure = 'the connection was closed'
  const finish = (): void => resolve(readHead(text, failure))
  const socket = connect(optionsFor(door), () => socket.write(bytes))
  const timer = setTimeout(() => {
    failure = 'no whole answer in time'
    socket.destroy()
  }, PATIENCE)
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
    if (text.length > MAX_ANSWER) {
      text = ''
      failure = 'its head is too large'
      socket.destroy()
    } else if (text.includes('\r\n\r\n')) socket.destroy()
  })
  socket.on('error', (error: NodeJS.ErrnoException) => {
    failure = error.code ?? error.message
  })
  socket.on('end', () => socket.destroy())
  socket.on('close', finish)
  return promise.finally(() => clearTimeout(timer))
}

/** The head of the first answer; anything else that came is no answer. */
function readHead(text: string, failure: string): Observation {
  const headers = new Map<string, string[]>()
  const end = text.indexOf('\r\n\r\n')
  const [first = '', ...fields] = text.slice(0, Math.max(end, 0)).split('\r\n')
  const [, status] = /^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(first) ?? []
  if (status === undefined) return { status: 0, headers, error: text === '' ? failure : 'no HTTP/1 answer' }
  for (const field of fields) {
    const colon = field.indexOf(':')
    const name = field.slice(0, colon).toLowerCase()
    headers.set(name, [...(headers.get(name) ?? []), field.slice(colon + 1).trim()])
  }
  return { status: Number(status), headers }
}

/** Connects and asks for nothing but an end, so that the server has handed out its sessions by then. */
function shakeHands(
  door: Door,
  more: ConnectionOptions,
): Promise<Handshake & { readonly sessions: readonly Buffer[] }> {
  const { promise, resolve } = Promise.withResolvers<Handshake & { readonly sessions: readonly Buffer[] }>()
  const sessions: Buffer[] = []
  let seen: Handshake = { connected: false, reused: false, certificateAsked: false }
  const socket = connect({ ...optionsFor(door), ...more }, () => {
    seen = look(socket)
    socket.write('GET / HTTP/1.1\r\nhost: unknown.invalid\r\nconnection: close\r\n\r\n')
  })
  const timer = setTimeout(() => socket.destroy(), PATIENCE)
  socket.on('session', (session: Buffer) => sessions.push(session))
  socket.on('data', () => socket.destroy())
  socket.on('end', () => socket.destroy())
  socket.on('error', () => undefined)
  socket.on('close', () => resolve({ ...seen, sessions }))
  return promise.finally(() => clearTimeout(timer))
}

const look = (socket: TLSSocket): Handshake => ({
  connected: true,
  reused: socket.isSessionReused(),
  // A client shares signature algorithms with the server only after a CertificateRequest (RFC 8446 section 4.3.2).
  certificateAsked: socket.getSharedSigalgs().length > 0,
})
