import { describe, expect, test } from 'vitest'
import { answers, type DenyReason, deny } from '../../src/denial.ts'
import { answered, CHANGEABLE, flaws, removed, told, verdict } from '../support/answers.ts'
import { custom } from '../support/modules.ts'
import { certificate } from '../support/possession.ts'
import { overTheWire, received } from '../support/recordings.ts'
import { checkRequest, forms } from '../support/requests.ts'
import { boundTo, buildTestCheck, goodRequest, mintToken, type Order, proofFor } from '../support/spine.ts'

type Line = readonly [name: string, value: string]

async function asked(order: Order) {
  const response = overTheWire(await buildTestCheck().ask(received(goodRequest(order))))
  expect(flaws(response)).toEqual([])
  return response
}
const reason = async (order: Order): Promise<string> => verdict(await asked(order))

const paths = ['x-envoy-original-path', 'x-original-url', 'x-original-uri', 'x-rewrite-url', 'x-forwarded-uri']
const forwarding: readonly Line[] = [
  ['forwarded', 'for=127.0.0.1;host=api.example.com;proto=https'],
  ['x-forwarded-for', '127.0.0.1'],
  ['x-forwarded-proto', 'http'],
  ['x-forwarded-host', 'evil.example'],
  ['x-forwarded-port', '80'],
  ['x-forwarded-server', 'evil.example'],
  ['x-forwarded-prefix', '/public'],
  ['x-forwarded-method', 'OPTIONS'],
  ['x-real-ip', '127.0.0.1'],
  ['x-original-host', 'evil.example'],
  ['x-original-method', 'GET'],
  ['x-envoy-internal', 'true'],
  ['x-envoy-external-address', '127.0.0.1'],
  ['x-envoy-decorator-operation', 'public'],
  ...paths.map((name): Line => [name, '/public/x']),
]

