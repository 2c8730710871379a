import { createHash, generateKeyPairSync, X509Certificate } from 'node:crypto'
// biome-ignore lint/correctness/noUnresolvedImports: a CommonJS package; Node gives its exports as the default
import forge from 'node-forge'
import { describe, expect, test } from 'vitest'
import { answered, flaws, told, verdict } from '../support/answers.ts'
import {
  certificate,
  certificateDer,
  certificateThumbprint,
  freshReplays,
  otherCertificate,
  pemOf,
  pemThumbprint,
} from '../support/possession.ts'
import { overTheWire, received, recordedCheck } from '../support/recordings.ts'
import { forms } from '../support/requests.ts'
import {
  boundTo,
  buildTestCheck,
  document,
  goodRequest,
  mintToken,
  type Order,
  otherKey,
  proofFor,
} from '../support/spine.ts'

const bindTo = (thumbprint: unknown): string => mintToken({ claims: { cnf: { 'x5t#S256': thumbprint } } })
const bound = mintToken({ claims: { cnf: boundTo.mtls } })

/** What a test needs of the service. */
type Service = Pick<ReturnType<typeof buildTestCheck>, 'ask'>

/** A request with the certificate-bound token under Bearer, without a proof. */
const send = async (order: Order, { ask }: Service = buildTestCheck()) =>
  overTheWire(await ask(received(goodRequest({ token: bound, scheme: 'Bearer', proof: null, ...order }))))
const sent = async (order: Order): Promise<string> => verdict(await send(order))

/** The thumbprint by the runtime's own reader. */
const fingerprint = (pem: string): string =>
  Buffer.from(new X509Certificate(pem).fingerprint256.replaceAll(':', ''), 'hex').toString('base64url')
/** The certificate of the connection in a recorded Check. */
const presented = (name: string): string => recordedCheck(name).attributes?.source?.certificate ?? 'nothing'

describe('MTLS-01, MTLS-02 the certificate of this connection is the one the token is bound to', () => {
  test.each(forms)('V-05 it is, headers %s', async (form) => {
    const response = await send({ form, certificate })
    expect(verdict(response)).toBe('allow')
    expect(told(response, 'x-authz-binding')).toEqual(['mtls'])
    expect(told(response, 'x-authz-thumbprint')).toEqual([certificateThumbprint])
  })
  test.each(['h1-mtls-uri-san', 'h1-mtls-dns-san', 'h1-mtls-rsa', 'h1-mtls-subject-only', 'h2-mtls', 'h3-mtls'])(
    'MTLS-03 as Envoy sends it: %s',
    async (name) => {
      const shown = presented(name)
      expect(await sent({ certificate: shown, token: bindTo(fingerprint(decodeURIComponent(shown))) })).toBe('allow')
      expect(await sent({ certificate: shown })).toBe('certificate_mismatch')
    },
  )
  const refused: readonly (readonly [string, Order, string])[] = [
    ['MTLS-02 no certificate', {}, 'certificate_missing'],
    ['MTLS-02 an empty one', { certificate: '' }, 'certificate_missing'],
    ['MTLS-01 another one', { certificate: otherCertificate }, 'certificate_mismatch'],
    ['MTLS-01 one that cannot be read', { certificate: 'x' }, 'certificate_unusable'],
  ]
  test.each(refused)('%s: 401 invalid_token', async (_, order, reason) => {
    for (const path of ['/accounts', '/mtls']) {
      const response = await send({ path, ...order })
      expect(verdict(response)).toBe(reason)
      expect(flaws(response)).toEqual([])
      expect('deniedResponse' in response && response.deniedResponse.status.code).toBe(401)
      const challenge = answered(response, 'www-authenticate').find((line) => line.startsWith('Bearer'))
      expect(challenge).toMatch(/^Bearer error="invalid_token", error_description="[^"]+"$/)
    }
  })
  test('MTLS-14 every request is judged by its own connection, whoever the client was before', async () => {
    const service = buildTestCheck()
    const again = async (shown: string | undefined) => verdict(await send({ certificate: shown }, service))
    for (const _ of [1, 2]) {
      expect(await again(certificate)).toBe('allow')
      expect(await again(undefined)).toBe('certificate_missing')
      expect(await again(otherCertificate)).toBe('certificate_mismatch')
    }
  })
})

