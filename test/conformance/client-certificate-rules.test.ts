import { describe, expect, test } from 'vitest'
import type { ChainRules } from '../../src/verify/certificate-chain.ts'
import { tags } from '../../src/verify/x509/der.ts'
import { writeElement } from '../../src/verify/x509/der-writer.ts'
import { authority, chainFor, clientExtensions, clientOf, outcome, party } from '../support/chains.ts'
import { extension, extensions, hex, NOW, sequence } from '../support/ocsp-pki.ts'

const DAY = 86_400
const root = authority('Root')
const middle = authority('Middle', root)
const signer = [extensions.authority, extensions.signsCertificates]
const purposes = (...ids: readonly number[]): Buffer =>
  extension('0603551d25', sequence(...ids.map((id) => hex(`06082b060105050703${id.toString(16).padStart(2, '0')}`))))
const dnsName = (name: string): Buffer => writeElement(0x82, Buffer.from(name))

describe('X5-05 an unknown critical extension', () => {
  test.each([
    ['an unknown one', extensions.unknown],
    ['a key identifier', extension('0603551d0e', writeElement(tags.octetString, Buffer.of(1)), true)],
    ['an issuer key identifier', extension('0603551d23', sequence(writeElement(0x80, Buffer.of(2))), true)],
  ])('is refused anywhere: %s', (_, critical) => {
    const detail = expect.stringContaining('has the critical extension')
    const between = authority('Between', root, { extensions: [...signer, critical] })
    const top = authority('Top', undefined, { extensions: [...signer, critical] })
    const client = clientOf(middle, { extensions: [...clientExtensions, critical] })
    expect(chainFor(client, [root], [middle])).toMatchObject({ problem: 'untrusted', detail })
    expect(chainFor(clientOf(between), [root], [between])).toMatchObject({ problem: 'untrusted', detail })
    expect(chainFor(clientOf(top), [top])).toMatchObject({ problem: 'untrusted', detail })
  })
  test('is no matter when it is not critical', () => {
    const extra = extension('06032a0304', hex('0500'))
    expect(outcome(chainFor(clientOf(middle, { extensions: [...clientExtensions, extra] }), [root], [middle]))).toBe(
      'ok',
    )
  })
})

const withExtensions = (changes: readonly Buffer[], usages: ChainRules['usages'] = ['clientAuth']) =>
  outcome(chainFor(clientOf(root, { extensions: changes }), [root], [], { usages }))

test.each<[string, readonly Buffer[], string]>([
  ['X5-06 digital signatures', clientExtensions, 'ok'],
  ['X5-06 no key usage', [extensions.clientAuth], 'ok'],
  ['X5-06 only encryption of keys', [extensions.keyEncipherment, extensions.clientAuth], 'purpose'],
  ['X5-08 an authority', [extensions.authority, ...clientExtensions], 'purpose'],
  [
    'X5-04 certificates signed without being an authority',
    [extension('0603551d0f', hex('03020284')), extensions.clientAuth],
    'purpose',
  ],
])('%s', (_, changes, expected) => expect(withExtensions(changes)).toBe(expected))

