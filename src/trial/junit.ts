import { countCases, type PlacedResult, type Report, spellFailure } from './report.ts'

/** The report as JUnit XML, in the form that CI systems read. Without times, which differ from run to run. */
export function junitReport(report: Report): string {
  const { passed, failed } = countCases(report)
  const suites = report.suites.map(({ file, cases }) => {
    const failures = cases.filter(({ ok }) => !ok).length
    const name = attribute(file)
    return `  <testsuite name="${name}" tests="${cases.length}" failures="${failures}" errors="0" skipped="0">\n${cases.map((one) => testCase(one, name)).join('')}  </testsuite>\n`
  })
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="envoy-fapi test" tests="${passed + failed}" failures="${failed}" errors="0">\n${suites.join('')}</testsuites>\n`
}

function testCase({ name, ok, place, steps }: PlacedResult, file: string): string {
  const open = `    <testcase name="${attribute(name)}" classname="${file}" file="${file}" line="${place.line}"`
  if (ok) return `${open}/>\n`
  const lines = spellFailure(steps)
  const [first = ''] = steps.flatMap(({ differences }) =>
    differences.map(({ what, expected, got }) => `${what}: expected ${expected}, got ${got}`),
  )
  return `${open}>\n      <failure message="${attribute(first)}" type="difference">${content(lines.join('\n'))}</failure>\n    </testcase>\n`
}

/** What XML 1.0 does not allow anywhere, not even as a reference (section 2.2). */
const FORBIDDEN = /[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu

const content = (text: string): string =>
  text
    .replaceAll(FORBIDDEN, '')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('\r', '&#13;')

/** Blanks of a line other than the space would become one (section 3.3.3). */
const attribute = (text: string): string =>
  content(text).replaceAll('"', '&quot;').replaceAll('\t', '&#9;').replaceAll('\n', '&#10;')
