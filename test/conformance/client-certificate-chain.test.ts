import { describe, expect, test } from 'vitest'
import { tags } from '../../src/verify/x509/der.ts'
import { writeElement } from '../../src/verify/x509/der-writer.ts'
import {
  authority,
  chainFor,
  clientExtensions,
  clientOf,
  type Kind,
  newKeysOf,
  outcome,
  type Party,
} from '../support/chains.ts'
import { extension, extensions, hex, NOW, sequence } from '../support/ocsp-pki.ts'

const DAY = 86_400
const root = authority('Root')
const middle = authority('Middle', root)
const leaf = clientOf(middle)
const signer = [extensions.authority, extensions.signsCertificates]
const limited = (length: number): Buffer =>
  extension('0603551d13', sequence(hex('0101ff'), writeElement(tags.integer, Buffer.of(length))), true)

describe('X5-01 a path', () => {
  test('leads over a presented intermediate to an anchor, and is valid as long as each of its certificates', () => {
    const short = authority('Middle', root, { notBefore: NOW - 10, notAfter: NOW + 20 })
    const client = clientOf(short)
    expect(chainFor(client, [root], [short])).toEqual({
      ok: true,
      path: [client, short.certificate, root.certificate],
      notBefore: NOW - 10,
      notAfter: NOW + 20,
    })
  })
  test('leads over a configured intermediate, and directly to an anchor that somebody else signed', () => {
    expect(outcome(chainFor(leaf, [root], [], { kept: [middle] }))).toBe('ok')
    expect(chainFor(leaf, [middle])).toMatchObject({ ok: true, path: [leaf, middle.certificate] })
  })
  test.each<[string, string, readonly Party[], readonly Party[], string]>([
    ['a missing intermediate', 'untrusted', [root], [], 'no certificate authority of the configuration issued it'],
    ['an unknown authority', 'untrusted', [authority('Other')], [middle], 'the intermediate CN=Middle'],
    ['no anchor at all', 'untrusted', [], [middle, root], 'the trust anchor|self-signed'],
    ['an anchor of the same name', 'untrusted', [authority('Root')], [middle], 'no key known under that name'],
    ['an intermediate of the same name', 'untrusted', [root], [authority('Middle', root)], 'no key known under that'],
  ])('with %s is none', (_, problem, anchors, presented, detail) => {
    expect(chainFor(leaf, anchors, presented)).toMatchObject({ ok: false, problem })
    expect(chainFor(leaf, anchors, presented)).toHaveProperty('detail', expect.stringMatching(detail))
  })
  test('of a self-signed client is none, and the log does not name the client', () => {
    const alone = clientOf(undefined)
    const chain = chainFor(alone, [root], [{ certificate: alone, keys: root.keys, kind: 'p256' }])
    expect(chain).toMatchObject({ problem: 'untrusted', detail: 'it is self-signed and not among the trusted ones' })
  })
  test.each<Kind>(['rsa', 'pss', 'rsa-pss', 'p256', 'p384', 'p521', 'ed25519'])('of %s keys is found', (kind) => {
    const top = authority('Top', undefined, { kind })
    const below = authority('Below', top, { kind })
    const client = clientOf(below, { kind })
    expect(outcome(chainFor(client, [top], [below]))).toBe('ok')
    expect(outcome(chainFor(client, [authority('Top', undefined, { kind })], [below]))).toBe('untrusted')
  })
  test('goes the other way where several authorities have one name, or several certificates', () => {
    const expired = authority('Middle', root, { keys: middle.keys, notAfter: NOW - DAY, serial: '09' })
    const namesake = authority('Middle', root)
    expect(outcome(chainFor(leaf, [root], [expired, namesake, middle]))).toBe('ok')
    expect(chainFor(leaf, [root], [expired, namesake])).toMatchObject({ problem: 'expired' })
  })
  test('through authorities that signed each other ends', () => {
    const keys = { a: newKeysOf('p256'), b: newKeysOf('p256') }
    const [a0, b0] = [authority('A', undefined, { keys: keys.a }), authority('B', undefined, { keys: keys.b })]
    const [a, b] = [authority('A', b0, { keys: keys.a }), authority('B', a0, { keys: keys.b })]
    const client = clientOf(a0)
    expect(chainFor(client, [root], [a, b])).toMatchObject({
      problem: 'untrusted',
      detail: 'the intermediate CN=B leads back to an authority below it',
    })
    expect(outcome(chainFor(client, [root], [a, b, a0, b0]))).toBe('untrusted')
    expect(outcome(chainFor(client, [b0], [a, b]))).toBe('ok')
  })
  test('att-mtls-08 is not looked for endlessly among authorities that all signed each other', () => {
    const keys = Array.from({ length: 4 }, () => newKeysOf('p256'))
    const top = keys.map((pair) => authority('Maze', undefined, { keys: pair }))
    const others = (pair: (typeof keys)[number]) => top.filter((by) => by.keys !== pair)
    const kept = ['02', '03'].flatMap((serial) =>
      keys.flatMap((pair) => others(pair).map((by) => authority('Maze', by, { keys: pair, serial }))),
    )
    const client = clientOf(top[0])
    const detail = 'the search for its issuers took too many steps'
    expect(chainFor(client, [root], [], { kept })).toMatchObject({ ok: false, problem: 'untrusted', detail })
    expect(outcome(chainFor(client, top, [], { kept }))).toBe('ok')
  })
  test('att-mtls-08 is looked for among fewer signatures of authorities that came along', () => {
    const keys = Array.from({ length: 4 }, () => newKeysOf('p256'))
    const top = keys.map((pair) => authority('Maze', undefined, { keys: pair }))
    const along = keys.flatMap((pair) =>
      top.filter((by) => by.keys !== pair).map((by) => authority('Maze', by, { keys: pair, serial: '02' })),
    )
    const client = clientOf(top[0])
    const detail = 'the search for its issuers took too many steps'
    expect(chainFor(client, [root], along)).toMatchObject({ ok: false, problem: 'untrusted', detail })
    expect(chainFor(client, [root], [], { kept: along })).not.toMatchObject({ detail })
    expect(outcome(chainFor(client, top, along))).toBe('ok')
  })
  test('is not looked for among any number of keys of one name', () => {
    const line = [authority('Maze')]
    for (let left = 40; left > 0; left -= 1) line.push(authority('Maze', line.at(-1)))
    const client = clientOf(line.at(-1))
    const detail = 'the search for its issuers took too many steps'
    expect(chainFor(client, [root], [], { kept: line })).toMatchObject({ ok: false, problem: 'untrusted', detail })
    expect(outcome(chainFor(client, line, []))).toBe('ok')
  })
})

