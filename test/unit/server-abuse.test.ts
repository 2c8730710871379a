import { randomBytes } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { describe, expect, test, vi } from 'vitest'
import type { CheckResponse } from '../../src/wire.ts'
import { field, frame, nestedGroups, nestedStruct, sendFrames, throwBytes } from '../support/lifecycle-bytes.ts'
import { type CheckClient, outcomeOf } from '../support/lifecycle-grpc.ts'
import { denial, startTestServer } from '../support/lifecycle-server.ts'

/** The server answers a proper caller as ever. */
const expectLife = async (client: CheckClient): Promise<void> =>
  expect(outcomeOf(await client.ask({}))).toBe('route_unknown')

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
/** An HTTP/2 frame head: length, type, flags, stream. */
const http2 = (type: number, flags: number, stream: number, payload: Buffer): Buffer => {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head.writeUInt8(type, 3)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}
const SETTINGS = http2(4, 0, 0, Buffer.alloc(0))

describe('h2-abuse, garbage-port, att-dos-01: bytes that are no proper HTTP/2', () => {
  test.each([
    ['nothing', Buffer.alloc(0)],
    ['noise', randomBytes(4096)],
    ['HTTP/1.1', Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n')],
    ['a TLS hello', Buffer.concat([Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]), randomBytes(500)])],
    ['a preface and noise', Buffer.concat([PREFACE, randomBytes(4096)])],
    ['headers that are no HPACK', Buffer.concat([PREFACE, SETTINGS, http2(1, 4, 1, randomBytes(64))])],
    [
      'a frame as long as can be claimed',
      Buffer.concat([PREFACE, SETTINGS, Buffer.from([255, 255, 255, 0, 0, 0, 0, 0, 1])]),
    ],
    ['data on a stream nobody opened', Buffer.concat([PREFACE, SETTINGS, http2(0, 1, 9, Buffer.alloc(8))])],
    [
      'ten thousand pings',
      Buffer.concat([PREFACE, SETTINGS, ...Array.from({ length: 10_000 }, () => http2(6, 0, 0, Buffer.alloc(8)))]),
    ],
    ['ten thousand settings', Buffer.concat([PREFACE, ...Array.from({ length: 10_000 }, () => SETTINGS)])],
    [
      'resets of streams nobody opened',
      Buffer.concat([
        PREFACE,
        SETTINGS,
        ...Array.from({ length: 2000 }, (_, index) => http2(3, 0, index * 2 + 1, Buffer.alloc(4))),
      ]),
    ],
    [
      'headers without an end',
      Buffer.concat([
        PREFACE,
        SETTINGS,
        http2(1, 0, 1, Buffer.alloc(0)),
        ...Array.from({ length: 2000 }, () => http2(9, 0, 1, Buffer.alloc(0))),
      ]),
    ],
  ])('%s', async (_, bytes) => {
    const { server, connect } = await startTestServer()
    const client = connect()
    await expectLife(client)
    await throwBytes(server.address, bytes)
    await expectLife(client)
    await expectLife(connect())
  })

  test('a hundred connections of noise at once', async () => {
    const { server, connect } = await startTestServer()
    const client = connect()
    await Promise.all(
      Array.from({ length: 100 }, () => throwBytes(server.address, Buffer.concat([PREFACE, randomBytes(2048)]))),
    )
    await expectLife(client)
  })
})

describe('check-empty, att-dos-01: messages that are no CheckRequest', () => {
  test.each([
    ['a field cut short', Buffer.from([0x0a, 0x20, 0x01])],
    ['a wire type that does not exist', Buffer.from([0x0f])],
    ['a varint without end', Buffer.alloc(64, 0xff)],
    ['an open group', nestedGroups(3, false)],
  ])('%s', async (_, message) => {
    const { connect } = await startTestServer()
    const client = connect()
    expect(outcomeOf(await client.askRaw(message))).toBe('INTERNAL')
    await expectLife(client)
  })
  test('a frame that claims to be shorter than it is', async () => {
    const { server, connect } = await startTestServer()
    expect(await sendFrames(server.address, frame(Buffer.alloc(4), { length: 1 }))).not.toBe('OK')
    await expectLife(connect())
  })
  test.each([
    ['another method', { ':path': '/envoy.service.auth.v3.Authorization/Uncheck' }, 'UNIMPLEMENTED'],
    ['another service', { ':path': '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo' }, 'UNIMPLEMENTED'],
    ['channelz', { ':path': '/grpc.channelz.v1.Channelz/GetServers' }, 'UNIMPLEMENTED'],
  ])('%s is not served', async (_, headers, expected) => {
    const { server } = await startTestServer()
    expect(await sendFrames(server.address, frame(Buffer.alloc(0)), headers)).toBe(expected)
  })
})

