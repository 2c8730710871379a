import { describe, expect, test } from 'vitest'
import { answered, flaws, removed, told, verdict } from '../support/answers.ts'
import { boundToken, checkWith, from, GATEWAY, send, sent } from '../support/forwarded.ts'
import { certificate, certificateDer, certificateThumbprint, pemOf } from '../support/possession.ts'
import { overTheWire, received } from '../support/recordings.ts'
import { forms } from '../support/requests.ts'
import { goodRequest } from '../support/spine.ts'

const field = (bytes: Uint8Array): string => `:${Buffer.from(bytes).toString('base64')}:`
const leaf = field(certificateDer)
/** A whole SEQUENCE with that many bytes in it. */
const sequence = (length: number): Buffer => {
  const header = Buffer.of(0x30, 0x82, length >> 8, length & 0xff)
  return Buffer.concat([header, Buffer.alloc(length)])
}

/** Another whole SEQUENCE, such as an issuer's certificate is. */
const issuer = field(Buffer.of(0x30, 3, 2, 1, 1))

const ofProxy = { principal: GATEWAY }
type Lines = readonly (readonly [name: string, value: string])[]
const cert = (...values: readonly string[]): Lines => values.map((value) => ['client-cert', value] as const)
const chain = (...values: readonly string[]): Lines => values.map((value) => ['client-cert-chain', value] as const)

describe.each(forms)('MTLS-06, MTLS-08 Client-Cert of RFC 9440 from a trusted proxy, headers %s', (form) => {
  const accepted: readonly (readonly [string, Lines])[] = [
    ['the certificate', cert(leaf)],
    ['blanks around it', cert(` ${leaf} `)],
    ['with its chain', [...cert(leaf), ...chain(issuer)]],
    ['with a longer chain', [...cert(leaf), ...chain(`${issuer}, ${issuer}`)]],
    ['with a chain in several fields', [...cert(leaf), ...chain(issuer, issuer)]],
  ]
  test.each(accepted)('%s', async (_, headers) => {
    const response = await send(from.clientCert, { form, ...ofProxy, headers })
    expect(verdict(response)).toBe('allow')
    expect(told(response, 'x-authz-thumbprint')).toEqual([certificateThumbprint])
    expect(flaws(response)).toEqual([])
  })
  test('the proxy trusted by its address', async () => {
    for (const [address, expected] of [
      ['10.255.0.1', 'allow'],
      ['::ffff:10.255.0.1', 'allow'],
      ['11.0.0.1', 'certificate_missing'],
      ['', 'certificate_missing'],
    ])
      expect(await sent(from.clientCert, { form, address, headers: cert(leaf) })).toBe(expected)
  })

  const malformed: readonly (readonly [string, Lines])[] = [
    ['two fields', cert(leaf, leaf)],
    ['two values in one', cert(`${leaf}, ${leaf}`)],
    ['no value', cert('')],
    ['no bytes', cert('::')],
    ['no colons', cert(leaf.slice(1, -1))],
    ['one colon', cert(leaf.slice(0, -1))],
    ['quotes', cert(`"${leaf}"`)],
    ['parameters', cert(`${leaf};a=1`)],
    ['PEM', cert(certificate)],
    ['PEM in colons', cert(`:${certificate}:`)],
    ['PEM in base64', cert(field(Buffer.from(pemOf(certificateDer))))],
    ['the alphabet of base64url', cert(leaf.replaceAll('+', '-').replaceAll('/', '_'))],
    ['no padding', cert(leaf.replace('=', ''))],
    ['bits left over', cert(leaf.replace('SY=', 'SZ='))],
    ['a blank inside', cert(leaf.replace('MII', 'MI I'))],
    ['a byte behind the certificate', cert(field(Buffer.concat([certificateDer, Buffer.of(0)])))],
    ['half a certificate', cert(field(certificateDer.subarray(0, 100)))],
    ['more bytes than a certificate has', cert(field(sequence(20_000)))],
    ['a chain without the certificate', chain(issuer)],
    ['a chain that repeats the certificate', [...cert(leaf), ...chain(`${issuer}, ${leaf}`)]],
    ['a chain that is none', [...cert(leaf), ...chain('x')]],
    ['a chain with a gap', [...cert(leaf), ...chain(`${issuer},,${issuer}`)]],
    ['an empty chain', [...cert(leaf), ...chain('')]],
    ['a chain that is too long', [...cert(leaf), ...chain(Array.from({ length: 40 }, () => issuer).join())]],
    ['a chain of too many bytes', [...cert(leaf), ...chain(field(sequence(50_000)))]],
  ]
  test.each(malformed)('400: %s', async (_, headers) => {
    const response = await send(from.clientCert, { form, ...ofProxy, headers })
    expect(verdict(response)).toBe('client_certificate_malformed')
    expect(flaws(response)).toEqual([])
    expect('deniedResponse' in response && response.deniedResponse.status.code).toBe(400)
    expect(answered(response, 'www-authenticate').join()).toContain('error="invalid_request"')
  })
  test('MTLS-05 the chain is never who the client is', async () => {
    const [whole, other] = [field(certificateDer), Buffer.of(0x30, 3, 2, 1, 2)]
    const headers = [...cert(field(other)), ...chain(whole)]
    expect(await sent(from.clientCert, { form, ...ofProxy, headers })).toBe('certificate_mismatch')
  })
})

