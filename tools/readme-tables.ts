import { type Answer, answers } from '../src/denial.ts'
import { buildMetrics } from '../src/metrics.ts'

const challenges: Readonly<Record<Answer['challenge'], string>> = {
  none: '–',
  bare: 'bare',
  used: 'with the error, scheme the client used',
  dpop: 'with the error, DPoP',
  every: 'with the error, all',
}

/** The README's table of refusals, from the table the service answers from. */
export function denialTable(): string {
  const rows = Object.entries(answers as Readonly<Record<string, Answer>>).map(
    ([reason, { status, error, challenge, description }]) =>
      `| \`${reason}\` | ${status} | \`${error}\` | ${challenges[challenge]} | ${description} |`,
  )
  return ['| reason | status | `error` | challenge | public text |', '|---|---|---|---|---|', ...rows].join('\n')
}

/** The README's table of metrics, from the registry the service serves. */
export function metricsTable(): string {
  const rows = buildMetrics()
    .describe()
    .map(({ name, type, labels, help }) => `| \`${name}\` | ${type} | ${labels.join(', ') || '–'} | ${help} |`)
  return ['| metric | type | labels | meaning |', '|---|---|---|---|', ...rows].join('\n')
}
