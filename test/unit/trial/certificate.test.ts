import { X509Certificate } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { buildCertificate } from '../../../src/trial/certificate.ts'
import { buildKeyring, signCompact } from '../../../src/trial/keys.ts'
import { readCertificate } from '../../../src/verify/certificate.ts'
import { judgePeer } from '../../../src/verify/peer-name.ts'

const NOW = 1_800_000_000
const key = buildKeyring()('certificate tpp', 'Ed25519')
const make = (difference: object = {}) => buildCertificate({ name: 'tpp', uris: [], dns: [], ...difference }, key, NOW)

describe('the certificate of a built-in client', () => {
  const names = { uris: ['spiffe://bank.example/tpp', 'urn:x'], dns: ['tpp.example'] }
  const { pem, thumbprint, der } = make(names)
  const parsed = new X509Certificate(pem)

  test('is one that others can read and verify', () => {
    expect(parsed.verify(parsed.publicKey)).toBe(true)
    expect(parsed.subject).toBe('CN=tpp')
    expect(parsed.subjectAltName).toBe('URI:spiffe://bank.example/tpp, URI:urn:x, DNS:tpp.example')
    expect(parsed.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2'])
    expect([parsed.validFromDate.getTime(), parsed.validToDate.getTime()].map((time) => time / 1000 - NOW)).toEqual([
      -86_400, 86_400,
    ])
  })
  test('has the thumbprint that the service computes', () => {
    expect(readCertificate(encodeURIComponent(pem))).toMatchObject({ ok: true, value: { thumbprint, der } })
  })
  test('is the same in every run', () => expect(make(names).thumbprint).toBe(thumbprint))
  test.each([{}, { dns: ['tpp.example'] }, names, { name: 'Größe, "Co"' }])(
    'is what Envoy would call it: %j',
    (difference) => {
      const { der: bytes, principal } = make(difference)
      const escaped = 'name' in difference ? 'CN=Größe\\, \\"Co\\"' : principal
      expect(judgePeer(bytes, escaped)).toBeUndefined()
    },
  )
  test('is whole, whatever its names', () =>
    fc.assert(
      fc.property(
        fc.string({ minLength: 1, maxLength: 64, unit: 'grapheme-ascii' }),
        fc.array(fc.webUrl({ size: 'large' }), { maxLength: 8 }),
        fc.array(fc.domain(), { maxLength: 8 }),
        (name, uris, dns) => {
          const made = make({ name, uris, dns })
          expect(new X509Certificate(made.pem).raw.equals(made.der)).toBe(true)
          expect(readCertificate(encodeURIComponent(made.pem)).ok).toBe(true)
        },
      ),
    ))
})

describe('built-in keys', () => {
  test.each(['ES256', 'Ed25519'] as const)(
    'of %s are the same in every run, and another for another name',
    (algorithm) => {
      const [one, again, other] = [
        buildKeyring()('a', algorithm),
        buildKeyring()('a', algorithm),
        buildKeyring()('b', algorithm),
      ]
      expect(one.thumbprint).toBe(again.thumbprint)
      expect(one.thumbprint).not.toBe(other.thumbprint)
    },
  )
  test('of RSA are made anew, once a run', () => {
    const keyring = buildKeyring()
    expect(keyring('a', 'PS256')).toBe(keyring('a', 'RS256'))
    expect(buildKeyring()('a', 'PS256').thumbprint).not.toBe(keyring('a', 'PS256').thumbprint)
  })
  test('sign nothing where nothing is wanted', () =>
    expect(signCompact({}, { a: 1, b: null }, key, 'none')).toBe(
      `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from('{"a":1}').toString('base64url')}.`,
    ))
})
