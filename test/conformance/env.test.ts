import { describe, expect, test } from 'vitest'
import { flaws, verdict } from '../support/answers.ts'
import { certificate } from '../support/possession.ts'
import { recordedCheck } from '../support/recordings.ts'
import { checkRequest, type Form, forms } from '../support/requests.ts'
import { boundTo, buildTestCheck, goodRequest, mintToken, ORIGIN, type Order, proofFor } from '../support/spine.ts'

const asked = async (order: Order): Promise<string> => verdict(await buildTestCheck().ask(goodRequest(order)))

describe.each(forms)('%s headers', (form: Form) => {
  const token = mintToken()
  const headers = (...lines: (readonly [string, string])[]) => ({ form, token, proof: null, headers: lines })

  test('a plain request is accepted', async () => expect(await asked({ form })).toBe('allow'))

  test('ENV-01, ENV-03, T-01 two DPoP lines are refused, whichever is good', async () => {
    const [good, bad] = [proofFor(token), 'x.y.z']
    for (const [one, two] of [
      [good, bad],
      [bad, good],
      [good, good],
      [good, ''],
      ['', good],
    ] as const)
      expect(await asked(headers(['dpop', one], ['dpop', two]))).toBe('proof_repeated')
  })
  test('ENV-01 a proof with a comma in it is two', async () =>
    expect(await asked(headers(['dpop', `${proofFor(token)},`]))).toBe('proof_repeated'))
  test('ENV-02, T-02, HDR-06 two Authorization lines are refused, whichever is good', async () => {
    for (const second of ['Bearer abc', `DPoP ${token}`, ''])
      expect(await asked(headers(['dpop', proofFor(token)], ['authorization', second]))).toBe('credentials_repeated')
  })
  test('ENV-06, ENV-08, T-03, T-04 scheme and host of the request make no target', async () => {
    expect(
      await asked({
        form,
        headers: [
          ['x-forwarded-proto', 'http'],
          ['x-forwarded-host', 'evil.example'],
        ],
      }),
    ).toBe('allow')
    const evil = proofFor(token, { claims: { htu: 'https://evil.example/accounts' } })
    expect(await asked({ form, token, proof: evil, host: 'evil.example' })).toBe('host_unknown')
    expect(await asked({ form, token, proof: evil, headers: [['x-forwarded-host', 'evil.example']] })).toBe(
      'proof_target_mismatch',
    )
    const plain = proofFor(token, { claims: { htu: 'http://api.example.com/accounts' } })
    expect(await asked({ form, token, proof: plain, headers: [['x-forwarded-proto', 'http']] })).toBe(
      'proof_target_mismatch',
    )
  })
  test('ENV-07 two Host lines are refused', async () =>
    expect(await asked({ form, host: 'api.example.com,evil.example' })).toBe('request_malformed'))
  test('ENV-10 a blank inside the proof, as obs-fold leaves it', async () =>
    expect(await asked({ form, token, proof: proofFor(token).replace('.', ' .') })).toBe('proof_malformed'))
  test('ENV-10 method override headers are refused, on open routes too: what is open is a method of a path', async () => {
    expect(await asked({ form, headers: [['x-http-method-override', 'DELETE']] })).toBe('request_malformed')
    const open = checkRequest({ path: '/public/x', headers: [['x-http-method-override', 'DELETE']] }, form)
    expect(verdict(await buildTestCheck().ask(open))).toBe('request_malformed')
    for (const name of ['x_http_method_override', 'x!http.method~override', 'x-method-override'])
      expect(await asked({ form, headers: [[name, 'DELETE']] })).toBe('request_malformed')
  })
  test('envoy-04, header-02 no header chooses the route', async () => {
    for (const name of [
      'x-envoy-original-path',
      'x-original-url',
      'x-rewrite-url',
      'x-forwarded-uri',
      'x-forwarded-prefix',
      'forwarded',
    ])
      expect(verdict(await buildTestCheck().ask(checkRequest({ headers: [[name, '/public/x']] }, form)))).toBe(
        'credentials_missing',
      )
  })
  test('ENV-11 the certificate comes from the connection and from no header', async () => {
    const bound = mintToken({ claims: { cnf: boundTo.mtls } })
    const order = { form, path: '/mtls', token: bound, scheme: 'Bearer', proof: null }
    expect(await asked({ ...order, certificate })).toBe('allow')
    const claimed = ['x-forwarded-client-cert', 'client-cert', 'x-ssl-cert'].map(
      (name) => [name, `Cert="${certificate}"`] as const,
    )
    expect(await asked({ ...order, headers: claimed })).toBe('certificate_missing')
  })
  test('ENV-12 a path that is not canonical is refused before anything else', async () => {
    for (const path of ['/public/%2e%2e/accounts', '/public/../accounts', '//accounts', '/accounts;x=1'])
      expect(await asked({ form, path })).toBe('path_not_canonical')
  })
  test('ENV-13, HDR-03 a form body that is not whole is 413', async () => {
    const body = {
      form,
      method: 'POST',
      body: 'a=b',
      headers: [['content-type', 'application/x-www-form-urlencoded']] as const,
    }
    expect(await asked(body)).toBe('allow')
    expect(await asked({ ...body, partial: 'true' })).toBe('body_truncated')
    expect(await asked({ ...body, headers: [], partial: 'true' })).toBe('allow')
  })
  test('ENV-15 bytes beyond ASCII in a security header are refused', async () => {
    for (const odd of ['\xff\xfe', '\xc3\xa9', '\x80']) {
      expect(await asked({ form, token: token + odd, proof: proofFor(token) })).toBe('credentials_malformed')
      expect(await asked({ form, token, proof: proofFor(token) + odd })).toBe('proof_malformed')
    }
  })
})

