import { X509Certificate } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { answered, flaws, told, verdict } from '../support/answers.ts'
import { from, replayed } from '../support/forwarded.ts'
import { certificateThumbprint } from '../support/possession.ts'
import { recordedCheck } from '../support/recordings.ts'

/** Thumbprint and hash of the certificate a recorded header names in its n-th element. */
function forwarded(name: string, index = 0): { readonly thumbprint: string; readonly principal: string } {
  const header = recordedCheck(name).attributes?.request?.http?.headers?.['x-forwarded-client-cert'] ?? ''
  const pem = [...header.matchAll(/Cert="([^"]*)"/g)][index]?.[1]
  const { fingerprint256 } = new X509Certificate(decodeURIComponent(pem ?? ''))
  const thumbprint = Buffer.from(fingerprint256.replaceAll(':', ''), 'hex').toString('base64url')
  return { thumbprint, principal: recordedCheck(name).attributes?.source?.principal ?? '' }
}

describe('ENV-14, MTLS-06, MTLS-10 what Envoy 1.40 wrote, thisEnvoy', () => {
  const { thumbprint } = forwarded('h1-xfcc-sanitize-set')
  test('V-10 SANITIZE_SET with every detail, and the forged header the client sent is gone', async () => {
    const response = await replayed('h1-xfcc-sanitize-set', from.thisEnvoy, thumbprint)
    expect(verdict(response)).toBe('allow')
    expect(told(response, 'x-authz-thumbprint')).toEqual([thumbprint])
  })
  test('the connection itself need not show the certificate', async () =>
    expect(verdict(await replayed('h1-xfcc-sanitize-set', from.thisEnvoy, thumbprint, 'certificate'))).toBe('allow'))
  test('a token bound to another certificate', async () =>
    expect(verdict(await replayed('h1-xfcc-sanitize-set', from.thisEnvoy, certificateThumbprint))).toBe(
      'certificate_mismatch',
    ))
  test('V-10 a subject with quotes, commas and semicolons is the principal all the same', async () => {
    const name = 'h1-xfcc-sanitize-set-subject-escape'
    expect(forwarded(name).principal).toContain('\\"three\\"')
    expect(verdict(await replayed(name, from.thisEnvoy, forwarded(name).thumbprint))).toBe('allow')
  })
  test('MTLS-05 a certificate of the chain is not the client', async () => {
    const chain = /Chain="([^"]*)"/.exec(
      recordedCheck('h1-xfcc-sanitize-set').attributes?.request?.http?.headers?.['x-forwarded-client-cert'] ?? '',
    )
    const issuer = decodeURIComponent(chain?.[1] ?? '').split(/(?<=END CERTIFICATE-----\n)/)[1] ?? ''
    const bound = Buffer.from(new X509Certificate(issuer).fingerprint256.replaceAll(':', ''), 'hex')
    expect(verdict(await replayed('h1-xfcc-sanitize-set', from.thisEnvoy, bound.toString('base64url')))).toBe(
      'certificate_mismatch',
    )
  })
  const evil = forwarded('h1-xfcc-san-injection').thumbprint
  const append = forwarded('h1-xfcc-append-spoofed').thumbprint
  test.each([
    ['T-51, att-mtls-02 a URI name that writes an element', 'h1-xfcc-san-injection', evil, 'certificate_unusable'],
    ['T-52, att-mtls-02 a forged element in front', 'h1-xfcc-append-spoofed', append, 'certificate_unusable'],
    ['T-50, att-mtls-01 a forged header, FORWARD_ONLY', 'h1-xfcc-forward-only-spoofed', append, 'certificate_unusable'],
    [
      'T-50 a forged header on a plaintext listener',
      'h1-xfcc-always-forward-plaintext',
      append,
      'certificate_unusable',
    ],
    ['two hops, where this Envoy only appends', 'two-hop-append', append, 'certificate_unusable'],
    ['the header of another hop, passed on', 'two-hop-forward-only', append, 'certificate_unusable'],
    ['no header at all', 'h1-mtls-uri-san', append, 'certificate_missing'],
    ['no certificate and no header', 'h1-tls-nocert', append, 'certificate_missing'],
  ])('%s', async (_, name, bound, reason) => {
    for (const without of ['', 'certificate'] as const) {
      const response = await replayed(name, from.thisEnvoy, bound, without)
      expect(verdict(response)).toBe(reason)
      expect(flaws(response)).toEqual([])
      expect('deniedResponse' in response && response.deniedResponse.status.code).toBe(401)
      expect(answered(response, 'www-authenticate').join()).toContain('error="invalid_token"')
    }
  })
})

describe('MTLS-06, MTLS-07, MTLS-10 what Envoy 1.40 wrote, previousHop', () => {
  const gateway = 'spiffe://example.test/ns/e/sa/envoy'
  const hop = (more: object = {}) => ({
    source: 'xfcc',
    xfcc: { writtenBy: 'previousHop', trustedProxies: [gateway], ...more },
  })
  const { thumbprint, principal } = forwarded('two-hop-append')
  test('the recorded hop is the one that is trusted', () => expect(principal).toBe(gateway))
  test.each([
    ['by its principal', hop()],
    ['by its address', hop({ trustedProxies: ['127.0.0.1'] })],
    ['by its network', hop({ trustedProxies: ['10.0.0.0/8', '127.0.0.0/8'] })],
    ['hashes alone being welcome, too', hop({ acceptHashOnly: true })],
  ])('the client is the first of two, the hop trusted %s', async (_, source) =>
    expect(verdict(await replayed('two-hop-append', source, thumbprint))).toBe('allow'),
  )
  const gatewayOwn = forwarded('two-hop-append', 1).thumbprint
  test.each([
    [
      'MTLS-07 a hop nobody trusts',
      hop({ trustedProxies: [`${gateway}2`, '10.0.0.0/8'] }),
      thumbprint,
      'certificate_missing',
    ],
    [
      'MTLS-07 half the name of the hop',
      hop({ trustedProxies: [gateway.slice(0, -1)] }),
      thumbprint,
      'certificate_missing',
    ],
    ['the certificate of the gateway', hop(), gatewayOwn, 'certificate_mismatch'],
    ['one hop more than there are', hop({ hops: 3 }), thumbprint, 'certificate_unusable'],
    ['all hops and no client', hop({ hops: 2 }), thumbprint, 'certificate_missing'],
  ])('%s', async (_, source, bound, reason) =>
    expect(verdict(await replayed('two-hop-append', source, bound))).toBe(reason),
  )
  const [evil, client] = [forwarded('h1-xfcc-san-injection').thumbprint, forwarded('h1-xfcc-append-spoofed').thumbprint]
  test.each([
    ['FORWARD_ONLY shows nothing of the hop', 'two-hop-forward-only', thumbprint],
    ['T-51 a client that writes the element of a gateway', 'h1-xfcc-san-injection', evil],
    ['T-52 a client that sends the element of another', 'h1-xfcc-append-spoofed', client],
    ['att-mtls-01 a client that sends the whole header', 'h1-xfcc-forward-only-spoofed', client],
    ['att-mtls-01 without TLS', 'h1-xfcc-always-forward-plaintext', client],
  ])('%s, even from a trusted address', async (_, name, bound) => {
    const source = hop({ trustedProxies: ['127.0.0.1'] })
    expect(verdict(await replayed(name, source, bound))).toBe('certificate_unusable')
    expect(verdict(await replayed(name, hop(), bound))).toBe(
      name === 'two-hop-forward-only' ? 'certificate_unusable' : 'certificate_missing',
    )
  })
})
