import { rules } from '../src/lint/lint.ts'

/** The table of docs/lint.md, from the rules. */
export function lintTable(): string {
  const rows = rules.map(({ id, severity, title, why, fix }) => `| ${id} | ${severity} | ${title} | ${why} | ${fix} |`)
  return ['| id | severity | finding | why | fix |', '|---|---|---|---|---|', ...rows].join('\n')
}
