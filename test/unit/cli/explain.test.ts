import { generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { stringify } from 'yaml'
import { pemOf as clientPem, issue, middle, root, sent } from '../../support/client-certificates.ts'
import { commandLine } from '../../support/command-line.ts'
import { directoryWith } from '../../support/config-files.ts'
import { consentOf } from '../../support/consents.ts'
import { jsonForm } from '../../support/explain.ts'
import { certificate, certificateDer, pemOf } from '../../support/possession.ts'
import { PROOF_TIME } from '../../support/proofs.ts'
import { boundTo, document, goodRequest, mintToken, type Order, proofFor, serverJwks } from '../../support/spine.ts'
import { authority, json, startStub } from '../../support/stub-servers.ts'

const [server] = document.authorizationServers
const written = {
  ...document,
  authorizationServers: [{ ...server, keys: { file: 'jwks.json' } }],
  pipelines: { tpp: ['accessToken', { senderConstraint: { dpop: { maxAge: '30s' } } }] },
  routes: [{ name: 'accounts', pipeline: 'tpp', path: '/accounts', scopes: ['accounts'] }, ...document.routes.slice(1)],
}

/** A directory with a configuration, its keys and these files. */
const place = (files: Readonly<Record<string, string | Uint8Array>>, difference: object = {}): string =>
  directoryWith({
    'envoy-fapi.yaml': stringify({ ...written, ...difference }),
    'jwks.json': JSON.stringify(serverJwks),
    ...files,
  })

interface Told {
  readonly verdict: string
  readonly status?: number
  readonly reason: string
  readonly detail?: string
  readonly checks: readonly { readonly check: string; readonly result: string; readonly setBy?: object }[]
  readonly pipeline: readonly object[]
  readonly notes: readonly string[]
}

/** What explain says of a captured file. */
async function explainFile(
  content: string | Uint8Array,
  { argv = [] as readonly string[], at = String(PROOF_TIME), difference = {}, files = {} } = {},
) {
  const directory = place({ captured: content, ...files }, difference)
  const inside = (name: string): string => join(directory, name)
  const request = ['explain', '--config', inside('envoy-fapi.yaml'), '--request', inside('captured'), '--at', at]
  const named = argv.map((argument) => argument.replace('<dir>', directory))
  const ran = await commandLine([...request, ...named])
  const json = await commandLine([...request, ...named, '--json'])
  const told = json.code === 2 ? undefined : (JSON.parse(json.out) as Told)
  return { ...ran, told, directory, shown: ran.out.replaceAll(directory, '<dir>') }
}

const captured = (order: Parameters<typeof goodRequest>[0] = {}): string => jsonForm(goodRequest(order))

describe('the verdict comes first, and the exit code says it too', () => {
  test('allowed', async () => {
    const { out, code, err, told } = await explainFile(captured())
    expect([out.split('\n')[0], code, err, told?.verdict, told?.reason]).toEqual([
      'ALLOW',
      undefined,
      '',
      'allow',
      'allowed',
    ])
    expect(told?.checks.every(({ result }) => result === 'pass')).toBe(true)
    expect(told?.notes).toContain('replay: not asked; the proof is taken as new')
  })
  test('the same proof is explained as often as one likes: it is never spent', async () => {
    const content = captured()
    const codes = [await explainFile(content), await explainFile(content)].map(({ code }) => code)
    expect(codes).toEqual([undefined, undefined])
  })
  test('denied', async () => {
    const token = mintToken()
    const proof = proofFor(token, { claims: { htu: 'https://api.example.com/open-banking/accounts' } })
    const { shown, code, told } = await explainFile(captured({ token, proof }))
    const lines = shown.split('\n')
    expect([lines[0], code]).toEqual(['DENY 401 proof_target_mismatch', 10])
    expect(lines.slice(lines.findIndex((line) => line.startsWith('  FAIL')))).toEqual([
      '  FAIL     proof htu                RFC 9449 section 4.3 (9)',
      '           found     https://api.example.com/open-banking/accounts',
      '           expected  https://api.example.com/accounts',
      '           set by    publicOrigins <dir>/envoy-fapi.yaml:1:1',
      '',
      'detail     htu is not the request URI',
      'cause      The proof was made for another URI. What counts is the public origin of the configuration',
      '           with the path that Envoy asks about.',
      'client     Write the URI that is called, with https, without query and fragment.',
      'operator   When a proxy in front removes a part of the path, write that part as pathPrefix of the',
      '           public origin. In Envoy rewrite the path after ext_authz, not before.',
      'more       docs/reasons.md#proof_target_mismatch',
      '',
    ])
    expect(told).toMatchObject({ version: 1, verdict: 'deny', status: 401, reason: 'proof_target_mismatch' })
  })
})

describe('positions in the configuration', () => {
  test('an option of the pipeline, the route that is meant, and what stands nowhere', async () => {
    const { told, directory } = await explainFile(captured(), { at: String(PROOF_TIME + 31) })
    const lines = readFileSync(join(directory, 'envoy-fapi.yaml'), 'utf8').split('\n')
    const lineOf = (text: string): number => lines.findIndex((line) => line.includes(text)) + 1
    expect(told?.reason).toBe('proof_expired')
    expect(told?.checks.at(-1)?.setBy).toMatchObject({
      option: 'senderConstraint.dpop.maxAge',
      line: lineOf('maxAge: 30s'),
      written: true,
    })
    expect(told?.checks.find(({ check }) => check === 'token typ')?.setBy).toMatchObject({
      option: 'accessToken.typ',
      line: lineOf('- accessToken'),
      written: false,
    })
    expect(told?.pipeline).toMatchObject([
      { policy: 'accessToken', line: lineOf('- accessToken'), written: true },
      { policy: 'senderConstraint', line: lineOf('- senderConstraint'), written: true },
      { policy: 'scopes', line: lineOf('scopes:'), written: true },
    ])
  })
  test('an option that the pipeline writes and the route adds to', async () => {
    const routes = [{ name: 'accounts', pipeline: 'tpp', path: '/accounts', senderConstraint: { both: false } }]
    const { told, directory } = await explainFile(captured(), { at: String(PROOF_TIME + 31), difference: { routes } })
    const text = readFileSync(join(directory, 'envoy-fapi.yaml'), 'utf8').split('\n')
    expect(told?.checks.at(-1)?.setBy).toMatchObject({
      line: text.findIndex((line) => line.includes('maxAge: 30s')) + 1,
      written: true,
    })
  })
})

describe('the moment', () => {
  test('a request of another time says when it was made', async () => {
    const { told } = await explainFile(captured(), { at: '2027-01-15T09:00:00Z' })
    expect(told?.reason).toBe('token_expired')
    expect(told?.notes.at(-1)).toBe(
      'the request says that it was made at 2027-01-15T08:00:00Z and is judged as of 2027-01-15T09:00:00Z; to judge it as of then: --at 2027-01-15T08:00:00Z',
    )
    expect((await explainFile(captured(), { at: '2027-01-15T08:00:00Z' })).told?.verdict).toBe('allow')
    expect((await explainFile(captured(), { at: '2027-01-15T10:00:00.5+02:00' })).told?.verdict).toBe('allow')
  })
  test.each(['yesterday', '2027-01-15', '-1', '2027-99-99T00:00:00Z', ''])('--at %j is none', async (at) => {
    const { code, err } = await explainFile(captured(), { at })
    expect([code, err]).toEqual([2, '--at: expected a time such as 2026-01-31T12:00:00Z\n'])
  })
})

describe('what cannot be known beside the service', () => {
  test('nonces of a secret that the service made itself', async () => {
    const token = mintToken()
    const senderConstraint = { dpop: { nonce: 'required' } }
    const difference = { routes: [{ path: '/accounts', senderConstraint }] }
    const proof = proofFor(token, { claims: { nonce: 'whatever' } })
    const { told } = await explainFile(captured({ token, proof }), { difference })
    expect(told?.verdict).toBe('allow')
    expect(told?.notes).toContain(
      'nonce: taken as good; the service made its secret itself, and only it can judge the nonce',
    )
    expect((await explainFile(captured({ token }), { difference })).told?.reason).toBe('nonce_missing')
    const secrets = ['o9lq0aX2v7Jt3mWkYp4Zc8dRfGhB1nTe']
    const known = await explainFile(captured({ token, proof }), { difference: { ...difference, nonces: { secrets } } })
    expect(known.told?.reason).toBe('nonce_refused')
  })
  test('nobody is asked about a token unless told', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    const introspection = { endpoint: 'https://127.0.0.1:1/introspect', clientId: 'api', key: 'client.pem' }
    const asked = { ...server, keys: { file: 'jwks.json' }, revocation: { introspection } }
    const options = { difference: { authorizationServers: [asked] }, files: { 'client.pem': pem } }
    const content = captured({ token: 'opaque-token', proof: null })
    const unasked = await explainFile(content, options)
    expect([unasked.told?.reason, unasked.told?.detail]).toEqual(['introspection_unavailable', 'not asked'])
    expect(unasked.told?.notes).toContain(
      'introspection: not asked, so nobody knows whether the token is good; --ask asks the authorization server',
    )
    const { told } = await explainFile(content, { ...options, argv: ['--ask'] })
    expect([told?.reason, told?.notes]).toEqual(['introspection_unavailable', []])
    expect(told?.detail).not.toBe('not asked')
  })
  test('AZ-14 no consent service is asked unless told, and no consent is used up', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    const methods: string[] = []
    const service = await startStub((request, response) => {
      methods.push(request.method ?? '')
      json(() => consentOf())(request, response)
    })
    onTestFinished(() => service.close())
    const http = { url: `${service.origin}/{id}`, auth: 'jwt', key: 'us.pem', clientId: 'us', timeout: '1s' }
    const consent = { id: { claim: 'consent_id' }, source: { http }, single: ['GET'] }
    const options = {
      difference: { outbound: { ca: 'ca.pem' }, routes: [{ path: '/accounts', consent }] },
      files: { 'us.pem': pem, 'ca.pem': authority.certificate },
    }
    const content = captured({ token: mintToken({ claims: { consent_id: 'c-1' } }) })
    const unasked = await explainFile(content, options)
    expect([unasked.told?.reason, methods]).toEqual(['consent_unavailable', []])
    expect(unasked.told?.notes).toContainEqual(expect.stringMatching(/^consent: not asked/))
    const { told } = await explainFile(content, { ...options, argv: ['--ask'] })
    expect([told?.verdict, new Set(methods)]).toEqual(['allow', new Set(['GET'])])
    expect(told?.notes).toContainEqual(expect.stringMatching(/^consent: not used up/))
  })
  test('keys that cannot be read', async () => {
    const { told } = await explainFile(captured(), { files: { 'jwks.json': '{"keys":[]}' } })
    expect([told?.reason, told?.notes[0]]).toEqual(['keys_unavailable', expect.stringMatching(/^keys of as: /)])
  })
})

