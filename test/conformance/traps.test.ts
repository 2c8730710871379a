import { describe, expect, test } from 'vitest'
import { ok } from '../../src/denial.ts'
import { answered, removed, told, verdict } from '../support/answers.ts'
import { custom } from '../support/modules.ts'
import { certificate, otherCertificate } from '../support/possession.ts'
import { athOf, forgeText } from '../support/proofs.ts'
import { overTheWire } from '../support/recordings.ts'
import { checkRequest, forms } from '../support/requests.ts'
import {
  boundTo,
  buildTestCheck,
  clientKey,
  document,
  goodRequest,
  mintToken,
  ORIGIN,
  type Order,
  otherKey,
  proofFor,
  serverKey,
  tokenParts,
} from '../support/spine.ts'

const asked = async (order: Order, changed: object = document): Promise<string> =>
  verdict(await buildTestCheck({ document: changed }).ask(goodRequest(order)))

describe('T-05 behind another proxy the public URL counts', () => {
  const prefixed = { ...document, publicOrigins: [{ origin: ORIGIN, hosts: ['backend.internal'], pathPrefix: '/v1' }] }
  const token = mintToken()
  const proof = (htu: string) => proofFor(token, { claims: { htu } })
  test('the URL the client used', async () =>
    expect(await asked({ token, host: 'backend.internal', proof: proof(`${ORIGIN}/v1/accounts`) }, prefixed)).toBe(
      'allow',
    ))
  test.each([`${ORIGIN}/accounts`, 'https://backend.internal/accounts', 'https://backend.internal/v1/accounts'])(
    'not %s',
    async (htu) =>
      expect(await asked({ token, host: 'backend.internal', proof: proof(htu) }, prefixed)).toBe(
        'proof_target_mismatch',
      ),
  )
})

describe('T-06 ports', () => {
  test.each([
    ['api.example.com:443', `${ORIGIN}/accounts`, 'allow'],
    ['api.example.com', `${ORIGIN}:443/accounts`, 'allow'],
    ['mtls.example.com:8443', 'https://mtls.example.com:8443/accounts', 'allow'],
    ['mtls.example.com:8443', 'https://mtls.example.com/accounts', 'proof_target_mismatch'],
    ['mtls.example.com', 'https://mtls.example.com/accounts', 'host_unknown'],
    ['api.example.com', `${ORIGIN}:8443/accounts`, 'proof_target_mismatch'],
  ])('%s and htu %s: %s', async (host, htu, expected) => {
    const token = mintToken()
    expect(await asked({ token, host, proof: proofFor(token, { claims: { htu } }) })).toBe(expected)
  })
})

describe('the scheme and the headers never decide what is checked', () => {
  test('T-10 the scheme name has no case', async () => expect(await asked({ scheme: 'dpop' })).toBe('allow'))
  test('T-11 a bound token as Bearer beside a good proof', async () =>
    expect(await asked({ scheme: 'Bearer' })).toBe('bound_token_as_bearer'))
  test('T-12 no proof is no way around the proof', async () => {
    expect(await asked({ proof: null })).toBe('proof_missing')
    expect(await asked({ proof: '' })).not.toBe('allow')
  })
  test('T-13 a good proof of a key that is not the token’s', async () => {
    const token = mintToken()
    expect(await asked({ token, proof: proofFor(token, {}, otherKey) })).toBe('proof_key_mismatch')
  })
  test('T-16 ath over anything but the token as sent', async () => {
    const token = mintToken()
    for (const text of [`DPoP ${token}`, ` ${token}`, token.toLowerCase(), token.split('.')[1] ?? ''])
      expect(await asked({ token, proof: proofFor(token, { claims: { ath: athOf(text) } }) })).toBe(
        'proof_token_mismatch',
      )
  })
})

