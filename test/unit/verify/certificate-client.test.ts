import { describe, expect, test } from 'vitest'
import { type ClientRule, compileClientRule } from '../../../src/verify/certificate-client.ts'
import { tags } from '../../../src/verify/x509/der.ts'
import type { Name } from '../../../src/verify/x509/name.ts'
import { CN, O, ORGANIZATION, subjectOf } from '../../support/subjects.ts'

const FITS = 'fits'
function judge(rule: ClientRule, subject: Name, clientId: string): string {
  const matcher = compileClientRule(rule)
  return matcher.ok ? (matcher.value(subject, clientId) ?? FITS) : `no matcher: ${matcher.problem}`
}

describe('X5-15 an attribute is the client_id', () => {
  const rule = { attribute: 'organizationIdentifier' }
  test.each(['organizationIdentifier', ORGANIZATION])('%s', (attribute) => {
    const subject = subjectOf([O, 'Bank'], [ORGANIZATION, 'PSDGB-FCA-123456'])
    expect(judge({ attribute }, subject, 'PSDGB-FCA-123456')).toBe(FITS)
    expect(judge({ attribute }, subject, 'PSDGB-FCA-654321')).toBe(
      'its organizationIdentifier is not the client_id of the token',
    )
  })
  test.each([
    ['another case', 'psdgb-fca-123456'],
    ['a blank', 'PSDGB-FCA-123456 '],
    ['a beginning', 'PSDGB-FCA-12345'],
    ['a character that is not shown', 'PSDGB-FCA-123456\u200b'],
    ['another width', '\uff30SDGB-FCA-123456'],
    ['nothing', ''],
  ])('%s is another one', (_, clientId) => {
    const other = 'its organizationIdentifier is not the client_id of the token'
    expect(judge(rule, subjectOf([ORGANIZATION, 'PSDGB-FCA-123456']), clientId)).toBe(other)
    expect(judge(rule, subjectOf([ORGANIZATION, clientId]), 'PSDGB-FCA-123456')).toBe(other)
  })
  test('the string type makes no difference', () => {
    for (const tag of [tags.printableString, tags.bmpString, tags.ia5String])
      expect(judge({ attribute: 'CN' }, subjectOf([CN, 'tpp-1', tag]), 'tpp-1')).toBe(FITS)
  })
  test.each([
    ['another attribute', subjectOf([CN, 'tpp-1']), 'its subject has no organizationIdentifier'],
    ['no subject', subjectOf(), 'its subject has no organizationIdentifier'],
    ['two', subjectOf([ORGANIZATION, 'tpp-1'], [ORGANIZATION, 'tpp-2']), 'more than once, or not as text'],
    ['the same twice', subjectOf([ORGANIZATION, 'tpp-1'], [ORGANIZATION, 'tpp-1']), 'more than once, or not as text'],
    ['no text', subjectOf([ORGANIZATION, 'tpp-1', tags.octetString]), 'more than once, or not as text'],
  ])('att-mtls-03 %s is none', (_, subject, detail) => expect(judge(rule, subject, 'tpp-1')).toContain(detail))
  test('a type nobody knows is refused at the start', () => {
    expect(judge({ attribute: 'client' }, subjectOf(), 'x')).toBe(
      'no matcher: client is no attribute that is known; write its dotted OID',
    )
  })
})

describe('X5-15 the client_id is listed', () => {
  const clients = {
    'tpp-1': { organizationIdentifier: 'PSDGB-FCA-1', CN: 'One' },
    'tpp-2': { organizationIdentifier: 'PSDGB-FCA-2' },
  }
  const one = subjectOf([O, 'Bank'], [ORGANIZATION, 'PSDGB-FCA-1'], [CN, 'one'])
  const two = subjectOf([ORGANIZATION, 'PSDGB-FCA-2'])
  test('with its certificate', () => {
    expect(judge({ clients }, one, 'tpp-1')).toBe(FITS)
    expect(judge({ clients }, two, 'tpp-2')).toBe(FITS)
  })
  const OTHER = 'its subject is not the one that is listed for the client_id of the token'
  test.each([
    ['the certificate of another client', two, 'tpp-1', OTHER],
    ['and the other way round', one, 'tpp-2', OTHER],
    ['one attribute of two', subjectOf([ORGANIZATION, 'PSDGB-FCA-1']), 'tpp-1', OTHER],
    ['att-mtls-03 two values', subjectOf([ORGANIZATION, 'PSDGB-FCA-2'], [ORGANIZATION, 'x']), 'tpp-2', OTHER],
    ['a client that is not listed', one, 'tpp-3', 'no certificate is listed for the client_id of the token'],
    ['a client_id in another case', one, 'TPP-1', 'no certificate is listed for the client_id of the token'],
    ['a member of every object', one, 'constructor', 'no certificate is listed for the client_id of the token'],
  ])('%s does not fit', (_, subject, clientId, detail) => expect(judge({ clients }, subject, clientId)).toBe(detail))
  test('lists that are wrong are refused at the start', () => {
    const many = Object.fromEntries(Array.from({ length: 10_001 }, (_, index) => [`c${index}`, { CN: 'a' }]))
    expect(judge({ clients: {} }, one, 'x')).toBe('no matcher: no client is listed')
    expect(judge({ clients: { ...clients, bad: {} } }, one, 'x')).toBe(
      'no matcher: the subject of "bad": it names no attribute',
    )
    expect(judge({ clients: many }, one, 'x')).toBe('no matcher: more than 10000 clients are listed')
  })
})