describe('captures', () => {
  const raw = (path: string): string => {
    const token = mintToken()
    return `GET ${path} HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: DPoP ${token}\r\nDPoP: ${proofFor(token)}\r\n\r\n`
  }
  test('HTTP as text', async () => expect((await explainFile(raw('/accounts'))).told?.verdict).toBe('allow'))
  test('HAR without Authorization', async () => {
    const entries = [{ request: { method: 'GET', url: 'https://api.example.com/accounts', headers: [] } }]
    const { told } = await explainFile(JSON.stringify({ log: { entries } }))
    expect(told?.reason).toBe('credentials_missing')
    expect(told?.notes).toContain('browsers leave Authorization out of HAR files unless told to export sensitive data')
  })
  const dpopRoute = { path: '/mtls', senderConstraint: { methods: ['dpop'] } }
  test('--certificate adds that of the connection', async () => {
    const token = mintToken({ claims: { cnf: boundTo.mtls } })
    const text = `GET /mtls HTTP/1.1\nHost: api.example.com\nAuthorization: Bearer ${token}\n\n`
    const files = {
      'client.pem': `${pemOf(certificateDer)}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`,
    }
    const argv = ['--certificate', '<dir>/client.pem']
    expect((await explainFile(text, { files })).told?.reason).toBe('certificate_missing')
    expect((await explainFile(text, { files, argv })).told?.verdict).toBe('allow')
    const elsewhere = await explainFile(text, {
      files,
      argv,
      difference: { clientCertificateFrom: { source: 'none' }, routes: [dpopRoute] },
    })
    expect(elsewhere.told?.notes).toContain('--certificate is not looked at: clientCertificateFrom.source is none')
  })
})

