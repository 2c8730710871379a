import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readClientCert } from '../../src/verify/client-cert-field.ts'
import { readXfcc } from '../../src/verify/xfcc.ts'
import { element, gatewayElement } from '../support/forwarded.ts'
import { certificateDer } from '../support/possession.ts'

const printable = fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code))
const quotable = fc.string({ unit: printable, maxLength: 20 })
const bare = fc.string({ unit: printable.filter((character) => !/[",;]/.test(character)), maxLength: 20 })
const spelling = (name: string) => fc.constantFrom(name, name.toLowerCase(), name.toUpperCase())

/** A pair as a hop may write it, and its value. */
const pair = (names: readonly string[]) =>
  fc.constantFrom(...names).chain((name) =>
    fc.tuple(
      spelling(name),
      fc.oneof(
        bare.map((value) => ({ value, text: value })),
        quotable.map((value) => ({ value, text: `"${value.replaceAll(/["\\,;]/g, '\\$&')}"` })),
        quotable.map((value) => ({ value, text: `"${value.replaceAll(/["\\]/g, '\\$&')}"` })),
      ),
    ),
  )
const written = fc
  .record({
    others: fc.array(pair(['By', 'Subject', 'URI', 'DNS', 'Unknown']), { maxLength: 6 }),
    ours: fc.subarray(['Hash', 'Cert', 'Chain']).chain((names) => fc.tuple(...names.map((name) => pair([name])))),
    at: fc.nat(6),
  })
  .map(({ others, ours, at }) => [...others.slice(0, at), ...ours, ...others.slice(at)])
  .filter((pairs) => pairs.length > 0)

test('MTLS-10, V-10, T-51 whatever a hop writes is read as it was meant, and a quoted value is never more than a value', () => {
  fc.assert(
    fc.property(fc.array(written, { minLength: 1, maxLength: 8 }), (elements) => {
      const text = elements
        .map((pairs) => pairs.map(([name, { text: value }]) => `${name}=${value}`).join(';'))
        .join(',')
      const meant = elements.map((pairs) => {
        const last = (name: string) => pairs.findLast(([key]) => key.toLowerCase() === name)?.[1].value || undefined
        return { hash: last('hash'), certificate: last('cert'), chain: last('chain'), lastUri: last('uri') }
      })
      expect(readXfcc(text)).toEqual({ ok: true, value: meant })
    }),
    { numRuns: 1000 },
  )
})

test('T-51, att-mtls-02 a bare value an attacker chooses never changes the certificate of its element', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.oneof(printable, fc.constantFrom(',', ';', '"', 'Hash=', 'Cert=', 'By=', '\\')) }),
      (evil) => {
        const reading = readXfcc(`${element({ rest: `URI=${evil}` })},${gatewayElement}`)
        const plain = readXfcc(element())
        if (!reading.ok || !plain.ok) return
        const [client] = reading.value
        expect([client?.hash, client?.certificate]).toEqual([plain.value[0]?.hash, plain.value[0]?.certificate])
        if (!evil.includes(',')) expect(reading.value).toHaveLength(2)
      },
    ),
    { numRuns: 3000 },
  )
})

test('att-mtls-02 anything at all is read without an exception', () => {
  const odd = fc.string({
    unit: fc.oneof(printable, fc.constantFrom('Hash=', 'Cert="', '",', '";', '\\', '\0', '\xff')),
  })
  fc.assert(
    fc.property(odd, (text) => {
      const reading = readXfcc(text)
      if (!reading.ok) return
      // Every element has a pair, so as many commas as elements, less one, stand outside of quotes.
      const outside = text.replaceAll(/"(?:[^"\\]|\\.)*"/g, '')
      expect(outside.split(',')).toHaveLength(reading.value.length)
      expect(outside).not.toContain('"')
    }),
    { numRuns: 3000 },
  )
})

const der = fc.uint8Array({ minLength: 2, maxLength: 300 }).map((body) => {
  const { length } = body
  const header = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.of(0x30, ...header), body])
})
const field = (bytes: Uint8Array): string => `:${Buffer.from(bytes).toString('base64')}:`

test('MTLS-08 a certificate and any chain without it are read, and the bytes come out', () => {
  const blanks = fc.constantFrom('', ' ', '\t', '  ')
  fc.assert(
    fc.property(der, fc.array(der, { maxLength: 5 }), blanks, fc.boolean(), (leaf, chain, blank, apart) => {
      const members = chain.map((bytes) => blank + field(bytes))
      const lines = chain.length === 0 ? undefined : apart ? members : [members.join(`${blank},`)]
      const reading = readClientCert([blank + field(leaf) + blank], lines)
      if (chain.some((bytes) => bytes.equals(leaf))) expect(reading.ok).toBe(false)
      else expect(reading).toEqual({ ok: true, value: { certificate: leaf, chain } })
    }),
  )
})

test('MTLS-08 a changed field is refused, or spells other bytes in full', () => {
  const good = field(certificateDer)
  const edit = fc.record({
    at: fc.nat(good.length),
    removed: fc.nat(5),
    inserted: fc.oneof(fc.string({ maxLength: 5 }), fc.constantFrom(':', ',', '=', good)),
  })
  fc.assert(
    fc.property(edit, ({ at, removed, inserted }) => {
      const text = good.slice(0, at) + inserted + good.slice(at + removed)
      const reading = readClientCert([text], undefined)
      if (reading.ok && reading.value) expect(field(reading.value.certificate)).toBe(text.trim())
    }),
    { numRuns: 3000 },
  )
})
