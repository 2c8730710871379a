import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { loadConfig } from '../../src/io/config-file.ts'
import { options } from '../../src/policies/client-certificate-options.ts'
import { directoryWith } from '../support/config-files.ts'

const page = readFileSync('docs/client-certificates.md', 'utf8')
const blocks = [...page.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block)

/** What is wrong with a part of a configuration, when the rest of it is as small as can be. */
function problemsOf(block: string): readonly string[] {
  const written = parse(block) as object
  const rest = {
    publicOrigins: ['https://api.bank.example'],
    authorizationServers: [{ issuer: 'https://as.bank.example' }],
    ...('routes' in written ? {} : { routes: [{ path: '/**' }] }),
  }
  const directory = directoryWith({ 'c.yaml': JSON.stringify({ ...rest, ...written }) })
  const loaded = loadConfig(`${directory}/c.yaml`, {}, () => [], { contents: new Map() })
  return loaded.ok ? [] : loaded.problems.map(({ key, message }) => `${key}: ${message}`)
}

describe('docs/client-certificates.md', () => {
  test('has examples', () => expect(blocks.length).toBeGreaterThan(6))
  test.each(blocks)('is right in what it tells to write:\n%s', (block) => expect(problemsOf(block)).toEqual([]))
  test('notices a wrong one', () => expect(problemsOf('routes: [{ path: /, clientCertificate: {} }]')).not.toEqual([]))
  test.each(Object.keys(options.shape))('explains the option %s', (name) =>
    expect(page).toMatch(new RegExp(`\`${name}\`|${name}:`)),
  )
  test.each(Object.keys(options.parse({}).revocation))('explains the option revocation.%s', (name) =>
    expect(page).toMatch(new RegExp(`\`${name}\`|${name}:`)),
  )
})
