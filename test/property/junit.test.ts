import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { junitReport } from '../../src/trial/junit.ts'
import { onOneLine } from '../../src/trial/plain-text.ts'
import { type PlacedResult, type Report, spellReport } from '../../src/trial/report.ts'
import { readXml } from '../support/xml.ts'

/** Any text, halves of surrogate pairs and control characters too. */
const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 12 }).map((units) => String.fromCharCode(...units)),
  fc.constantFrom(']]>', '<!--', '&amp;', '"/><x a="', '\r\n\t', '\u0000', '\ud800', '\ufffe'),
)

/** What is left of a text in XML 1.0. */
const allowed = (text: string): string =>
  [...text]
    .filter((one) => {
      const code = one.codePointAt(0) ?? 0
      const low = code === 9 || code === 10 || code === 13
      return low || (code >= 0x20 && code <= 0xd7ff) || (code >= 0xe000 && code <= 0xfffd) || code >= 0x10000
    })
    .join('')

const outcome = (detail: string): PlacedResult['steps'][number]['outcome'] => ({
  status: 401,
  reason: 'proof_expired',
  would: undefined,
  detail,
  error: undefined,
  route: '',
  challenges: [],
  headers: new Map(),
  answer: new Map(),
  removed: [],
  failed: { check: 'proof iat', clause: 'RFC 9449', result: 'fail', found: detail },
})

const result = (name: string, file: string, said: string | undefined): PlacedResult => ({
  name,
  index: 0,
  ok: said === undefined,
  place: { file, line: 3, column: 5 },
  steps: [
    {
      outcome: outcome(said ?? ''),
      differences: said === undefined ? [] : [{ what: `header ${said}`, expected: said, got: said }],
    },
  ],
})

const reports = fc
  .tuple(anyText, fc.array(fc.tuple(anyText, fc.option(anyText, { nil: undefined })), { maxLength: 5 }))
  .map(
    ([file, cases]): Report => ({
      suites: [{ file, cases: cases.map(([name, said]) => result(name, file, said)) }],
      unreached: [],
    }),
  )

test('JUnit XML is well-formed and holds the names, whatever they are', () =>
  fc.assert(
    fc.property(reports, (report) => {
      const root = readXml(junitReport(report))
      const [suite] = root.children
      const cases = report.suites.flatMap((one) => one.cases)
      const failures = cases.filter(({ ok }) => !ok).length
      expect(suite?.attributes.get('name')).toBe(allowed(report.suites[0]?.file ?? ''))
      expect(root.attributes.get('failures')).toBe(String(failures))
      expect(suite?.children.map(({ attributes }) => attributes.get('name'))).toEqual(
        cases.map(({ name }) => allowed(name)),
      )
      expect(suite?.children.filter(({ children }) => children.length > 0).length).toBe(failures)
    }),
    { numRuns: 300 },
  ))

test('the text has as many lines as it would with plain names', () =>
  fc.assert(
    fc.property(reports, (report) => {
      const plain = {
        ...report,
        suites: report.suites.map(({ cases }) => ({
          file: 'f',
          cases: cases.map(({ ok }) => result('n', 'f', ok ? undefined : 's')),
        })),
      }
      const detail = report.suites.flatMap(({ cases }) => cases).some(({ steps }) => steps[0]?.outcome.detail === '')
      fc.pre(!detail || report.suites.every(({ cases }) => cases.every(({ ok }) => ok)))
      const spelled = spellReport(report, ({ file }) => file)
      expect(spelled.split('\n').length).toBe(spellReport(plain, ({ file }) => file).split('\n').length)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
      expect(spelled).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/)
    }),
  ))

describe('the reader of the test is strict:', () => {
  const head = '<?xml version="1.0" encoding="UTF-8"?>\n'
  test.each([
    '<a>',
    '<a></b>',
    '<a b="1" b="2"/>',
    '<a b=1/>',
    '<a>&</a>',
    '<a>&x;</a>',
    '<a b="<"/>',
    '<a/><b/>',
    '<a>\u0001</a>',
    'x',
  ])('%j', (text) => expect(() => readXml(head + text)).toThrow())
  test('and takes what is right', () =>
    expect(readXml(`${head}<a b="1&#10;"><c>&lt;</c></a>\n`)).toMatchObject({ children: [{ text: '<' }] }))
})

test.each([
  ['a\nb', 'a\\u{000a}b'],
  ['\u001b[2K', '\\u{001b}[2K'],
  ['Zahlung für Ä 銀行', 'Zahlung für Ä 銀行'],
  ['\u202eabc', '\\u{202e}abc'],
  ['\ud800', '\\u{d800}'],
])('%j stays on one line', (text, line) => expect(onOneLine(text)).toBe(line))
