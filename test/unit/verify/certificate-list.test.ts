import { describe, expect, test } from 'vitest'
import type { CertificateList } from '../../../src/verify/certificate-list.ts'
import { judge, problemOf, THUMBPRINT } from '../../support/certificate-lists.ts'

describe('X5-14 an entry that is wrong is named', () => {
  const issuer = { CN: 'Issuing CA' }
  const many = Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`1.2.3.${index}`, 'a']))
  const HOST = 'is not a host name in ASCII without a wildcard'
  const DIGEST = 'is not a SHA-256 in base64url or hex'
  const SERIAL = 'serial is not a number of at most 20 octets in hex'
  const cases: readonly (readonly [string, CertificateList, string])[] = [
    ['no attribute', { subjects: [{ O: 'a' }, {}] }, 'subjects[1]: it names no attribute'],
    ['17 attributes', { subjects: [many] }, 'subjects[0]: it names more than 16 attributes'],
    [
      'an unknown type',
      { subjects: [{ organisation: 'a' }] },
      'subjects[0]: organisation is no attribute that is known',
    ],
    ['a type that means two', { subjects: [{ SN: 'a' }] }, 'subjects[0]: SN is no attribute that is known'],
    ['a member of every object', { subjects: [{ constructor: 'a' }] }, 'constructor is no attribute that is known'],
    ['half an OID', { subjects: [{ '2.5.': 'a' }] }, 'subjects[0]: 2.5. is no attribute that is known'],
    ['an OID that cannot be', { subjects: [{ '1.40.1': 'a' }] }, '1.40.1 is no attribute that is known'],
    ['zeros before an arc', { subjects: [{ '2.5.4.03': 'a' }] }, '2.5.4.03 is no attribute that is known'],
    ['a type twice', { subjects: [{ CN: 'a', '2.5.4.3': 'b' }] }, '2.5.4.3 names an attribute that is there already'],
    ['a type twice in two cases', { subjects: [{ CN: 'a', cn: 'a' }] }, 'cn names an attribute that is there already'],
    ['an empty value', { subjects: [{ CN: '' }] }, 'subjects[0]: CN is not a text of 1 to 1024'],
    ['blanks alone', { subjects: [{ CN: ' \u200b ' }] }, 'CN is not a text of 1 to 1024'],
    ['a control character', { subjects: [{ CN: 'a\nb' }] }, 'CN is not a text of 1 to 1024'],
    ['a long value', { subjects: [{ CN: 'a'.repeat(1025) }] }, 'CN is not a text of 1 to 1024'],
    ['a wildcard', { dns: ['a.example', '*.a.example'] }, `dns[1] ${HOST}`],
    ['letters that are not ASCII', { dns: ['bücher.example'] }, `dns[0] ${HOST}`],
    ['an address as host', { dns: ['127.0.0.1'] }, `dns[0] ${HOST}`],
    ['a final dot', { dns: ['a.example.'] }, `dns[0] ${HOST}`],
    ['an empty host', { dns: [''] }, `dns[0] ${HOST}`],
    ['no scheme', { uris: ['bank/api'] }, 'uris[0] is not an absolute URI in printable ASCII'],
    ['a blank in a URI', { uris: ['spiffe://a/b c'] }, 'uris[0] is not an absolute URI'],
    ['a long URI', { uris: [`a:${'b'.repeat(1023)}`] }, 'uris[0] is not an absolute URI'],
    ['no host', { emails: ['ops'] }, 'emails[0] is not an email address in ASCII'],
    ['a local part that is not ASCII', { emails: ['ö@a.example'] }, 'emails[0] is not an email address in ASCII'],
    ['a short thumbprint', { thumbprints: [THUMBPRINT.slice(1)] }, `thumbprints[0] ${DIGEST}`],
    ['the SHA-1', { thumbprints: ['ab'.repeat(20)] }, `thumbprints[0] ${DIGEST}`],
    ['colons at odd places', { thumbprints: [`a:${'ba:'.repeat(31)}b`] }, `thumbprints[0] ${DIGEST}`],
    ['another spelling of a digest', { spki: [`${THUMBPRINT.slice(0, -1)}t`] }, `spki[0] ${DIGEST}`],
    [
      'an issuer without attribute',
      { serials: [{ issuer: {}, serial: '1' }] },
      'serials[0].issuer: it names no attribute',
    ],
    ['no number', { serials: [{ issuer, serial: '' }] }, SERIAL],
    ['a number that is not hex', { serials: [{ issuer, serial: '0x12' }] }, SERIAL],
    ['a negative number', { serials: [{ issuer, serial: '-12' }] }, SERIAL],
    ['a long number', { serials: [{ issuer, serial: '1'.repeat(43) }] }, SERIAL],
    ['zero', { serials: [{ issuer, serial: '00:00' }] }, 'serials[0].serial is zero'],
  ]
  test.each(cases)('%s', (_, list, problem) => {
    expect(problemOf({ allow: list })).toContain(problem)
    expect(problemOf({ allow: list })).toMatch(/^allow\./)
    expect(problemOf({ deny: list })).toMatch(/^deny\./)
  })
  test.each([{}, { dns: [], subjects: [] }])('an allow list without entry', (list) => {
    expect(problemOf({ allow: list })).toBe('allow holds no entry; without it every certificate is allowed')
    expect(problemOf({ deny: list })).toBe('none')
  })
})

describe('X5-14 a list holds 10,000 entries at the most', () => {
  const hosts = (length: number) => Array.from({ length }, (_, index) => `h${index}.example`)
  const subjects = Array.from({ length: 9999 }, (_, index) => ({ CN: `client ${index}` }))
  test('so many are taken', () => {
    expect(judge({ allow: { dns: ['a.example'], subjects } })).toBe('no entry of allow names the certificate')
    expect(judge({ allow: { subjects: [...subjects, { CN: 'client' }] } })).toBe('passes')
    expect(judge({ deny: { subjects: [...subjects, { CN: 'client' }] } })).toBe(
      'deny.subjects[9999] names the certificate',
    )
  })
  test('one more is not', () => {
    expect(problemOf({ allow: { dns: hosts(10_001) } })).toBe('allow holds more than 10000 entries')
    expect(problemOf({ deny: { dns: hosts(2), subjects } })).toBe('deny holds more than 10000 entries')
  })
})
