import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Trace } from '../../src/trace.ts'
import { acceptAccessToken, isVerifiedToken, readAccessToken } from '../../src/verify/access-token.ts'
import { unescaped } from '../support/json-values.ts'
import { PROOF_TIME } from '../support/proofs.ts'
import { ISSUER, ORIGIN } from '../support/spine.ts'
import { base64url } from '../support/tokens.ts'

const NOW = PROOF_TIME
const form = { types: ['at+jwt'], untyped: false, maxBytes: 8192 }
const rules = { server: 'as', audiences: [ORIGIN], leeway: 5, maxLifetime: 600, mapClaims: false }

const odd = fc.oneof(
  fc.constant(undefined),
  fc.constantFrom<unknown>(null, '', 0, -1, true, [], {}, 'x'),
  unescaped(fc.jsonValue({ maxDepth: 1 })),
)
const mostly = <T>(good: fc.Arbitrary<T>) => fc.oneof({ arbitrary: good, weight: 12 }, { arbitrary: odd, weight: 1 })
const around = (offset: number) => fc.integer({ min: NOW + offset - 2, max: NOW + offset + 2 })
const claimsOf = fc.record({
  iss: mostly(fc.constantFrom(ISSUER, `${ISSUER}/`)),
  sub: mostly(fc.string({ minLength: 1 })),
  client_id: mostly(fc.string({ minLength: 1 })),
  jti: mostly(fc.uuid()),
  aud: mostly(
    fc.oneof(
      fc.constant(ORIGIN),
      fc.constant([ORIGIN]),
      fc.constantFrom(`${ORIGIN}/`, `${ORIGIN}.evil.example`, ORIGIN.slice(0, -1)),
      fc.array(fc.constantFrom<unknown>(ORIGIN, 'x', 1, null), { maxLength: 3 }),
    ),
  ),
  iat: mostly(fc.oneof(fc.constant(NOW - 10), around(0), around(10), fc.double({ noNaN: true }))),
  exp: mostly(fc.oneof(fc.constant(NOW + 100), around(-5), around(0), around(600), fc.double({ noNaN: true }))),
  nbf: fc.oneof(fc.constant(undefined), around(10), odd),
  scope: mostly(fc.constantFrom('a b', '', 'a')),
  azp: odd,
  cnf: odd,
})
const headerOf = fc.record({
  alg: fc.constant('ES256'),
  typ: mostly(fc.constantFrom('at+jwt', 'AT+jwt', 'application/at+jwt', 'JWT', 'at+jwt ')),
  kid: mostly(fc.string({ maxLength: 260 })),
  jku: fc.oneof({ arbitrary: fc.constant(undefined), weight: 12 }, { arbitrary: odd, weight: 1 }),
})

type Members = Readonly<Record<string, unknown>>
const isText = (value: unknown): boolean => typeof value === 'string' && value.length > 0
const isTime = (value: unknown): value is number => typeof value === 'number' && value >= 0 && value <= 2 ** 40

/** The rules once more, as one sentence each, independent of the order the verifier asks in. */
const formHolds = ({ typ, kid, ...rest }: Members, { iss }: Members): boolean =>
  typeof typ === 'string' &&
  ['at+jwt', 'application/at+jwt'].includes(typ.toLowerCase()) &&
  !('jku' in rest) &&
  (kid === undefined || (typeof kid === 'string' && kid.length <= 256)) &&
  typeof iss === 'string'
const claimsHold = ({ sub, client_id, jti, aud, iat, exp, nbf }: Members): boolean =>
  [sub, client_id, jti].every(isText) &&
  isTime(iat) &&
  isTime(exp) &&
  (nbf === undefined || (isTime(nbf) && nbf - NOW <= 10)) &&
  NOW - exp < 5 &&
  iat - NOW <= 10 &&
  exp - iat <= 600 &&
  (aud === ORIGIN || (Array.isArray(aud) && aud.includes(ORIGIN) && aud.every((one) => typeof one === 'string')))

test('JWT-01, JWT-06 … JWT-12, JWT-15, JWT-20 a token is accepted exactly when every rule holds, never an exception', () => {
  const outcomes = { accepted: 0, refused: 0 }
  fc.assert(
    fc.property(headerOf, claimsOf, (headerMembers, claimMembers) => {
      const [header, claims] = [headerMembers, claimMembers].map((part) => JSON.stringify(part)) as [string, string]
      const [sentHeader, sent] = [JSON.parse(header) as Members, JSON.parse(claims) as Members]
      const raw = `${base64url(header)}.${base64url(claims)}.AAAA`
      const token = readAccessToken(raw, form, new Trace())
      expect(token.ok).toBe(formHolds(sentHeader, sent))
      if (!token.ok) return
      expect(token.value.issuer).toBe(sent.iss)
      const accepted = acceptAccessToken(token.value, { raw, scheme: 'DPoP' }, rules, NOW, new Trace())
      expect(accepted.ok).toBe(claimsHold(sent))
      outcomes[accepted.ok ? 'accepted' : 'refused'] += 1
      if (!accepted.ok) return
      const { subject, clientId, tokenId, issuedAt, expiresAt, cnf } = accepted.value
      expect([subject, clientId, tokenId, issuedAt, expiresAt]).toEqual([
        sent.sub,
        sent.client_id,
        sent.jti,
        sent.iat,
        sent.exp,
      ])
      expect(cnf).toEqual(sent.cnf)
      expect(isVerifiedToken(accepted.value)).toBe(true)
    }),
    { numRuns: 6000 },
  )
  expect(outcomes.accepted).toBeGreaterThan(100)
  expect(outcomes.refused).toBeGreaterThan(100)
})

test('JWT-08, JWT-31 what is accepted now is not accepted for ever: time alone takes it away', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 600 }), fc.integer({ min: -1000, max: 2000 }), (life, passed) => {
      const claims = { iss: ISSUER, sub: 's', client_id: 'c', jti: 'j', aud: ORIGIN, iat: NOW, exp: NOW + life }
      const raw = `${base64url('{"alg":"ES256","typ":"at+jwt"}')}.${base64url(JSON.stringify(claims))}.AAAA`
      const token = readAccessToken(raw, form, new Trace())
      if (!token.ok) throw new Error(token.detail)
      const accepted = acceptAccessToken(token.value, { raw, scheme: 'DPoP' }, rules, NOW + passed, new Trace())
      expect(accepted.ok).toBe(passed >= -10 && passed < life + 5)
    }),
    { numRuns: 2000 },
  )
})

test('a token is accepted or not whatever its text is, never an exception', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(fc.json().map(base64url), { maxLength: 4 }).map((each) => each.join('.')),
      ),
      (raw) => {
        expect(readAccessToken(raw, form, new Trace()).ok).toBe(false)
      },
    ),
    { numRuns: 2000 },
  )
})
