import { describe, expect, test } from 'vitest'
import type { AttributeMap } from '../../src/verify/name-match.ts'
import { tags } from '../../src/verify/x509/der.ts'
import type { GeneralName } from '../../src/verify/x509/general-name.ts'
import type { Name } from '../../src/verify/x509/name.ts'
import { judge, PIN, THUMBPRINT } from '../support/certificate-lists.ts'
import { type Attribute, C, CN, nameOfParts, O, ORGANIZATION, OU, subjectOf, UID } from '../support/subjects.ts'

const PASSES = 'passes'
const UNLISTED = 'no entry of allow names the certificate'
const allow = (wanted: AttributeMap, subject: Name): string => judge({ allow: { subjects: [wanted] } }, { subject })
const deny = (wanted: AttributeMap, subject: Name): string => judge({ deny: { subjects: [wanted] } }, { subject })
const DENIED = 'deny.subjects[0] names the certificate'

describe('X5-14, att-mtls-03, T-66 a subject is compared attribute by attribute', () => {
  test('the one that is listed passes, or not', () => {
    expect(allow({ O: 'Bank' }, subjectOf([O, 'Bank'], [CN, 'x']))).toBe(PASSES)
    expect(deny({ O: 'Bank' }, subjectOf([O, 'Bank'], [CN, 'x']))).toBe(DENIED)
  })
  const others: readonly (readonly [string, AttributeMap, Name])[] = [
    ['O=Bank inside of the CN', { O: 'Bank' }, subjectOf([O, 'NotBank'], [CN, 'O=Bank'])],
    ['CN inside of the O', { CN: 'client' }, subjectOf([O, 'Bank, CN=client'])],
    ['an escaped comma', { O: 'Bank', CN: 'client' }, subjectOf([O, 'Bank\\,CN=client'])],
    ['a longer value', { O: 'Bank' }, subjectOf([O, 'Bank of Nowhere'])],
    ['a value that ends alike', { O: 'Bank' }, subjectOf([O, 'NotBank'])],
    ['another type', { O: 'Bank' }, subjectOf([OU, 'Bank'], [CN, 'Bank'])],
    ['one of two attributes', { O: 'Bank', CN: 'client' }, subjectOf([O, 'Bank'], [CN, 'other'])],
    ['one of two attributes is not there', { O: 'Bank', CN: 'client' }, subjectOf([O, 'Bank'])],
    ['an empty subject', { O: 'Bank' }, subjectOf()],
    ['another letter', { O: 'Bank' }, subjectOf([O, 'B\u0430nk'])],
  ]
  test.each(others)('%s is another one', (_, wanted, subject) => {
    expect(allow(wanted, subject)).toBe(UNLISTED)
    expect(deny(wanted, subject)).toBe(PASSES)
  })
  const same: readonly (readonly [string, Attribute])[] = [
    ['case', [O, 'BANK of testing GMBH']],
    ['blanks', [O, '  Bank   of Testing\u00a0GmbH ']],
    ['PrintableString', [O, 'Bank of Testing GmbH', tags.printableString]],
    ['TeletexString', [O, 'Bank of Testing GmbH', tags.teletexString]],
    ['BMPString', [O, 'Bank of Testing GmbH', tags.bmpString]],
    ['width', [O, '\uff22ank of Testing GmbH']],
    ['a character that is not shown', [O, 'Ba\u200bnk of Test\u00ading GmbH']],
  ]
  test.each(same)('%s makes no difference', (_, attribute) => {
    expect(allow({ O: 'Bank of Testing GmbH' }, subjectOf(attribute))).toBe(PASSES)
    expect(deny({ O: 'Bank of Testing GmbH' }, subjectOf(attribute))).toBe(DENIED)
  })
  test.each([
    ['composed', 'Société', 'Socie\u0301te\u0301'],
    ['decomposed', 'Socie\u0301te\u0301', 'Société'],
    ['letters of two cases', 'STRASSE Ä', 'strasse ä'],
    ['a ligature', '\ufb01nance', 'Finance'],
  ])('%s text is the same', (_, wanted, given) => {
    expect(allow({ O: wanted }, subjectOf([O, given]))).toBe(PASSES)
    expect(deny({ O: wanted }, subjectOf([O, given]))).toBe(DENIED)
  })
  test('neither the order nor a relative name of two attributes makes a difference', () => {
    const wanted = { CN: 'client', O: 'Bank' }
    expect(allow(wanted, subjectOf([CN, 'client'], [O, 'Bank']))).toBe(PASSES)
    expect(
      allow(
        wanted,
        nameOfParts([
          [CN, 'client'],
          [O, 'Bank'],
        ]),
      ),
    ).toBe(PASSES)
  })
  test.each(['UID', 'userId', 'uid', UID])('the type may be written %s', (type) => {
    expect(allow({ [type]: 'software' }, subjectOf([UID, 'software']))).toBe(PASSES)
    expect(allow({ [type]: 'software' }, subjectOf([CN, 'software']))).toBe(UNLISTED)
  })
})

