import { X509Certificate } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { readPresented } from '../../../src/verify/certificate.ts'
import { judgePeer } from '../../../src/verify/peer-name.ts'
import { certificateOf, type SubjectAttribute, stringTypes } from '../../support/certificates.ts'
import { hexOf } from '../../support/forwarded.ts'
import { certificate, certificateDer, certificateThumbprint, pemOf } from '../../support/possession.ts'
import { recordedCheck } from '../../support/recordings.ts'

const [CN, O, OU, C, ORGANIZATION, MAIL] = [
  '2.5.4.3',
  '2.5.4.10',
  '2.5.4.11',
  '2.5.4.6',
  '2.5.4.97',
  '1.2.840.113549.1.9.1',
] as const

describe('ENV-11, MTLS-10 the certificate is the one Envoy names as its peer', () => {
  test.each(['h1-mtls-uri-san', 'h1-mtls-dns-san', 'h1-mtls-subject-only', 'h1-mtls-rsa', 'h2-mtls', 'h3-mtls'])(
    'as recorded: %s',
    (name) => {
      const { certificate: text = '', principal } = recordedCheck(name).attributes?.source ?? {}
      const { raw } = new X509Certificate(decodeURIComponent(text))
      expect(principal).not.toBe('')
      expect(judgePeer(raw, principal)).toBeUndefined()
      expect(judgePeer(raw, `${principal}x`)).toContain('not the one of this connection')
      expect(judgePeer(raw, '')).toContain('not the one of this connection')
      expect(judgePeer(raw, undefined)).toBeUndefined()
    },
  )
  const [first, second] = ['spiffe://one', 'spiffe://two']
  const names: readonly (readonly [string, Parameters<typeof certificateOf>[0], string, readonly string[]])[] = [
    ['the first URI name', { uris: [first, second], dns: ['a.example'] }, first, [second, 'a.example', 'CN=client']],
    ['else the first DNS name', { dns: ['a.example', 'b.example'] }, 'a.example', ['b.example', 'CN=client']],
    ['a name of another kind is none', { mails: ['a@example'] }, 'CN=client', ['a@example']],
    ['an apostrophe in a name', { uris: ["https://x/it's"] }, "https://x/it's", ['https://x/its']],
    ['a backslash in a name', { uris: ['https://x/a\\b'] }, 'https://x/a\\b', ['https://x/ab']],
  ]
  test.each(names)('%s', (_, of, right, wrong) => {
    const der = certificateOf(of)
    expect(judgePeer(der, right)).toBeUndefined()
    for (const principal of wrong) expect(judgePeer(der, principal)).toContain('not the one of this connection')
  })
})

describe('T-51 a name that could write into the header', () => {
  test.each([
    ['a comma', 'https://x/a,Hash=ff'],
    ['a semicolon', 'https://x/a;Hash=ff'],
    ['a double quote', 'https://x/"a'],
    ['a line end', 'https://x/a\nb'],
    ['a zero byte', 'https://x/a\0b'],
    ['a delete character', 'https://x/a\x7f'],
    ['a byte beyond ASCII', 'https://x/\xe9'],
    ['nothing', ''],
  ])('%s is refused, as URI and as DNS name, first or last, whatever the principal', (_, name) => {
    for (const kind of ['uris', 'dns'] as const)
      for (const all of [[name], ['spiffe://good', name]])
        for (const principal of [undefined, name, 'spiffe://good']) {
          const problem = judgePeer(certificateOf({ [kind]: all }), principal)
          expect(problem).toMatch(/holds a delimiter|cannot be parsed/)
        }
  })
  test('in a mail address, which the header does not hold, it is not', () =>
    expect(
      judgePeer(certificateOf({ uris: ['spiffe://a'], mails: ['"a,b;c"@example'] }), 'spiffe://a'),
    ).toBeUndefined())
  test('bytes that are no certificate', () => {
    for (const der of [Buffer.of(0x30, 2, 5, 0), certificateDer.subarray(0, 200), Buffer.alloc(0)])
      expect(judgePeer(der, undefined)).toBe('the certificate cannot be parsed')
  })
})