describe('MTLS-03, MTLS-17, T-49 the thumbprint is SHA-256 over the DER, in 43 characters of base64url', () => {
  const digest = (algorithm: string, data: Buffer | string): Buffer => createHash(algorithm).update(data).digest()
  const { publicKey } = new X509Certificate(certificateDer)
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  const other: readonly (readonly [string, string])[] = [
    ['of the PEM text', pemThumbprint],
    ['of the PEM text as encoded', digest('sha256', certificate).toString('base64url')],
    ['of the base64 text', digest('sha256', certificateDer.toString('base64')).toString('base64url')],
    ['of the public key', digest('sha256', spki).toString('base64url')],
    ['twice', digest('sha256', digest('sha256', certificateDer)).toString('base64url')],
    ['in capitals', certificateThumbprint.toUpperCase()],
  ]
  test.each(other)('not the hash %s', async (_, thumbprint) =>
    expect(await sent({ certificate, token: bindTo(thumbprint) })).toBe('certificate_mismatch'),
  )
  const unusable: readonly (readonly [string, unknown])[] = [
    ['SHA-1', digest('sha1', certificateDer).toString('base64url')],
    ['SHA-512', digest('sha512', certificateDer).toString('base64url')],
    ['hex', digest('sha256', certificateDer).toString('hex')],
    ['hex with colons', new X509Certificate(certificateDer).fingerprint256],
    ['padding', `${certificateThumbprint}=`],
    ['the alphabet of base64', digest('sha256', certificateDer).toString('base64').slice(0, 42).concat('+')],
    ['a blank', ` ${certificateThumbprint.slice(1)}`],
    ['bits left over', `${certificateThumbprint.slice(0, -1)}1`],
    ['an array', [certificateThumbprint]],
    ['an object', { value: certificateThumbprint }],
    ['nothing', ''],
  ]
  test.each(unusable)('not with %s', async (_, thumbprint) =>
    expect(await sent({ certificate, token: bindTo(thumbprint) })).toBe('confirmation_unusable'),
  )
  test('not under the name of the SHA-1 thumbprint', async () => {
    for (const cnf of [{ x5t: certificateThumbprint }, { 'x5t#s256': certificateThumbprint }])
      expect(await sent({ certificate, token: mintToken({ claims: { cnf } }) })).toBe('confirmation_unusable')
  })
})

describe('MTLS-05 the end-entity certificate alone counts', () => {
  const xfcc = recordedCheck('h1-xfcc-sanitize-set').attributes?.request?.http?.headers?.['x-forwarded-client-cert']
  const chain = decodeURIComponent(/Chain="([^"]*)"/.exec(xfcc ?? '')?.[1] ?? '').match(
    /-----BEGIN[\s\S]*?-----END[^\n]*\n/g,
  )
  const [leaf = '', issuer = ''] = chain ?? []
  test('the recorded chain is one', () => {
    expect(new X509Certificate(leaf).checkIssued(new X509Certificate(issuer))).toBe(true)
    expect(encodeURIComponent(leaf)).toBe(encodeURIComponent(decodeURIComponent(presented('h1-xfcc-sanitize-set'))))
  })
  test('a token bound to the issuer', async () => {
    const token = bindTo(fingerprint(issuer))
    expect(await sent({ certificate: encodeURIComponent(leaf), token })).toBe('certificate_mismatch')
    expect(await sent({ certificate: encodeURIComponent(leaf), token: bindTo(fingerprint(leaf)) })).toBe('allow')
  })
  test.each([
    ['leaf first', leaf + issuer],
    ['issuer first', issuer + leaf],
    ['the same twice', leaf + leaf],
    ['with text between', `${leaf}\n${issuer}`],
  ])('several certificates are none, %s', async (_, pem) => {
    for (const thumbprint of [fingerprint(leaf), fingerprint(issuer)])
      expect(await sent({ certificate: encodeURIComponent(pem), token: bindTo(thumbprint) })).toBe(
        'certificate_unusable',
      )
  })
})

