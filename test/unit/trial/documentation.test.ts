import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { casesJsonSchema } from '../../../src/trial/cases-schema.ts'
import { commandLine } from '../../support/command-line.ts'
import { directoryWith } from '../../support/config-files.ts'

const text = readFileSync('docs/testing.md', 'utf8')
const blocks = (language: string): readonly string[] =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(([, block = '']) => block)

async function shown(...flags: readonly string[]) {
  const [configuration = '', cases = ''] = blocks('yaml')
  const folder = directoryWith({ 'envoy-fapi.yaml': configuration, 'envoy-fapi-tests.yaml': cases })
  const [config, file] = ['envoy-fapi.yaml', 'envoy-fapi-tests.yaml'].map((name) => `${folder}/${name}`)
  const ran = await commandLine(['test', '--config', config ?? '', file ?? '', ...flags])
  return { ...ran, out: ran.out.replaceAll(`${folder}/`, '') }
}

describe('docs/testing.md', () => {
  test('shows what the command prints', async () => {
    const [session = ''] = blocks('console')
    const [command, ...lines] = session.split('\n')
    expect(command).toBe('$ envoy-fapi test --config envoy-fapi.yaml envoy-fapi-tests.yaml')
    expect(await shown()).toEqual({ out: lines.join('\n'), err: '', code: 1 })
  })
  test('shows a report as it is', async () => {
    const { cases } = JSON.parse(blocks('json')[0] ?? '') as { readonly cases: readonly object[] }
    const { out } = await shown('--json')
    expect((JSON.parse(out) as { readonly cases: readonly object[] }).cases).toEqual(expect.arrayContaining([...cases]))
  })
  test.each([...new Set(keysOf(casesJsonSchema()))])('explains the key %s', (key) =>
    expect(text).toMatch(new RegExp(`\`${key}\``)),
  )
  test('explains every option', async () => {
    const { out } = await commandLine(['test', '--help'])
    const options = [...out.matchAll(/(--[a-z-]+)/g)].map(([, option = '']) => option).filter((one) => one !== '--help')
    expect(options.length).toBeGreaterThan(5)
    expect(options.filter((option) => !text.includes(`\`${option}`))).toEqual([])
  })
})

/** Every member of a map that the schema knows. */
function keysOf(node: unknown): readonly string[] {
  if (typeof node !== 'object' || node === null) return []
  const { properties, ...others } = node as { readonly properties?: object }
  return [
    ...Object.keys(properties ?? {}),
    ...[...Object.values(properties ?? {}), ...Object.values(others)].flatMap(keysOf),
  ]
}