describe('RFC 2253 subjects, as BoringSSL spells them', () => {
  const rows: readonly (readonly [string, readonly SubjectAttribute[], string])[] = [
    ['one attribute', [[CN, 'client']], 'CN=client'],
    [
      'the last one first',
      [
        [C, 'XX', stringTypes.PRINTABLESTRING],
        [O, 'Bank'],
        [CN, 'client'],
      ],
      'CN=client,O=Bank,C=XX',
    ],
    [
      'escapes',
      [
        [O, 'a, b; "c"\\+<>'],
        [CN, '#1'],
      ],
      'CN=\\#1,O=a\\, b\\; \\"c\\"\\\\\\+\\<\\>',
    ],
    ['bytes beyond ASCII', [[CN, 'Zo\u00eb']], 'CN=Zo\\C3\\AB'],
    ['the same as text', [[CN, 'Zo\u00eb']], 'CN=Zo\u00eb'],
    [
      'a type by its number',
      [
        [ORGANIZATION, 'PSDXX-1'],
        [CN, 'a'],
      ],
      'CN=a,2.5.4.97=PSDXX-1',
    ],
    [
      'a value as bytes',
      [
        [ORGANIZATION, 'PSDXX-1'],
        [CN, 'a'],
      ],
      'CN=a,2.5.4.97=#0C0750534458582D31',
    ],
    [
      'a type by its name',
      [
        [ORGANIZATION, 'PSDXX-1'],
        [CN, 'a'],
      ],
      'CN=a,organizationIdentifier=PSDXX-1',
    ],
    [
      'a type nobody has a name for',
      [
        ['1.2.3.4', 'x'],
        [CN, 'a'],
      ],
      'CN=a,1.2.3.4=x',
    ],
    [
      'a type a library has a name for',
      [
        ['1.2.3.4', 'x'],
        [CN, 'a'],
      ],
      'CN=a,special=x',
    ],
    ['a mail address', [[MAIL, 'a@example', stringTypes.IA5STRING]], 'emailAddress=a@example'],
  ]
  test.each(rows)('%s', (_, subject, principal) =>
    expect(judgePeer(certificateOf({ subject }), principal)).toBeUndefined(),
  )
  const subject: readonly SubjectAttribute[] = [
    [O, 'Bank'],
    [CN, 'client'],
  ]
  test.each([
    ['another value', 'CN=client,O=bank'],
    ['another order', 'O=Bank,CN=client'],
    ['an attribute less', 'CN=client'],
    ['an attribute more', 'CN=client,O=Bank,C=XX'],
    ['another type', 'CN=client,OU=Bank'],
    ['another type by its number', `CN=client,${OU}=Bank`],
    ['a number for another type', 'CN=client,2.5.4.3=Bank'],
    ['a comma swallowed', 'CN=client\\,O=Bank'],
    ['other bytes', 'CN=client,O=#0C0442616E6B21'],
    ['a blank', 'CN=client, O=Bank'],
    ['no types', 'client,Bank'],
    ['a backslash at the end', 'CN=client,O=Bank\\'],
    ['a comma at the end', 'CN=client,O=Bank,'],
    ['nothing', ''],
  ])('refused: %s', (_, principal) =>
    expect(judgePeer(certificateOf({ subject }), principal)).toContain('not the one of this connection'),
  )
})

describe('MTLS-03, MTLS-06 one place makes the thumbprint, whatever the source', () => {
  const { thumbprint } = { thumbprint: certificateThumbprint }
  const [hash, text] = [hexOf(certificateDer), certificate]
  test.each([
    ['a PEM', { kind: 'pem', text }],
    ['a forwarded PEM', { kind: 'pem', text, forwarded: { hash, principal: undefined } }],
    ['a forwarded PEM with its name', { kind: 'pem', text, forwarded: { hash, principal: 'CN=mtls' } }],
    ['DER', { kind: 'der', bytes: certificateDer }],
    ['a hash', { kind: 'thumbprint', hex: hash }],
  ] as const)('%s', (_, presented) =>
    expect(readPresented(presented)).toMatchObject({ ok: true, value: { thumbprint } }),
  )
  const evil = certificateOf({ uris: ['https://x/a,Hash=ff'] })
  test.each([
    ['what its source found unusable', { kind: 'unusable', problem: 'why' }],
    ['DER with a byte behind it', { kind: 'der', bytes: Buffer.concat([certificateDer, Buffer.of(0)]) }],
    ['a hash of another length', { kind: 'thumbprint', hex: hash.slice(2) }],
    ['a hash that is not hex', { kind: 'thumbprint', hex: `${hash.slice(1)}g` }],
    ['a hash of another', { kind: 'pem', text, forwarded: { hash: '0'.repeat(64), principal: undefined } }],
    ['a name of another', { kind: 'pem', text, forwarded: { hash, principal: 'CN=other' } }],
    [
      'T-51 names that write',
      { kind: 'pem', text: encodeURIComponent(pemOf(evil)), forwarded: { hash: hexOf(evil), principal: undefined } },
    ],
  ] as const)('refused: %s', (_, presented) => expect(readPresented(presented).ok).toBe(false))
})
