import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  acceptStatusList,
  hasStatus,
  readStatusListToken,
  readStatusReference,
  type StatusListRules,
} from '../../../src/verify/status-list.ts'
import { clientKey, serverKey } from '../../support/spine.ts'
import { imported, signatureOf } from '../../support/tokens.ts'

const NOW = 1_800_000_000
const URI = 'https://as.example.com/statuslists/1'
const rules: StatusListRules = {
  uri: URI,
  issuer: 'https://as.example.com',
  algorithms: ['ES256'],
  maxBytes: 65_536,
  maxUnpacked: 16_384,
}
const keys = [imported({ ...serverKey.jwk, kid: 'as-1' })]
const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const pack = (...bytes: readonly number[]): string => deflateSync(Buffer.from(bytes)).toString('base64url')

interface Change {
  readonly header?: object
  readonly payload?: object
  readonly key?: typeof serverKey
}

/** A good list of two bytes, but for what is changed. */
function statusList({ header = {}, payload = {}, key = serverKey }: Change = {}): string {
  const head = encode({ typ: 'statuslist+jwt', alg: 'ES256', kid: 'as-1', ...header })
  const list = { bits: 1, lst: pack(0xb9, 0xa3) }
  const input = `${head}.${encode({ sub: URI, iat: NOW - 10, ttl: 600, status_list: list, ...payload })}`
  return `${input}.${signatureOf(key, input).toString('base64url')}`
}

async function readIt(change: Change = {}, more: Partial<StatusListRules> = {}) {
  const list = readStatusListToken(statusList(change), { ...rules, ...more })
  return list.ok ? await acceptStatusList(list.value, keys, { ...rules, ...more }, NOW) : list
}
const problemOf = async (change: Change, more: Partial<StatusListRules> = {}): Promise<string> => {
  const reading = await readIt(change, more)
  return reading.ok ? 'none' : reading.problem
}

describe('TSL-02 where the status is', () => {
  test.each([0, 7, 2 ** 40])('index %d', (idx) =>
    expect(readStatusReference({ status: { status_list: { idx, uri: URI } } })).toEqual({
      ok: true,
      value: { index: idx, uri: URI },
    }),
  )
  test('a token without status names none, whatever stands there is read', () => {
    expect(hasStatus({})).toBe(false)
    expect(hasStatus({ status: undefined })).toBe(true)
    expect(hasStatus({ status: { status_list: { idx: 0, uri: URI } } })).toBe(true)
  })
  test.each([
    null,
    'valid',
    [],
    {},
    { status_list: null },
    { status_list: { idx: 1 } },
    { status_list: { uri: URI } },
    { status_list: { idx: -1, uri: URI } },
    { status_list: { idx: '3', uri: URI } },
    { status_list: { idx: 1.5, uri: URI } },
    { status_list: { idx: 2 ** 53, uri: URI } },
    { status_list: { idx: 1, uri: 7 } },
    { status_list: { idx: 1, uri: 'not a URI' } },
    { status_list: { idx: 1, uri: `https://as.example.com/${'a'.repeat(2048)}` } },
  ])('%j is not a reference', (status) => expect(readStatusReference({ status })).toMatchObject({ ok: false }))
})