test('envoy-07 every field absent, one at a time and together, is a complete denial', async () => {
  const whole = structuredClone(goodRequest()) as unknown as Record<string, unknown>
  const paths: string[][] = []
  const walk = (value: unknown, path: string[]): void => {
    if (path.length > 0) paths.push(path)
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return
    for (const [name, inner] of Object.entries(value)) walk(inner, [...path, name])
  }
  walk(whole, [])
  expect(paths.length).toBeGreaterThan(30)
  const harmless = /source|scheme|protocol|id$|:scheme|:path|:method|:authority/
  for (const path of paths) {
    const copy = structuredClone(whole)
    const holder = path.slice(0, -1).reduce((value, name) => value[name] as Record<string, unknown>, copy)
    delete holder[path.at(-1) ?? '']
    const response = await buildTestCheck().ask(copy)
    expect(flaws(response)).toEqual([])
    if (!harmless.test(path.join('.')) && !path.includes('headerMap')) expect(verdict(response)).not.toBe('allow')
  }
  expect(verdict(await buildTestCheck().ask({}))).toBe('request_malformed')
})

test('nothing Envoy 1.40 sent in the recordings is allowed without good credentials', async () => {
  const { ask, errors } = buildTestCheck({
    document: {
      publicOrigins: ['https://api.example.test'],
      authorizationServers: [{ issuer: 'https://as.example.com', audiences: [ORIGIN], keys: { file: 'unread.json' } }],
      routes: [{ path: '/**', methods: ['GET', 'POST'] }],
    },
  })
  const reasons = new Map<string, string>()
  for (const name of [
    'h1-tls-nocert',
    'h1-raw-duplicates',
    'h1-map-duplicates',
    'h1-connect',
    'h1-path-raw',
    'h1-path-normalised',
    'h2-mtls',
    'h2-grpc',
    'h2-scheme-spoof',
    'h3-mtls',
    'h1-body-raw-partial',
    'h1-host-empty',
    'h1-absolute-form-http-on-tls',
  ]) {
    const response = await ask(recordedCheck(name))
    expect(flaws(response)).toEqual([])
    reasons.set(name, verdict(response))
  }
  expect(Object.fromEntries(reasons)).toEqual({
    'h1-tls-nocert': 'token_type_refused',
    'h1-raw-duplicates': 'credentials_repeated',
    'h1-map-duplicates': 'request_malformed',
    'h1-connect': 'request_malformed',
    'h1-path-raw': 'path_not_canonical',
    'h1-path-normalised': 'path_not_canonical',
    'h2-mtls': 'token_malformed',
    'h2-grpc': 'credentials_missing',
    'h2-scheme-spoof': 'credentials_missing',
    'h3-mtls': 'credentials_missing',
    'h1-body-raw-partial': 'credentials_missing',
    'h1-host-empty': 'request_malformed',
    'h1-absolute-form-http-on-tls': 'host_unknown',
  })
  expect(errors).toEqual([])
})
