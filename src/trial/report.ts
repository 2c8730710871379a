import type { Place } from '../io/yaml-file.ts'
import type { TraceEntry } from '../trace.ts'
import { onOneLine, showValue } from './plain-text.ts'
import type { StepResult } from './run-case.ts'
import type { CaseResult } from './suite.ts'

/** How everything that was asked for ended. The same files make the same report. */
export interface Report {
  readonly suites: readonly { readonly file: string; readonly cases: readonly PlacedResult[] }[]
  /** Routes that no case came to; undefined when only some cases ran. */
  readonly unreached: readonly string[] | undefined
}

export interface PlacedResult extends CaseResult {
  readonly place: Place
}

export function countCases({ suites }: Report): { readonly passed: number; readonly failed: number } {
  const cases = suites.flatMap((suite) => suite.cases)
  const passed = cases.filter(({ ok }) => ok).length
  return { passed, failed: cases.length - passed }
}

/** A line for each case, below it what was expected otherwise and why it came so; then the sum. */
export function spellReport(report: Report, spellPlace: (place: Place) => string): string {
  const lines = report.suites.flatMap(({ file, cases }) => [
    onOneLine(file),
    ...cases.flatMap((one) => spellCase(one, spellPlace)),
  ])
  const { passed, failed } = countCases(report)
  const missed = report.unreached?.length ? [`routes without a case: ${report.unreached.join(', ')}`] : []
  return `${[...lines, '', ...missed, `${passed} passed, ${failed} failed`].join('\n')}\n`
}

function spellCase({ name, ok, place, steps }: PlacedResult, spellPlace: (place: Place) => string): readonly string[] {
  if (ok) return [`  ok    ${onOneLine(name)}`]
  return [
    `  FAIL  ${onOneLine(name)} (${onOneLine(spellPlace(place))})`,
    ...spellFailure(steps).map((line) => `        ${line}`),
  ]
}

/** What was expected otherwise, a line each, for every request that ended otherwise. */
export function spellFailure(steps: readonly StepResult[]): readonly string[] {
  return steps.flatMap(({ differences, outcome }, index) => {
    if (differences.length === 0) return []
    const width = Math.max(...differences.map(({ what }) => what.length), 'because'.length)
    const told = differences.map(
      ({ what, expected, got }) =>
        `${onOneLine(what).padEnd(width)}  expected ${onOneLine(showValue(expected))}, got ${onOneLine(showValue(got))}`,
    )
    const cause = outcome.detail === '' ? [] : [`${'because'.padEnd(width)}  ${onOneLine(outcome.detail)}`]
    const check = outcome.failed ? [`${'check'.padEnd(width)}  ${onOneLine(spellCheck(outcome.failed))}`] : []
    return [...(steps.length > 1 ? [`request ${index + 1} of ${steps.length}`] : []), ...told, ...cause, ...check]
  })
}

function spellCheck({ check, clause, found, expected }: TraceEntry): string {
  const values = [
    ...(found === undefined ? [] : [`found ${showValue(found)}`]),
    ...(expected === undefined ? [] : [`expected ${showValue(expected)}`]),
  ]
  return `${check} (${clause})${values.length > 0 ? `: ${values.join(', ')}` : ''}`
}

/** The same for programs. */
export function jsonReport(report: Report): object {
  const { passed, failed } = countCases(report)
  return {
    ok: failed === 0,
    passed,
    failed,
    routesWithoutCase: report.unreached ?? null,
    cases: report.suites.flatMap(({ file, cases }) =>
      cases.map(({ name, ok, place, steps }) => ({
        file,
        line: place.line,
        column: place.column,
        name,
        ok,
        requests: steps.map(({ outcome, differences }) => ({
          status: outcome.status,
          reason: outcome.reason,
          ...(outcome.would !== undefined && { would: outcome.would }),
          route: outcome.route,
          ...(outcome.detail !== '' && { detail: outcome.detail }),
          ...(outcome.failed && { failed: outcome.failed }),
          differences,
        })),
      })),
    ),
  }
}
