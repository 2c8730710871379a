import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Config } from '../../src/config.ts'
import { type LoadedConfig, loadConfig } from '../../src/io/config-file.ts'

export const fixtures = join(import.meta.dirname, '../fixtures/config')

/** What the environment says to the fixtures; the first is nobody's business. */
export const environment = { SECRET: 'Correct-Horse-Battery', ISSUER: 'https://as.bank.example/fapi' }

/** A directory of its own for one test, with these files in it. */
export function directoryWith(files: Readonly<Record<string, string | Uint8Array>>): string {
  const directory = mkdtempSync(join(tmpdir(), 'envoy-fapi-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true })
    writeFileSync(join(directory, name), content)
  }
  return directory
}

/** Reads a text as `envoy-fapi.yaml` that stands beside the other files. */
export const loadText = (
  text: string | Uint8Array,
  variables: NodeJS.ProcessEnv = {},
  files: Readonly<Record<string, string>> = {},
): LoadedConfig => loadConfig(join(directoryWith({ ...files, 'envoy-fapi.yaml': text }), 'envoy-fapi.yaml'), variables)

export function loadFixture(name: string): Config {
  const loaded = loadConfig(join(fixtures, name), environment)
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  return loaded.config
}

/** `[file:]line:column key: message`, the file only when it is not the one that was asked for. */
export const spell = (loaded: LoadedConfig, file: string): readonly string[] =>
  loaded.ok
    ? []
    : loaded.problems.map((problem) => {
        const elsewhere = problem.file === file ? '' : `${problem.file.replace(`${dirname(file)}/`, '')}:`
        const text = `${elsewhere}${problem.line}:${problem.column} ${problem.key}: ${problem.message}`
        return text.replaceAll(dirname(file), '<dir>')
      })

/** `key: message` of every problem. */
export const told = (loaded: LoadedConfig): readonly string[] =>
  loaded.ok ? [] : loaded.problems.map(({ key, message }) => `${key}: ${message}`)

/** The smallest document; members of the difference take the place of its own. */
export const smallest = (difference: object = {}): object => ({
  publicOrigins: ['https://api.bank.example'],
  authorizationServers: [{ issuer: 'https://as.bank.example' }],
  routes: [{ path: '/**', scopes: ['accounts'] }],
  ...difference,
})
