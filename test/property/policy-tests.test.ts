import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { casesSchema } from '../../src/trial/cases-schema.ts'
import { checkCases } from '../../src/trial/check-cases.ts'
import { runCase } from '../../src/trial/run-case.ts'
import { buildWorld } from '../../src/trial/world.ts'
import { configuration } from '../support/policy-tests.ts'

const reading = readConfig(configuration)
if (!reading.ok) throw new Error('the configuration of the tests is good')
const { config } = reading

const offset = fc
  .tuple(fc.constantFrom('', '+', '-'), fc.nat(9999), fc.constantFrom('ms', 's', 'm', 'h'))
  .map((parts) => parts.join(''))
const text = fc.string({ minLength: 1, maxLength: 20, unit: 'binary' })
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined })
const algorithm = fc.constantFrom('ES256', 'PS256', 'EdDSA', 'Ed25519', 'RS256', 'HS256', 'none')
const members = fc.dictionary(
  fc.constantFrom('iss', 'cnf', 'exp', 'jti', 'alg', 'jwk', '__proto__', 'x'),
  fc.jsonValue({ maxDepth: 2 }),
  { maxKeys: 3 },
)
const difference = (own: Record<string, fc.Arbitrary<unknown>>) =>
  fc.record({ iat: offset, algorithm, typ: text, claims: members, header: members, ...own }, { requiredKeys: [] })
const token = difference({
  bind: fc.constantFrom('dpop', 'mtls', 'both', 'none'),
  scopes: fc.array(text),
  audience: text,
  opaque: fc.boolean(),
  client: fc.constantFrom('tpp', 'thief'),
})
const proof = difference({
  htm: text,
  htu: text,
  jti: text,
  ath: text,
  nonce: text,
  key: fc.constantFrom('another', 'thief'),
})
const url = fc.oneof(
  fc.constantFrom(
    '/',
    '/health',
    '/accounts/1',
    '/nonce',
    '/mtls',
    '/both',
    '/a//b',
    '/%2e%2e/x',
    'https://elsewhere.example/',
    'https://api.bank.example:443/x?y#z',
  ),
  fc.stringMatching(/^\/[!-~]{0,20}$/),
)
const step = fc.record({
  client: maybe(fc.constantFrom('tpp', 'thief')),
  certificate: maybe(fc.constantFrom('none', 'another', 'tpp', 'thief')),
  token: maybe(fc.oneof(token, fc.constant('none'))),
  proof: maybe(fc.oneof(proof, fc.constant('none'))),
  request: fc.record({
    url,
    headers: fc.dictionary(fc.constantFrom('dpop', 'authorization', 'x-authz-subject'), fc.string({ maxLength: 20 })),
  }),
  expect: fc.constant({ status: 200 }),
})

describe('whatever a case says', () => {
  test('a request ends with an answer that is explained, and never with a fault', async () => {
    const document = { clients: { tpp: {}, thief: { algorithm: 'EdDSA' } } }
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 3 }), async (steps) => {
        const one = JSON.parse(JSON.stringify({ name: 'it', steps })) as object
        const cases = casesSchema.parse({ ...document, cases: [one] })
        expect(checkCases(cases, config)).toEqual([])
        const [first] = cases.cases
        const results = first ? await runCase(first, cases, buildWorld(config, cases)) : []
        expect(results.length).toBe(steps.length)
        for (const { outcome } of results) {
          expect(outcome.reason).not.toBe('internal_error')
          expect(outcome.status === 200).toBe(outcome.reason === 'allowed')
        }
      }),
      { numRuns: 200 },
    )
  })
  test('what is no file of cases is refused and never thrown', () =>
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(casesSchema.safeParse(value).success).toBe(false)
        expect(casesSchema.safeParse({ cases: [value] }).success).toBe(false)
      }),
    ))
})
