import { describe, expect, test } from 'vitest'
import { told, verdict } from '../support/answers.ts'
import {
  boundToken,
  checkWith,
  element,
  from,
  GATEWAY,
  gatewayElement,
  hexOf,
  send,
  sent,
  xfcc,
} from '../support/forwarded.ts'
import { certificate, certificateDer, certificateThumbprint, otherCertificate } from '../support/possession.ts'
import { received } from '../support/recordings.ts'
import { forms } from '../support/requests.ts'
import { goodRequest, mintToken } from '../support/spine.ts'

/** The certificate of RFC 8705 appendix A has no alternative names, so Envoy names it by its subject. */
const SUBJECT = 'CN=mtls'
const hex = hexOf(certificateDer)
const mine = { principal: SUBJECT }
const ofHop = { principal: GATEWAY }

describe.each(forms)('MTLS-10, att-mtls-02 this Envoy writes one element, and all of it agrees; headers %s', (form) => {
  const accepted: readonly (readonly [string, string])[] = [
    ['in the order of Envoy', element()],
    ['keys in other cases', `HASH=${hex};cert="${certificate}"`],
    ['the hash in capitals', element({ hash: hex.toUpperCase() })],
    ['the certificate first', `Cert="${certificate}";Hash=${hex}`],
    ['no quotes where none are needed', `Hash="${hex}";Cert=${certificate}`],
    ['T-51 a quoted subject that speaks of another', element({ rest: `Subject="CN=x;Hash=deadbeef\\",Hash=${hex}"` })],
  ]
  test.each(accepted)('%s', async (_, value) =>
    expect(await sent(from.thisEnvoy, { form, ...mine, headers: xfcc(value) })).toBe('allow'),
  )
  const bound = { form, ...mine }
  const refused: readonly (readonly [string, string])[] = [
    ['two elements', `${element()},${element()}`],
    ['a forged one in front', `Hash=${hex},${element()}`],
    ['a forged one behind', `${element()},By=x`],
    ['the hash of another', element({ hash: '0'.repeat(64) })],
    ['a hash that is none', element({ hash: 'deadbeef' })],
    ['a hash as base64url', element({ hash: certificateThumbprint })],
    ['no hash', element({ hash: null })],
    ['an empty hash', element({ hash: '' })],
    ['a hash without certificate', element({ cert: null })],
    ['an empty certificate', element({ cert: '' })],
    ['a certificate that is none', element({ cert: 'x' })],
    ['a second hash', `${element()};Hash=${hex}`],
    ['a second hash in another case', `${element()};hAsh=${hex}`],
    ['a second certificate', `${element()};Cert="${certificate}"`],
    ['a chain for a certificate', `Hash=${hex};Chain="${certificate}"`],
    ['a hash in quotes of a subject', `Subject="x;Hash=${hex}";Cert="${certificate}"`],
    ['a hash behind escaped quotes', `Subject="x\\";Hash=${hex};Cert=\\"${certificate}"`],
    ['quotes that do not close', `Hash=${hex};Cert="${certificate}`],
    ['text behind quotes', `Hash=${hex};Cert="${certificate}"x`],
    ['quotes inside a bare value', `URI=a"b;${element()}`],
    ['a key without value', `${element()};URI`],
    ['blanks around', ` ${element()}`],
    ['a comma at the end', `${element()},`],
    ['a semicolon at the end', `${element()};`],
    ['nothing', ''],
    ['a comma', ','],
    ['a tab', element({ rest: 'DNS=\t' })],
    ['1,000 elements', Array.from({ length: 1000 }, () => `Hash=${hex}`).join()],
    ['more pairs than any hop writes', element({ rest: 'DNS=x;'.repeat(300).slice(0, -1) })],
    ['more bytes than Envoy takes', element({ rest: `DNS=${'x'.repeat(70_000)}` })],
  ]
  test.each(refused)('refused: %s', async (_, value) =>
    expect(await sent(from.thisEnvoy, { ...bound, headers: xfcc(value) })).toBe('certificate_unusable'),
  )
  test('ENV-15 refused: bytes beyond ASCII, unless Envoy has made them readable', async () => {
    const headers = xfcc(`${element()};DNS=\xe9`)
    expect(await sent(from.thisEnvoy, { ...bound, headers })).toBe(form === 'raw' ? 'certificate_unusable' : 'allow')
  })
  test('refused: two lines', async () =>
    expect(await sent(from.thisEnvoy, { ...bound, headers: [...xfcc(element()), ...xfcc(element())] })).toBe(
      'certificate_unusable',
    ))
  test.each([undefined, '', 'CN=other', 'cn=mtls', 'mtls', 'CN=mtls,O=x', 'CN=mtl', 'CN=mtlss', GATEWAY])(
    'att-mtls-01 refused: the connection belongs to %j',
    async (principal) =>
      expect(await sent(from.thisEnvoy, { form, principal, headers: xfcc(element()) })).toBe('certificate_unusable'),
  )
  test('att-mtls-01 refused: the connection shows another certificate', async () => {
    const order = { ...bound, headers: xfcc(element()) }
    expect(await sent(from.thisEnvoy, { ...order, certificate })).toBe('allow')
    expect(await sent(from.thisEnvoy, { ...order, certificate: otherCertificate })).toBe('certificate_unusable')
  })
})

