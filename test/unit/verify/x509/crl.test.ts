import { describe, expect, test } from 'vitest'
import { type Crl, MAX_CRL, readCrl } from '../../../../src/verify/x509/crl.ts'
import { isNewer, judgeByCrls } from '../../../../src/verify/x509/crl-status.ts'
import { writeElement } from '../../../../src/verify/x509/der-writer.ts'
import {
  CDP,
  type CrlContent,
  entry,
  entryExtensions,
  listExtensions,
  listed,
  listedAuthority,
  listForbidden,
  listIssuer,
  listNamesake,
  listOf,
  listStranger,
  listUnsaid,
  manyEntries,
  nth,
  pointsTo,
  scopes,
  writeList,
} from '../../../support/crls.ts'
import { certify, extensions, hex, NOW, sequence } from '../../../support/ocsp-pki.ts'

const SERIAL = '00c0ffee'
const client = listed(SERIAL)
const issuer = listIssuer.certificate
const rules = { maxAge: 600 }

const judge = (lists: readonly Crl[], certificate = client, by = issuer, now = NOW) =>
  judgeByCrls(certificate, by, lists, rules, now)
const kindOf = (...given: Parameters<typeof judge>): string => judge(...given).kind
const problemOf = (content: CrlContent): string => {
  const reading = readCrl(writeList(content))
  return reading.ok ? 'none' : reading.problem
}

describe('REV-02 what is in a list has been revoked', () => {
  const { reason } = entryExtensions
  test.each([
    ['without a reason', [], 'unspecified'],
    ['keyCompromise', [reason(1)], 'keyCompromise'],
    ['certificateHold', [reason(6)], 'certificateHold'],
    ['aACompromise and a date', [reason(10), entryExtensions.invalidityDate], 'aACompromise'],
    ['an extension that nobody knows', [entryExtensions.unknown(false)], 'unspecified'],
  ])('%s', (_name, extended, word) => {
    const list = listOf({ revoked: [entry('01'), entry(SERIAL, ...extended), entry('7f')] })
    expect(judge([list])).toEqual({ kind: 'revoked', detail: `certificate ${SERIAL} was revoked (${word})` })
  })
  test('removeFromCRL, unless it is there for another reason too', () => {
    expect(kindOf([listOf({ revoked: [entry(SERIAL, reason(8))] })])).toBe('good')
    expect(kindOf([listOf({ revoked: [entry(SERIAL, reason(8)), entry(SERIAL, reason(1))] })])).toBe('revoked')
  })
  test('others are good until the next list', () => {
    expect(judge([listOf({ revoked: [entry('01'), entry('c0ffee'), entry('00c0ffef')] })])).toEqual({
      kind: 'good',
      until: NOW + 3600,
    })
  })
  test('one of several lists is enough', () => {
    const lists = [listOf(), listOf({ revoked: [entry(SERIAL)] }), listOf()]
    expect(kindOf(lists)).toBe('revoked')
  })
})

describe('REV-03 att-mtls-07 T-63 the issuer of the certificate signs its list', () => {
  const list = listOf()
  test.each([
    ['its issuer', list, issuer, 'good'],
    ['an authority whose certificate does not say what it may', list, listUnsaid, 'good'],
    ['an authority that may not sign lists', list, listForbidden, 'unavailable'],
    ['another authority', listOf({ by: listStranger }), issuer, 'unavailable'],
    ['another authority in the name of the issuer', listOf({ key: listStranger.key }), issuer, 'unavailable'],
    ['an authority of the same name', listOf({ by: listNamesake }), issuer, 'unavailable'],
  ])('%s', (_name, one, by, kind) => expect(kindOf([one], client, by)).toBe(kind))

  test('what others list does no harm', () => {
    const revoked = [entry(SERIAL)]
    const forged = [listOf({ revoked, by: listStranger }), listOf({ revoked, key: listStranger.key })]
    expect(kindOf([list, ...forged])).toBe('good')
    expect(kindOf(forged)).toBe('unavailable')
  })
  test('the issuer has to be the one that the certificate names', () =>
    expect(kindOf([listOf({ by: listStranger })], client, listStranger.certificate)).toBe('unavailable'))
})