test('X5-02 an authority of another name issued nothing, though its key signed', () => {
  expect(outcome(chainFor(clientOf(root, { issuerName: 'Elsewhere' }), [root]))).toBe('untrusted')
  expect(outcome(chainFor(clientOf(root, { issuerName: ' ROOT ' }), [root]))).toBe('ok')
})
test('X5-02 key identifiers decide nothing', () => {
  const keyId = extension('0603551d0e', writeElement(tags.octetString, Buffer.of(1)))
  const wrong = extension('0603551d23', sequence(writeElement(0x80, Buffer.of(2))))
  const top = authority('Top', undefined, { extensions: [...signer, keyId] })
  expect(outcome(chainFor(clientOf(top, { extensions: [...clientExtensions, wrong] }), [top]))).toBe('ok')
})

describe('X5-03 time', () => {
  const at = (now: number, leeway = 0) => outcome(chainFor(leaf, [root], [middle], { now, leeway }))
  test.each([
    ['the first second', NOW - DAY, 0, 'ok'],
    ['the second before', NOW - DAY - 1, 0, 'expired'],
    ['the last second', NOW + DAY, 0, 'ok'],
    ['the second after', NOW + DAY + 1, 0, 'expired'],
    ['the last second of a leeway', NOW + DAY + 60, 60, 'ok'],
    ['the second after a leeway', NOW + DAY + 61, 60, 'expired'],
    ['the second before a leeway', NOW - DAY - 61, 60, 'expired'],
    ['a time that is no number', Number.NaN, 0, 'expired'],
  ])('%s', (_, now, leeway, expected) => expect(at(now, leeway)).toBe(expected))
  test.each([
    ['intermediate', { notAfter: NOW - 1 }, /^the intermediate CN=Old expired on 2026-01-02T03:04:04Z$/],
    ['intermediate', { notBefore: NOW + 1 }, /^the intermediate CN=Old is not valid before 2026-01-02T03:04:06Z$/],
  ])('an %s outside its own is refused and named', (_, times, detail) => {
    const old = authority('Old', root, times)
    expect(chainFor(clientOf(old), [root], [old])).toMatchObject({
      problem: 'expired',
      detail: expect.stringMatching(detail),
    })
  })
  test('an anchor that has expired anchors nothing', () => {
    const old = authority('Old', undefined, { notAfter: NOW - 1 })
    expect(chainFor(clientOf(old), [old])).toMatchObject({ problem: 'expired' })
  })
})