describe('MTLS-06, MTLS-10 the first of several hops wrote about the client', () => {
  const both = `${element()},${gatewayElement}`
  const bare = `${element({ cert: null })},${gatewayElement}`
  test.each(forms)('a certificate and its hash, headers %s', async (form) => {
    const response = await send(from.previousHop, { form, ...ofHop, headers: xfcc(both) })
    expect(verdict(response)).toBe('allow')
    expect(told(response, 'x-authz-thumbprint')).toEqual([certificateThumbprint])
  })
  test('a hash alone only where that is accepted, and never one that is not SHA-256', async () => {
    const order = { ...ofHop, headers: xfcc(bare) }
    expect(await sent(from.hashOnly, order)).toBe('allow')
    expect(await sent(from.hashOnly, { ...order, headers: xfcc(both) })).toBe('allow')
    expect(await sent(from.previousHop, order)).toBe('certificate_unusable')
    expect(await sent(from.hashOnly, { ...order, token: boundToken(Buffer.alloc(32).toString('base64url')) })).toBe(
      'certificate_mismatch',
    )
    for (const odd of [hex.slice(1), `${hex}0`, certificateThumbprint, `sha256:${hex}`, `0x${hex.slice(2)}`])
      expect(await sent(from.hashOnly, { ...order, headers: xfcc(`Hash=${odd},${gatewayElement}`) })).toBe(
        'certificate_unusable',
      )
  })
  const refused: readonly (readonly [string, string, string])[] = [
    ['a certificate beside the hash of another', `${element({ hash: '0'.repeat(64) })},${gatewayElement}`, 'unusable'],
    ['no hash', `${element({ hash: null })},${gatewayElement}`, 'unusable'],
    ['one element too many in front', `${element()},${both}`, 'unusable'],
    ['one element too many between', `${element()},By=x,${gatewayElement}`, 'unusable'],
    ['the client alone', element(), 'unusable'],
    ['the gateway alone', gatewayElement, 'missing'],
    ['the gateway first', `${gatewayElement},${element()}`, 'unusable'],
    ['another gateway last', `${element()},${gatewayElement}2`, 'unusable'],
    ['the gateway as a second name', `${element()},${gatewayElement};URI=spiffe://other`, 'unusable'],
    ['the gateway in the subject', `${element()},Subject="x;URI=${GATEWAY}"`, 'unusable'],
    ['the gateway in the element of the client', `${element({ rest: `URI=${GATEWAY}` })},By=x`, 'unusable'],
    ['nothing of the gateway', `${element()},By=${GATEWAY}`, 'unusable'],
  ]
  test.each(refused)('att-mtls-02 refused: %s', async (_, value, reason) => {
    for (const source of [from.previousHop, from.hashOnly])
      expect(await sent(source, { ...ofHop, headers: xfcc(value) })).toBe(`certificate_${reason}`)
  })
  test('T-50, MTLS-07, att-mtls-01 refused: from anybody else the header is as good as absent', async () => {
    for (const principal of [undefined, '', `${GATEWAY}/`, GATEWAY.toUpperCase(), SUBJECT])
      for (const value of [both, 'garbage'])
        expect(await sent(from.previousHop, { principal, headers: xfcc(value) })).toBe('certificate_missing')
  })
  test('MTLS-06 one source: neither the connection nor Client-Cert is asked instead', async () => {
    const field = ['client-cert', `:${certificateDer.toString('base64')}:`] as const
    for (const source of [from.previousHop, from.thisEnvoy])
      expect(await sent(source, { ...ofHop, certificate, headers: [field] })).toBe('certificate_missing')
    expect(await sent(from.previousHop, { ...ofHop, certificate, headers: xfcc('garbage') })).toBe(
      'certificate_unusable',
    )
    expect(await sent(from.connection, { ...ofHop, headers: [field, ...xfcc(both)] })).toBe('certificate_missing')
  })
})

test('MTLS-10 what cannot be used does not matter to who needs no certificate', async () => {
  const { ask } = checkWith(from.thisEnvoy)
  const headers = xfcc('garbage')
  expect(verdict(await ask(received(goodRequest({ headers }))))).toBe('allow')
  expect(verdict(await ask(received(goodRequest({ headers, path: '/public/x', token: 'x', proof: null }))))).toBe(
    'allow',
  )
  const dual = mintToken({ claims: { cnf: { 'x5t#S256': certificateThumbprint } } })
  expect(verdict(await ask(received(goodRequest({ headers, token: dual, scheme: 'Bearer', proof: null }))))).toBe(
    'certificate_unusable',
  )
})