describe('REV-04 T-63 a list counts for its time', () => {
  const { thisUpdate, nextUpdate } = { thisUpdate: NOW - 100, nextUpdate: NOW + 100 }
  const timed = listOf({ thisUpdate, nextUpdate })
  test.each([
    ['at its beginning', timed, thisUpdate, 'good'],
    ['a clock that is behind', timed, thisUpdate - 60, 'good'],
    ['before it', timed, thisUpdate - 61, 'unavailable'],
    ['at its end', timed, nextUpdate, 'good'],
    ['behind it', timed, nextUpdate + 1, 'unavailable'],
    ['without an end: maxAge', listOf({ thisUpdate, nextUpdate: null }), thisUpdate + 600, 'good'],
    ['longer than maxAge', listOf({ thisUpdate, nextUpdate: null }), thisUpdate + 601, 'unavailable'],
  ])('%s', (_name, list, now, kind) => expect(kindOf([list], client, issuer, now)).toBe(kind))

  test('what an old list says stays revoked; what one says that has not begun does not', () => {
    const list = listOf({ thisUpdate, nextUpdate, revoked: [entry(SERIAL)] })
    expect(kindOf([list], client, issuer, nextUpdate + 9999)).toBe('revoked')
    expect(kindOf([list], client, issuer, thisUpdate - 61)).toBe('unavailable')
  })
})

describe('REV-05 a list says something of the certificates it is about alone', () => {
  const { users, authorities, attributes, someReasons, at } = scopes
  const pointed = listed(SERIAL, [pointsTo(CDP)])
  const partly = listed(SERIAL, [pointsTo(CDP, writeElement(0x81, hex('0640')))])
  const elsewhere = listed(SERIAL, [pointsTo(CDP, writeElement(0xa2, writeElement(0xa4, sequence())))])
  test.each([
    ['users: a client', [users], client, 'good'],
    ['users: an authority', [users], listedAuthority(SERIAL), 'unavailable'],
    ['authorities: a client', [authorities], client, 'unavailable'],
    ['authorities: an authority', [authorities], listedAuthority(SERIAL), 'good'],
    ['attribute certificates', [attributes], client, 'unavailable'],
    ['some reasons', [someReasons], client, 'unavailable'],
    ['the place of the certificate', [at(CDP)], pointed, 'good'],
    ['another place: a partition that was swapped', [at('http://crl.example.com/other.crl')], pointed, 'unavailable'],
    ['a place, and a certificate that names none', [at(CDP)], client, 'unavailable'],
    ['a place for some reasons', [at(CDP)], partly, 'unavailable'],
    ['a place where another issuer lists', [at(CDP)], elsewhere, 'unavailable'],
  ])('%s', (_name, members, certificate, kind) => {
    const extended = [listExtensions.scope(...members)]
    expect(kindOf([listOf({ extended })], certificate)).toBe(kind)
    const revoked = [entry(SERIAL)]
    const other = members.includes(attributes) ? kind : 'revoked'
    expect(kindOf([listOf({ extended, revoked })], certificate)).toBe(other)
  })
  test('a partial list does not stand in for a whole one, and takes nothing from it', () => {
    const part = listOf({ extended: [listExtensions.scope(someReasons)] })
    expect(kindOf([part, listOf()])).toBe('good')
  })

  test.each<[string, CrlContent, string]>([
    ['a critical extension', { extended: [listExtensions.unknown(true)] }, 'critical extension 1.2.3.4'],
    ['one that is not critical', { extended: [listExtensions.unknown(false)] }, 'none'],
    ['a critical one of an entry', { revoked: [entry('01', entryExtensions.unknown(true))] }, 'critical extension'],
    ['one of an entry that is not', { revoked: [entry('01', entryExtensions.unknown(false))] }, 'none'],
    ['several issuers', { extended: [listExtensions.scope(scopes.indirect)] }, 'several issuers'],
    ['an entry of another issuer', { revoked: [entry('01', entryExtensions.certificateIssuer)] }, 'several issuers'],
    ['users and authorities alone', { extended: [listExtensions.scope(users, authorities)] }, 'contradicts itself'],
  ])('what cannot be understood makes a list useless: %s', (_name, content, problem) =>
    expect(problemOf(content)).toContain(problem),
  )
})