describe('att-mtls-03 an attribute that is there more than once, or is no text', () => {
  const doubtful: readonly (readonly [string, Name])[] = [
    ['two', subjectOf([O, 'Bank'], [CN, 'client'], [CN, 'other'])],
    ['two, the other way round', subjectOf([O, 'Bank'], [CN, 'other'], [CN, 'client'])],
    ['the same twice', subjectOf([O, 'Bank'], [CN, 'client'], [CN, 'client'])],
    ['three', subjectOf([O, 'Bank'], [CN, 'client'], [CN, 'client'], [CN, 'client'])],
    [
      'two in one relative name',
      nameOfParts(
        [[O, 'Bank']],
        [
          [CN, 'client'],
          [CN, 'other'],
        ],
      ),
    ],
    ['bytes that are no text', subjectOf([O, 'Bank'], [CN, Buffer.from('client\xff', 'latin1')])],
    ['a control character', subjectOf([O, 'Bank'], [CN, 'client\0'])],
    ['a value that is no string', subjectOf([O, 'Bank'], [CN, 'client', tags.octetString])],
    ['text, and another that is none', subjectOf([O, 'Bank'], [CN, 'client'], [CN, Buffer.of(0xff)])],
  ]
  test.each(doubtful)('%s: allows nothing and hides from no denial', (_, subject) => {
    const detail = `${UNLISTED}; its subject has CN more than once, or not as text`
    expect(allow({ CN: 'client' }, subject)).toBe(detail)
    expect(allow({ CN: 'client', O: 'Bank' }, subject)).toBe(detail)
    expect(deny({ CN: 'client' }, subject)).toBe(DENIED)
    expect(deny({ CN: 'someone else', O: 'Bank' }, subject)).toBe(DENIED)
  })
  test.each(doubtful)('%s: is no matter where another attribute is asked for', (_, subject) => {
    expect(allow({ O: 'Bank' }, subject)).toBe(PASSES)
    expect(deny({ O: 'Other' }, subject)).toBe(PASSES)
    expect(deny({ CN: 'client', O: 'Other' }, subject)).toBe(PASSES)
    expect(deny({ CN: 'client', C: 'GB' }, subject)).toBe(PASSES)
  })
})

describe('X5-14 alternative names', () => {
  const names = (...alternativeNames: readonly GeneralName[]) => ({ alternativeNames })
  const dns = (value: string) => names({ type: 'dns', value })
  const uri = (value: string) => names({ type: 'uri', value })
  const email = (value: string) => names({ type: 'email', value })
  type Case = readonly [string, Parameters<typeof judge>[0]['allow'], Parameters<typeof judge>[1]]
  const listed: readonly Case[] = [
    ['a host', { dns: ['api.bank.example'] }, dns('api.bank.example')],
    ['a host in another case', { dns: ['API.bank.example'] }, dns('api.Bank.Example')],
    [
      'one of several',
      { dns: ['api.bank.example'] },
      names({ type: 'dns', value: 'a.example' }, ...dns('api.bank.example').alternativeNames),
    ],
    ['a URI', { uris: ['spiffe://bank/api'] }, uri('spiffe://bank/api')],
    ['an address', { emails: ['Ops@bank.example'] }, email('Ops@bank.example')],
    ['the host of an address in another case', { emails: ['Ops@Bank.example'] }, email('Ops@bank.EXAMPLE')],
    ['another list that fits', { dns: ['x.example'], uris: ['spiffe://bank/api'] }, uri('spiffe://bank/api')],
  ]
  test.each(listed)('%s is found', (_, list, certificate) => {
    expect(judge({ allow: list }, certificate)).toBe(PASSES)
    expect(judge({ deny: list }, certificate)).toMatch(/^deny\.(?:dns|uris|emails)\[0\] names the certificate$/)
  })
  const others: readonly Case[] = [
    ['a host below', { dns: ['bank.example'] }, dns('api.bank.example')],
    ['a host above', { dns: ['api.bank.example'] }, dns('bank.example')],
    ['a host that ends alike', { dns: ['bank.example'] }, dns('notbank.example')],
    ['a host as URI', { dns: ['bank.example'] }, uri('https://bank.example')],
    ['a host in the subject', { dns: ['bank.example'] }, { subject: subjectOf([CN, 'bank.example']) }],
    ['a URI that goes on', { uris: ['spiffe://bank/api'] }, uri('spiffe://bank/api/v2')],
    ['an address of another host', { emails: ['ops@bank.example'] }, email('ops@mail.bank.example')],
    [
      'an address in the subject',
      { emails: ['ops@bank.example'] },
      { subject: subjectOf(['1.2.840.113549.1.9.1', 'ops@bank.example', tags.ia5String]) },
    ],
    ['a name of another form', { dns: ['bank.example'] }, names({ type: 'other', value: 'bank.example' })],
    ['no name', { dns: ['bank.example'], uris: ['spiffe://bank/api'] }, names()],
  ]
  test.each(others)('%s is another one', (_, list, certificate) => {
    expect(judge({ allow: list }, certificate)).toBe(UNLISTED)
    expect(judge({ deny: list }, certificate)).toBe(PASSES)
  })
  const hidden: readonly Case[] = [
    ['a URI in another case', { uris: ['https://bad.example/a'] }, uri('HTTPS://bad.example/A')],
    ['the local part of an address in another case', { emails: ['bad@a.example'] }, email('BAD@a.example')],
    ['every host of a domain', { dns: ['bad.a.example'] }, dns('*.A.example')],
  ]
  test.each(hidden)('%s allows nothing and hides from no denial', (_, list, certificate) => {
    expect(judge({ allow: list }, certificate)).toBe(UNLISTED)
    expect(judge({ deny: list }, certificate)).toContain('names the certificate')
  })
  test('every host of another domain is another one', () => {
    expect(judge({ deny: { dns: ['bad.a.example'] } }, dns('*.example'))).toBe(PASSES)
    expect(judge({ deny: { dns: ['bad.a.example'] } }, dns('good.a.example'))).toBe(PASSES)
  })
})

