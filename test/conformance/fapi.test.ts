import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { observeRoutes } from '../../src/io/observation.ts'
import { buildMetrics } from '../../src/metrics.ts'
import { answered, flaws, verdict } from '../support/answers.ts'
import { certificate } from '../support/possession.ts'
import { buildClientKey, PROOF_TIME } from '../support/proofs.ts'
import { checkRequest, forms } from '../support/requests.ts'
import {
  boundTo,
  buildTestCheck,
  compatDocument,
  document,
  goodRequest,
  mintToken,
  proofFor,
} from '../support/spine.ts'
import { asked, forgeBytes, signers } from '../support/tokens.ts'

const problemsOf = (changed: object): readonly string[] => {
  const reading = readConfig({ ...document, ...changed })
  return reading.ok ? [] : reading.problems.map(({ path, message }) => `${path.join('.')}: ${message}`)
}

describe.each(forms)('FAPI 2.0 Security Profile section 5.3.4, %s headers', (form) => {
  const ask = async (...order: Parameters<typeof goodRequest>) =>
    verdict(await buildTestCheck().ask(goodRequest({ form, ...order[0] })))

  test('FAPI-RS-01 the header of RFC 6750 section 2.1 and of RFC 9449 section 7.1', async () => {
    expect(await ask()).toBe('allow')
    const token = mintToken({ claims: { cnf: boundTo.mtls } })
    expect(await ask({ token, scheme: 'Bearer', proof: null, certificate })).toBe('allow')
  })
  test('FAPI-RS-02 no query token', async () => {
    const response = await buildTestCheck().ask(checkRequest({ path: `/accounts?access_token=${mintToken()}` }, form))
    expect(response).toMatchObject({ deniedResponse: { status: { code: 400 } } })
    expect(verdict(response)).toBe('token_in_query')
  })
  test('FAPI-RS-04 authorization that does not suffice is 403 insufficient_scope', async () => {
    const response = await buildTestCheck().ask(goodRequest({ form, token: mintToken({ claims: { scope: 'x' } }) }))
    expect(response).toMatchObject({ deniedResponse: { status: { code: 403 } } })
    expect(answered(response, 'www-authenticate')[0]).toContain('error="insufficient_scope"')
  })
  test('FAPI-RS-05 DPoP, mTLS, or both, and never less than the token names', async () => {
    const { dpop, mtls, both } = boundTo
    const token = (cnf: unknown) => mintToken({ claims: { cnf } })
    expect(await ask({ path: '/dpop', token: token(dpop) })).toBe('allow')
    expect(await ask({ path: '/mtls', token: token(mtls), scheme: 'Bearer', proof: null, certificate })).toBe('allow')
    expect(await ask({ path: '/both', token: token(both), certificate })).toBe('allow')
    expect(await ask({ path: '/dpop', token: token(dpop), proof: null })).toBe('proof_missing')
    expect(await ask({ path: '/mtls', token: token(mtls), scheme: 'Bearer', proof: null })).toBe('certificate_missing')
    expect(await ask({ path: '/both', token: token(both) })).toBe('certificate_missing')
    expect(await ask({ path: '/both', token: token(dpop), certificate })).toBe('binding_incomplete')
    for (const scheme of ['Bearer', 'DPoP'])
      expect(await ask({ token: token(undefined), scheme, certificate })).toBe('token_unbound')
  })
})

const possession = (senderConstraint: object) => ({ routes: [{ path: '/a', senderConstraint }] })
const [server] = document.authorizationServers

describe('FAPI-RS-06 the profile is not to be loosened', () => {
  const exceptions = ['bearerTokens', 'rs256', 'tokenTypeJwt', 'longLivedTokens', 'claimMapping', 'noRevocation']
  test.each(exceptions)('%s is refused at start, and taken under compat', (exception) => {
    const names = exception === 'longLivedTokens' ? [exception, 'noRevocation'] : [exception]
    const routes = [{ path: '/accounts', exceptions: names }]
    expect(problemsOf({ routes }).join()).toContain(`${names[0]} is only allowed under profile: compat`)
    expect(problemsOf({ routes, profile: 'compat' })).toEqual([])
  })
  test.each([
    ['an unknown profile', { profile: 'fapi2' }, 'profile'],
    ['a profile that is off', { profile: 'off' }, 'profile'],
    ['a pipeline without possession', { pipelines: { p: ['accessToken'] }, defaults: { pipeline: 'p' } }, 'routes'],
    ['an algorithm outside the profile', possession({ dpop: { algorithms: ['RS256'] } }), 'dpop.algorithms.0'],
    ['no way of binding', possession({ methods: [] }), 'senderConstraint.methods'],
    ['an optional cnf', possession({ cnf: 'optional' }), 'senderConstraint.cnf'],
    ['proofs of an hour', possession({ dpop: { maxAge: '1h' } }), 'dpop.maxAge'],
    ['proofs of tomorrow', possession({ dpop: { futureTolerance: '61s' } }), 'dpop.futureTolerance'],
    ['a server with RS256', { authorizationServers: [{ ...server, algorithms: ['RS256'] }] }, 'algorithms.0'],
    ['bearer routes', { routes: [{ path: '/a', kind: 'bearer' }] }, 'routes.0.kind'],
    ['an open door for everything', { routes: [{ path: '/**', open: true }] }, 'routes.0.path'],
    ['an unknown exception', { profile: 'compat', routes: [{ path: '/a', exceptions: ['noProof'] }] }, 'exceptions.0'],
  ])('%s does not start', (_, changed, where) => expect(problemsOf(changed).join()).toContain(where))
  test('what an operator loosens under compat is labelled, route by route', async () => {
    const reading = readConfig(compatDocument)
    if (!reading.ok) throw new Error('the document cannot be read')
    const metrics = buildMetrics()
    observeRoutes(metrics, reading.config, 'hash', '1.0.0')
    expect((await metrics.exceptions.get()).values).toEqual([
      { labels: { route: 'bearer', exception: 'bearerTokens' }, value: 1 },
    ])
  })
  test('the documents of these tests do', () => {
    expect(problemsOf({})).toEqual([])
    expect(problemsOf(compatDocument)).toEqual([])
  })
})

