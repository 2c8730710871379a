import { describe, expect, test } from 'vitest'
import { tags } from '../../../../src/verify/x509/der.ts'
import { nameText } from '../../../../src/verify/x509/name-text.ts'
import { type Attribute, C, CN, nameOfParts, O, ORGANIZATION, OU, subjectOf, UID } from '../../../support/subjects.ts'

describe('T-66 a name as RFC 4514 writes it', () => {
  test('the last relative name comes first', () => {
    expect(nameText(subjectOf([C, 'GB', tags.printableString], [O, 'Bank'], [CN, 'client']))).toBe(
      'CN=client,O=Bank,C=GB',
    )
  })
  test('attributes of one relative name stand together', () => {
    expect(
      nameText(
        nameOfParts(
          [[O, 'Bank']],
          [
            [CN, 'client'],
            [OU, 'payments'],
          ],
        ),
      ),
    ).toBe('OU=payments+CN=client,O=Bank')
  })
  test('an empty name is an empty text', () => expect(nameText(subjectOf())).toBe(''))
  test('types of bank certificates have names', () => {
    const name = subjectOf([ORGANIZATION, 'PSDGB-FCA-123456'], [UID, 'software'], ['2.5.4.15', 'Business Entity'])
    expect(nameText(name)).toBe('businessCategory=Business Entity,UID=software,organizationIdentifier=PSDGB-FCA-123456')
  })
  test('a type without a name is written with its bytes', () => {
    expect(nameText(subjectOf(['1.2.3.4', 'a']))).toBe('1.2.3.4=#0c0161')
  })
  const values: readonly (readonly [string, Attribute, string])[] = [
    ['a comma', [O, 'a, CN=b'], 'O=a\\, CN=b'],
    ['a plus', [O, 'a+b'], 'O=a\\+b'],
    ['quotes, angles, semicolon, backslash', [O, '"<a>;\\'], 'O=\\"\\<a\\>\\;\\\\'],
    ['a leading number sign', [O, '#0c0161'], 'O=\\#0c0161'],
    ['a number sign elsewhere', [O, 'a#b'], 'O=a#b'],
    ['a leading and a trailing blank', [O, ' a '], 'O=\\ a\\ '],
    ['one blank', [O, ' '], 'O=\\ '],
    ['a blank behind a backslash', [O, 'a\\ '], 'O=a\\\\\\ '],
    ['an equals sign', [O, 'a=b'], 'O=a=b'],
    ['a letter that is not ASCII', [O, 'Lučić'], 'O=Lu\\C4\\8Di\\C4\\87'],
    ['a letter beyond 16 bits', [O, '\u{1f600}'], 'O=\\F0\\9F\\98\\80'],
    ['a mark that turns the direction', [O, 'a\u202eb'], 'O=a\\E2\\80\\AEb'],
    ['another string type', [O, 'Zürich', tags.bmpString], 'O=Z\\C3\\BCrich'],
    ['bytes that are no text', [O, Buffer.of(0xff)], 'O=#0c01ff'],
    ['a control character', [O, 'a\nb'], 'O=#0c03610a62'],
    ['a value that is no string', [O, Buffer.of(7), tags.integer], 'O=#020107'],
    ['no character', [O, ''], 'O='],
  ]
  test.each(values)('%s', (_, attribute, text) => expect(nameText(subjectOf(attribute))).toBe(text))
})

describe('a long name is cut where everybody sees it', () => {
  const long = (length: number): Attribute => [O, 'x'.repeat(length)]
  test('1024 characters are written', () => {
    expect(nameText(subjectOf(long(1022)))).toHaveLength(1024)
    expect(nameText(subjectOf([C, 'GB'], long(1017)))).toHaveLength(1024)
  })
  test('one more are not', () => {
    expect(nameText(subjectOf(long(1023)))).toBe('...')
    expect(nameText(subjectOf([C, 'GB'], long(1018)))).toBe(`O=${'x'.repeat(1018)},...`)
    expect(nameText(subjectOf(long(1023), [CN, 'client']))).toBe('CN=client,...')
  })
})