describe('a route that asks for a client certificate', () => {
  const asking = (more: object = {}) => ({
    routes: [{ name: 'accounts', path: '/accounts', clientCertificate: { ca: 'ca.pem', ...more } }],
  })
  const files = { 'ca.pem': clientPem(root.certificate) }
  const order = { certificate: sent(issue(root)) }

  test('is explained check by check, each with its option', async () => {
    const { told, shown } = await explainFile(captured(order), { difference: asking({ roles: ['PSP_AI'] }), files })
    expect(told?.reason).toBe('client_certificate_role_missing')
    expect(told?.checks.at(-1)).toMatchObject({
      ...{ check: 'certificate roles', result: 'fail' },
      setBy: { option: 'clientCertificate.roles', written: true },
    })
    expect(told?.checks.map(({ check }) => check)).toEqual(
      expect.arrayContaining(['certificate read', 'certificate path']),
    )
    expect(shown).not.toContain('Good Fintech')
  })
  test('asks nobody whether it was revoked, and says so', async () => {
    const revocation = { ocsp: 'hard', responder: 'http://127.0.0.1:9' }
    const { told } = await explainFile(captured(order), { difference: asking({ revocation }), files })
    expect(told?.verdict).toBe('allow')
    expect(told?.notes).toContain(
      'revocation: nobody was asked about the client certificate; it is taken as not revoked',
    )
    const plain = await explainFile(captured(order), { difference: asking(), files })
    expect(plain.told?.notes.join()).not.toContain('nobody was asked')
  })
  test('takes the first certificate of a file, and says what becomes of those behind it', async () => {
    const chain = { ...files, 'chain.pem': `${clientPem(issue(middle))}${clientPem(middle.certificate)}` }
    const argv = ['--certificate', '<dir>/chain.pem']
    const behind = expect.stringMatching(/^--certificate: of the file the first certificate alone is looked at/)
    const missing = await explainFile(captured(), { difference: asking(), files: chain, argv })
    expect(missing.told).toMatchObject({ reason: 'client_certificate_untrusted' })
    expect(missing.told?.notes).toContainEqual(behind)
    const configured = asking({ intermediates: 'middle.pem' })
    const more = { ...chain, 'middle.pem': clientPem(middle.certificate) }
    expect((await explainFile(captured(), { difference: configured, files: more, argv })).told?.verdict).toBe('allow')
    const alone = { ...files, 'chain.pem': clientPem(issue(root)) }
    const told = (await explainFile(captured(), { difference: asking(), files: alone, argv })).told
    expect(told?.verdict).toBe('allow')
    expect(told?.notes).not.toContainEqual(behind)
  })
  test('needs its files of authorities', async () => {
    const { code, err } = await explainFile(captured(order), { difference: asking(), files: { 'ca.pem': 'garbage' } })
    expect(code).toBe(2)
    expect(err).toMatch(/ca\.pem: it holds no CERTIFICATE block/)
  })
})

