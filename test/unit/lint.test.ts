import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { rules } from '../../src/lint/lint.ts'
import { commandLine } from '../support/command-line.ts'
import { directoryWith } from '../support/config-files.ts'

const fixtures = join(import.meta.dirname, '../fixtures/lint')
const bad = globSync('bad/*.yaml', { cwd: fixtures }).sort()

interface Told {
  readonly id: string
  readonly severity: string
  readonly line: number
  readonly column: number
  readonly path: string
}

const byText = (one: string, other: string): number => (one < other ? -1 : 1)

/** `line:column id path` of every finding. */
async function lint(...files: readonly string[]): Promise<readonly string[]> {
  const { out } = await commandLine(['lint', ...files, '--json'])
  const { findings } = JSON.parse(out) as { readonly findings: readonly Told[] }
  return findings.map(({ id, line, column, path }) => `${line}:${column} ${id} ${path}`)
}

/** The findings of a text. */
const lintText = (text: string): Promise<readonly string[]> => lint(join(directoryWith({ 'a.yaml': text }), 'a.yaml'))

const expectations = (file: string): readonly string[] =>
  [...readFileSync(join(fixtures, file), 'utf8').matchAll(/^# expect: (.*)$/gm)].map(([, text = '']) => text)

describe.each(bad)('%s', (name) => {
  test('shows every finding it has, each with its place', async () =>
    expect((await lint(join(fixtures, name))).toSorted(byText)).toEqual(expectations(name).toSorted(byText)))
  test('shows the one it is named after', () => {
    const id = basename(name).match(/^[EGIK]L-\d\d/)?.[0] ?? 'EL-'
    expect(expectations(name).some((line) => line.includes(` ${id}`))).toBe(true)
  })
})

test.each(rules)('$id has a file that breaks it', ({ id }) =>
  expect(bad.filter((name) => basename(name).startsWith(`${id}-`))).not.toEqual([]),
)
test.each(['EL-04', 'IL-07', 'GL-05'])(
  'att-envoy-08: %s refuses to ask over HTTP, and names the version it is about',
  (id) => {
    const files = bad.filter((name) => basename(name).startsWith(`${id}-over-http`))
    expect(files.map((name) => expectations(name).some((line) => line.includes(` ${id} `)))).toEqual([true])
    const rule = rules.find((one) => one.id === id)
    expect([rule?.severity, rule?.why]).toEqual(['error', expect.stringContaining('gRPC only, and Envoy 1.37.0')])
  },
)
test('no id stands twice', () => expect(new Set(rules.map(({ id }) => id)).size).toBe(rules.length))

describe('what is fine', () => {
  // Templates of a chart are no YAML before they are rendered.
  const examples = globSync(['envoy/*.yaml', 'k8s/**/*.yaml']).filter(
    (file) => !/minimal|helm\/|envoy-gateway\/plain\/check/.test(file),
  )
  test('there are examples', () => expect(examples.length).toBeGreaterThan(1))
  test.each([...examples, ...globSync('test/fixtures/lint/good/*.yaml')])('%s', async (file) =>
    expect(await lint(file)).toEqual([]),
  )
  test('envoy/minimal.yaml lacks what docs/lint.md says it lacks', async () => {
    const told = await lint('envoy/minimal.yaml')
    expect(told.map((line) => line.split(' ')[1]).sort()).toEqual(['EL-09', 'EL-23', 'EL-28'])
  })
  test('files are judged together: the second lock may stand in another', async () => {
    const [policy = '', filter = ''] = readFileSync(join(fixtures, 'bad/IL-01-no-rules.yaml'), 'utf8').split('---\n')
    const folder = directoryWith({ 'policy.yaml': `${policy}  rules: [{}]\n`, 'filter.yaml': filter })
    expect((await lint(join(folder, 'policy.yaml'))).length).toBe(6)
    expect(await lint(join(folder, 'policy.yaml'), join(folder, 'filter.yaml'))).toEqual([])
  })
})

const MATCHER =
  'metadata_matcher: { filter: envoy.filters.http.ext_authz, path: [{ key: decision }], value: { string_match: { exact: allow } } }'

describe('what a second lock is', () => {
  const text = readFileSync(join(fixtures, 'bad/EL-02-lock-that-takes-anything.yaml'), 'utf8')
  const lock = text.replace('exact: deny', 'exact: allow')
  test('one that demands our decision', async () => expect(await lintText(lock)).toEqual([]))
  test.each<[string, string | RegExp, string]>([
    ['it denies', 'action: ALLOW', 'action: DENY'],
    ['it only logs', 'action: ALLOW', 'action: LOG'],
    ['another filter decides', 'filter: envoy.filters.http.ext_authz', 'filter: envoy.filters.http.other'],
    ['another word counts', 'key: decision', 'key: mode'],
    ['a part of the word is enough', 'exact: allow', 'prefix: a'],
    ['somebody else passes too', /( *)- sourced_metadata:/, '$1- any: true\n$&'],
    ['it is the other way round', /( *)filter: envoy.filters.http.ext_authz/, '$1invert: true\n$&'],
    ['it has only shadow rules', /\brules:/, 'shadow_rules:'],
  ])('not when %s', async (_case, from, to) => {
    const changed = lock.replace(from, to)
    expect(changed).not.toBe(lock)
    expect((await lintText(changed)).map((line) => line.split(' ')[1])).toEqual(['EL-02'])
  })
  test.each([
    ['one more condition', `and_ids: { ids: [{ authenticated: {} }, { sourced_metadata: { ${MATCHER} } }] }`],
    ['the older spelling', `metadata: { ${MATCHER.replace(/^metadata_matcher: \{ | \}$/g, '')} }`],
  ])('%s does no harm', async (_case, principal) => {
    const changed = lock.replace(/sourced_metadata:[\s\S]*?exact: allow \} \}/, principal)
    expect(changed).not.toBe(lock)
    expect(await lintText(changed)).toEqual([])
  })
})

test('a regular expression that cannot be read strips nothing', async () => {
  const text = readFileSync(join(fixtures, 'bad/EL-26-identity-from-clients.yaml'), 'utf8')
  expect(await lintText(text.replace('x-auth-.*', 'x-(authz-.*'))).toHaveLength(1)
  expect(await lintText(text.replace('x-auth-.*', 'x-authz-.*'))).toEqual([])
})

describe('envoy/hardened.yaml, changed', () => {
  const shipped = readFileSync('envoy/hardened.yaml', 'utf8')
  const elsewhere = shipped.replace(
    '{ address: 127.0.0.1, port_value: 9191 }',
    '{ address: 10.0.0.7, port_value: 9191 }',
  )
  const ids = async (text: string) => (await lintText(text)).map((line) => line.split(' ')[1])

  test('what two filter chains share is told once', async () =>
    expect(await ids(shipped.replace('failure_mode_allow: false', 'failure_mode_allow: true'))).toEqual(['EL-01']))
  test('the service may be elsewhere when both ends know each other', async () => {
    expect(elsewhere).not.toBe(shipped)
    expect(await ids(elsewhere)).toEqual([])
  })
  test.each([
    ['our certificate', /tls_certificates:\n\s+- certificate_chain: \{ filename: \S+\/envoy.pem \}\n.*\n/],
    ['their authority', /trusted_ca: \{ filename: \S+service-ca.pem \}\n/],
    ['their name', /match_typed_subject_alt_names: .*\n/],
  ])('not without %s', async (_name, part) => {
    const lacking = elsewhere.replace(part, '\n')
    expect(lacking).not.toBe(elsewhere)
    expect(await ids(lacking)).toEqual(['EL-47'])
  })
})
