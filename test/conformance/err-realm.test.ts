import { describe, expect, test } from 'vitest'
import { buildChallenges } from '../../src/challenge.ts'
import { answers, type DenyReason, deny } from '../../src/denial.ts'
import { answered, flaws, verdict } from '../support/answers.ts'
import { certificate } from '../support/possession.ts'
import { overTheWire } from '../support/recordings.ts'
import { checkRequest, forms } from '../support/requests.ts'
import { boundTo, buildTestCheck, goodRequest, mintToken, type Order } from '../support/spine.ts'

const offers = [
  { dpopAlgorithms: ['ES256', 'PS256'], bearer: true },
  { dpopAlgorithms: ['ES256'], bearer: false },
  { dpopAlgorithms: undefined, bearer: true },
]
const reasons = Object.keys(answers) as readonly DenyReason[]
const sent = ['DPoP x', 'Bearer x', 'Basic x', 'DPoP a,Bearer b', 'realm="x"', undefined]

/** One challenge as a client reads it; undefined when it is not one of ours. */
function parse(challenge: string): { readonly scheme: string; readonly parameters: readonly string[] } | undefined {
  const [, scheme, rest = ''] = /^(DPoP|Bearer)(?: (.+))?$/.exec(challenge) ?? []
  const parameters = [...rest.matchAll(/([a-z_]+)="([\x20\x21\x23-\x5b\x5d-\x7e]*)"(?:, |$)/g)]
  const whole = parameters.map(([text]) => text).join('') === rest
  return scheme !== undefined && whole ? { scheme, parameters: parameters.map(([, name = '']) => name) } : undefined
}

describe('ERR-13 no challenge names a realm, so every one of them names the same', () => {
  test.each(reasons)('%s', (reason) => {
    for (const offered of offers)
      for (const authorization of sent) {
        const headers = new Map(authorization === undefined ? [] : [['authorization', [authorization]]])
        const denial = deny(reason, 'why', { scope: ['a', 'b:c'] })
        const parsed = buildChallenges(denial, offered, headers).map(parse)
        for (const challenge of parsed) {
          expect(challenge).toBeDefined()
          expect(challenge?.parameters).not.toContain('realm')
          // ERR-05: each parameter once.
          expect(new Set(challenge?.parameters).size).toBe(challenge?.parameters.length)
          expect(challenge?.parameters.every((name) => /^(?:error|error_description|scope|algs)$/.test(name))).toBe(
            true,
          )
        }
        expect(new Set(parsed.map((challenge) => challenge?.scheme)).size).toBe(parsed.length)
      }
  })
})

describe.each(forms)('ERR-06 routes with two schemes, %s headers', (form) => {
  /** The error each challenge of the answer carries, by scheme. */
  async function errors(order: Order): Promise<readonly string[]> {
    const response = overTheWire(await buildTestCheck().ask(goodRequest({ form, ...order })))
    expect(flaws(response)).toEqual([])
    return [
      verdict(response),
      ...answered(response, 'www-authenticate').map(
        (challenge) => `${challenge.split(' ', 1)} ${/error="([a-z_]+)"/.exec(challenge)?.[1] ?? '-'}`,
      ),
    ]
  }
  const mtls = { token: mintToken({ claims: { cnf: boundTo.mtls } }), scheme: 'Bearer', proof: null, certificate }

  test.each([
    ['a malformed DPoP credential', { token: '"' }, ['credentials_malformed', 'DPoP invalid_request', 'Bearer -']],
    [
      'a malformed Bearer credential',
      { token: '"', scheme: 'Bearer' },
      ['credentials_malformed', 'DPoP -', 'Bearer invalid_request'],
    ],
    [
      'a token in the query',
      { path: '/accounts?access_token=x' },
      ['token_in_query', 'DPoP invalid_request', 'Bearer -'],
    ],
    ['a bad proof', { proof: 'x.y.z' }, ['proof_malformed', 'DPoP invalid_dpop_proof', 'Bearer -']],
    ['a bound token as Bearer', { scheme: 'Bearer' }, ['bound_token_as_bearer', 'DPoP -', 'Bearer invalid_token']],
    [
      'too little scope as DPoP',
      { token: mintToken({ claims: { scope: 'x' } }) },
      ['scope_insufficient', 'DPoP insufficient_scope', 'Bearer -'],
    ],
    [
      'too little scope as Bearer',
      { ...mtls, token: mintToken({ claims: { cnf: boundTo.mtls, scope: 'x' } }) },
      ['scope_insufficient', 'DPoP -', 'Bearer insufficient_scope'],
    ],
    ['an unknown scheme', { scheme: 'Basic' }, ['credentials_missing', 'DPoP -', 'Bearer -']],
    ['an oversized field', { token: 'a'.repeat(9000) }, ['header_too_large']],
  ] as const)('%s', async (_, order, expected) => expect(await errors(order)).toEqual(expected))

  test('a scheme the route does not offer leaves it unclear: the error stands in all', async () => {
    expect(await errors({ ...mtls, path: '/dpop' })).toEqual(['binding_refused', 'DPoP invalid_token'])
    const token = mintToken()
    expect(await errors({ token, path: '/mtls' })).toEqual(['binding_refused', 'Bearer invalid_token'])
  })
  test('a query token without any header: the client named no scheme', async () => {
    const response = await buildTestCheck().ask(checkRequest({ path: '/accounts?access_token=x' }, form))
    expect(answered(response, 'www-authenticate').every((one) => one.includes('error="invalid_request"'))).toBe(true)
  })
})

test('ERR-03 algs names what the route takes, and RS256 is never among it', async () => {
  for (const path of ['/accounts', '/dpop', '/both']) {
    const challenges = answered(await buildTestCheck().ask(checkRequest({ path })), 'www-authenticate')
    expect(challenges.filter((one) => one.startsWith('DPoP'))).toEqual(['DPoP algs="ES256 PS256 EdDSA Ed25519"'])
  }
  expect(answered(await buildTestCheck().ask(checkRequest({ path: '/mtls' })), 'www-authenticate')).toEqual(['Bearer'])
})