describe('X5-07 purposes', () => {
  test.each<[string, readonly Buffer[], ChainRules['usages'], string]>([
    ['clientAuth', [purposes(2)], ['clientAuth'], 'ok'],
    ['clientAuth beside another', [purposes(1, 2)], ['clientAuth'], 'ok'],
    ['serverAuth alone', [purposes(1)], ['clientAuth'], 'purpose'],
    ['serverAuth alone, and wanted', [purposes(1)], ['clientAuth', 'serverAuth'], 'ok'],
    ['any', [extensions.anyUsage], ['clientAuth'], 'purpose'],
    ['any, and wanted', [extensions.anyUsage], ['anyExtendedKeyUsage'], 'ok'],
    ['none', [extensions.digitalSignature], ['clientAuth'], 'purpose'],
    ['none, and wanted', [extensions.digitalSignature], ['absent'], 'ok'],
    ['clientAuth when none is wanted', [purposes(2)], ['absent'], 'purpose'],
    ['nothing wanted', [purposes(2)], [], 'purpose'],
  ])('%s', (_, changes, usages, expected) => expect(withExtensions(changes, usages)).toBe(expected))
  test.each<[string, Buffer, string]>([
    ['the same', purposes(2), 'ok'],
    ['any', extensions.anyUsage, 'ok'],
    ['others', purposes(1, 4), 'purpose'],
  ])('of an authority: %s', (_, usage, expected) => {
    const between = authority('Between', root, { extensions: [...signer, usage] })
    const top = authority('Top', undefined, { extensions: [...signer, usage] })
    expect(outcome(chainFor(clientOf(between), [root], [between]))).toBe(expected)
    expect(outcome(chainFor(clientOf(top), [top]))).toBe(expected)
  })
  test('have to be one and the same over the whole path', () => {
    const between = authority('Between', root, { extensions: [...signer, purposes(1)] })
    const both = { usages: ['clientAuth', 'serverAuth'] } as const
    expect(outcome(chainFor(clientOf(between), [root], [between], both))).toBe('purpose')
  })
})

test('X5-09 names that an authority may not give are refused, also those of a leaf that constrains itself', () => {
  const excluded = extension('0603551d1e', sequence(writeElement(0xa1, sequence(dnsName('bad.example')))), true)
  const between = authority('Between', root, { extensions: [...signer, excluded] })
  const named = (name: string) => extension('0603551d11', sequence(dnsName(name)))
  const found = (name: string) =>
    outcome(chainFor(clientOf(between, { extensions: [...clientExtensions, named(name)] }), [root], [between]))
  expect(['good.example', 'bad.example', 'a.bad.example', '*.example'].map(found)).toEqual([
    'ok',
    'untrusted',
    'untrusted',
    'untrusted',
  ])
  expect(withExtensions([...clientExtensions, excluded])).toBe('untrusted')
})
test('X5-10 a policy that is asked for has to be there', () => {
  const policy = extension('0603551d20', sequence(sequence(hex('06032a0304'))))
  const client = clientOf(root, { extensions: [...clientExtensions, policy] })
  expect(outcome(chainFor(client, [root], [], { policies: ['1.2.3.4'] }))).toBe('ok')
  expect(outcome(chainFor(client, [root], [], { policies: ['1.2.3.5'] }))).toBe('untrusted')
})

describe('X5-01 a pinned certificate', () => {
  const pin = (changes: Parameters<typeof party>[2]) => {
    const { certificate } = party('pinned', undefined, { extensions: clientExtensions, ...changes })
    return { certificate, chain: chainFor(certificate, [], [], { pinned: new Set([certificate.thumbprint]) }) }
  }
  test('is a path of its own', () => {
    const { certificate, chain } = pin({})
    expect(chain).toMatchObject({ ok: true, path: [certificate], notAfter: NOW + DAY })
    const other = party('pinned', undefined, { extensions: clientExtensions }).certificate
    expect(outcome(chainFor(other, [], [], { pinned: new Set([certificate.thumbprint]) }))).toBe('untrusted')
  })
  test.each<[string, Parameters<typeof party>[2], string]>([
    ['says that it is an authority', { extensions: [extensions.authority, ...clientExtensions] }, 'ok'],
    ['has expired', { notAfter: NOW - 1 }, 'expired'],
    ['may not sign', { extensions: [extensions.keyEncipherment, extensions.clientAuth] }, 'purpose'],
    ['is for servers', { extensions: [purposes(1)] }, 'purpose'],
    ['has an unknown critical extension', { extensions: [...clientExtensions, extensions.unknown] }, 'untrusted'],
  ])('that %s', (_, changes, expected) => expect(outcome(pin(changes).chain)).toBe(expected))
})
