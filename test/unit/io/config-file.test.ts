import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loadConfig } from '../../../src/io/config-file.ts'
import { directoryWith, loadText, told } from '../../support/config-files.ts'

const head = 'publicOrigins: [https://api.bank.example]\nauthorizationServers: [{ issuer: https://as.bank.example }]\n'
const small = `${head}routes:\n  - { name: all, path: /** }\n`
const ref = (name: string): string => `$${`{${name}}`}`

describe('include', () => {
  const routes = (name: string): string => `routes:\n  - { name: ${name}, path: /${name} }\n`
  const load = (include: string, files: Readonly<Record<string, string>>, own = '') =>
    loadText(`${head}${own}include: ${include}\n`, {}, files)
  const names = (loaded: ReturnType<typeof load>): readonly string[] | undefined =>
    loaded.ok ? loaded.config.routes.map(({ name }) => name) : told(loaded)

  test('files of a pattern come in the order of their names, each once, behind the routes that stand here', () => {
    const files = { 'r/b.yaml': routes('b'), 'r/a.yaml': routes('a'), 'c.yaml': routes('c') }
    const loaded = load('[c.yaml, r/*.yaml, r/a.yaml]', files, 'routes: [{ name: own, path: /own }]\n')
    expect(names(loaded)).toEqual(['own', 'c', 'a', 'b'])
  })
  test('all routes may be included', () => expect(names(load('[a.yaml]', { 'a.yaml': routes('a') }))).toEqual(['a']))
  test('an empty file and a pattern that fits nothing add nothing', () =>
    expect(names(load("[a.yaml, 'x/*.yaml']", { 'a.yaml': '' }, routes('own')))).toEqual(['own']))
  test('a full path is taken as it is', () => {
    const elsewhere = directoryWith({ 'a.yaml': routes('a') })
    expect(names(load(`[${elsewhere}/a.yaml, ${elsewhere}/*.yaml]`, {}))).toEqual(['a'])
  })
  test('a reference in an included file is replaced; an included file includes nothing', () => {
    const team = `routes: [{ name: '${ref('NAME')}', path: /a }]\n`
    const loaded = loadText(`${head}include: [a.yaml]\n`, { NAME: 'team' }, { 'a.yaml': team })
    expect(names(loaded)).toEqual(['team'])
    expect(names(load('[a.yaml]', { 'a.yaml': 'include: [b.yaml]\n' }))).toEqual([
      'include: an included file holds routes and pipelines, nothing else',
    ])
  })
  test('what is missing because of a broken file is not reported as missing', () =>
    expect(names(load('[a.yaml]', { 'a.yaml': 'pipelines: [\n' }, 'defaults: { pipeline: team }\n'))).toEqual([
      expect.stringMatching(/^: Flow sequence/),
    ]))
  test('a pipeline of an included file serves the routes here', () => {
    const files = { 'a.yaml': 'pipelines: { team: [fapiHeaders, accessToken, senderConstraint] }\n' }
    const loaded = load('[a.yaml]', files, 'defaults: { pipeline: team }\nroutes: [{ path: /a }]\n')
    expect(loaded.ok && loaded.config.routes[0]?.policies.map(({ name }) => name)).toEqual([
      'fapiHeaders',
      'accessToken',
      'senderConstraint',
    ])
  })
})

