import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'

/** Installs one PyPI package into a virtual environment of its own, trying twice. Throws when both fail. */
export function installWheel(directory: string, requirement: string, say: (line: string) => void): void {
  try {
    install(directory, requirement)
  } catch {
    say('The first attempt failed; trying once more.')
    install(directory, requirement)
  }
}

function install(directory: string, requirement: string): void {
  mkdirSync(directory, { recursive: true })
  const run = (command: string, words: readonly string[]) =>
    execFileSync(command, words, { stdio: ['ignore', 'ignore', 'inherit'], timeout: 300_000 })
  run('python3', ['-m', 'venv', directory])
  run(join(directory, 'bin', 'pip'), ['install', '--quiet', '--disable-pip-version-check', requirement])
}
