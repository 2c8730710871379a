import { connect } from 'node:tls'
import type { TestEdge } from './edge.ts'

/** How a stream ended: answered to its end, or reset or refused together with the connection. */
export type Ending = 'answered' | 'reset'

const [HEADERS, RST_STREAM, SETTINGS, GOAWAY] = [1, 3, 4, 7]
const [END_STREAM, END_HEADERS] = [1, 4]

/**
 * One HTTP/2 request written frame by frame, with header lines that the client of Node would not send, such as two of
 * one name. What was answered is for the log of the service to tell.
 */
export function sendLines(edge: TestEdge, lines: readonly (readonly [string, string])[]): Promise<Ending> {
  const { promise, resolve, reject } = Promise.withResolvers<Ending>()
  const { port, ca } = edge.setting.edge
  const options = { host: '127.0.0.1', port, ca, servername: 'api.bank.example', ALPNProtocols: ['h2'], timeout: 5000 }
  const socket = connect(options, () => {
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
    socket.write(frame(SETTINGS, 0, 0, Buffer.alloc(0)))
    socket.write(frame(HEADERS, END_STREAM | END_HEADERS, 1, Buffer.concat(lines.map(literal))))
  })
  let received = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk])
    while (received.length >= 9 && received.length >= 9 + received.readUIntBE(0, 3)) {
      const [type, flags, stream] = [received[3] ?? 0, received[4] ?? 0, received.readUInt32BE(5)]
      received = received.subarray(9 + received.readUIntBE(0, 3))
      if (stream === 1 && type < 2 && (flags & END_STREAM) > 0) resolve('answered')
      if ((stream === 1 && type === RST_STREAM) || type === GOAWAY) resolve('reset')
    }
  })
  socket.on('timeout', () => socket.destroy(new Error('no answer in time')))
  socket.on('error', reject)
  socket.on('close', () => resolve('reset'))
  return promise.finally(() => socket.destroy())
}

/** RFC 9113 section 4.1. */
function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head.writeUInt8(type, 3)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** A literal field without indexing and without Huffman code (RFC 7541 section 6.2.2). */
const literal = ([name, value]: readonly [string, string]): Buffer =>
  Buffer.concat([Buffer.of(0), text(name), text(value)])

function text(characters: string): Buffer {
  const bytes = Buffer.from(characters, 'latin1')
  if (bytes.length < 127) return Buffer.concat([Buffer.of(bytes.length), bytes])
  const length = [127]
  let rest = bytes.length - 127
  for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) + 128)
  return Buffer.concat([Buffer.from([...length, rest]), bytes])
}
