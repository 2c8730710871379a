import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { commandLine } from '../../support/command-line.ts'
import { directoryWith } from '../../support/config-files.ts'

const OPEN =
  '"@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz\nfailure_mode_allow: true\n'

/** Runs `lint` on one file with this content. */
async function lint(content: string | Uint8Array, ...options: readonly string[]) {
  const folder = directoryWith({ 'a.yaml': content })
  const ran = await commandLine(['lint', join(folder, 'a.yaml'), ...options])
  const strip = (text: string): string => text.replaceAll(`${folder}/`, '')
  return { ...ran, out: strip(ran.out), err: strip(ran.err) }
}

describe('findings', () => {
  test('are told with place, path, reason and fix, and exit 1', async () => {
    expect(await lint(OPEN)).toEqual({
      out: [
        'a.yaml:2:1: error EL-01: `failure_mode_allow` is on',
        '    at:  failure_mode_allow',
        '    why: Whenever the service does not answer, every request passes; messages that Envoy cannot encode pass as well (CVE-2023-27488, CVE-2024-23324).',
        '    fix: `failure_mode_allow: false`',
        '1 finding: 1 document',
        '',
      ].join('\n'),
      err: '',
      code: 1,
    })
  })
  test('as JSON', async () => {
    const { out, code } = await lint(OPEN, '--json')
    const parsed = JSON.parse(out) as { readonly ok: boolean; readonly findings: readonly object[] }
    expect(parsed).toMatchObject({
      ok: false,
      findings: [{ id: 'EL-01', severity: 'error', file: 'a.yaml', line: 2, column: 1, path: 'failure_mode_allow' }],
      unrecognized: [],
    })
    expect(code).toBe(1)
  })
  test('warnings end with 1 as well', async () => {
    const { out, code } = await lint(OPEN.replace('failure_mode_allow: true', 'validate_mutations: false'))
    expect(out).toContain('warning EL-10')
    expect(code).toBe(1)
  })
  test('that were decided on are left out', async () => {
    expect(await lint(OPEN, '--ignore', 'EL-01')).toEqual({ out: 'fine: 1 document\n', err: '', code: undefined })
  })
  test('nobody ignores what does not exist', async () => {
    expect(await lint(OPEN, '--ignore', 'EL-99')).toEqual({
      out: '',
      err: 'EL-99: no finding has this id; docs/lint.md lists them\n',
      code: 2,
    })
  })
})

describe('what is fine', () => {
  test.each([
    ['nothing that lint knows', 'a: 1\n', 'note: a.yaml holds nothing that lint knows\nfine: 1 document\n'],
    ['nothing at all', '---\n---\n# nothing\n', 'note: a.yaml holds nothing that lint knows\nfine: 0 documents\n'],
    ['another object', 'apiVersion: v1\nkind: Service\n---\n', 'fine: 1 document\n'],
    ['JSON with tabs', '{\n\t"static_resources": {\n\t\t"listeners": []\n\t}\n}\n', 'fine: 1 document\n'],
  ])('%s', async (_name, content, out) => expect(await lint(content)).toEqual({ out, err: '', code: undefined }))
})

describe('what cannot be read ends with 2 and the place', () => {
  test.each<[string, string | Uint8Array, string]>([
    ['a syntax error', 'a: 1\nb: [1\n', 'a.yaml:3:1:'],
    ['in the second document', 'a: 1\n---\nb: 1\nb: 2\n', 'a.yaml:4:1: b: the key "b" stands twice\n'],
    ['a template', 'a: {{ .Values.a }}\n', 'a.yaml:1:'],
    ['bytes', Uint8Array.of(0xff, 0xfe, 0x00), 'a.yaml:1:1: it is not UTF-8\n'],
    [
      'a mesh configuration in a ConfigMap',
      'apiVersion: v1\nkind: ConfigMap\ndata:\n  mesh: |\n    a: [1\n',
      'a.yaml:4:3: data.mesh: ',
    ],
  ])('%s', async (_name, content, expected) => {
    const { out, err, code } = await lint(content)
    expect([out, code]).toEqual(['', 2])
    expect(err.startsWith(expected)).toBe(true)
  })
  test('a file that is not there', async () =>
    expect(await commandLine(['lint', '/no/such.yaml'])).toEqual({
      out: '',
      err: '/no/such.yaml:1:1: there is no such file\n',
      code: 2,
    }))
  test('as JSON', async () => {
    const { out, code } = await lint('a: [1\n', '--json')
    expect(JSON.parse(out)).toMatchObject({ ok: false, problems: [{ file: 'a.yaml' }] })
    expect(code).toBe(2)
  })
  test('no file at all', async () => expect((await commandLine(['lint'])).code).toBe(2))
})