describe.each(forms)('%s headers', (form) => {
  const token = mintToken()
  const proof = proofFor(token)

  describe('att-envoy-01, att-envoy-02, ENV-16 a security header that came twice is refused, in either order', () => {
    const twice = (name: string, one: string, two: string, proofLine = true): Order => ({
      form,
      token,
      proof: null,
      headers: [...(proofLine ? [['dpop', proof] as const] : []), [name, one], [name, two]],
    })
    test.each(['x.y.z', '', proof, `${proof},`])('DPoP beside %#', async (other) => {
      expect(await reason(twice('dpop', proof, other, false))).toBe('proof_repeated')
      expect(await reason(twice('dpop', other, proof, false))).toBe('proof_repeated')
    })
    test.each(['Bearer abc', 'Basic eDp5', '', `DPoP ${token}`])('Authorization beside %#', async (other) => {
      const [good, dpop] = [['authorization', `DPoP ${token}`] as const, ['dpop', proof] as const]
      for (const lines of [
        [good, ['authorization', other]],
        [['authorization', other], good],
      ] as const) {
        const wire = received(checkRequest({ headers: [...lines, dpop] }, form))
        expect(verdict(await buildTestCheck().ask(wire))).toBe('credentials_repeated')
      }
    })
    test('Host', async () => {
      for (const host of ['api.example.com,api.example.com', 'api.example.com,evil.example', ',api.example.com'])
        expect(await reason({ form, host })).toBe('request_malformed')
    })
    test('x-fapi-interaction-id where it counts', async () => {
      const id = '6ba7b810-9dad-11d1-80b4-00c04fd430c8'
      const headers = [
        ['x-fapi-interaction-id', id],
        ['x-fapi-interaction-id', id],
      ] as const
      expect(await reason({ form, path: '/strict-id', headers })).toBe('interaction_id_invalid')
    })
    test('Connection, whichever line names what decisions rest on', async () => {
      for (const values of [
        ['close', 'authorization'],
        ['authorization', 'close'],
        ['close, dpop', ''],
      ])
        expect(await reason({ form, headers: values.map((value) => ['connection', value] as const) })).toBe(
          'request_malformed',
        )
    })
  })

  test('ENV-09 the authority is what Envoy says it is; a Host header beside it decides nothing', async () => {
    const host = (value: string) => ({ form, headers: [['host', value]] as const })
    expect(await reason(host('evil.example'))).toBe('allow')
    expect(await reason({ ...host('api.example.com'), host: 'evil.example' })).toBe('host_unknown')
  })

  describe('att-envoy-04, att-header-02 no header of the client moves the decision', () => {
    test.each(forwarding)('%s', async (name, value) => {
      const bare = checkRequest({ headers: [[name, value]] }, form)
      expect(verdict(await buildTestCheck().ask(received(bare)))).toBe('credentials_missing')
      expect(await reason({ form, headers: [[name, value]] })).toBe('allow')
      const evil = proofFor(token, { claims: { htu: 'https://evil.example/accounts' } })
      expect(await reason({ form, token, proof: evil, headers: [[name, value]] })).toBe('proof_target_mismatch')
      const elsewhere = proofFor(token, { claims: { htu: 'https://api.example.com/public/x' } })
      expect(await reason({ form, token, proof: elsewhere, headers: [[name, value]] })).toBe('proof_target_mismatch')
    })
    test('all of them together', async () => expect(await reason({ form, headers: forwarding })).toBe('allow'))
  })

  describe('att-envoy-05, att-envoy-13 bytes beyond ASCII are refused where they matter', () => {
    const odd = Array.from({ length: 128 }, (_, index) => String.fromCharCode(index + 128))
    test('each of them, in the token and in the proof', async () => {
      const { ask } = buildTestCheck()
      for (const byte of odd) {
        const inToken = goodRequest({ form, token: token + byte, proof })
        expect(verdict(await ask(received(inToken)))).toBe('credentials_malformed')
        const inProof = goodRequest({ form, token, proof: proof + byte })
        expect(verdict(await ask(received(inProof)))).toBe('proof_malformed')
      }
    })
    test.each(['\x80', '\xff\xfe', '\xc3\xa9', '\xed\xa0\x80', '\u0000', '\u007f'])('%j', async (bytes) => {
      for (const [name, value] of [
        ['cookie', bytes],
        ['x-forwarded-client-cert', `Cert="${certificate}${bytes}"`],
        ['user-agent', bytes],
      ] as const)
        expect(await reason({ form, headers: [[name, value]] })).toBe('allow')
      expect(await reason({ form, scheme: `DPoP${bytes}` })).not.toBe('allow')
      expect(await reason({ form, headers: [['x-http-method-override', `GET${bytes}`]] })).toBe('request_malformed')
      expect(await reason({ form, headers: [['connection', `x-authz-subject${bytes}`]] })).toBe('request_malformed')
    })
  })

  test('att-envoy-06 a client cannot say that the check was waived', async () => {
    for (const value of ['true', 'false', ''])
      expect(await reason({ form, headers: [['x-envoy-auth-failure-mode-allowed', value]] })).toBe('request_malformed')
  })

  describe('att-header-01, HDR-16 no spelling of an identity header reaches the upstream from a client', () => {
    const spellings = ['x-authz-subject', 'x_authz_subject', 'x.authz.subject', 'x-authz_subject', 'X-Authz-Subject']
    const others = ['x-authz-acr', 'x_authz-client_id', 'x-authz-consent-id', 'x-authz-', 'x.authz_roles']
    test.each([...spellings, ...others])('%s', async (name) => {
      const headers = [[name, 'admin']] as const
      const response = await asked({ form, headers })
      const ours = told(response, name.toLowerCase())
      expect(ours.length === 1 || removed(response).includes(name.toLowerCase())).toBe(true)
      expect(ours).not.toContain('admin')
      expect(told(response, 'x-authz-subject')).toEqual(['user-1'])
      const open = overTheWire(await buildTestCheck().ask(checkRequest({ path: '/public/x', headers }, form)))
      expect([verdict(open), removed(open)]).toEqual(['allow', [name.toLowerCase()]])
    })
    test('several lines of one name go together', async () => {
      const headers = [
        ['x-authz-acr', 'a'],
        ['x-authz-acr', 'b'],
        ['x_authz_acr', 'c'],
      ] as const
      expect(removed(await asked({ form, headers }))).toEqual(expect.arrayContaining(['x-authz-acr', 'x_authz_acr']))
    })
    test('a name Envoy would not let us remove ends the request', async () => {
      for (const name of ['x-authz-acr!', 'x-authz-a*', 'x_authz_ü'])
        expect(await reason({ form, headers: [[name, 'admin']] })).toBe('request_malformed')
    })
    test('and nothing else is touched', async () => {
      const headers = [
        ['accept', 'a'],
        ['x-user', 'b'],
        ['x-authzoo', 'c'],
        ['cookie', 'd'],
      ] as const
      const response = await asked({ form, headers })
      expect(removed(response).filter((name) => !CHANGEABLE.test(name))).toEqual([])
      expect(
        headers.flatMap(([name]) => [...told(response, name), ...removed(response).filter((one) => one === name)]),
      ).toEqual([])
    })
  })

  test('att-header-03 Connection cannot take away what decisions rest on', async () => {
    for (const value of ['x-authz-subject', 'close, x-client-id', 'Authorization', 'DPoP', 'keep-alive,\tx_authz_acr'])
      expect(await reason({ form, headers: [['connection', value]] })).toBe('request_malformed')
    for (const value of ['close', 'keep-alive, upgrade', 'te', 'accept'])
      expect(await reason({ form, headers: [['connection', value]] })).toBe('allow')
  })

  test('att-header-05 a challenge holds nothing of the request', async () => {
    const evil = 'EVIL"\\,\x80'
    const headers: readonly Line[] = ['cookie', 'origin', 'x-request-id', 'x-fapi-interaction-id', 'accept'].map(
      (name) => [name, evil],
    )
    for (const order of [
      { scheme: 'Basic', token: evil },
      { token: evil },
      { proof: evil },
      { path: '/accounts?access_token=EVIL' },
      { token: mintToken({ claims: { scope: 'EVIL' } }) },
      { token: mintToken({ claims: { scope: evil, sub: evil, iss: evil, cnf: { jkt: evil } } }) },
      { token: mintToken({ header: { kid: evil, typ: evil } }) },
      { headers: [['authorization', `EVIL ${evil}`]] },
    ] as const) {
      const response = await asked({
        form,
        ...order,
        headers: [...headers, ...('headers' in order ? order.headers : [])],
      })
      const { deniedResponse } = 'deniedResponse' in response ? response : { deniedResponse: undefined }
      expect(deniedResponse).toBeDefined()
      expect(JSON.stringify(deniedResponse)).not.toMatch(/EVIL|\\\\/)
      for (const challenge of answered(response, 'www-authenticate'))
        expect(challenge).toMatch(
          /^(?:DPoP|Bearer)(?: [a-z_]+="[\x20\x21\x23-\x5b\x5d-\x7e]*"(?:, [a-z_]+="[\x20\x21\x23-\x5b\x5d-\x7e]*")*)?$/,
        )
    }
  })
})