describe('body-big, att-dos-02: messages that are too large', () => {
  const filled = (size: number): Buffer => field(9, Buffer.alloc(size))
  test('just below 1 MiB is answered, beyond is refused', async () => {
    const { connect } = await startTestServer()
    const client = connect()
    expect(outcomeOf(await client.askRaw(filled(1_048_000)))).toBe('route_unknown')
    expect(outcomeOf(await client.askRaw(filled(1_048_576)))).toBe('RESOURCE_EXHAUSTED')
    await expectLife(client)
  })
  test('a length of 2^31 is refused before anything of it arrives', async () => {
    const { server, connect } = await startTestServer()
    expect(await sendFrames(server.address, frame(Buffer.alloc(16), { length: 2 ** 31 }))).toBe('RESOURCE_EXHAUSTED')
    await expectLife(connect())
  })
  test('a gzip bomb is not unpacked beyond 1 MiB', async () => {
    const { server, connect } = await startTestServer()
    const bomb = gzipSync(filled(64 * 1_048_576))
    expect(bomb.length).toBeLessThan(100_000)
    const packed = frame(bomb, { compressed: true })
    expect(await sendFrames(server.address, packed, { 'grpc-encoding': 'gzip' })).toBe('RESOURCE_EXHAUSTED')
    await expectLife(connect())
  })
  test.each([
    ['no gzip in it', 'gzip', randomBytes(64), 'INTERNAL'],
    ['an encoding nobody knows', 'br', randomBytes(64), 'UNIMPLEMENTED'],
    ['a gzip that is cut short', 'gzip', gzipSync(filled(4096)).subarray(0, 20), 'INTERNAL'],
  ])('a compressed message with %s', async (_, encoding, content, expected) => {
    const { server, connect } = await startTestServer()
    const packed = frame(content, { compressed: true })
    expect(await sendFrames(server.address, packed, { 'grpc-encoding': encoding })).toBe(expected)
    await expectLife(connect())
  })
})

describe('att-dos-03: messages that are nested too deeply', () => {
  test.each([
    [
      'a Struct in metadata_context',
      field(1, field(11, field(1, Buffer.concat([field(1, Buffer.from('x')), field(2, nestedStruct(10_000))])))),
    ],
    [
      'a Struct in route_metadata_context',
      field(1, field(13, field(1, Buffer.concat([field(1, Buffer.from('x')), field(2, nestedStruct(10_000))])))),
    ],
  ])('%s is not looked at: a client that can fill it cannot cause an error', async (_, message) => {
    const { connect } = await startTestServer()
    expect(outcomeOf(await connect().askRaw(message))).toBe('route_unknown')
  })
  test.each([10_000, 500_000])('%i unknown groups in each other', async (depth) => {
    const { connect } = await startTestServer()
    const client = connect()
    expect(outcomeOf(await client.askRaw(nestedGroups(depth, true)))).toBe('INTERNAL')
    expect(outcomeOf(await client.askRaw(nestedGroups(depth, false)))).toBe('INTERNAL')
    await expectLife(client)
  })
})

describe('envoy-cancel, att-envoy-17: calls that are cancelled', () => {
  test('thousands of Checks under way: each gives its place back when it ends, although nobody listens', async () => {
    const open = new Set<(response: CheckResponse) => void>()
    const { connect, events } = await startTestServer({
      concurrentChecks: 500,
      check: () => {
        const { promise, resolve } = Promise.withResolvers<CheckResponse>()
        open.add(resolve)
        return promise
      },
    })
    const client = connect()
    for (let round = 0; round < 10; round += 1) {
      const cancel = new AbortController()
      const calls = Array.from({ length: 500 }, () => client.ask({}, { cancel: cancel.signal }))
      await vi.waitFor(() => expect(open.size).toBe(500))
      cancel.abort()
      expect([...new Set((await Promise.all(calls)).map(outcomeOf))]).toEqual(['CANCELLED'])
      for (const end of open) end(denial('token_expired'))
      open.clear()
    }
    const honest = client.ask({})
    await vi.waitFor(() => expect(open.size).toBe(1))
    for (const end of open) end(denial('route_unknown'))
    expect(outcomeOf(await honest)).toBe('route_unknown')
    expect(events).toEqual([])
  })

  test('ten thousand that are cancelled as soon as they are sent', async () => {
    const { connect, events } = await startTestServer()
    const client = connect()
    for (let round = 0; round < 10; round += 1) {
      const cancel = new AbortController()
      const calls = Array.from({ length: 1000 }, () => client.ask({}, { cancel: cancel.signal }))
      cancel.abort()
      expect([...new Set((await Promise.all(calls)).map(outcomeOf))]).toEqual(['CANCELLED'])
    }
    await expectLife(client)
    expect(events).toEqual([])
  })
})
