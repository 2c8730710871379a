// Closing line of a test run: real counts from vitest's JSON report. A failed static check counts as one failure.
import { existsSync, readFileSync } from 'node:fs'

const [file, lint] = process.argv.slice(2)
const extra = lint === '0' ? 0 : 1
if (!existsSync(file)) {
  process.stdout.write(`0 passed, ${1 + extra} failed\n`)
  process.exit(1)
}
const report = JSON.parse(readFileSync(file, 'utf8'))
// A file that does not load has no failed test of its own, yet it is a failure.
const broken = report.testResults.filter((one) => one.status === 'failed' && one.assertionResults.length === 0).length
const failed = report.numFailedTests + broken + extra
const skipped = report.numPendingTests + report.numTodoTests
process.stdout.write(`${report.numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`)
process.exit(failed === 0 && report.numPassedTests > 0 ? 0 : 1)
