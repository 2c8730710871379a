import { describe, expect, test } from 'vitest'
import { answered, flaws, removed, told, verdict } from '../support/answers.ts'
import { certificate } from '../support/possession.ts'
import { overTheWire, received } from '../support/recordings.ts'
import { checkRequest, forms } from '../support/requests.ts'
import { boundTo, buildTestCheck, document, goodRequest, mintToken, type Order, proofFor } from '../support/spine.ts'

async function asked(order: Order, changed: object = document) {
  const { ask } = buildTestCheck({ document: changed })
  const response = overTheWire(await ask(received(goodRequest(order))))
  expect(flaws(response)).toEqual([])
  return response
}
const reason = async (order: Order, changed?: object): Promise<string> => verdict(await asked(order, changed))

/** A request of the document's own wording, without credentials unless given. */
const bare = (...order: Parameters<typeof checkRequest>) => buildTestCheck().ask(received(checkRequest(...order)))

describe.each(forms)('%s headers', (form) => {
  const token = mintToken()

  describe('HDR-01, FAPI-RS-01 the token stands in Authorization and nowhere else', () => {
    test('it is taken from there', async () => expect(await reason({ form })).toBe('allow'))
    test.each([
      ['cookie', `access_token=${token}`],
      ['x-access-token', token],
      ['x-authorization', `DPoP ${token}`],
      ['proxy-authorization', `DPoP ${token}`],
      ['x-forwarded-authorization', `DPoP ${token}`],
      ['x-original-authorization', `DPoP ${token}`],
      ['authentication', `DPoP ${token}`],
      ['sec-websocket-protocol', `access_token, ${token}`],
      ['authorization_', `DPoP ${token}`],
    ])('not from %s', async (name, value) => {
      const response = await bare(
        {
          headers: [
            [name, value],
            ['dpop', proofFor(token)],
          ],
        },
        form,
      )
      expect(verdict(response)).toBe('credentials_missing')
      expect(answered(response, 'www-authenticate').join()).not.toContain('error')
    })
    test('HDR-13 and no other field is looked at beside it', async () => {
      const headers = [
        ['proxy-authorization', 'Basic eDp5'],
        ['cookie', 'access_token=x'],
      ] as const
      expect(await reason({ form, headers })).toBe('allow')
    })
  })

  describe('HDR-02, FAPI-RS-02 never in the query', () => {
    test.each(['?access_token=x', '?a=b&access%5Ftoken=x', '?%61ccess_token', '?a=b;access_token=x'])(
      '%s is 400, alone and beside a good header',
      async (query) => {
        const alone = await bare({ path: `/accounts${query.replace('=x', `=${token}`)}` }, form)
        expect([verdict(alone), alone]).toMatchObject(['token_in_query', { deniedResponse: { status: { code: 400 } } }])
        expect(await reason({ form, path: `/accounts${query}` })).toBe('token_in_query')
      },
    )
    test.each(['?access_tokenx=1', '?x=access_token', '?access_token%00=1', '?', '?&&'])(
      '%s is another name',
      async (query) => expect(await reason({ form, path: `/accounts${query}` })).toBe('allow'),
    )
  })

  describe('HDR-03 never in a form body', () => {
    const FORM = ['content-type', 'application/x-www-form-urlencoded'] as const
    const post = { form, method: 'POST' }
    test('alone it is 400, beside a header it is a second method', async () => {
      const alone = await bare({ ...post, body: `access_token=${token}`, headers: [FORM] }, form)
      expect([verdict(alone), alone]).toMatchObject(['token_in_body', { deniedResponse: { status: { code: 400 } } }])
      expect(await reason({ ...post, body: 'access_token=x', headers: [FORM] })).toBe('credentials_repeated')
      expect(await reason({ ...post, body: 'a=b&%61ccess%5ftoken=x', headers: [FORM] })).toBe('credentials_repeated')
    })
    test('whatever the method', async () => {
      for (const method of ['GET', 'PUT', 'PATCH', 'DELETE'])
        expect(await reason({ form, method, body: 'access_token=x', headers: [FORM] })).toBe('credentials_repeated')
    })
    test('a second Content-Type does not hide it', async () => {
      const headers = [['content-type', 'application/json'], FORM] as const
      expect(await reason({ ...post, body: 'access_token=x', headers })).toBe('credentials_repeated')
    })
    test('a body of another type, or without the name, is no concern of ours', async () => {
      const json = [['content-type', 'application/json']] as const
      expect(await reason({ ...post, body: '{"access_token":"x"}', headers: json })).toBe('allow')
      expect(await reason({ ...post, body: 'access_tokens=x', headers: [FORM] })).toBe('allow')
      expect(await reason({ ...post, headers: [FORM] })).toBe('allow')
    })
    test('ENV-13 what cannot be read to its end may hold one', async () => {
      expect(await reason({ ...post, body: 'a=b', headers: [FORM, ['content-length', '4']] })).toBe('body_truncated')
      expect(await reason({ ...post, body: 'a=b', headers: [FORM, ['content-length', '3']] })).toBe('allow')
      const twice = [FORM, ['x-envoy-auth-partial-body', 'false']] as const
      expect(await reason({ ...post, body: 'a=b', headers: twice })).toBe('body_truncated')
    })
  })

  test.each(['DPoP', 'dPoP', 'DPOP', 'dpop'])('HDR-04 the scheme %s', async (scheme) =>
    expect(await reason({ form, scheme })).toBe('allow'),
  )
  test('HDR-04, HDR-08 DPoPX is another scheme', async () => {
    const response = await asked({ form, scheme: 'DPoPX' })
    expect(verdict(response)).toBe('credentials_missing')
    expect(answered(response, 'www-authenticate').join()).not.toContain('error')
  })

  describe('HDR-05, HDR-07 one scheme, blanks, one token68', () => {
    test('several blanks are fine', async () => expect(await reason({ form, scheme: 'DPoP  ' })).toBe('allow'))
    test.each([
      `DPoP\t${token}`,
      `DPoP ${token} x`,
      `DPoP "${token}"`,
      `DPoP ${token};`,
      `DPoP ${token}\u0000`,
      `DPoP; ${token}`,
      `DPoP=${token}`,
      'DPoP',
      'DPoP ',
      'bearer',
    ])('%#', async (value) => {
      const response = await bare(
        {
          headers: [
            ['authorization', value],
            ['dpop', proofFor(token)],
          ],
        },
        form,
      )
      expect([verdict(response), response]).toMatchObject([
        'credentials_malformed',
        { deniedResponse: { status: { code: 400 } } },
      ])
    })
  })

  test('HDR-09 a token bound to a key is not taken as Bearer, with or without its proof', async () => {
    expect(await reason({ form, scheme: 'Bearer' })).toBe('bound_token_as_bearer')
    expect(await reason({ form, scheme: 'Bearer', proof: null })).toBe('bound_token_as_bearer')
    expect(await reason({ form, scheme: 'Bearer', certificate })).toBe('bound_token_as_bearer')
  })
  test('HDR-10, HDR-11 a token bound to a certificate travels as Bearer, not as DPoP', async () => {
    const mtls = { form, token: mintToken({ claims: { cnf: boundTo.mtls } }), certificate, path: '/mtls' }
    expect(await reason({ ...mtls, scheme: 'Bearer', proof: null })).toBe('allow')
    expect(await reason({ ...mtls, scheme: 'bEARER', proof: null })).toBe('allow')
    expect(await reason({ ...mtls, scheme: 'DPoP' })).toBe('token_not_dpop_bound')
    expect(await reason({ ...mtls, scheme: 'DPoP', proof: null })).toBe('token_not_dpop_bound')
  })
  test('HDR-12, FAPI-RS-05 a token bound to nothing is refused, whatever comes along', async () => {
    const unbound = { form, token: mintToken({ claims: { cnf: undefined } }) }
    for (const path of ['/accounts', '/dpop', '/mtls', '/both'])
      for (const scheme of ['DPoP', 'Bearer'])
        expect(await reason({ ...unbound, path, scheme, certificate })).toBe('token_unbound')
  })

  test('HDR-15 an oversized field is 431 before anything else is read', async () => {
    const large = await asked({ form, token: 'a'.repeat(65_536), proof: proofFor(token) })
    expect([verdict(large), large]).toMatchObject(['header_too_large', { deniedResponse: { status: { code: 431 } } }])
    const fits = 8192 - 'DPoP '.length
    expect(await reason({ form, token: 'a'.repeat(fits), proof: null })).toBe('token_malformed')
    expect(await reason({ form, token: 'a'.repeat(fits + 1), proof: null })).toBe('header_too_large')
  })
})