describe('X5-04, att-jose-08 an authority', () => {
  const through = (changes: readonly Buffer[]) => {
    const between = authority('Between', root, { extensions: changes })
    return outcome(chainFor(clientOf(between), [root], [between]))
  }
  test.each<[string, readonly Buffer[], string]>([
    ['with both extensions', signer, 'ok'],
    ['without key usage', [extensions.authority], 'ok'],
    ['that is no authority', [extensions.signsCertificates], 'untrusted'],
    ['that says it is none', [extension('0603551d13', sequence(), true), extensions.signsCertificates], 'untrusted'],
    ['with basic constraints that are not critical', [extension('0603551d13', sequence(hex('0101ff')))], 'untrusted'],
    ['that may not sign certificates', [extensions.authority, extensions.digitalSignature], 'untrusted'],
    ['that is another client', clientExtensions, 'untrusted'],
    ['with a path length of zero', [limited(0)], 'ok'],
  ])('%s', (_, changes, expected) => expect(through(changes)).toBe(expected))
  test('may say how many follow, those that it issued to itself not counted', () => {
    const above = authority('Above', root, { extensions: [limited(0)] })
    const below = authority('Below', above)
    const renewed = authority('Above', above)
    expect(chainFor(clientOf(below), [root], [above, below])).toMatchObject({
      problem: 'untrusted',
      detail: 'the intermediate CN=Above allows 0 authorities below it, and there are 1',
    })
    expect(outcome(chainFor(clientOf(renewed), [root], [above, renewed]))).toBe('ok')
  })
  test('that is an anchor has to be one as well', () => {
    for (const changes of [
      [extensions.signsCertificates],
      clientExtensions,
      [extensions.authority, extensions.digitalSignature],
    ]) {
      const anchor = authority('Anchor', undefined, { extensions: changes })
      expect(outcome(chainFor(clientOf(anchor), [anchor]))).toBe('untrusted')
    }
    const short = authority('Anchor', undefined, { extensions: [limited(0)] })
    const below = authority('Below', short)
    expect(outcome(chainFor(clientOf(below), [short], [below]))).toBe('untrusted')
  })
})

test.each<Kind>(['sha1', 'md5'])('X5-11 a signature with %s counts nowhere but on an anchor', (signedAs) => {
  const top = authority('Top', undefined, { kind: 'rsa' })
  const between = authority('Between', top, { kind: 'rsa', signedAs })
  expect(chainFor(clientOf(top, { signedAs }), [top])).toMatchObject({
    problem: 'untrusted',
    detail: 'it is signed with a weak or unknown algorithm',
  })
  expect(chainFor(clientOf(between), [top], [between])).toMatchObject({
    problem: 'untrusted',
    detail: 'the intermediate CN=Between is signed with a weak or unknown algorithm',
  })
  const old = authority('Old', undefined, { kind: 'rsa', signedAs })
  expect(outcome(chainFor(clientOf(old), [old]))).toBe('ok')
})
test('X5-12, FAPI-CR-04 a weak key is refused in each certificate', () => {
  const weak = { kind: 'rsa', keys: newKeysOf('rsa', 1024) } as const
  const [between, top] = [authority('Between', root, weak), authority('Top', undefined, weak)]
  expect(outcome(chainFor(clientOf(root, weak), [root]))).toBe('untrusted')
  expect(outcome(chainFor(clientOf(between), [root], [between]))).toBe('untrusted')
  expect(outcome(chainFor(clientOf(top), [top]))).toBe('untrusted')
  expect(
    outcome(chainFor(clientOf(root, weak), [root], [], { pinned: new Set([clientOf(root, weak).thumbprint]) })),
  ).toBe('untrusted')
})
test('X5-13 a path has six certificates at the most, and sixteen may be presented', () => {
  const line = [root]
  for (const name of ['1', '2', '3', '4', '5']) line.push(authority(name, line.at(-1)))
  expect(outcome(chainFor(clientOf(line[4]), [root], line))).toBe('ok')
  expect(chainFor(clientOf(line[5]), [root], line)).toMatchObject({ detail: 'the path is longer than 6 certificates' })
  const crowd = Array<Party>(15).fill(authority('Crowd'))
  expect(outcome(chainFor(leaf, [root], [...crowd, middle]))).toBe('ok')
  expect(chainFor(leaf, [root], [...crowd, root, middle])).toMatchObject({ problem: 'untrusted' })
})
