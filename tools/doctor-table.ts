import { kinds } from '../src/doctor/findings.ts'

/** The table of docs/doctor.md, from the findings. */
export function doctorTable(): string {
  const rows = Object.entries(kinds).map(([id, kind]) => {
    const lint = 'lint' in kind ? kind.lint.join(', ') : '–'
    return `| ${id} | ${kind.severity} | ${kind.title} | ${kind.fix} | ${lint} |`
  })
  return ['| id | severity | finding | fix | alike in `lint` |', '|---|---|---|---|---|', ...rows].join('\n')
}