describe('everything that was read is watched and counts for the hash', () => {
  const files = { 'jwks.json': '{"keys":[]}', 'ca.pem': 'x', 'team.yaml': 'routes: []\n', secret: 'bank\n' }
  const text = `publicOrigins: [https://api.bank.example]
authorizationServers: [{ name: '${ref('file:secret')}', issuer: '${ref('ISSUER')}', keys: { file: jwks.json } }]
outbound: { ca: ca.pem }
routes: [{ path: /** }]
include: [team.yaml]
`
  const write = () => directoryWith({ ...files, 'envoy-fapi.yaml': text })
  const load = (directory: string, ISSUER = 'https://as.bank.example') => {
    const loaded = loadConfig(join(directory, 'envoy-fapi.yaml'), { ISSUER })
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
    return loaded
  }

  test('the files', () => {
    const directory = write()
    const expected = ['envoy-fapi.yaml', 'secret', 'team.yaml', 'ca.pem', 'jwks.json'].map((name) =>
      join(directory, name),
    )
    expect(load(directory).files).toEqual(expected)
  })
  test.each(['envoy-fapi.yaml', ...Object.keys(files)])('%s changes the hash', (name) => {
    const directory = write()
    const before = load(directory).hash
    expect(before).toMatch(/^[0-9a-f]{64}$/)
    expect(load(directory).hash).toBe(before)
    const file = join(directory, name)
    writeFileSync(file, name === 'secret' ? 'other\n' : `${readFileSync(file, 'utf8')}\n`)
    expect(load(directory).hash).not.toBe(before)
  })
  test('so does the environment', () => {
    const directory = write()
    expect(load(directory).hash).not.toBe(load(directory, 'https://as.other.example').hash)
  })
  test('what cannot be read is watched, so that its mending is noticed', () => {
    const missing = `${head}routes: [{ path: '/${ref('file:secret')}' }]\noutbound: { ca: ca.pem }\ninclude: [a.yaml]\n`
    const broken = loadText(missing, {}, { 'a.yaml': '' })
    expect(broken.ok).toBe(false)
    expect(broken.files.map((file) => file.replace(/.*\//, ''))).toEqual([
      'envoy-fapi.yaml',
      'secret',
      'a.yaml',
      'ca.pem',
    ])
    expect(loadText('[', {}).files).toHaveLength(1)
  })
})

describe('values from outside are not shown', () => {
  const secret = 'p4ssw0rd-(of)-all\\w+'
  const variables = { SECRET: secret, SHORT: 'all', ISSUER: `https://${secret}.example` }
  test.each<[string, string, string]>([
    ['a wrong value', `replicas: ${ref('SECRET')}`, `replicas: expected a number, found ${ref('SECRET')}`],
    [
      'part of one',
      `listen: { check: 'a${ref('SECRET')}' }`,
      `listen.check: expected host:port, [v6]:port or unix:/path, found a${ref('SECRET')}`,
    ],
    [
      'a default',
      `profile: '${ref('NO:-fapi3')}'`,
      `profile: expected fapi2-security | compat, found ${ref('NO:-fapi3')}`,
    ],
    [
      'a missing file',
      `outbound: { ca: '${ref('SECRET')}' }`,
      `outbound.ca: <dir>/${ref('SECRET')}: there is no such file`,
    ],
    [
      'a pipeline',
      `defaults: { pipeline: '${ref('SECRET')}' }`,
      `defaults.pipeline: there is no pipeline named "${ref('SECRET')}"`,
    ],
    ['a file to include', `include: ['${ref('SECRET')}']`, `include[0]: there is no file ${ref('SECRET')}`],
  ])('%s', (_name, line, expected) => {
    const loaded = loadText(`${small}${line}\n`, variables)
    const directory = loaded.files[0]?.replace('/envoy-fapi.yaml', '') ?? ''
    const lines = told(loaded).map((text) => text.replaceAll(directory, '<dir>'))
    expect(lines[0]?.toLowerCase()).toBe(expected.toLowerCase())
    expect(lines.join()).not.toMatch(/p4ssw0rd/i)
  })
  test('a short value hides no words of a message', () => {
    const routes = `routes:\n  - { name: '${ref('SHORT')}', path: /** }\n  - { name: '${ref('SHORT')}', path: /a }\n`
    expect(told(loadText(head + routes, variables))[0]).toBe(
      'routes[1].name: two routes are named "all"; give this one a name of its own',
    )
  })
})

test('a reference that fails does not hide what else is wrong', () =>
  expect(told(loadText(`${small}outbound: { ca: '${ref('NOPE')}' }\nlisten: { chek: x }\nreplicas: 0\n`))).toEqual([
    `outbound.ca: ${ref('NOPE')}: NOPE is not set and has no default`,
    'listen.chek: unknown key "chek"; did you mean "check"?',
    'replicas: expected at least 1, found 0',
  ]))
