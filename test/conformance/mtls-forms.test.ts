import { createHash, X509Certificate } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { verdict } from '../support/answers.ts'
import { certificate, certificateDer, pemOf } from '../support/possession.ts'
import { received } from '../support/recordings.ts'
import { buildTestCheck, goodRequest, mintToken } from '../support/spine.ts'

const pem = pemOf(certificateDer)

/** What becomes of a certificate in that spelling when the token is bound to the hash of these bytes. */
async function judged(shown: string, der: Uint8Array = certificateDer): Promise<string> {
  const thumbprint = createHash('sha256').update(der).digest('base64url')
  const token = mintToken({ claims: { cnf: { 'x5t#S256': thumbprint } } })
  const request = goodRequest({ token, scheme: 'Bearer', proof: null, certificate: shown })
  return verdict(await buildTestCheck().ask(received(request)))
}

describe('MTLS-03 spellings of one certificate', () => {
  const lines = (width: number): string => {
    const text = certificateDer.toString('base64')
    const rows = text.match(new RegExp(`.{1,${width}}`, 'g')) ?? []
    return `-----BEGIN CERTIFICATE-----\n${rows.join('\n')}\n-----END CERTIFICATE-----\n`
  }
  test.each([
    ['as Envoy writes it', certificate],
    ['triplets in lower case', certificate.replaceAll(/%[0-9A-F]{2}/g, (triplet) => triplet.toLowerCase())],
    ['every byte a triplet', [...pem].map((byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, '0')}`).join('')],
    ['line ends of two bytes', encodeURIComponent(pem.replaceAll('\n', '\r\n'))],
    ['no line end at the end', encodeURIComponent(pem.trimEnd())],
    ['lines of 76', encodeURIComponent(lines(76))],
    ['one line', encodeURIComponent(lines(10_000))],
    ['one character a line', encodeURIComponent(lines(1))],
  ])('%s', async (_, shown) => expect(await judged(shown)).toBe('allow'))
})

describe('MTLS-01, T-49 whatever is not exactly one certificate is refused, also when the hash fits', () => {
  const base64 = certificateDer.toString('base64')
  const bodies: readonly (readonly [string, string])[] = [
    ['a label of another kind', pem.replaceAll('CERTIFICATE', 'X509 CERTIFICATE')],
    ['a trusted certificate of OpenSSL', pem.replaceAll('CERTIFICATE', 'TRUSTED CERTIFICATE')],
    ['a request', pem.replaceAll('CERTIFICATE', 'CERTIFICATE REQUEST')],
    ['labels in lower case', pem.toLowerCase()],
    ['labels that differ', pem.replace('END CERTIFICATE', 'END X509 CERTIFICATE')],
    ['a second certificate', pem + pem],
    ['a second one that is broken', `${pem}-----BEGIN CERTIFICATE-----\n`],
    ['a key behind it', `${pem}-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n`],
    ['text before it', `Certificate:\n${pem}`],
    ['a byte order mark', `\ufeff${pem}`],
    ['a line end before it', `\n${pem}`],
    ['two line ends behind it', `${pem}\n`],
    ['a zero byte behind it', `${pem}\0`],
    ['a zero byte inside', pem.replace('M', '\0')],
    ['a blank line inside', pem.replace('\n', '\n\n')],
    ['blanks at the end of a line', pem.replace('-----\n', '-----\n \n')],
    ['carriage returns alone', pem.replaceAll('\n', '\r')],
    ['tabs', pem.replace('\nMII', '\n\tMII')],
    ['headers', pem.replace('-----\n', '-----\nDEK-Info: none\n\n')],
    ['the alphabet of base64url', pem.replaceAll('+', '-').replaceAll('/', '_')],
    ['full-width characters', pem.replace('MII', '\uff2dII')],
    ['bits left over', pem.replace('SY=', 'SZ=')],
    ['no padding', pem.replace('SY=', 'SY')],
    ['padding that is too long', pem.replace('SY=', 'SY==')],
    ['padding in the middle', pem.replace('\n', '\nAA==\n')],
    ['the bytes alone', base64],
    ['a structured field', `:${base64}:`],
  ]
  test.each(bodies)('%s', async (_, text) =>
    expect(await judged(encodeURIComponent(text))).toBe('certificate_unusable'),
  )
  test.each([
    ['encoded twice', encodeURIComponent(certificate)],
    ['plus signs for blanks', encodeURIComponent(pem).replaceAll('%20', '+')],
    ['a triplet that is cut off', `${certificate}%0`],
    ['a triplet that is none', certificate.replace('%2B', '%2G')],
    ['an overlong line end', certificate.replace('%0A', '%C0%8A')],
    ['a byte that is not UTF-8', `${certificate}%FF`],
    ['a blank for a plus sign', certificate.replaceAll('%2B', ' ')],
  ])('%s', async (_, shown) => expect(await judged(shown)).toBe('certificate_unusable'))

  const wrapped = (der: Uint8Array): string => encodeURIComponent(pemOf(der))
  const bytes: readonly (readonly [string, Uint8Array])[] = [
    ['a byte behind it', Buffer.concat([certificateDer, Buffer.of(0)])],
    ['a second certificate behind it', Buffer.concat([certificateDer, certificateDer])],
    ['the last byte missing', certificateDer.subarray(0, -1)],
    [
      'a length of indefinite form',
      Buffer.concat([Buffer.of(0x30, 0x80), certificateDer.subarray(4), Buffer.of(0, 0)]),
    ],
    ['a length in a longer form', Buffer.concat([Buffer.of(0x30, 0x83, 0), certificateDer.subarray(2)])],
    ['a set', Buffer.concat([Buffer.of(0x31), certificateDer.subarray(1)])],
    ['text', Buffer.from('certificate')],
    ['nothing but a header', Buffer.of(0x30, 0x80)],
    ['more bytes than any certificate', Buffer.concat([Buffer.of(0x30, 0x82, 0x30, 0xd4), Buffer.alloc(12_500, 5)])],
  ]
  test.each(bytes)('DER with %s', async (_, der) =>
    expect(await judged(wrapped(der), der)).toBe('certificate_unusable'),
  )

  test('the runtime would take several of these for the certificate', () => {
    const lenient = (text: string): boolean => new X509Certificate(text).raw.equals(certificateDer)
    for (const text of [pem + pem, `Certificate:\n${pem}`, `${pem}\n`]) expect(lenient(text)).toBe(true)
  })
})