describe('HDR-17, T-54 a preflight gets through only where a route lets it', () => {
  const preflight = {
    ...document,
    routes: [{ name: 'preflight', path: '/accounts', methods: ['OPTIONS'], open: true }, ...document.routes],
  }
  const cors = [
    ['origin', 'https://app.example'],
    ['access-control-request-method', 'GET'],
  ] as const
  const options = (path: string, changed: object, headers: Order['headers'] = cors) =>
    buildTestCheck({ document: changed }).ask(checkRequest({ method: 'OPTIONS', path, headers }))

  test('no route takes OPTIONS by itself, with credentials or without', async () => {
    for (const path of ['/accounts', '/dpop', '/public/x'])
      expect(verdict(await options(path, document))).toBe('method_not_allowed')
    expect(await reason({ method: 'OPTIONS' })).toBe('method_not_allowed')
  })
  test('an open route for OPTIONS opens that path and that method', async () => {
    expect(verdict(await options('/accounts', preflight))).toBe('allow')
    expect(verdict(await options('/dpop', preflight))).toBe('method_not_allowed')
    expect(verdict(await options('/accounts/7', preflight))).toBe('method_not_allowed')
    for (const method of ['GET', 'HEAD', 'POST', 'DELETE'])
      expect(verdict(await buildTestCheck({ document: preflight }).ask(checkRequest({ method, headers: cors })))).toBe(
        'credentials_missing',
      )
  })
  test('it tells the upstream nothing about anyone', async () => {
    const headers = [...cors, ['authorization', `DPoP ${mintToken()}`], ['x-authz-subject', 'admin']] as const
    const response = overTheWire(await options('/accounts', preflight, headers))
    expect([told(response, 'x-authz-subject'), removed(response)]).toEqual([[], ['x-authz-subject']])
  })
  test('a protected route that asks for OPTIONS protects it', async () => {
    const guarded = { ...document, routes: [{ path: '/accounts', methods: ['GET', 'OPTIONS'] }] }
    expect(verdict(await options('/accounts', guarded))).toBe('credentials_missing')
    expect(await reason({ method: 'OPTIONS' }, guarded)).toBe('allow')
  })
})
