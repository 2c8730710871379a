import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readAttributes, readHeaders } from '../../src/attributes.ts'
import { formats, readCapture } from '../../src/explain/capture.ts'
import { explain } from '../../src/explain/explanation.ts'
import { searchDecision } from '../../src/explain/log-facts.ts'
import { hideSecrets, secretsOf } from '../../src/explain/secrets.ts'
import { spellExplanation } from '../../src/explain/spell.ts'
import { checkRequest } from '../support/requests.ts'

const format = fc.constantFrom(undefined, ...formats)
const index = fc.constantFrom(undefined, 0, 1, 999_999)

/** Reads it, and what comes out can be judged. */
function tryToRead(bytes: Uint8Array, options: Parameters<typeof readCapture>[1]): boolean {
  const reading = readCapture(bytes, options)
  if (!reading.ok) {
    expect(reading.problem.length).toBeLessThan(4000)
    return false
  }
  readAttributes(reading.value.wire, readHeaders(reading.value.wire))
  return true
}

const http = Buffer.from(
  'POST /a?b HTTP/1.1\r\nHost: api.example\r\nAuthorization: DPoP abc\r\nContent-Length: 1\r\n\r\nx',
)
const har = Buffer.from(
  JSON.stringify({
    log: {
      entries: [{ request: { method: 'GET', url: 'https://a.example/x', headers: [{ name: 'a', value: 'b' }] } }],
    },
  }),
)
const check = Buffer.from(
  JSON.stringify({
    attributes: { request: { http: { method: 'GET', header_map: { headers: [{ key: 'a', raw_value: 'eA==' }] } } } },
  }),
)

test('the samples can be read', () => {
  expect([http, har, check].map((sample) => tryToRead(sample, { format: undefined, index: undefined }))).toEqual([
    true,
    true,
    true,
  ])
})

test('whatever the file holds, it is read or refused in a sentence', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.uint8Array({ maxLength: 400 }), fc.string().map(Buffer.from)),
      format,
      index,
      (bytes, as, at) => {
        tryToRead(bytes, { format: as, index: at })
      },
    ),
  )
})

test('JSON of any shape', () => {
  const shaped = fc.oneof(
    fc.jsonValue(),
    fc.record({ log: fc.record({ entries: fc.array(fc.record({ request: fc.jsonValue() })) }) }),
    fc.record({ attributes: fc.record({ request: fc.record({ http: fc.jsonValue() }), source: fc.jsonValue() }) }),
  )
  fc.assert(
    fc.property(shaped, format, index, (value, as, at) => {
      tryToRead(Buffer.from(JSON.stringify(value)), { format: as, index: at })
    }),
  )
})

test('good files with bytes changed or cut', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(http, har, check),
      fc.nat(),
      fc.nat(255),
      fc.nat(),
      format,
      (sample, place, byte, end, as) => {
        const bytes = Buffer.from(sample)
        bytes[place % bytes.length] = byte
        tryToRead(bytes.subarray(0, end % (bytes.length + 1)), { format: as, index: 0 })
      },
    ),
  )
})

/** What a line of a log may look like, and lines that are none. */
const odd = fc.oneof(fc.string({ unit: 'binary' }), fc.jsonValue())
const logLine = fc.record(
  {
    interactionId: fc.constantFrom('id', 'other'),
    requestId: odd,
    decision: fc.oneof(fc.constantFrom('allow', 'deny'), odd),
    reason: fc.oneof(fc.constantFrom('proof_replayed', 'toString', '__proto__'), odd),
    msg: fc.constantFrom('decision', 'checks'),
    would: odd,
    time: fc.oneof(fc.constant('2027-01-15T08:00:00.000Z'), odd),
    detail: odd,
    route: odd,
    path: odd,
    clientId: odd,
    anomalies: fc.oneof(fc.array(odd), odd),
    trace: fc.oneof(
      fc.array(
        fc.oneof(
          odd,
          fc.record({
            check: fc.oneof(
              fc.constantFrom('proof iat', 'token exp', 'token jkt', 'token scope', 'token lifetime'),
              odd,
            ),
            clause: odd,
            result: fc.constantFrom('pass', 'fail'),
            found: fc.oneof(fc.double(), fc.array(odd), odd),
            expected: fc.oneof(fc.double(), fc.array(odd), odd),
          }),
        ),
      ),
      odd,
    ),
  },
  { requiredKeys: [] },
)

test('whatever a log holds, what is shown of it is printable and narrow', () => {
  let explained = 0
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          logLine.map((line) => JSON.stringify(line)),
          fc.string(),
        ),
      ),
      (lines) => {
        const search = searchDecision('id')
        for (const line of lines) search.take(line)
        const { facts } = search.result()
        if (!facts) return
        explained += 1
        const text = spellExplanation(explain(facts, undefined, []), '.')
        expect(text).toMatch(/^(?:ALLOW|DENY)/)
        expect(text).toMatch(/^[\n\x20-\x7e\u00a1-\u024f\u2013\u2026]*$/)
        expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100)
      },
    ),
  )
  expect(explained).toBeGreaterThan(5)
})

test('no secret of a request is left in what is shown, whole or as a part of another text', () => {
  const secret = fc.stringMatching(/^[A-Za-z0-9._~+/-]{16,60}$/)
  fc.assert(
    fc.property(secret, secret, fc.constantFrom('dpop', 'cookie', 'client-cert'), (token, other, name) => {
      const wire = checkRequest({
        headers: [
          ['authorization', `DPoP ${token}`],
          [name, other],
        ],
      })
      const shown = hideSecrets(
        { deep: [`a ${token}`, { other: `${other}!` }], token },
        secretsOf(wire, readHeaders(wire)),
      )
      expect(JSON.stringify(shown)).not.toContain(token)
      expect(JSON.stringify(shown)).not.toContain(other)
    }),
  )
})
