import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Trace } from '../../src/trace.ts'
import { acceptIntrospectedToken, isVerifiedToken } from '../../src/verify/access-token.ts'
import { acceptSignedAnswer, readIntrospection, readSignedAnswer } from '../../src/verify/introspection.ts'
import { hasJwtForm } from '../../src/verify/jws.ts'
import { activeAnswer, CLIENT, ISSUER, OPAQUE, signedAnswer } from '../support/introspection.ts'
import { PROOF_TIME } from '../support/proofs.ts'
import { boundTo, ORIGIN, serverKey } from '../support/spine.ts'
import { imported } from '../support/tokens.ts'

const NOW = PROOF_TIME
type Members = Readonly<Record<string, unknown>>
const rules = {
  ...{ server: 'as', audiences: [ORIGIN], leeway: 5, maxLifetime: 600, mapClaims: false },
  ...{ issuer: ISSUER, required: [] },
}

/** Absent now and then, and odd now and then. */
const mostly = <T>(good: fc.Arbitrary<T>) =>
  fc.oneof(
    { arbitrary: good as fc.Arbitrary<unknown>, weight: 14 },
    { arbitrary: fc.constantFrom<unknown>(undefined, null, '', 0, -1, true, [], {}, 'x'), weight: 1 },
  )
const around = (offset: number) => fc.integer({ min: NOW + offset - 2, max: NOW + offset + 2 })
const answers = fc.record({
  active: fc.oneof(
    { arbitrary: fc.constant<unknown>(true), weight: 8 },
    { arbitrary: fc.constantFrom<unknown>(undefined, false, 'true', 1, [true], {}), weight: 1 },
  ),
  iss: mostly(fc.constantFrom(ISSUER, undefined, `${ISSUER}/`)),
  sub: mostly(fc.string({ minLength: 1 })),
  client_id: mostly(fc.string({ minLength: 1 })),
  jti: mostly(fc.uuid()),
  aud: mostly(fc.constantFrom<unknown>(ORIGIN, [ORIGIN], ['x', ORIGIN], `${ORIGIN}/`, ['x'])),
  iat: mostly(fc.oneof(fc.constant(NOW - 10), around(10))),
  exp: mostly(fc.oneof(fc.constant(NOW + 100), around(-5), around(600))),
  nbf: fc.constantFrom<unknown>(undefined, NOW, NOW + 10, NOW + 11, 'x'),
  token_type: mostly(fc.constantFrom('DPoP', 'dpop', 'Bearer')),
  cnf: fc.constantFrom<unknown>(boundTo.dpop, boundTo.mtls, boundTo.both, undefined),
})

const isText = (value: unknown): boolean => typeof value === 'string' && value.length > 0
const isTime = (value: unknown): value is number => typeof value === 'number' && value >= 0
const within = (cnf: unknown): boolean => typeof cnf === 'object' && cnf !== null && 'jkt' in cnf

/** The rules once more, as one sentence each. `members` come out of JSON, so a member is there or is not. */
const holds = (members: Members): boolean => {
  const { iss, client_id, aud, exp, nbf, token_type: type, cnf } = members
  const { sub = client_id, jti = 'none', iat = NOW } = members
  return (
    [sub, client_id, jti].every(isText) &&
    (iss === undefined || iss === ISSUER) &&
    (type === undefined || (typeof type === 'string' && (!within(cnf) || type.toLowerCase() === 'dpop'))) &&
    isTime(iat) &&
    isTime(exp) &&
    (nbf === undefined || (isTime(nbf) && nbf - NOW <= 10)) &&
    NOW - exp < 5 &&
    iat - NOW <= 10 &&
    exp - iat <= 600 &&
    (aud === ORIGIN || (Array.isArray(aud) && aud.includes(ORIGIN)))
  )
}

test('INT-02, INT-04, INT-05 a token is accepted exactly when the answer says active and every rule holds', () => {
  const outcomes = { accepted: 0, refused: 0 }
  fc.assert(
    fc.property(answers, (answer) => {
      const sent = JSON.parse(JSON.stringify(answer)) as Members
      const said = readIntrospection(JSON.parse(JSON.stringify(answer)) as Members)
      expect(said.active).toBe(sent.active === true)
      if (!said.active) return
      const how = { raw: OPAQUE, scheme: 'DPoP' } as const
      const accepted = acceptIntrospectedToken(said.claims, how, rules, NOW, new Trace())
      expect(accepted.ok).toBe(holds(sent))
      outcomes[accepted.ok ? 'accepted' : 'refused'] += 1
      if (!accepted.ok) return
      expect(isVerifiedToken(accepted.value)).toBe(true)
      expect(accepted.value).toMatchObject({
        raw: OPAQUE,
        issuer: ISSUER,
        clientId: sent.client_id,
        expiresAt: sent.exp,
      })
      expect([accepted.value.subject, accepted.value.cnf]).toEqual([sent.sub ?? sent.client_id, sent.cnf])
    }),
    { numRuns: 6000 },
  )
  expect(outcomes.accepted).toBeGreaterThan(100)
  expect(outcomes.refused).toBeGreaterThan(100)
})

test('INT-08 … INT-10 no change of a signed answer is believed', () => {
  const good = signedAnswer(activeAnswer())
  const key = imported(serverKey.jwk)
  const believed = (text: string): boolean => {
    const asked = { issuer: ISSUER, clientId: CLIENT, algorithms: ['ES256'] }
    const read = readSignedAnswer(text, asked, 16_384)
    return read.ok && acceptSignedAnswer(read.value, [key], asked, NOW).ok
  }
  expect(believed(good)).toBe(true)
  fc.assert(
    fc.property(fc.nat({ max: good.length - 1 }), fc.string({ maxLength: 2 }), (at, text) => {
      const changed = good.slice(0, at) + text + good.slice(at + 1)
      expect(believed(changed)).toBe(changed === good)
    }),
    { numRuns: 3000 },
  )
})

test('INT-12 any text has the form of a JWT or not, never an exception', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect([true, false]).toContain(hasJwtForm(text))
    }),
  )
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.base64String(), fc.base64String(), (header, a, b) => {
      const first = Buffer.from(JSON.stringify(header)).toString('base64url')
      expect(hasJwtForm(`${first}.${a}.${b}`)).toBe(true)
    }),
  )
})
