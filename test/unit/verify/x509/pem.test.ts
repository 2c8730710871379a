import { describe, expect, test } from 'vitest'
import { readPem } from '../../../../src/verify/x509/pem.ts'

const block = (body: string, label = 'CERTIFICATE') => `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`
const blocks = (text: string, label: 'CERTIFICATE' | 'X509 CRL' = 'CERTIFICATE', limit = 2) => {
  const reading = readPem(text, label, limit)
  return reading.ok ? reading.value.map((der) => der.toString()) : reading.problem
}

describe('X5-13 a PEM text', () => {
  test.each<[string, string, readonly string[]]>([
    ['one block', block('YWJj'), ['abc']],
    ['two, with text around them', `subject: a\n${block('YWJj')}\n# b\n${block('ZGVm')}end`, ['abc', 'def']],
    ['lines and carriage returns', block('YW\nJj').replaceAll('\n', '\r\n'), ['abc']],
    ['no line end behind it', block('YWJj').trimEnd(), ['abc']],
  ])('of %s is read', (_, text, expected) => expect(blocks(text)).toEqual(expected))
  test('of lists is read as lists alone', () => {
    expect(blocks(block('YWJj', 'X509 CRL'), 'X509 CRL')).toEqual(['abc'])
    expect(blocks(block('YWJj'), 'X509 CRL')).toBe('it holds something else than X509 CRL blocks')
  })
  test.each([
    ['nothing', '', 'it holds no CERTIFICATE block'],
    ['no block', 'abc', 'it holds no CERTIFICATE block'],
    ['a block too many', block('YWJj').repeat(3), 'it holds more than 2 blocks'],
    ['a private key', block('YWJj', 'PRIVATE KEY'), 'it holds something else than CERTIFICATE blocks'],
    [
      'a private key behind',
      block('YWJj') + block('YWJj', 'PRIVATE KEY'),
      'it holds something else than CERTIFICATE blocks',
    ],
    ['an empty block', block(''), 'a PEM block is not canonical base64'],
    ['text in a block', block('Proc-Type: 4\n\nYWJj'), 'a PEM block is not canonical base64'],
    ['bits that are dropped', block('YWL='), 'a PEM block is not canonical base64'],
    ['no padding', block('YQ'), 'a PEM block is not canonical base64'],
    ['the other alphabet', block('_-__'), 'a PEM block is not canonical base64'],
    ['a space in a line', block('YW Jj'), 'a PEM block is not canonical base64'],
    ['its end missing', '-----BEGIN CERTIFICATE-----\nYWJj\n', 'a PEM block does not end'],
    ['another end', block('YWJj').replace('END CERTIFICATE', 'END X509 CRL'), 'a PEM block ends in another one'],
    ['a block in a block', block(block('YWJj').trimEnd()), 'a PEM block ends in another one'],
    ['an end alone', '-----END CERTIFICATE-----', 'it holds something else than CERTIFICATE blocks'],
    ['a boundary within a line', `x ${block('YWJj')}`, 'it holds something else than CERTIFICATE blocks'],
  ])('with %s', (_, text, expected) => {
    expect(blocks(text)).toBe(expected)
  })
})
