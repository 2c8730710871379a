import fc from 'fast-check'
import { expect, test } from 'vitest'
import { buildDenyList, type RevocableToken, readRevocation, readRevocationLines } from '../../src/verify/deny-list.ts'

const NOW = 1_800_000_000
const name = fc.stringMatching(/^[a-c]{1,2}$/)
const time = fc.integer({ min: NOW - 50, max: NOW + 50 })
const kind = fc.constantFrom('jti', 'sub', 'client_id', 'sid')

const entry = fc
  .tuple(kind, name, fc.option(time, { nil: undefined }), fc.option(time, { nil: undefined }))
  .map(([what, value, before, until]) => ({ what, value, before, until }))

const write = ({
  what,
  value,
  before,
  until,
}: {
  what: string
  value: string
  before?: number | undefined
  until?: number | undefined
}) => JSON.stringify({ [what]: value, before, until })

const token = fc.record({ jti: name, sub: name, client_id: name, sid: name, iat: time })

/** The same token as the list sees it. */
const seen = ({
  jti,
  sub,
  client_id,
  sid,
  iat,
}: {
  jti: string
  sub: string
  client_id: string
  sid: string
  iat: number
}): RevocableToken => ({
  raw: 'opaque',
  tokenId: jti,
  subject: sub,
  clientId: client_id,
  issuedAt: iat,
  cnf: undefined,
  claims: { iat, sid },
})

test('JWT-29 whatever one entry alone revokes, the whole list revokes, and nothing that none of them names', () => {
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 12 }), token, (entries, claims) => {
      const read = readRevocationLines(entries.map(write).join('\n'), 100)
      if (!read.ok) throw new Error(read.problem)
      const list = buildDenyList(100)
      for (const one of read.value) expect(list.add(one)).toBe(true)
      const found = list.find(seen(claims), NOW)
      const named = entries.filter(({ what, value }) => Reflect.get(claims, what) === value)
      const revoking = named.filter(({ before }) => before === undefined || claims.iat <= before)
      if (revoking.length > 0) expect(revoking.map(({ what }) => what)).toContain(found)
      if (named.length === 0) expect(found).toBeUndefined()
      list.prune(NOW)
      expect(list.find(seen(claims), NOW)).toBe(found)
    }),
  )
})

test('the order of entries changes nothing', () => {
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 12 }), fc.infiniteStream(fc.nat()), (entries, chance) => {
      const all = (ordered: readonly (typeof entries)[number][]) => {
        const read = readRevocationLines(ordered.map(write).join('\n'), 100)
        if (!read.ok) throw new Error(read.problem)
        const list = buildDenyList(100)
        for (const one of read.value) list.add(one)
        return [...list.entries()].sort((one, other) => (one.key < other.key ? -1 : 1))
      }
      const shuffled = entries
        .map((one) => ({ one, at: chance.next().value }))
        .sort((one, other) => one.at - other.at)
        .map(({ one }) => one)
      expect(all(shuffled)).toEqual(all(entries))
    }),
  )
})

test('whatever the object is, reading it gives an entry of our form or a problem in words', () => {
  fc.assert(
    fc.property(
      fc.dictionary(
        fc.oneof(kind, fc.constantFrom('jkt', 'token', 'before', 'until', 'x5t#S256'), fc.string()),
        fc.jsonValue(),
      ),
      (object) => {
        const read = readRevocation(object, { before: 1, until: 1 })
        if (!read.ok) {
          expect(read.problem).toMatch(/^[\x20-\x7e]{5,120}$/)
          return
        }
        expect(read.value.key).toMatch(/^[jscikxt][\w-]{43}$/)
        expect(Number.isInteger(read.value.before) && Number.isInteger(read.value.until)).toBe(true)
      },
    ),
  )
})

test('whatever the text is, reading it ends with entries or with the number of a line', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
      const read = readRevocationLines(text, 10)
      if (!read.ok) expect(read.problem).toMatch(/^line [0-9]+: |^it has more/)
    }),
  )
})