describe('one token, one spelling', () => {
  test('T-35 a member twice: whichever a reader takes', async () => {
    const { header, claims } = tokenParts()
    const json = JSON.stringify(claims)
    for (const doubled of [`{"scope":"admin",${json.slice(1)}`, `${json.slice(0, -1)},"scope":"admin"}`]) {
      const token = forgeText(serverKey, JSON.stringify(header), doubled)
      expect(await asked({ token })).toBe('token_malformed')
    }
  })
  test('T-36 another ending of the same bytes', async () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const token = mintToken()
    const last = alphabet.indexOf(token.at(-1) ?? '')
    const twin = token.slice(0, -1) + alphabet[last ^ 1]
    expect(Buffer.from(twin.split('.')[2] ?? '', 'base64url')).toEqual(
      Buffer.from(token.split('.')[2] ?? '', 'base64url'),
    )
    expect(await asked({ token: twin })).toBe('token_malformed')
  })
  test('T-38 a token or proof of 64 kB costs no crypto', async () => {
    expect(await asked({ token: 'a'.repeat(65_536) })).toBe('header_too_large')
    expect(await asked({ proof: 'a'.repeat(65_536) })).toBe('proof_malformed')
  })
})

describe('T-46, T-47, T-48 the confirmation decides, and nothing about it throws', () => {
  const dual = mintToken({ claims: { cnf: boundTo.both } })
  test('T-46 both named: both have to hold', async () => {
    expect(await asked({ token: dual, certificate })).toBe('allow')
    expect(await asked({ token: dual })).toBe('certificate_missing')
    expect(await asked({ token: dual, certificate: otherCertificate })).toBe('certificate_mismatch')
    expect(await asked({ token: dual, certificate, proof: null })).toBe('proof_missing')
    expect(await asked({ token: dual, certificate, proof: proofFor(dual, {}, otherKey) })).toBe('proof_key_mismatch')
    expect(await asked({ token: dual, certificate, scheme: 'Bearer', proof: null })).toBe('bound_token_as_bearer')
  })
  test('T-46 on routes that ask for one of them as well', async () => {
    expect(await asked({ path: '/dpop', token: dual })).toBe('certificate_missing')
    expect(await asked({ path: '/mtls', token: dual, certificate, proof: null })).toBe('proof_missing')
  })
  const unusable: readonly unknown[] = [
    null,
    [],
    'x',
    '',
    0,
    1,
    true,
    false,
    {},
    [boundTo.dpop],
    { kid: 'x' },
    { jwk: clientKey.jwk },
    { jkt: null },
    { jkt: [] },
    { jkt: '' },
    { JKT: clientKey.thumbprint },
    { 'x5t#S512': 'x' },
    { x5t: 'x' },
    { jku: 'https://evil.example' },
    { __proto__: boundTo.dpop },
  ]
  test.each(unusable)('T-47, T-48 cnf %j', async (cnf) => {
    const token = mintToken({ claims: { cnf } })
    for (const scheme of ['DPoP', 'Bearer'])
      for (const path of ['/accounts', '/dpop', '/mtls', '/both'])
        expect(await asked({ token, scheme, path, certificate })).toBe('confirmation_unusable')
  })
  test('HDR-12 no cnf at all', async () =>
    expect(await asked({ token: mintToken({ claims: { cnf: undefined } }) })).toBe('token_unbound'))
})

describe('T-53 access_token in the query, beside a good header', () => {
  test.each(['?access_token=x', '?access_token', '?a=b&access_token=', '?access%5Ftoken=x', '?%61%63cess_token=x'])(
    '%s',
    async (query) => expect(await asked({ path: `/accounts${query}` })).toBe('token_in_query'),
  )
  test.each(['?access_tokenx=1', '?x=access_token', '?ACCESS_TOKEN=1', '?accesstoken=1'])('not %s', async (query) =>
    expect(await asked({ path: `/accounts${query}` })).toBe('allow'),
  )
})

test('T-54 no method goes past the checks', async () => {
  for (const method of ['OPTIONS', 'TRACE', 'PROPFIND', 'get', 'X'])
    expect(verdict(await buildTestCheck().ask(checkRequest({ method })))).toBe('method_not_allowed')
  for (const method of ['HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'])
    expect(verdict(await buildTestCheck().ask(checkRequest({ method })))).toBe('credentials_missing')
})