test('no token, proof, certificate or cookie is shown, and no line is wider than a hundred columns', async () => {
  const both = mintToken({ claims: { cnf: boundTo.both } })
  const token = mintToken()
  const headers = [['cookie', 'session=0123456789abcdefghij']] as const
  const proof = (claims: Readonly<Record<string, unknown>>) => ({ token, proof: proofFor(token, { claims }), headers })
  const cases: readonly (readonly [Order & { readonly token: string }, string])[] = [
    [{ token: both, certificate, path: '/both', headers }, 'allowed'],
    [{ token: both, certificate, path: `/accounts/${both}`, headers }, 'scope_insufficient'],
    [proof({ htu: `https://api.example.com/${token}`, ath: token }), 'proof_target_mismatch'],
    [proof({ ath: token }), 'proof_token_mismatch'],
    [proof({ htm: '0123456789abcdefghij' }), 'proof_method_mismatch'],
    [proof({ htm: token }), 'proof_method_mismatch'],
  ]
  for (const [order, reason] of cases) {
    const content = captured(order)
    const { out, told } = await explainFile(content)
    expect(told?.reason).toBe(reason)
    const shown = out + JSON.stringify(told)
    const made = order.proof?.split('.') ?? []
    for (const secret of [...order.token.split('.'), ...made, certificate.slice(50, 90), '0123456789abcdefghij'])
      expect(shown).not.toContain(secret)
    expect(Math.max(...out.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100)
  }
})

test('no beginning of a secret is left where a long text ends, and none is missed because it is spelled out', async () => {
  const opaque = 'Zx9QwErTy7654321opaqueSecretTOKENvalue'
  const key = 'Kq3vX9mWb2Lr7TzYc5Nf8PdHs1GjRuEo'
  const headers = [
    ['x-api-key', key],
    ['cookie', 'session=Zoë0123456789abcdef'],
  ] as const
  for (const length of [360, 370, 380]) {
    const path = (secret: string): string => `/accounts/${'a'.repeat(length)}${secret}/${key}`
    const iss = `https://${'b'.repeat(length)}${key}`
    const htu = `https://api.example.com/${'Zoë0123456789abcdef'}`
    const token = mintToken({ claims: { iss } })
    for (const order of [
      { token: opaque, proof: null, path: path(opaque), headers },
      { token, proof: proofFor(token, { claims: { htu } }), path: path(key), headers },
    ]) {
      const { out, told } = await explainFile(captured(order))
      const shown = out.replaceAll(/\n +/g, '') + JSON.stringify(told)
      expect(told?.verdict).toBe('deny')
      for (const secret of [opaque, key, '0123456789abcdef']) expect(shown).not.toContain(secret.slice(0, 4))
    }
  }
})

describe('what cannot be explained ends with 2 and says where', () => {
  test.each<readonly [string, string | Uint8Array, RegExp]>([
    ['an empty file', '', /captured: it is empty\n$/],
    ['broken JSON', '{"attributes": {', /captured: line 1, column 17: it is not JSON\n$/],
    ['bytes', Buffer.from([0, 255, 1, 2]), /captured: line 1: expected one JSON object, or an HTTP request line/],
    ['a huge file', Buffer.alloc(5 * 1_048_576, 0x7b), /captured: it is larger than 4 MiB\n$/],
  ])('%s', async (_, content, message) => {
    const { code, err, out } = await explainFile(content)
    expect([code, out]).toEqual([2, ''])
    expect(err).toMatch(message)
  })
  test.each<readonly [string, readonly string[], RegExp]>([
    ['nothing to explain', [], /^give one of --request FILE, --last and --from-log ID\n$/],
    ['two things', ['--last', '--from-log', 'x'], /^give one of/],
    ['no configuration', ['--request', 'x'], /^--request needs --config FILE\n$/],
    ['no such file', ['--config', '<dir>/envoy-fapi.yaml', '--request', '<dir>/x'], /x: there is no such file\n$/],
    ['a directory', ['--config', '<dir>/envoy-fapi.yaml', '--request', '<dir>'], /it cannot be read \(EISDIR\)\n$/],
    ['another format', ['--request', 'x', '--format', 'xml'], /Allowed choices are check, har, http/],
    [
      'no number',
      ['--config', '<dir>/envoy-fapi.yaml', '--request', 'x', '--index', '1x'],
      /^--index: expected a number/,
    ],
    [
      'a day that does not exist',
      ['--config', '<dir>/envoy-fapi.yaml', '--request', '<dir>/ok', '--at', '2027-02-30T08:00:00Z'],
      /^--at: expected a time/,
    ],
    [
      'an index where there is one request',
      ['--config', '<dir>/envoy-fapi.yaml', '--request', '<dir>/ok', '--index', '3'],
      /^--index: .*ok is no HAR file, it holds one request\n$/,
    ],
    ['a time for the log', ['--from-log', 'x', '--at', '5'], /^--at belongs to --request\n$/],
    ['a log for a capture', ['--request', 'x', '--log', 'y'], /^--log belongs to --from-log\n$/],
    ['an address for the log', ['--from-log', 'x', '--admin', 'y'], /^--admin belongs to --last\n$/],
    [
      'no certificate',
      ['--config', '<dir>/envoy-fapi.yaml', '--request', '<dir>/ok', '--certificate', '<dir>/ok'],
      /ok: there is no PEM certificate in it\n$/,
    ],
    [
      'a broken configuration',
      ['--config', '<dir>/broken.yaml', '--request', '<dir>/ok'],
      /broken\.yaml:1:1: .*nothing was started or changed\n$/s,
    ],
  ])('%s', async (_, argv, message) => {
    const directory = place({ ok: captured(), 'broken.yaml': 'routes: []' })
    const { code, err, out } = await commandLine(['explain', ...argv.map((one) => one.replace('<dir>', directory))])
    expect([code, out]).toEqual([2, ''])
    expect(err).toMatch(message)
  })
})