describe('att-envoy-10, att-header-04 a claim goes out byte for byte or not at all', () => {
  const odd = ['a\r\nx-evil: 1', 'a\u0000', 'a\u007f', 'é', '😀', ' a', 'a ', '\t', 'a'.repeat(1025), 'a'.repeat(3000)]
  test.each(odd)('%#', async (text) => {
    for (const claims of [{ sub: text }, { client_id: text }, { acr: text }])
      expect(await reason({ token: mintToken({ claims }) })).toBe('claim_unusable')
  })
  test.each(['a,b', '"a"', 'a b', "a'b", 'a%0d%0ab', '{"a":1}', 'a'.repeat(1024)])('%#: as it is', async (sub) =>
    expect(told(await asked({ token: mintToken({ claims: { sub } }) }), 'x-authz-subject')).toEqual([sub]),
  )
  test('a claim no header is made of may hold anything', async () =>
    expect(await reason({ token: mintToken({ claims: { name: 'a\r\nb', jti: 'é' } }) })).toBe('allow'))
})

describe('att-envoy-06, att-header-07 every denial is complete and is not stored', () => {
  const good = goodRequest()
  test.each(Object.keys(answers) as readonly DenyReason[])('%s', async (name) => {
    const nonce = answers[name].error === 'use_dpop_nonce' ? { nonce: 'n-1' } : {}
    const { ask } = buildTestCheck({ pipelines: { accounts: [custom(() => deny(name, 'why', nonce))] } })
    const response = overTheWire(await ask(good))
    expect([verdict(response), flaws(response)]).toEqual([name, []])
    expect(response.status.code).not.toBe(0)
    expect('okResponse' in response).toBe(false)
    expect(answered(response, 'cache-control')).toEqual(['no-store'])
    const status = 'deniedResponse' in response ? response.deniedResponse.status.code : 0
    expect(status).toBe(answers[name].status)
  })
})

test('the token bound to a certificate is as good as the one above, so the refusals mean something', async () => {
  const token = mintToken({ claims: { cnf: boundTo.mtls } })
  expect(await reason({ token, scheme: 'Bearer', proof: null, certificate })).toBe('allow')
})
