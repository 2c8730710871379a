import { markAsUntransferable } from 'node:worker_threads'
import { afterEach, describe, expect, test } from 'vitest'
import { buildCrlReader } from '../../../src/io/crl-reader.ts'
import { type BytesCall, getBytes } from '../../../src/io/fetch-bytes.ts'
import {
  CDP,
  entry,
  gone,
  here,
  holdCrls,
  listExtensions,
  listed,
  listIssuer,
  listStranger,
  manyEntries,
  pointsTo,
  writeList,
} from '../../support/crls.ts'
import { NOW } from '../../support/ocsp-pki.ts'
import { type Asked, answer, type PlainStub, startPlainStub } from '../../support/plain-stub.ts'

const open: PlainStub[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((stub) => stub.close()))
})

type Handler = Parameters<typeof startPlainStub>[0]

const SERIAL = '00c0ffee'
const client = listed(SERIAL)
const TYPE = 'application/pkix-crl'
const next = { thisUpdate: NOW - 1, extended: [listExtensions.number('08')] }
const sending =
  (der: Buffer): Handler =>
  (_asked: Asked, response) =>
    answer(response, TYPE, der)

/** A URL that serves a good list, and from then on what it is told. */
async function serve(limits: BytesCall = {}) {
  let handler = sending(writeList())
  const stub = await startPlainStub((asked, response) => handler(asked, response))
  open.push(stub)
  const url = `${stub.origin}/ca.crl`
  const held = holdCrls({ urls: [url], issuers: [listIssuer.certificate] }, (to) => getBytes(to, limits))
  await held.crls.first
  const change = (to: Handler): void => {
    handler = to
  }
  return { ...held, change, url }
}

describe('crl-hang REV-18 a list over plain http that', () => {
  test.each<[string, Handler, BytesCall, string]>([
    ['hangs', () => undefined, { timeout: 100 }, 'failed'],
    [
      'trickles',
      (_asked, response) => {
        response.writeHead(200, { 'content-type': TYPE })
        response.write(writeList().subarray(0, 10))
      },
      { timeout: 100 },
      'failed',
    ],
    ['is not there', (_asked, response) => response.writeHead(404).end(), {}, 'failed'],
    [
      'redirects inside',
      (_asked, response) => response.writeHead(302, { location: 'http://169.254.169.254/' }).end(),
      {},
      'failed',
    ],
    ['has fifty megabytes', sending(Buffer.alloc(50_000_000, 0x30)), { maxBytes: 20_971_520 }, 'failed'],
    ['is cut off', sending(writeList(next).subarray(0, -1)), {}, 'refused'],
    ['is of another issuer', sending(writeList({ ...next, by: listStranger })), {}, 'refused'],
    ['is signed by another issuer', sending(writeList({ ...next, key: listStranger.key })), {}, 'refused'],
    ['has expired', sending(writeList({ ...next, nextUpdate: NOW - 1 })), {}, 'refused'],
  ])('%s: the last good one serves until its end', async (_name, handler, limits, kind) => {
    const { crls, judge, kinds, change, pass } = await serve(limits)
    change(handler)
    await crls.reload()
    expect([kinds(), await judge(client)]).toEqual([['loaded', kind], 'good'])
    pass(3601)
    expect(await judge(client)).toBe('unavailable')
    expect(crls.available).toBe(false)
  })
})

test('crl-swap a list that revokes a certificate in use is heeded from the next fetch on', async () => {
  const { crls, judge, change, bell } = await serve()
  expect([await judge(client), bell.waiting()]).toEqual(['good', [3600 * 0.65]])
  change(sending(writeList({ ...next, revoked: [entry(SERIAL)] })))
  await crls.reload()
  expect(await judge(client)).toBe('revoked')
})

test('att-mtls-06 a certificate that was revoked stays so while the place cannot be reached any more', async () => {
  const { crls, judge, change, pass } = holdCrls({ urls: [CDP] }, () => here(writeList({ revoked: [entry(SERIAL)] })))
  await crls.first
  change(() => gone)
  pass(1_000_000)
  await crls.reload()
  expect(await judge(client)).toBe('revoked')
})

test('T-64 a place that a certificate names is called by address rules as any other', async () => {
  const stub = await startPlainStub(sending(writeList()))
  open.push(stub)
  const allow = [{ kind: 'host', host: 'crl.example.com' }] as const
  const { judge, events } = holdCrls({ hosts: [stub.host] }, (url) => getBytes(url, { allow }))
  expect(await judge(listed(SERIAL, [pointsTo(`${stub.origin}/ca.crl`)]))).toBe('unavailable')
  expect([stub.asked, events]).toMatchObject([
    [],
    [{ kind: 'failed', problem: expect.stringContaining('outbound.allow') }],
  ])
})

describe('a thread that reads a list', () => {
  const big = (): Buffer => writeList({ revoked: manyEntries(3000) })

  test('is ended by its time limit', async () => {
    const reading = await buildCrlReader(0).read(big())
    expect(reading).toEqual({ ok: false, problem: 'the list could not be read in time' })
  })
  test('is ended when nobody needs it any more', async () => {
    const reader = buildCrlReader()
    const readings = [reader.read(big()), reader.read(big())]
    await Promise.resolve()
    reader.close()
    for (const reading of await Promise.all(readings)) expect(reading.ok).toBe(false)
  })
  test('reads one after the other', async () => {
    const { read } = buildCrlReader()
    const readings = await Promise.all([read(big()), read(Buffer.alloc(100_000)), read(big())])
    expect(readings.map(({ ok }) => ok)).toEqual([true, false, true])
  })
  test('that cannot be started keeps no later list from being read', async () => {
    const { read } = buildCrlReader()
    const kept = Buffer.from(new Uint8Array(big()).buffer)
    // Memory that cannot be handed over stands for whatever keeps a thread from starting.
    markAsUntransferable(kept.buffer)
    expect(await read(kept)).toEqual({ ok: false, problem: 'the list could not be read' })
    expect((await read(big())).ok).toBe(true)
  })
})
