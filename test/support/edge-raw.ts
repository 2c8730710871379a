import { connect as connectHttp2, type OutgoingHttpHeaders } from 'node:http2'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import type { Answer } from '../../demo/client.ts'
import { readSeen } from '../../demo/upstream.ts'
import type { Identity } from '../../tools/pki.ts'
import type { TestEdge, Told } from './edge.ts'

/** How to connect to Envoy by TLS. */
export interface Connecting extends ConnectionOptions {
  readonly identity?: Identity | undefined
}

const optionsFor = ({ setting }: TestEdge, { identity, ...more }: Connecting): ConnectionOptions => ({
  host: '127.0.0.1',
  port: setting.edge.port,
  servername: 'api.bank.example',
  ca: setting.edge.ca,
  ...(identity && { cert: identity.certificate, key: identity.key }),
  ...more,
})

/** What was agreed on, or the code of the error. */
export interface Handshake {
  readonly error?: string
  readonly protocol?: string | null
  readonly cipher?: string
  readonly reused?: boolean
  /** Sessions that could be resumed. */
  readonly sessions: readonly Buffer[]
}

/** Connects and asks for nothing that is allowed, so that the server has spoken when this resolves. */
export function shakeHands(edge: TestEdge, connecting: Connecting = {}): Promise<Handshake> {
  const { promise, resolve } = Promise.withResolvers<Handshake>()
  const sessions: Buffer[] = []
  let agreement: Partial<Handshake> = {}
  const socket = connect({ ...optionsFor(edge, connecting), timeout: 5000 }, () => {
    agreement = agreed(socket)
    socket.write('GET /accounts HTTP/1.1\r\nhost: api.bank.example\r\nconnection: close\r\n\r\n')
  })
  socket.on('session', (session: Buffer) => sessions.push(session))
  socket.on('data', () => socket.end())
  socket.on('timeout', () => socket.destroy(new Error('no answer in time')))
  socket.on('error', (error: NodeJS.ErrnoException) => resolve({ error: error.code ?? error.message, sessions }))
  socket.on('close', () => resolve({ ...agreement, sessions }))
  return promise
}

const agreed = (socket: TLSSocket) => ({
  protocol: socket.getProtocol(),
  cipher: socket.getCipher()?.name,
  reused: socket.isSessionReused(),
})

/** Sends bytes as they are, reads the answer. Each character is one byte. */
export function sendBytes(edge: TestEdge, bytes: string, connecting: Connecting = {}): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const chunks: Buffer[] = []
  const finish = (): void => resolve(readAnswer(Buffer.concat(chunks).toString('latin1')))
  const socket = connect({ ...optionsFor(edge, connecting), timeout: 3000 }, () => {
    socket.write(Buffer.from(bytes, 'latin1'))
  })
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    // Envoy waits before it closes; nobody has to wait with it.
    if (isWhole(Buffer.concat(chunks).toString('latin1'))) socket.destroy()
  })
  socket.on('end', finish)
  socket.on('close', finish)
  socket.on('timeout', () => socket.destroy())
  socket.on('error', (error) => (chunks.length > 0 ? finish() : reject(error)))
  return promise
}

function isWhole(text: string): boolean {
  const end = text.indexOf('\r\n\r\n')
  const head = text.slice(0, end).toLowerCase()
  if (end < 0 || head.startsWith('http/1.1 1')) return false
  const [, length] = /\ncontent-length: (\d+)/.exec(head) ?? []
  return length === undefined ? text.endsWith('\r\n0\r\n\r\n') : text.length - end - 4 >= Number(length)
}

/** The first answer among what was read. */
function readAnswer(text: string): Answer {
  const [head = '', ...rest] = text.split('\r\n\r\n')
  const [first = '', ...fields] = head.split('\r\n')
  const headers = new Map<string, string[]>()
  for (const field of fields) {
    const colon = field.indexOf(':')
    const name = field.slice(0, colon).toLowerCase()
    headers.set(name, [...(headers.get(name) ?? []), field.slice(colon + 1).trim()])
  }
  const [, status = '0'] = /^HTTP\/1\.1 (\d{3})/.exec(first) ?? []
  return { status: Number(status), headers, body: rest.join('\r\n\r\n') }
}

/** Sends somehow, and counts what the upstream got. */
export async function countHits({ setting }: TestEdge, answering: () => Promise<Answer>): Promise<Omit<Told, 'id'>> {
  const before = setting.upstream.count()
  const answer = await answering()
  const { body } = answer
  // Without what chunked transfer puts around it.
  const seen = readSeen(body.slice(body.indexOf('{'), body.lastIndexOf('}') + 1))
  return { ...answer, hits: setting.upstream.count() - before, seen }
}

/** Header lines of a request as HTTP/1.1 writes them. */
export const headerLines = (headers: Readonly<Record<string, string | readonly string[]>> = {}): string =>
  Object.entries(headers)
    .flatMap(([name, values]) => [values].flat().map((value) => `${name}: ${value}\r\n`))
    .join('')

/** One HTTP/2 request whose pseudo-headers are the test's. A stream that is reset has status 0. */
export function sendHttp2(edge: TestEdge, headers: OutgoingHttpHeaders, connecting: Connecting = {}): Promise<Answer> {
  const { promise, resolve } = Promise.withResolvers<Answer>()
  const { host: _host, port: _port, ...tls } = optionsFor(edge, connecting)
  const session = connectHttp2(`https://127.0.0.1:${edge.setting.edge.port}`, tls)
  const received = new Map<string, readonly string[]>()
  const chunks: Buffer[] = []
  let status = 0
  const finish = (): void => {
    session.destroy()
    resolve({ status, headers: received, body: Buffer.concat(chunks).toString() })
  }
  session.on('error', finish)
  // Envoy says that it will close, and then takes its time.
  session.on('goaway', finish)
  session.setTimeout(3000, finish)
  const stream = session.request(headers, { endStream: true })
  stream.on('response', (fields) => {
    status = fields[':status'] ?? 0
    for (const [name, value] of Object.entries(fields)) received.set(name, [value ?? ''].flat().map(String))
  })
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  stream.on('error', finish)
  stream.on('close', finish)
  return promise
}
