import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readCrl } from '../../src/verify/x509/crl.ts'
import { attempt, type Element, parseDer, tags } from '../../src/verify/x509/der.ts'
import { cursorAt, step } from '../../src/verify/x509/der-cursor.ts'
import { entry, entryExtensions, writeList } from '../support/crls.ts'

/** Serial numbers as DER has them, in hex: neither negative nor padded. */
const serial = fc
  .uint8Array({ minLength: 1, maxLength: 19 })
  .map((bytes) =>
    Buffer.from(bytes)
      .toString('hex')
      .replace(/^(?:00)+(?=..)/, ''),
  )
  .map((hex) => (Number.parseInt(hex.slice(0, 2), 16) >= 0x80 ? `00${hex}` : hex))
const reason = fc.constantFrom(undefined, 0, 1, 2, 3, 4, 5, 6, 8, 9, 10)
const revocation = fc.record({ serial, reason, dated: fc.boolean(), unknown: fc.boolean() })
interface Sample {
  readonly serial: string
  readonly reason: number | undefined
  readonly dated: boolean
  readonly unknown: boolean
}

const write = ({ serial: number, reason: code, dated, unknown }: Sample): Buffer =>
  entry(
    number,
    ...(code === undefined ? [] : [entryExtensions.reason(code)]),
    ...(dated ? [entryExtensions.invalidityDate] : []),
    ...(unknown ? [entryExtensions.unknown(false)] : []),
  )

/** The entries as the reader of whole structures sees them. */
const entriesIn = (der: Buffer): readonly Element[] => {
  const lists = parseDer(der).children[0]?.children.filter(({ tag }) => tag === tags.sequence) ?? []
  return lists[2]?.children ?? []
}

test('every serial number of a list is found, with its reason, and no other', () => {
  fc.assert(
    fc.property(fc.array(revocation, { maxLength: 40 }), serial, (samples, stranger) => {
      const der = writeList({ revoked: samples.map(write) })
      const list = readCrl(der)
      if (!list.ok) return expect.unreachable(list.problem)
      expect(list.value.entries).toBe(samples.length)
      const stay = new Set(samples.filter(({ reason: code }) => code !== 8).map(({ serial: number }) => number))
      for (const number of [...samples.map((one) => one.serial), stranger])
        expect(list.value.find(number) !== undefined).toBe(stay.has(number))
      expect(entriesIn(der).map(({ children }) => children[0]?.content.toString('hex'))).toEqual(
        samples.map(({ serial: number }) => number),
      )
    }),
  )
})

test('what is read as a list is one for the reader of whole structures, with the same entries', () => {
  const samples = [
    { serial: '01', reason: 1, dated: true, unknown: true },
    { serial: '00c0ffee', reason: undefined, dated: false, unknown: false },
  ]
  const good = writeList({ revoked: samples.map(write) })
  const change = fc.record({ at: fc.nat({ max: good.length - 1 }), octet: fc.nat({ max: 255 }) })
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 2 }), (changes) => {
      const der = Buffer.from(good)
      for (const { at, octet } of changes) der.writeUInt8(octet, at)
      const list = readCrl(der)
      if (!list.ok) return
      const entries = entriesIn(der)
      expect(entries.length).toBe(list.value.entries)
      const removed = /0603551d1504030a0108/
      for (const { children, whole } of entries)
        if (!removed.test(whole.toString('hex')))
          expect(list.value.find(children[0]?.content.toString('hex') ?? '')).not.toBe(undefined)
    }),
    { numRuns: 5000 },
  )
})

test('no bytes make the reader throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(readCrl(Buffer.from(bytes)).ok).toBe(false)
    }),
  )
})

test('one element is as long for the walk as for the reader of whole structures', () => {
  const octets = fc.uint8Array({ minLength: 1, maxLength: 300 })
  const head = fc.constantFrom([0x04], [0x04, 0x81], [0x04, 0x82, 0x01], [0x04, 0x82, 0x00], [0x04, 0x80], [0x1f])
  fc.assert(
    fc.property(head, fc.nat({ max: 255 }), octets, (first, length, content) => {
      const bytes = Buffer.from([...first, length, ...content])
      const cursor = cursorAt(bytes)
      const walked = attempt(() => step(cursor, bytes.length))
      const whole = walked.ok ? attempt(() => parseDer(bytes.subarray(0, cursor.at))) : walked
      expect(whole.ok).toBe(walked.ok)
      if (whole.ok)
        expect(whole.value).toMatchObject({ tag: cursor.tag, content: bytes.subarray(cursor.from, cursor.to) })
    }),
  )
})
