import { describe, expect, test } from 'vitest'
import { readCertificateDer } from '../../../../src/verify/x509/certificate.ts'
import { tags } from '../../../../src/verify/x509/der.ts'
import { writeElement } from '../../../../src/verify/x509/der-writer.ts'
import { type Details, derOf, newKeysOf } from '../../../support/chains.ts'
import { extension, extensions, hex, NOW, octets, sequence, time } from '../../../support/ocsp-pki.ts'

const keys = newKeysOf('p256')
const reading = (details: Details) => readCertificateDer(derOf('client', undefined, details, keys))
const withExtension = (oid: string, value: Buffer, critical = false) =>
  reading({ extensions: [extension(oid, value, critical)] })

const oid = {
  subjectKeyId: '0603551d0e',
  keyUsage: '0603551d0f',
  names: '0603551d11',
  basic: '0603551d13',
  points: '0603551d1f',
  authorityKeyId: '0603551d23',
  purposes: '0603551d25',
  access: '06082b06010505070101',
  statements: '06082b06010505070103',
  noCheck: '06092b0601050507300105',
} as const
const uri = (text: string) => writeElement(0x86, Buffer.from(text))
const dns = (text: string) => writeElement(0x82, Buffer.from(text))
const bool = hex('0101ff')
const integer = (value: string) => writeElement(tags.integer, hex(value))
const fullName = (...names: readonly Buffer[]) => writeElement(0xa0, writeElement(0xa0, ...names))
const access = (method: number, place: Buffer) =>
  sequence(writeElement(tags.oid, hex(`2b0601050507300${method}`)), place)

describe('X5-13 an extension says', () => {
  test.each<[string, string, Buffer, object]>([
    ['an authority', oid.basic, sequence(bool), { ca: true, pathLength: undefined }],
    ['a path length', oid.basic, sequence(bool, integer('03')), { ca: true, pathLength: 3 }],
    ['no authority', oid.basic, sequence(), { ca: false }],
    ['a usage', oid.keyUsage, hex('03020520'), { keyUsage: new Set(['keyEncipherment']) }],
    ['a usage of the second octet', oid.keyUsage, hex('0303070080'), { keyUsage: new Set(['decipherOnly']) }],
    ['purposes', oid.purposes, sequence(hex('06032a0304')), { extendedKeyUsage: new Set(['1.2.3.4']) }],
    ['names', oid.names, sequence(dns('a.example')), { alternativeNames: [{ type: 'dns', value: 'a.example' }] }],
    ['256 names', oid.names, sequence(...Array<Buffer>(256).fill(dns('a.b'))), {}],
    ['its key', oid.subjectKeyId, octets(hex('0aff')), { subjectKeyId: '0aff' }],
    ['the key above', oid.authorityKeyId, sequence(writeElement(0x80, hex('0aff'))), { authorityKeyId: '0aff' }],
    ['no key above', oid.authorityKeyId, sequence(), { authorityKeyId: undefined }],
    [
      'a list',
      oid.points,
      sequence(sequence(fullName(uri('http://a.example/l')))),
      {
        distributionPoints: [
          { names: [{ type: 'uri', value: 'http://a.example/l' }], indirect: false, partial: false },
        ],
      },
    ],
    [
      'a list of somebody else, for some reasons',
      oid.points,
      sequence(sequence(writeElement(0x81, hex('0640')), writeElement(0xa2, dns('a.example')))),
      { distributionPoints: [{ names: [], indirect: true, partial: true }] },
    ],
    [
      'responders, at most eight',
      oid.access,
      sequence(access(2, uri('http://a.example/c')), ...Array<Buffer>(9).fill(access(1, uri('http://a.example/o')))),
      { ocspResponders: Array(8).fill('http://a.example/o') },
    ],
    ['that it is not asked about', oid.noCheck, hex('0500'), { ocspNoCheck: true }],
    ['statements, as they stand', oid.statements, hex('0500'), { qcStatements: hex('0500') }],
    ['something unknown', '06032a0304', hex('ffff'), { unknownCritical: [] }],
  ])('%s', (_, id, value, expected) => expect(withExtension(id, value)).toMatchObject({ ok: true, value: expected }))
  test('nothing that is known', () =>
    expect(reading({ extensions: [extensions.unknown] })).toMatchObject({
      ok: true,
      value: {
        ca: false,
        keyUsage: undefined,
        extendedKeyUsage: undefined,
        alternativeNames: [],
        nameConstraints: undefined,
        distributionPoints: [],
        ocspResponders: [],
        ocspNoCheck: false,
        qcStatements: undefined,
        unknownCritical: ['1.2.3.4'],
      },
    }))
})

