import fc from 'fast-check'
import { expect, test } from 'vitest'
import { admit } from '../../src/admission.ts'
import { answers, type DenyReason, deny } from '../../src/denial.ts'
import { encode, type Occasion } from '../../src/response.ts'
import { answered, flaws } from '../support/answers.ts'
import { evidence } from '../support/modules.ts'
import { overTheWire, wireBytes } from '../support/recordings.ts'

const anyText = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('\ud800', 'a\udc00', '\0', '', '\r\n'),
)
const scope = fc.stringMatching(/^[!#-[\]-~]{1,20}$/)
const occasion: fc.Arbitrary<Occasion> = fc.record({
  interactionId: fc.uuid(),
  method: anyText,
  headers: fc.array(anyText).map((lines) => new Map(lines.length > 0 ? [['authorization', lines]] : [])),
  route: anyText,
  challenges: fc.constantFrom(
    { dpopAlgorithms: ['ES256'], bearer: false },
    { dpopAlgorithms: undefined, bearer: true },
    { dpopAlgorithms: ['ES256', 'PS256'], bearer: true },
  ),
  verified: fc.record({ issuer: anyText, clientId: anyText, subject: anyText, binding: anyText }, { requiredKeys: [] }),
})
const reason = fc.constantFrom(...(Object.keys(answers) as DenyReason[]))
const more = fc.record(
  {
    scope: fc.array(scope),
    allow: fc.array(fc.constantFrom('GET', 'POST'), { minLength: 1 }),
    retryAfter: fc.integer({ min: 0, max: 86_400 }),
  },
  { requiredKeys: [] },
)

/** Whether every text in the message is UTF-8, as Envoy demands before it looks at anything else. */
const readable = (bytes: Uint8Array, texts: readonly string[]): boolean =>
  texts.every((text) => Buffer.from(bytes).includes(Buffer.from(text)) && text.isWellFormed())

test('whatever is denied, however the client asked, the answer is a complete denial', () => {
  fc.assert(
    fc.property(reason, anyText, more, occasion, (why, detail, extra, asked) => {
      const nonce = answers[why].error === 'use_dpop_nonce' ? { nonce: '!#-[]-~' } : {}
      const response = encode(deny(why, detail, { ...extra, ...nonce }), asked)
      const received = overTheWire(response)
      expect(received.status.code).toBeGreaterThan(0)
      expect(flaws(received)).toEqual([])
      expect(received).toMatchObject({ deniedResponse: { status: { code: answers[why].status } } })
      const texts = Object.values(response.dynamicMetadata.fields).map(({ stringValue }) => stringValue)
      expect(readable(wireBytes(response), texts)).toBe(true)
      for (const challenge of answered(received, 'www-authenticate'))
        expect(challenge).toMatch(/^(?:DPoP|Bearer)(?: [a-z_]+="[^"\\]*"(?:, [a-z_]+="[^"\\]*")*)?$/)
    }),
    { numRuns: 1000 },
  )
})

test('status 0 comes from a genuine admission and from nothing else', () => {
  fc.assert(
    fc.property(fc.anything(), occasion, (admission, asked) => {
      const decision = { ok: true, admission, identity: { set: [], remove: [] } } as Parameters<typeof encode>[0]
      expect(encode(decision, asked).status.code).toBe(13)
    }),
  )
  const admission = admit('resource', evidence())
  if (!admission.ok) throw new Error(admission.detail)
  const identity = { set: [], remove: [] }
  fc.assert(
    fc.property(occasion, (asked) => {
      const response = overTheWire(encode({ ok: true, admission: admission.value, identity }, asked))
      expect([response.status.code, flaws(response)]).toEqual([0, []])
    }),
  )
})