describe('MTLS-07, MTLS-09, T-50, att-mtls-01 Client-Cert from anybody else', () => {
  test('is as good as absent, whatever it says', async () => {
    for (const principal of [undefined, '', `${GATEWAY}.evil`, 'spiffe://bank.example', 'CN=gateway'])
      for (const headers of [cert(leaf), cert('garbage'), chain('garbage'), cert(leaf, leaf)])
        expect(await sent(from.clientCert, { principal, headers })).toBe('certificate_missing')
  })
  test('is not asked when another source is configured, and that source is not asked instead of it', async () => {
    for (const source of [from.connection, from.thisEnvoy, from.previousHop])
      expect(await sent(source, { ...ofProxy, headers: cert(leaf) })).toBe('certificate_missing')
    expect(await sent(from.clientCert, { ...ofProxy, certificate })).toBe('certificate_missing')
    const token = boundToken(Buffer.alloc(32).toString('base64url'))
    expect(await sent(from.clientCert, { ...ofProxy, token, headers: cert(leaf) })).toBe('certificate_mismatch')
  })

  const fields: Lines = [...cert(leaf), ...chain(issuer), ['client_cert', leaf], ['client.cert_chain', issuer]]
  const names = fields.map(([name]) => name)
  test.each(Object.entries(from))('never reaches the upstream, source %s', async (_, source) => {
    const { ask } = checkWith(source)
    for (const order of [{}, { path: '/public/x', token: 'x', proof: null }]) {
      const response = overTheWire(await ask(received(goodRequest({ ...order, ...ofProxy, headers: fields }))))
      expect(verdict(response)).toBe('allow')
      expect(removed(response)).toEqual(expect.arrayContaining([...names]))
      expect(flaws(response)).toEqual([])
    }
  })
  test('what only looks like it goes on', async () => {
    const headers: Lines = ['client-certificate', 'x-client-cert', 'client-cert-chains', 'clientcert'].map((name) => [
      name,
      'v',
    ])
    const response = await checkWith(from.clientCert).ask(received(goodRequest({ headers })))
    expect(removed(response)).toEqual(['authorization', 'dpop'])
  })
  test('in a spelling that Envoy could not be told to remove, the request is refused', async () => {
    const headers: Lines = [['client+cert', leaf]]
    expect(verdict(await checkWith(from.connection).ask(received(goodRequest({ headers }))))).toBe('request_malformed')
  })
})
