import { connect as connectHttp2 } from 'node:http2'
import { connect } from 'node:net'
import { status } from '@grpc/grpc-js'

/** Protobuf by hand, for messages no library would write. */
const varint = (number: number): Buffer => {
  const bytes: number[] = []
  let rest = number
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  return Buffer.from([...bytes, rest])
}

/** A length-delimited field. */
export const field = (number: number, content: Buffer): Buffer =>
  Buffer.concat([varint(number * 8 + 2), varint(content.length), content])

/** A google.protobuf.Struct with one member that is a Struct, that deep. */
export function nestedStruct(depth: number): Buffer {
  let struct: Buffer = Buffer.alloc(0)
  for (let level = 0; level < depth; level += 1) {
    const value = field(5, struct)
    struct = field(1, Buffer.concat([field(1, Buffer.from('a')), field(2, value)]))
  }
  return struct
}

/** Groups of an unknown field in each other, that deep; closed or left open. */
export const nestedGroups = (depth: number, closed: boolean): Buffer =>
  Buffer.concat([Buffer.alloc(depth, 0x7b), Buffer.alloc(closed ? depth : 0, 0x7c)])

/** A gRPC frame: compressed flag, length as claimed, content. */
export function frame(content: Buffer, { compressed = false, length = content.length } = {}): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt8(compressed ? 1 : 0, 0)
  head.writeUInt32BE(length, 1)
  return Buffer.concat([head, content])
}

/** Sends frames as they are over HTTP/2; the name of the gRPC status that comes back. */
export async function sendFrames(
  address: string,
  body: Buffer,
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  const session = connectHttp2(`http://${address}`)
  const stream = session.request({
    ':method': 'POST',
    ':path': '/envoy.service.auth.v3.Authorization/Check',
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  })
  const { promise, resolve } = Promise.withResolvers<string>()
  const read = ({ 'grpc-status': code }: Readonly<Record<string, unknown>>): void => {
    if (code !== undefined) resolve(status[Number(code)] ?? String(code))
  }
  stream.on('response', read)
  stream.on('trailers', read)
  stream.on('error', (error) => resolve(error.message))
  stream.on('close', () => resolve('closed'))
  session.on('error', (error) => resolve(error.message))
  stream.resume()
  stream.end(body)
  return await promise.finally(() => session.destroy())
}

/** Throws bytes at a port and waits until the connection is gone. */
export async function throwBytes(address: string, bytes: Buffer): Promise<void> {
  const [host = '', port = ''] = address.split(':')
  const socket = connect({ host, port: Number(port) })
  const { promise, resolve } = Promise.withResolvers<void>()
  socket.on('error', () => undefined)
  socket.on('close', () => resolve())
  socket.resume()
  socket.end(bytes)
  await promise
}