describe('TSL-05, TSL-06 the list', () => {
  const statuses = async (status_list: object, count: number) => {
    const reading = await readIt({ payload: { status_list } })
    if (!reading.ok) throw new Error(reading.problem)
    return Array.from({ length: count }, (_, index) => reading.value.status(index))
  }
  test('V-07 one bit', async () =>
    expect(await statuses({ bits: 1, lst: 'eNrbuRgAAhcBXQ' }, 17)).toEqual([
      ...[1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1],
      undefined,
    ]))
  test('V-08 two bits', async () =>
    expect(await statuses({ bits: 2, lst: 'eNo76fITAAPfAgc' }, 13)).toEqual([
      ...[1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3],
      undefined,
    ]))
  test('four and eight bits', async () => {
    expect(await statuses({ bits: 4, lst: pack(0x21, 0xf0) }, 5)).toEqual([1, 2, 0, 15, undefined])
    expect(await statuses({ bits: 8, lst: pack(0, 255) }, 3)).toEqual([0, 255, undefined])
  })
  test('an empty list has no status', async () =>
    expect(await statuses({ bits: 8, lst: pack() }, 1)).toEqual([undefined]))
  test.each([
    [undefined, 'status_list is not an object'],
    [{ bits: 3, lst: pack(1) }, 'bits is none of 1, 2, 4 and 8'],
    [{ bits: '1', lst: pack(1) }, 'bits is none of 1, 2, 4 and 8'],
    [{ lst: pack(1) }, 'bits is none of 1, 2, 4 and 8'],
    [{ bits: 1 }, 'lst is not canonical base64url'],
    [{ bits: 1, lst: `${pack(1)}=` }, 'lst is not canonical base64url'],
    [{ bits: 1, lst: deflateRawSync(Buffer.of(1)).toString('base64url') }, 'lst is not ZLIB'],
    [{ bits: 1, lst: gzipSync(Buffer.of(1)).toString('base64url') }, 'lst is not ZLIB'],
    [{ bits: 1, lst: deflateSync(Buffer.alloc(100)).subarray(0, 6).toString('base64url') }, 'lst is not ZLIB'],
    [
      { bits: 1, lst: Buffer.concat([deflateSync(Buffer.of(1)), Buffer.of(0)]).toString('base64url') },
      'lst goes on after its end',
    ],
  ])('%j: %s', async (status_list, problem) => expect(await problemOf({ payload: { status_list } })).toBe(problem))
  test('TSL-09 a list that unpacks to too much is not unpacked', async () => {
    const bomb = { bits: 1, lst: deflateSync(Buffer.alloc(10_000_000)).toString('base64url') }
    expect(await problemOf({ payload: { status_list: bomb } })).toBe('lst unpacks to more than is allowed')
    expect(
      await problemOf(
        { payload: { status_list: { bits: 1, lst: pack(...new Array(100).fill(1)) } } },
        { maxUnpacked: 100 },
      ),
    ).toBe('none')
    expect(
      await problemOf(
        { payload: { status_list: { bits: 1, lst: pack(...new Array(101).fill(1)) } } },
        { maxUnpacked: 100 },
      ),
    ).toBe('lst unpacks to more than is allowed')
  })
  test('TSL-09 a token that is too long is not read', async () =>
    expect(await problemOf({}, { maxBytes: 100 })).toBe('it is too long'))
  test('TSL-05 what was packed is what is read', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(1, 2, 4, 8), fc.uint8Array({ maxLength: 300 }), async (bits, bytes) => {
        const lst = deflateSync(bytes).toString('base64url')
        const perByte = 8 / bits
        const expected = [...bytes].flatMap((byte) =>
          Array.from({ length: perByte }, (_, place) => Math.floor(byte / 2 ** (place * bits)) % 2 ** bits),
        )
        expect(await statuses({ bits, lst }, expected.length + 1)).toEqual([...expected, undefined])
      }),
      { numRuns: 60 },
    )
  })
})

describe('TSL-04 whose list it is', () => {
  test.each<[string, Change]>([
    ['as it should be', {}],
    ['typ with application/', { header: { typ: 'application/StatusList+JWT' } }],
    ['without kid', { header: { kid: undefined } }],
    ['of the issuer by name', { payload: { iss: 'https://as.example.com' } }],
    ['without exp and ttl', { payload: { ttl: undefined } }],
    ['iat a little ahead', { payload: { iat: NOW + 10 } }],
  ])('%s', async (_, change) => expect(await problemOf(change)).toBe('none'))
  test.each<[string, Change]>([
    ['typ is not statuslist+jwt', { header: { typ: 'JWT' } }],
    ['typ is not statuslist+jwt', { header: { typ: undefined } }],
    ['typ is not statuslist+jwt', { header: { typ: 'at+jwt' } }],
    ['alg is not accepted from this issuer', { header: { alg: 'none' } }],
    ['alg is not accepted from this issuer', { header: { alg: 'PS256' } }],
    ['no key of the issuer verifies the signature', { key: clientKey }],
    ['the header brings its own key', { header: { jwk: clientKey.jwk } }],
    ['the header brings its own key', { header: { jku: 'https://as.example.com/jwks' } }],
    ['kid is not a short string', { header: { kid: 7 } }],
    ['kid is not a short string', { header: { kid: 'k'.repeat(257) } }],
    ['sub is not the URI it was fetched from', { payload: { sub: `${URI}0` } }],
    ['sub is not the URI it was fetched from', { payload: { sub: undefined } }],
    ['iss is not the issuer of the token', { payload: { iss: 'https://other.example' } }],
    ['iat is missing or in the future', { payload: { iat: undefined } }],
    ['iat is missing or in the future', { payload: { iat: NOW + 11 } }],
    ['iat is missing or in the future', { payload: { iat: String(NOW) } }],
    ['exp has passed', { payload: { exp: NOW } }],
    ['exp has passed', { payload: { exp: 'never' } }],
    ['ttl is not a positive number', { payload: { ttl: 0 } }],
    ['ttl is not a positive number', { payload: { ttl: -1 } }],
    ['ttl is not a positive number', { payload: { ttl: '600' } }],
  ])('%s', async (problem, change) => expect(await problemOf(change)).toBe(problem))
})

describe('TSL-08 how long it is kept', () => {
  test.each([
    [{ ttl: 600 }, 600],
    [{ ttl: undefined }, 300],
    [{ ttl: 1 }, 60],
    [{ ttl: 1e9 }, 86_400],
    [{ ttl: 600, exp: NOW + 100 }, 100],
    [{ ttl: 1, exp: NOW + 30 }, 30],
    [{ ttl: 600, exp: NOW + 1000 }, 600],
  ])('%j: %d s', async (payload, lifetime) => {
    const reading = await readIt({ payload })
    expect(reading.ok && reading.value.lifetime).toBe(lifetime)
  })
})
