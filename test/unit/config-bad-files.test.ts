import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loadConfig } from '../../src/io/config-file.ts'
import { environment, fixtures, spell } from '../support/config-files.ts'

const files = globSync('bad/*.yaml', { cwd: fixtures }).sort()

/** What the comments at the top of a file say. */
const expectations = (file: string): readonly string[] =>
  [...readFileSync(file, 'utf8').matchAll(/^# expect: (.*)$/gm)].map(([, text = '']) => text)

test('the bad files are where this test looks for them', () => expect(files.length).toBeGreaterThan(70))

describe.each(files)('%s', (name) => {
  const file = join(fixtures, name)
  const told = spell(loadConfig(file, environment), file)

  test('is refused with every problem it has, each with its place', () => expect(told).toEqual(expectations(file)))
  test('expects something', () => expect(told).not.toEqual([]))
  test('shows no value from outside', () => expect(told.join('\n')).not.toMatch(/correct-horse|secret file/i))
})

const source = (pattern: string): readonly (readonly [name: string, text: string])[] =>
  globSync(pattern).map((file) => [basename(file), readFileSync(file, 'utf8')] as const)

/** Every message a file can answer with, `${…}` standing for anything. */
const messages = [
  ...source('src/config*.ts'),
  ...source('src/io/{config-file,yaml-structure}.ts'),
  ...source('src/policies/{access-token,consent-options,fapi-headers,scopes,sender-constraint}.ts'),
].flatMap(([file, text]) =>
  [...text.matchAll(/\b(?:message|error)(?::| =) ('(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`)/g)].map(
    ([, literal = '']) => [file, literal.slice(1, -1)] as const,
  ),
)

/** Said while a configuration is written back, which no file can provoke. */
const internal = 'is written as a map'

describe('every message is provoked by some bad file', () => {
  const told = files.flatMap((name) => expectations(join(fixtures, name))).join('\n')
  test('there are messages', () => expect(messages.length).toBeGreaterThan(50))
  test.each(messages.filter(([, message]) => message !== internal))('%s: %s', (_file, message) => {
    const parts = message.split(/\$\{(?:[^{}]|\{[^{}]*\})*\}/)
    const pattern = parts.map((part) => part.replaceAll(/[^A-Za-z0-9 ]/g, '\\$&')).join('.*')
    expect(told).toMatch(new RegExp(pattern))
  })
})