test.each<[string, string, Buffer]>([
  ['basic constraints of another type', oid.basic, hex('0500')],
  ['a path length beside no authority', oid.basic, sequence(integer('00'))],
  ['a negative path length', oid.basic, sequence(bool, integer('ff'))],
  ['a huge path length', oid.basic, sequence(bool, integer('0100000000'))],
  ['more in the basic constraints', oid.basic, sequence(bool, integer('00'), integer('00'))],
  ['an empty key usage', oid.keyUsage, hex('030100')],
  ['a key usage with trailing zeros', oid.keyUsage, hex('03020020')],
  ['an unknown key usage', oid.keyUsage, hex('0303060040')],
  ['a key usage of another type', oid.keyUsage, octets(hex('20'))],
  ['no purpose', oid.purposes, sequence()],
  ['65 purposes', oid.purposes, sequence(...Array<Buffer>(65).fill(hex('06032a0304')))],
  ['no name', oid.names, sequence()],
  ['257 names', oid.names, sequence(...Array<Buffer>(257).fill(dns('a.b')))],
  ['a name with a line break', oid.names, sequence(dns('a\r\nx-admin: 1'))],
  ['bytes behind an extension', oid.names, Buffer.concat([sequence(dns('a.b')), hex('00')])],
  ['a length in a longer form', oid.purposes, hex('3081050603' + '2a0304')],
  ['a key identifier of another type', oid.subjectKeyId, hex('0500')],
  ['half an issuer', oid.authorityKeyId, sequence(writeElement(0x82, hex('01')))],
  ['a list that is nowhere', oid.points, sequence(sequence(writeElement(0x81, hex('0640'))))],
  ['a list with an empty place', oid.points, sequence(sequence(writeElement(0xa0)))],
  ['an address of an unknown form', oid.access, sequence(access(1, hex('0500')))],
  ['an extension of responders that says something', oid.noCheck, hex('040100')],
])('X5-13 %s: the certificate is not read', (_, id, value) =>
  expect(withExtension(id, value)).toMatchObject({ ok: false, problem: expect.any(String) }),
)

test.each<[string, Details]>([
  ['an extension twice', { extensions: [extensions.clientAuth, extensions.clientAuth] }],
  ['no extension in the list', { extensions: [] }],
  [
    '65 extensions',
    {
      extensions: Array.from({ length: 65 }, (_, index) =>
        extension(`06032a03${(index + 1).toString(16).padStart(2, '0')}`, hex('0500')),
      ),
    },
  ],
  ['a serial number of zero', { serial: '00' }],
  ['a negative serial number', { serial: '80' }],
  ['times without seconds', { validity: sequence(writeElement(tags.utcTime, Buffer.from('2601010000Z')), time(NOW)) }],
  [
    'times with an offset',
    { validity: sequence(time(NOW), writeElement(tags.utcTime, Buffer.from('260101000000+0100'))) },
  ],
  [
    'times with fractions',
    { validity: sequence(time(NOW), writeElement(tags.generalizedTime, Buffer.from('20260101000000.5Z'))) },
  ],
  [
    'a date that does not exist',
    { validity: sequence(time(NOW), writeElement(tags.utcTime, Buffer.from('260230000000Z'))) },
  ],
  ['a time of another type', { validity: sequence(time(NOW), octets(Buffer.from('260101000000Z'))) }],
  ['10,000 names', { extensions: [extension(oid.names, sequence(...Array<Buffer>(10_000).fill(dns('a.b'))))] }],
])('X5-13 with %s a certificate is not read', (_, details) =>
  expect(reading(details)).toMatchObject({ ok: false, problem: expect.any(String) }),
)

test('X5-13 the octets of the key are those without the algorithm', () => {
  const info = keys.publicKey.export({ type: 'spki', format: 'der' })
  const certificate = reading({ extensions: [extensions.clientAuth] })
  expect(certificate).toMatchObject({ ok: true, value: { subjectPublicKey: info.subarray(-65) } })
})