test('REV-06 a list of changes alone is refused', () => {
  expect(problemOf({ extended: [listExtensions.delta] })).toContain('only what has changed')
})

test.each([
  ['the next number', { thisUpdate: NOW, extended: [listExtensions.number('08')] }, true],
  ['the same list', {}, true],
  ['a lower number', { thisUpdate: NOW, extended: [listExtensions.number('06')] }, false],
  ['no number any more', { thisUpdate: NOW, extended: [] }, false],
  ['an earlier time', { thisUpdate: NOW - 3601, extended: [listExtensions.number('08')] }, false],
])('REV-07 the number never goes backwards: %s', (_name, content, newer) =>
  expect(isNewer(listOf(content), listOf())).toBe(newer),
)

describe('the form of a list', () => {
  const { reason } = entryExtensions
  test.each<[string, CrlContent, string]>([
    ['version 1', { version: hex(''), extended: [] }, 'none'],
    ['version 1 with extensions', { version: hex('') }, 'version 1 has extensions'],
    ['version 3', { version: hex('020102') }, 'not of version 2'],
    ['an authority key', { extended: [listExtensions.authorityKey] }, 'none'],
    ['a negative number', { extended: [listExtensions.number('ff')] }, 'number of the list is wrong'],
    ['an extension twice', { extended: [listExtensions.authorityKey, listExtensions.authorityKey] }, 'twice'],
    ['an end before its beginning', { nextUpdate: NOW - 3601 }, 'nextUpdate lies before'],
    ['a reason twice', { revoked: [entry('01', reason(1), reason(8))] }, 'twice'],
    ['a reason that does not exist', { revoked: [entry('01', reason(7))] }, 'reason of an entry is unknown'],
    ['a serial number that is padded', { revoked: [entry('0001')] }, 'serial number is wrong'],
    ['a serial number that is endless', { revoked: [entry('11'.repeat(33))] }, 'serial number is wrong'],
    ['an entry without a date', { revoked: [sequence(hex('020101'))] }, 'cut off'],
    ['an entry that is none', { revoked: [hex('020101')] }, 'an entry is missing'],
  ])('%s', (_name, content, problem) => expect(problemOf(content)).toContain(problem))

  test.each([
    ['nothing', (_der: Buffer) => Buffer.alloc(0)],
    ['a certificate', (_der: Buffer) => client.der],
    ['cut off', (der: Buffer) => der.subarray(0, -1)],
    ['more than a list', (der: Buffer) => Buffer.concat([der, Buffer.of(0)])],
  ])('%s is none', (_name, change) => expect(readCrl(change(writeList())).ok).toBe(false))

  test('bytes beyond the limit are not looked at', () => {
    expect(readCrl(Buffer.alloc(MAX_CRL + 1))).toEqual({ ok: false, problem: 'the list is too long' })
  })
})

test('a list of 100,000 entries is looked up in', () => {
  const list = listOf({ revoked: manyEntries(100_000) })
  expect(list.entries).toBe(100_000)
  for (const at of [0, 1, 49_999, 77_777, 99_999]) expect(list.find(nth(at))).toBe('unspecified')
  for (const serial of [nth(100_000), '4e', `${nth(1)}00`, `00${nth(1)}`, '00'])
    expect(list.find(serial)).toBe(undefined)
  const revoked = certify('client', listIssuer, [extensions.clientAuth], { serial: nth(54_321) }).certificate
  expect(kindOf([list], revoked)).toBe('revoked')
  expect(kindOf([list])).toBe('good')
})

test('a list may have a million entries and no more', () => {
  // Nobody signs this one: its form is judged before.
  const count = (entries: number): string => {
    const content = Buffer.concat(Array.from({ length: entries }, () => hex('3000')))
    return problemOf({ revoked: [content] })
  }
  expect(count(1_000_001)).toContain('more than 1000000 entries')
  expect(count(1_000_000)).not.toContain('more than')
})