describe('FAPI-CR-01 RFC 8725: each of its practices', () => {
  const unsigned = (header: object) =>
    forgeBytes(JSON.stringify({ typ: 'at+jwt', kid: 'as-1', ...header }), '{}', () => Buffer.of(0))
  test.each([
    ['3.1 the algorithm is ours to choose', unsigned({ alg: 'RS256' }), 'token_issuer_unknown'],
    ['3.2 algorithms the profile does not name', mintToken({ header: { alg: 'ES384' } }), 'token_algorithm_refused'],
    ['3.3 every signature is verified', `${mintToken().slice(0, -8)}AAAAAAAA`, 'token_signature_invalid'],
    ['3.7 UTF-8 only', forgeBytes(Buffer.from('7b22616c67223a22ff227d', 'hex'), '{}'), 'token_malformed'],
    [
      '3.8 the issuer is the one whose key it is',
      mintToken({ claims: { iss: 'https://as.example.com/' } }),
      'token_issuer_unknown',
    ],
    ['3.9 the audience is us', mintToken({ claims: { aud: 'https://other.example' } }), 'token_audience_mismatch'],
    [
      '3.10 claims are not to be trusted: a key in the header',
      mintToken({ header: { jwk: signers.ES256.jwk } }),
      'token_malformed',
    ],
    ['3.11 the type is explicit', mintToken({ header: { typ: undefined } }), 'token_type_refused'],
    ['3.12 a proof is no access token', mintToken({ header: { typ: 'dpop+jwt' } }), 'token_type_refused'],
    ['an expiry there has to be', mintToken({ claims: { exp: undefined } }), 'token_claims_invalid'],
    ['and it has to hold', mintToken({ claims: { exp: PROOF_TIME - 60 } }), 'token_expired'],
  ])('%s', async (_, token, reason) => expect(await asked(token)).toBe(reason))
})

describe('FAPI-CR-02, FAPI-CR-03 PS256, ES256, Ed25519 and nothing else', () => {
  const good = ['ES256', 'PS256', 'EdDSA', 'Ed25519'] as const
  const bad = [
    'none',
    'None',
    'NONE',
    '',
    'HS256',
    'RS256',
    'PS384',
    'ES384',
    'ES512',
    'ES256K',
    'Ed448',
    'es256',
    ' ES256',
  ]
  test.each(good)('%s for a token and for a proof', async (alg) => {
    expect(await asked(mintToken({ header: { alg } }, signers[alg]))).toBe('allow')
    const key = await buildClientKey(alg)
    const token = mintToken({ claims: { cnf: { jkt: key.thumbprint } } })
    expect(verdict(await buildTestCheck().ask(goodRequest({ token, proof: proofFor(token, {}, key) })))).toBe('allow')
  })
  test.each([...bad, null, undefined, 0, ['ES256'], { alg: 'ES256' }])('%j for neither', async (alg) => {
    expect(await asked(mintToken({ header: { alg } }))).toMatch(/^token_(algorithm_refused|malformed)$/)
    const token = mintToken()
    const proof = proofFor(token, { header: { alg } })
    expect(verdict(await buildTestCheck().ask(goodRequest({ token, proof })))).toMatch(
      /^proof_(algorithm_refused|malformed)$/,
    )
  })
  test('FAPI-CR-03 none without a signature, whatever is in its place', async () => {
    const [, payload = ''] = mintToken().split('.')
    for (const alg of ['none', 'None', 'nOnE'])
      for (const end of ['', 'AA', 'AAAA']) {
        const header = Buffer.from(JSON.stringify({ alg, typ: 'at+jwt', kid: 'as-1' })).toString('base64url')
        expect(await asked(`${header}.${payload}.${end}`)).toMatch(/^token_(algorithm_refused|malformed)$/)
      }
  })
})

describe('FAPI-CR-06 nothing is fetched because a token or proof says so', () => {
  let connections = 0
  const server = createServer((socket) => {
    connections += 1
    socket.destroy()
  })
  beforeAll(async () => {
    await once(server.listen(0, '127.0.0.1'), 'listening')
  })
  afterAll(() => void server.close())

  const places = ['http', 'https'].flatMap((scheme) => [[scheme, 'jku'] as const, [scheme, 'x5u'] as const])
  test.each(places)('%s %s: refused in a token, ignored in a proof', async (scheme, name) => {
    const { port } = server.address() as AddressInfo
    const header = { [name]: `${scheme}://127.0.0.1:${port}/keys` }
    const before = connections
    const { ask } = buildTestCheck()
    const token = mintToken()
    expect(verdict(await ask(goodRequest({ token, proof: proofFor(token, { header }) })))).toBe('allow')
    for (const alg of ['ES256', 'RS256', 'none'])
      expect(verdict(await ask(goodRequest({ token: mintToken({ header: { ...header, alg } }) })))).toBe(
        'token_malformed',
      )
    // Whatever had set out earlier would have arrived before this.
    await once(connect(port, '127.0.0.1'), 'close')
    expect(connections - before).toBe(1)
  })
})

test('every answer above is complete', async () => {
  expect(flaws(await buildTestCheck().ask(goodRequest()))).toEqual([])
  expect(flaws(await buildTestCheck().ask(goodRequest({ proof: null })))).toEqual([])
})
