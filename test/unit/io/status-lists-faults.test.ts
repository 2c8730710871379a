import { constants, deflateRawSync } from 'node:zlib'
import { describe, expect, onTestFinished, test } from 'vitest'
import { fetchDocument } from '../../../src/io/fetch.ts'
import { createAuthority } from '../../../tools/pki.ts'
import { holdLists, type listOptions, mintList, packed } from '../../support/status-lists.ts'
import { authority, serverIdentity, startStub } from '../../support/stub-servers.ts'

type Handler = Parameters<typeof startStub>[0]
type Options = Partial<ReturnType<typeof listOptions>>

const TYPE = 'application/statuslist+jwt'
const LISTS = '/lists/1'

/** The lists of a real https server, and the place of one there. */
async function meet(handler: Handler, options: Options = {}, identity?: Parameters<typeof startStub>[1]) {
  const stub = await startStub(handler, identity)
  onTestFinished(stub.close)
  const uri = `${stub.origin}${LISTS}`
  const held = holdLists(
    (place) => fetchDocument(place, { accept: 'statuslist+jwt', ...limits, ca: [authority.certificate] }),
    { hosts: [`localhost:${stub.port}`], ...options },
  )
  const limits = { maxBytes: options.maxBytes ?? 1_048_576, timeout: 1000 * (options.timeout ?? 3) }
  return { ...held, stub, uri, find: (index = 0) => held.find(index, uri) }
}

const listAt = (port: number, claims: object = {}): string =>
  mintList({ claims: { sub: `https://localhost:${port}${LISTS}`, ...claims } })

/** Answers with a good list, but for the head and what is done to the body. */
const say =
  (status = 200, headers: Record<string, string> = {}, body = (text: string): string | Buffer => text): Handler =>
  (request, response) => {
    response.writeHead(status, { 'content-type': TYPE, ...headers })
    response.end(body(listAt(request.socket.localPort ?? 0)))
  }

describe('TSL-03 over the network', () => {
  test('is asked for by its type, by GET, and nothing is sent along', async () => {
    const { find, stub } = await meet(say())
    expect(await find(1)).toBe('1')
    expect(stub.hits).toEqual([LISTS])
    expect(stub.last()).toMatchObject({ accept: TYPE, 'accept-encoding': 'identity' })
    expect(stub.last()).not.toHaveProperty('authorization')
  })
  test.each([TYPE, `${TYPE}; charset=utf-8`, 'Application/StatusList+JWT'])('%s is taken', async (type) =>
    expect(await (await meet(say(200, { 'content-type': type }))).find()).toBe('0'),
  )
})

/** Writes a bit of a good list now and then. */
const trickle: Handler = (request, response) => {
  response.writeHead(200, { 'content-type': TYPE })
  const text = listAt(request.socket.localPort ?? 0)
  let at = 0
  const drip = setInterval(() => response.write(text[at++] ?? ' '), 10)
  response.on('close', () => clearInterval(drip))
}

describe('TSL-03, TSL-09, TSL-10 a server that misbehaves costs nobody a token', () => {
  test.each<[string, Handler, Options]>([
    ['500', say(500), {}],
    ['404', say(404), {}],
    ['201', say(201), {}],
    ['204', say(204), {}],
    ['a redirect to the metadata of a cloud', say(302, { location: 'http://169.254.169.254/latest' }), {}],
    ['a redirect to another place of its own', say(301, { location: LISTS }), {}],
    ['another type', say(200, { 'content-type': 'application/json' }), {}],
    ['no type', say(200, { 'content-type': '' }), {}],
    ['CWT', say(200, { 'content-type': 'application/statuslist+cwt' }), {}],
    ['compressed', say(200, { 'content-encoding': 'gzip' }), {}],
    ['garbage', say(200, {}, () => '<html></html>'), {}],
    ['nothing', say(200, {}, () => ''), {}],
    ['10 MB', say(200, {}, (text) => text.padEnd(10_485_760)), {}],
    ['more than is allowed', say(), { maxBytes: 100 }],
    ['no answer', () => undefined, { timeout: 0.1 }],
    ['one byte after the other', trickle, { timeout: 0.1 }],
    ['an end in the middle', (_, response) => void response.writeHead(200, { 'content-type': TYPE }).destroy(), {}],
  ])('%s', async (_, handler, options) => {
    const { find, kinds, stub } = await meet(handler, options)
    expect(await find()).toBe('unavailable')
    expect([kinds(), stub.hits]).toEqual([['failed'], [LISTS]])
  })
  test.each([
    ['a certificate for another name', serverIdentity({ dns: ['other.example'], ips: [] })],
    ['a certificate of an authority nobody trusts', serverIdentity({}, createAuthority('nobody'))],
  ])('%s', async (_, identity) => {
    const { find, kinds, stub } = await meet(say(), {}, identity)
    expect(await find()).toBe('unavailable')
    expect([kinds(), stub.hits]).toEqual([['failed'], []])
  })
  test('a server that is gone, and comes back', async () => {
    const { find, stub, change, pass, kinds, told, uri } = await meet(say())
    await stub.close()
    expect(await find()).toBe('unavailable')
    const again = await startStub(say())
    onTestFinished(again.close)
    change(() => ({ ok: true, value: Buffer.from(mintList({ claims: { sub: uri } })) }))
    pass(5)
    expect(await find()).toBe('unavailable')
    await told(2)
    expect(await find()).toBe('0')
    expect(kinds()).toEqual(['failed', 'loaded'])
  })
})

/** ZLIB of `megabytes` times 2^20 zero bytes, made of one block that repeats; its checksum is never come to. */
function bomb(megabytes: number): Buffer {
  const block = deflateRawSync(Buffer.alloc(1_048_576), { finishFlush: constants.Z_FULL_FLUSH })
  return Buffer.concat([
    Buffer.of(0x78, 0x9c),
    ...new Array<Buffer>(megabytes).fill(block),
    Buffer.of(3, 0, 0, 0, 0, 0),
  ])
}

describe('TSL-09 a list that unpacks to a gigabyte', () => {
  test('is given up at the limit, and the memory of it is never taken', async () => {
    const lst = bomb(1024).toString('base64url')
    const claims = { status_list: { bits: 1, lst } }
    const list = (port: number): string => listAt(port, claims)
    const { find, events, uri } = await meet(
      (request, response) => {
        response.writeHead(200, { 'content-type': TYPE })
        response.end(list(request.socket.localPort ?? 0))
      },
      { maxBytes: 8_388_608 },
    )
    const before = process.resourceUsage().maxRSS
    expect(await find()).toBe('unavailable')
    const grown = (process.resourceUsage().maxRSS - before) / 1024
    expect(events).toMatchObject([{ kind: 'failed', problem: `${uri}: lst unpacks to more than is allowed` }])
    expect(grown).toBeLessThan(256)
  })
  test('one of just so much is taken', async () => {
    const lst = packed(...Buffer.alloc(1000))
    const { find } = await meet(
      (request, response) => {
        response.writeHead(200, { 'content-type': TYPE })
        response.end(listAt(request.socket.localPort ?? 0, { status_list: lst }))
      },
      { maxUnpackedBytes: 1000 },
    )
    expect(await find()).toBe('0')
  })
})
