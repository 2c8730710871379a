import { deflateSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  acceptStatusList,
  isPlace,
  readStatusListToken,
  readStatusReference,
  type StatusListRules,
} from '../../src/verify/status-list.ts'
import { PROOF_TIME } from '../support/proofs.ts'
import { ISSUER, serverKey } from '../support/spine.ts'
import { HOST, LIST, mintList } from '../support/status-lists.ts'
import { imported } from '../support/tokens.ts'

const NOW = PROOF_TIME
const rules: StatusListRules = {
  ...{ uri: LIST, issuer: ISSUER, algorithms: ['ES256'], maxBytes: 65_536, maxUnpacked: 1000 },
}
const keys = [imported({ ...serverKey.jwk, kid: 'as-1' })]

async function lifetimeOf(compact: string): Promise<number | undefined> {
  const list = readStatusListToken(compact, rules)
  const accepted = list.ok ? await acceptStatusList(list.value, keys, rules, NOW) : list
  return accepted.ok ? accepted.value.lifetime : undefined
}

test('TSL-04 no text makes the reader throw, and none but a JWS is taken', () => {
  const segment = fc.oneof(fc.base64String({ maxLength: 60 }), fc.constant(''), fc.string({ maxLength: 20 }))
  const text = fc.oneof(
    fc.string(),
    fc.array(segment, { maxLength: 5 }).map((parts) => parts.join('.')),
  )
  fc.assert(
    fc.property(text, (compact) => {
      expect(readStatusListToken(compact, rules).ok).toBe(false)
    }),
    { numRuns: 500 },
  )
})

/** Right most of the time, and odd now and then. */
const mostly = (good: fc.Arbitrary<unknown>) =>
  fc.oneof(
    { arbitrary: good, weight: 12 },
    { arbitrary: fc.constantFrom<unknown>(undefined, null, '', 0, -1, '600', [], {}, true), weight: 1 },
  )
const around = (offset: number) => fc.integer({ min: NOW + offset - 2, max: NOW + offset + 2 })
const claims = fc.record({
  sub: mostly(fc.constantFrom(LIST, LIST, LIST, `${LIST}/`)),
  iss: fc.constantFrom<unknown>(undefined, undefined, ISSUER, `${ISSUER}/`, 1),
  iat: mostly(fc.oneof(fc.constant(NOW - 10), around(10))),
  exp: fc.oneof(fc.constant<unknown>(undefined), mostly(fc.oneof(around(0), around(60), around(600)))),
  ttl: fc.oneof(fc.constant<unknown>(undefined), mostly(fc.integer({ min: 1, max: 200_000 }))),
})

/** The rules once more, one sentence each; undefined when the list must not be believed. */
function expected({ sub, iss, iat, exp, ttl }: Readonly<Record<string, unknown>>): number | undefined {
  if (sub !== LIST || (iss !== undefined && iss !== ISSUER)) return undefined
  if (typeof iat !== 'number' || iat > NOW + 10) return undefined
  if (exp !== undefined && !(typeof exp === 'number' && exp > NOW)) return undefined
  if (ttl !== undefined && !(typeof ttl === 'number' && ttl > 0)) return undefined
  const kept = Math.min(86_400, Math.max(60, ttl ?? 300))
  return exp === undefined ? kept : Math.min(kept, exp - NOW)
}

test('TSL-04, TSL-08 a list is believed exactly when every claim holds, and kept for as long as they say', async () => {
  await fc.assert(
    fc.asyncProperty(claims, async (members) => {
      expect(await lifetimeOf(mintList({ claims: members }))).toBe(expected(members))
    }),
    { numRuns: 400 },
  )
})

test('TSL-05 whatever stands in the place of the list, nothing throws, and what is taken was packed', async () => {
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.record({
      bits: fc.constantFrom<unknown>(1, 2, 4, 8, 3, 16, '1', null),
      lst: fc.oneof(
        fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('base64url')),
        fc.uint8Array({ maxLength: 1100 }).map((bytes) => deflateSync(bytes).toString('base64url')),
      ),
    }),
  )
  await fc.assert(
    fc.asyncProperty(value, async (status_list) => {
      const list = readStatusListToken(mintList({ claims: { status_list } }), rules)
      if (!list.ok) return
      const accepted = await acceptStatusList(list.value, keys, rules, NOW)
      if (!accepted.ok) return
      const { bits = 0 } = status_list as { bits?: number }
      expect([1, 2, 4, 8]).toContain(bits)
      expect(accepted.value.bytes).toBeLessThanOrEqual(rules.maxUnpacked)
      const count = (accepted.value.bytes * 8) / bits
      expect(accepted.value.status(count)).toBeUndefined()
      if (count > 0) expect(accepted.value.status(count - 1)).toBeLessThan(2 ** bits)
    }),
    { numRuns: 200 },
  )
})

test('TSL-02 a reference is exactly a non-negative integer and a URI', () => {
  const index = fc.oneof(fc.maxSafeInteger(), fc.constantFrom<unknown>(-0, 0.5, '1', null, undefined, [1]))
  const uri = fc.oneof(fc.webUrl(), fc.string(), fc.constantFrom<unknown>(LIST, null, undefined, 1))
  fc.assert(
    fc.property(index, uri, (idx, place) => {
      const reading = readStatusReference({ status: { status_list: { idx, uri: place } } })
      const holds = Number.isSafeInteger(idx) && Number(idx) >= 0 && typeof place === 'string' && URL.canParse(place)
      expect(reading.ok).toBe(holds && place.length <= 2048)
    }),
    { numRuns: 400 },
  )
  fc.assert(
    fc.property(fc.jsonValue(), (status) => {
      const reading = readStatusReference({ status })
      if (reading.ok) expect(reading.value.index).toBeGreaterThanOrEqual(0)
    }),
  )
})

test('TSL-03 whatever may be fetched leads to a listed host over TLS', () => {
  const host = fc.constantFrom(
    HOST,
    HOST.toUpperCase(),
    `${HOST}.`,
    `x.${HOST}`,
    `${HOST}:443`,
    `${HOST}:444`,
    'evil.example',
  )
  const part = fc.constantFrom('', '@', '\\', '/', '#', '?', ':', '%40', ' ', '\t')
  const scheme = fc.constantFrom('https:', 'http:', 'HTTPS:', 'ftp:', 'https', '')
  const text = fc.tuple(scheme, fc.constantFrom('//', '/', ''), fc.string({ maxLength: 4 }), part, host, part, host)
  fc.assert(
    fc.property(
      text.map((parts) => parts.join('')),
      (uri) => {
        if (!isPlace(uri, [HOST])) return
        const { protocol, hostname, port, username, password } = new URL(uri)
        expect([protocol, hostname, port, username, password]).toEqual(['https:', HOST, '', '', ''])
      },
    ),
    { numRuns: 2000 },
  )
})