describe('T-73 only the verification of the token is remembered, never a decision', () => {
  test('the same token later, elsewhere, by another method, with another proof', async () => {
    const { ask, clock } = buildTestCheck()
    const token = mintToken()
    const again = async (order: Order) => verdict(await ask(goodRequest({ token, ...order })))
    expect(await again({})).toBe('allow')
    expect(await again({ id: 'b', proof: null })).toBe('proof_missing')
    expect(await again({ id: 'c', path: '/accounts/7' })).toBe('scope_insufficient')
    expect(await again({ id: 'd', path: '/both' })).toBe('binding_incomplete')
    expect(await again({ id: 'e', proof: proofFor(token, { claims: { htm: 'POST' } }) })).toBe('proof_method_mismatch')
    expect(await again({ id: 'f', scheme: 'Bearer' })).toBe('bound_token_as_bearer')
    expect(await again({ id: 'g' })).toBe('allow')
    clock.now += 400
    expect(await again({ id: 'h' })).toBe('token_expired')
  })
  test('a proof once, also under another signature of the same key', async () => {
    const { ask } = buildTestCheck()
    const token = mintToken()
    const proof = proofFor(token)
    const [header = '', claims = ''] = proof.split('.').map((part) => Buffer.from(part, 'base64url').toString())
    expect(verdict(await ask(goodRequest({ token, proof, id: 'a' })))).toBe('allow')
    expect(verdict(await ask(goodRequest({ token, proof, id: 'b' })))).toBe('proof_replayed')
    expect(verdict(await ask(goodRequest({ token, proof: forgeText(clientKey, header, claims), id: 'c' })))).toBe(
      'proof_replayed',
    )
    expect(verdict(await ask(goodRequest({ token, proof, id: '' })))).toBe('proof_replayed')
  })
  test('a Check that Envoy sends again is the same request, not a replay', async () => {
    const { ask } = buildTestCheck()
    const request = goodRequest()
    expect(verdict(await ask(request))).toBe('allow')
    expect(verdict(await ask(request))).toBe('allow')
  })
})

test('T-74 the interaction id is on every answer, also when the decision fails', async () => {
  const given = '6ba7b810-9dad-11d1-80b4-00c04fd430c8'
  const pipelines = {
    accounts: [
      custom(() => {
        throw new Error('boom')
      }),
    ],
    dpop: [custom(() => ok({}))],
  }
  const { ask } = buildTestCheck({ pipelines })
  for (const path of ['/accounts', '/dpop', '/mtls', '/none', '/public/x', '/%2e']) {
    const response = await ask(goodRequest({ path, headers: [['x-fapi-interaction-id', given]] }))
    expect(answered(response, 'x-fapi-interaction-id')).toEqual([given])
  }
})

describe.each(forms)('T-77 identity headers of the client, %s', (form) => {
  test('are overwritten when we have the fact and removed when we have not', async () => {
    const headers = ['x-authz-subject', 'x-authz-acr', 'X_Authz_Subject', 'x.authz.scope', 'x-authz-consent-id'].map(
      (name) => [name, 'admin'] as const,
    )
    const response = overTheWire(await buildTestCheck().ask(goodRequest({ headers, form })))
    expect(told(response, 'x-authz-subject')).toEqual(['user-1'])
    expect(new Set(removed(response))).toEqual(
      new Set(['authorization', 'dpop', 'x-authz-acr', 'x-authz-consent-id', 'x.authz.scope', 'x_authz_subject']),
    )
  })
})

test('T-78 each challenge is a field of its own, appended', async () => {
  const response = overTheWire(await buildTestCheck().ask(checkRequest()))
  if (!('deniedResponse' in response)) throw new Error('allowed')
  const challenges = response.deniedResponse.headers.filter(({ header }) => header.key === 'www-authenticate')
  expect(challenges.map(({ appendAction }) => appendAction)).toEqual([
    'APPEND_IF_EXISTS_OR_ADD',
    'APPEND_IF_EXISTS_OR_ADD',
  ])
})