describe('X5-14 hashes and serial numbers', () => {
  const hex = (text: string): string => Buffer.from(text, 'base64url').toString('hex')
  const base64 = (text: string): string => Buffer.from(text, 'base64url').toString('base64')
  const colons = (text: string): string => (hex(text).toUpperCase().match(/../g) ?? []).join(':')
  test.each([
    ['base64url', (text: string) => text],
    ['base64', base64],
    ['hex', hex],
    ['hex with colons', colons],
  ])('in %s', (_, write) => {
    expect(judge({ allow: { thumbprints: [write(THUMBPRINT)] } })).toBe(PASSES)
    expect(judge({ allow: { spki: [write(PIN)] } })).toBe(PASSES)
    expect(judge({ deny: { thumbprints: [write(THUMBPRINT)] } })).toBe('deny.thumbprints[0] names the certificate')
    expect(judge({ deny: { spki: [write(PIN)] } })).toBe('deny.spki[0] names the certificate')
  })
  test('one is not taken for the other', () => {
    expect(judge({ allow: { thumbprints: [PIN] } })).toBe(UNLISTED)
    expect(judge({ allow: { spki: [THUMBPRINT] } })).toBe(UNLISTED)
    expect(judge({ deny: { thumbprints: [PIN], spki: [THUMBPRINT] } })).toBe(PASSES)
  })
  const issuer = { O: 'Test Authority', CN: 'issuing ca' }
  test.each(['c0ffee', '00C0FFEE', 'C0:FF:EE', '0c0ffee'])('the serial number %s of the issuer', (serial) => {
    expect(judge({ allow: { serials: [{ issuer, serial }] } })).toBe(PASSES)
    expect(judge({ deny: { serials: [{ issuer, serial }] } })).toBe('deny.serials[0] names the certificate')
  })
  test('two issuers may have given one number', () => {
    const serials = [
      { issuer: { O: 'Other' }, serial: 'c0ffee' },
      { issuer, serial: 'c0ffee' },
    ]
    expect(judge({ deny: { serials } })).toBe('deny.serials[1] names the certificate')
    expect(judge({ allow: { serials } })).toBe(PASSES)
  })
  test.each([
    ['another number', { issuer, serial: 'c0ffef' }],
    ['a longer number', { issuer, serial: 'c0ffee00' }],
    ['another issuer', { issuer: { O: 'Test' }, serial: 'c0ffee' }],
    ['the subject instead of the issuer', { issuer: { O: 'Bank' }, serial: 'c0ffee' }],
  ])('%s is another one', (_, entry) => {
    expect(judge({ allow: { serials: [entry] } })).toBe(UNLISTED)
    expect(judge({ deny: { serials: [entry] } })).toBe(PASSES)
  })
  test('att-mtls-03 an issuer with two names allows nothing and hides from no denial', () => {
    const serials = [{ issuer: { CN: 'issuing ca' }, serial: 'c0ffee' }]
    const two = { issuer: subjectOf([CN, 'Issuing CA'], [CN, 'Other']) }
    expect(judge({ allow: { serials } }, two)).toBe(UNLISTED)
    expect(judge({ deny: { serials } }, two)).toBe('deny.serials[0] names the certificate')
  })
})

describe('X5-14 both lists', () => {
  const subject = subjectOf([O, 'Bank'], [C, 'GB'], [ORGANIZATION, 'PSDGB-FCA-1'])
  test('one entry that allows is enough', () => {
    expect(judge({ allow: { subjects: [{ O: 'Other' }, { C: 'GB' }], dns: ['a.example'] } }, { subject })).toBe(PASSES)
  })
  test('what is denied stays denied', () => {
    const lists = { allow: { subjects: [{ O: 'Bank' }] }, deny: { subjects: [{ O: 'Other' }, { C: 'GB' }] } }
    expect(judge(lists, { subject })).toBe('deny.subjects[1] names the certificate')
  })
  test('without lists everything passes', () => {
    expect(judge({})).toBe(PASSES)
    expect(judge({ deny: {} })).toBe(PASSES)
  })
})
