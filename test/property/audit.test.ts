import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeDecision, encodeFields, MAX_LINE } from '../../src/audit/line.ts'
import { describeDecision } from '../../src/audit/record.ts'
import { readRecord } from '../../src/audit/verify-record.ts'
import { buildAuditKey, buildRun, decisions, TIME, verifyLines } from '../support/audit.ts'

const key = buildAuditKey()
const lines = buildRun({ run: 'a', count: 20, key })
const intact = verifyLines([lines], { keys: [key.known] })
const position = fc.nat(lines.length - 1)
const demands = { keys: [key.known], head: intact.head }

/** What a verifier who kept head and key says about the text of a file. */
function judge(text: string) {
  const rows = text.split('\n')
  const whole = rows.at(-1) === '' ? rows.slice(0, -1) : rows
  return verifyLines([whole], demands)
}
const whole = `${lines.join('\n')}\n`

describe('audit-tamper, att-ops-05 whatever is done to a file shows', () => {
  test('intact as it is', () => expect(judge(whole).findings).toEqual([]))
  test('any byte changed', () =>
    fc.assert(
      fc.property(fc.nat(whole.length - 2), fc.integer({ min: 0, max: 255 }), (at, byte) => {
        const character = String.fromCharCode(byte)
        fc.pre(whole[at] !== character)
        expect(judge(whole.slice(0, at) + character + whole.slice(at + 1)).findings).not.toEqual([])
      }),
      { numRuns: 300 },
    ))
  test('any bytes cut out or put in', () =>
    fc.assert(
      fc.property(fc.nat(whole.length - 2), fc.nat(600), fc.string({ maxLength: 20 }), (at, length, put) => {
        const changed = whole.slice(0, at) + put + whole.slice(at + length)
        fc.pre(changed !== whole && `${changed}\n` !== whole)
        expect(judge(changed).findings).not.toEqual([])
      }),
      { numRuns: 300 },
    ))
  test('any lines left out, moved or repeated', () =>
    fc.assert(
      fc.property(fc.array(position, { maxLength: 40 }), (order) => {
        fc.pre(order.length !== lines.length || order.some((line, index) => line !== index))
        expect(verifyLines([order.map((index) => lines[index] ?? '')], demands).findings).not.toEqual([])
      }),
    ))
  test('one line left out or moved is found where it is missing', () =>
    fc.assert(
      fc.property(fc.integer({ min: 1, max: lines.length - 2 }), fc.nat(lines.length), (from, to) => {
        fc.pre(to > from + 1)
        const without = lines.toSpliced(from, 1)
        const [left] = verifyLines([without]).findings
        expect([left?.line, left?.kind]).toEqual([from + 1, 'removed'])
        const [moved] = verifyLines([without.toSpliced(to - 1, 0, lines[from] ?? '')]).findings
        expect([moved?.line, moved?.kind]).toEqual([from + 1, 'reordered'])
      }),
    ))
  test('a cut end shows without a head as a run that is not closed', () =>
    fc.assert(
      fc.property(fc.integer({ min: 1, max: lines.length - 1 }), (count) => {
        const report = verifyLines([lines.slice(0, count)], { keys: [key.known] })
        expect([report.findings, report.runs[0]?.closed]).toEqual([[], false])
        expect(report.runs[0]?.proven ?? 0).toBeLessThanOrEqual(count)
      }),
    ))
})

describe('no byte of a client leaves its field', async () => {
  const { allowed } = await decisions()
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 2000 }),
    fc.constantFrom('\u0000', '\ud800', '\u{1f600}').map((one) => one.repeat(1000)),
    fc.string({ maxLength: 300 }),
    fc.constantFrom(
      '"}\n{"msg":"audit closed"}',
      '","seq":1,"x":"',
      '\u2028\u2029\u0085\u007f',
      '\ud800',
      '\\"',
      '\u0000',
    ),
  )
  test('a record is one line of bounded printable ASCII, and says the same when it is read again', () =>
    fc.assert(
      fc.property(text, text, text, (subject, path, requestId) => {
        const { token, binding } = allowed.evidence
        if (!token || !allowed.attributes) throw new Error('an allow has a token')
        const record = {
          ...allowed,
          evidence: { token: { ...token, subject, clientId: path }, ...(binding && { binding }) },
          attributes: { ...allowed.attributes, path, method: requestId },
          occasion: { ...allowed.occasion, headers: new Map([['x-request-id', [requestId]]]) },
        }
        const line = encodeDecision(TIME, describeDecision(record))
        expect(line).toMatch(/^[\x20-\x7e]+$/)
        expect(line.length).toBeLessThanOrEqual(MAX_LINE - 600)
        expect(JSON.parse(line)).toMatchObject({ msg: 'decision', decision: 'allow', config: 'hash', level: 'info' })
      }),
      { numRuns: 300 },
    ))
  test('text stays the text it was', () =>
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        expect(JSON.parse(encodeFields({ value }))).toEqual({ value })
      }),
    ))
})

test('a reader of records takes any bytes', () =>
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 300 }),
        fc.json().map((json) => Buffer.from(json)),
      ),
      (bytes) => {
        expect(readRecord(bytes)).toBeUndefined()
      },
    ),
  ))