describe('MTLS-11, MTLS-13 binding is about this certificate, not about who vouches for it', () => {
  test('MTLS-11 a self-signed certificate', async () => {
    const shown = presented('h1-untrusted-accepted')
    const { issuer, subject } = new X509Certificate(decodeURIComponent(shown))
    expect(issuer).toBe(subject)
    expect(await sent({ certificate: shown, token: bindTo(fingerprint(decodeURIComponent(shown))) })).toBe('allow')
  })
  test('MTLS-11 an expired one', async () => {
    expect(new Date(new X509Certificate(certificateDer).validTo).getUTCFullYear()).toBe(2022)
    expect(await sent({ certificate })).toBe('allow')
  })
  test('MTLS-13 a renewed certificate of the same key needs a new token', async () => {
    const keys = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const key = forge.pki.privateKeyFromPem(keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())
    const issue = (serial: string, year: number): string => {
      const made = forge.pki.createCertificate()
      made.publicKey = forge.pki.rsa.setPublicKey(key.n, key.e)
      made.serialNumber = serial
      made.validity.notBefore = new Date(Date.UTC(year))
      made.validity.notAfter = new Date(Date.UTC(year + 1))
      for (const set of [made.setSubject, made.setIssuer]) set.call(made, [{ name: 'commonName', value: 'client' }])
      made.sign(key, forge.md.sha256.create())
      return forge.pki.certificateToPem(made)
    }
    const [before, renewed] = [issue('01', 2026), issue('02', 2027)]
    expect(new X509Certificate(renewed).publicKey.equals(new X509Certificate(before).publicKey)).toBe(true)
    const show = (pem: string, token: string) => sent({ certificate: encodeURIComponent(pem), token })
    expect(await show(before, bindTo(fingerprint(before)))).toBe('allow')
    expect(await show(renewed, bindTo(fingerprint(before)))).toBe('certificate_mismatch')
    expect(await show(renewed, bindTo(fingerprint(renewed)))).toBe('allow')
  })
})

describe('MTLS-15, T-46 a token that names a key and a certificate', () => {
  const dual = mintToken({ claims: { cnf: boundTo.both } })
  const certificates = { right: certificate, wrong: otherCertificate, missing: undefined } as const
  const proofs = { right: undefined, wrong: otherKey, missing: null } as const
  const rows = (['right', 'wrong', 'missing'] as const).flatMap((shown) =>
    (['right', 'wrong', 'missing'] as const).map((proof) => ({ shown, proof })),
  )
  test.each(rows)('certificate $shown, proof $proof', async ({ shown, proof }) => {
    const byProof = { right: 'allow', wrong: 'proof_key_mismatch', missing: 'proof_missing' }[proof]
    const expected = { right: byProof, wrong: 'certificate_mismatch', missing: 'certificate_missing' }[shown]
    for (const path of ['/accounts', '/both', '/dpop', '/mtls']) {
      const claims = { htu: `https://api.example.com${path}` }
      const made = proofs[proof] === null ? null : proofFor(dual, { claims }, proofs[proof] ?? undefined)
      const replays = freshReplays()
      const order: Order = { token: dual, scheme: 'DPoP', certificate: certificates[shown], proof: made, path }
      const response = await send(order, buildTestCheck({ replays }))
      expect(verdict(response)).toBe(expected)
      expect(replays.size).toBe(expected === 'allow' ? 1 : 0)
      if (expected === 'allow') expect(told(response, 'x-authz-binding')).toEqual(['dpop mtls'])
    }
  })
})

describe('MTLS-06, MTLS-07, T-50, att-mtls-01, att-mtls-02 headers that speak of certificates', () => {
  const pem = encodeURIComponent(pemOf(certificateDer))
  const hex = Buffer.from(certificateThumbprint, 'base64url').toString('hex')
  const spoofs: readonly (readonly [string, string])[] = [
    ['x-forwarded-client-cert', `Hash=${hex};Cert="${pem}"`],
    ['x-forwarded-client-cert', `Hash=${hex},Hash=${hex}`],
    ['client-cert', `:${certificateDer.toString('base64')}:`],
    ['ssl-client-cert', pem],
    ['x-ssl-client-cert', pem],
    ['x-authz-certificate-thumbprint', certificateThumbprint],
  ]
  test.each(spoofs)('%s: %s says nothing while the connection is the source', async (name, value) => {
    const headers = [[name, value]] as const
    expect(await sent({ headers })).toBe('certificate_missing')
    expect(await sent({ headers, certificate: otherCertificate })).toBe('certificate_mismatch')
    expect(await sent({ headers: [[name, 'garbage']], certificate })).toBe('allow')
  })
  test('and with no source at all not even the connection does', async () => {
    const changed = {
      ...document,
      clientCertificateFrom: { source: 'none' },
      routes: [{ name: 'accounts', path: '/accounts' }],
    }
    const service = buildTestCheck({ document: changed })
    expect(verdict(await send({ certificate, headers: spoofs }, service))).toBe('certificate_missing')
  })
})
