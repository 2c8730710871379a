import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** Writes a generated map, or with --check compares it with the file and names the rows that nothing covers. */
export function runMap(file: string, make: () => string, missing: () => readonly string[]): void {
  const text = make()
  if (!process.argv.includes('--check')) {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
    return
  }
  const uncovered = missing()
  const stale = !existsSync(file) || readFileSync(file, 'utf8') !== text
  if (stale) process.stderr.write(`${file} is stale; run: node tools/generated.ts\n`)
  if (uncovered.length > 0) process.stderr.write(`${file}: no test and nothing to wait for: ${uncovered.join(', ')}\n`)
  process.exitCode = stale || uncovered.length > 0 ? 1 : 0
}
