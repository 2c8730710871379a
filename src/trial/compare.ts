import { createHash } from 'node:crypto'
import type { Expectation } from './cases-schema.ts'
import type { Outcome } from './outcome.ts'

/** Something that was expected otherwise. */
export interface Difference {
  /** `status`, `reason`, `challenge`, `header x-authz-subject` … */
  readonly what: string
  readonly expected: string
  readonly got: string
}

/** Every expectation that does not hold, in the order of the documentation. */
export function compare(outcome: Outcome, expect: Expectation): readonly Difference[] {
  const { status, reason, would, error, challenge, route, headers, answer, removed } = expect
  const differences: Difference[] = []
  const want = (what: string, expected: string | number | undefined, got: string | number | undefined): void => {
    if (expected !== undefined && expected !== got)
      differences.push({ what, expected: String(expected), got: String(got ?? 'none') })
  }
  want('status', status, outcome.status)
  want('reason', reason, outcome.reason)
  want('would', would, outcome.would)
  want('error', error, outcome.error)
  want('route', route, outcome.route === '' ? undefined : outcome.route)
  for (const part of challenge === undefined ? [] : [challenge].flat())
    if (!outcome.challenges.some((one) => one.includes(part)))
      differences.push({ what: 'challenge', expected: part, got: outcome.challenges.join(' | ') || 'none' })
  differences.push(...compareHeaders('header', headers, outcome.headers))
  differences.push(...compareHeaders('answer', answer, outcome.answer))
  for (const name of removed)
    if (!outcome.removed.includes(name.toLowerCase()))
      differences.push({ what: `removed ${name}`, expected: 'removed', got: 'left as it is' })
  return differences
}

function compareHeaders(
  kind: string,
  expected: Expectation['headers'],
  got: ReadonlyMap<string, string>,
): readonly Difference[] {
  return Object.entries(expected).flatMap(([name, value]) => {
    const found = got.get(name.toLowerCase())
    const holds = typeof value === 'boolean' ? value === (found !== undefined) : value === found
    const spelled = typeof value === 'boolean' ? (value ? 'any value' : 'none') : value
    return holds ? [] : [{ what: `${kind} ${name}`, expected: spelled, got: shown(found) }]
  })
}

/** A signed value is told by its hash alone. */
function shown(value: string | undefined): string {
  if (value === undefined) return 'none'
  const digest = (): string => createHash('sha256').update(value).digest('hex').slice(0, 12)
  return /^[\w-]+\.[\w-]+\.[\w-]*$/.test(value) && value.length > 60 ? `a JWS (SHA-256 ${digest()}…)` : value
}
