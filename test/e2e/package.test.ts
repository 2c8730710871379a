import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { packTree, runAsUser, sharedDirectory, tryService, userPath, writeServiceFiles } from '../support/packed.ts'

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { readonly version: string }
const { directory, remove } = sharedDirectory()
const [tree, empty] = [join(directory, 'tree'), join(directory, 'empty')]
let packed: string

beforeAll(async () => {
  packed = packTree(tree)
  execFileSync('mkdir', [empty])
  const { code, err } = await runAsUser('npm', ['install', '--no-audit', '--no-fund', packed], empty)
  expect([code, err]).toEqual([0, expect.not.stringContaining('npm error')])
})
afterAll(remove)

const listed = (): readonly string[] =>
  execFileSync('tar', ['-tzf', packed], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replace('package/', ''))

test('the package holds what runs, what describes it and what to apply, and nothing else', () => {
  const files = listed()
  expect(files).toEqual(
    expect.arrayContaining([
      'LICENSE',
      'README.md',
      'CHANGELOG.md',
      'SECURITY.md',
      'bin/envoy-fapi.mjs',
      'dist/src/main.js',
      'dist/src/io/crl-worker.js',
      'dist/src/policy.d.ts',
      'envoy/hardened.yaml',
      'proto/envoy/service/auth/v3/external_auth.proto',
      'schema/envoy-fapi.schema.json',
      'schema/envoy-fapi-tests.schema.json',
    ]),
  )
  expect(
    files.filter((file) => /^(src|test|tools|demo|node_modules)\/|(?<!\.d)\.ts$|\.key$|\.tgz$/.test(file)),
  ).toEqual([])
})

describe('in an empty folder', () => {
  const npx = (...args: readonly string[]) => runAsUser('npx', ['--no-install', 'envoy-fapi', ...args], empty)

  test('--version and --help', async () => {
    expect(await npx('--version')).toMatchObject({ out: `${version}\n`, code: 0 })
    expect(await npx('--help')).toMatchObject({ out: expect.stringMatching(/serve .*config .*mint /s), code: 0 })
  })
  test('config check tells a good file from a bad one', async () => {
    writeServiceFiles(empty)
    expect(await npx('config', 'check', 'envoy-fapi.yaml')).toMatchObject({ err: '', code: 0 })
    writeFileSync(join(empty, 'bad.yaml'), 'publicOrigin: x\n')
    expect(await npx('config', 'check', 'bad.yaml')).toMatchObject({ code: 2 })
  })
  test('init writes tests that pass', async () => {
    const flags = ['--origin', 'https://api.bank.example', '--issuer', 'https://as.bank.example']
    expect(await npx('init', 'fresh', ...flags)).toMatchObject({ code: 0 })
    const [config, cases] = ['fresh/envoy-fapi.yaml', 'fresh/envoy-fapi-tests.yaml']
    expect(await npx('test', '--require-coverage', '--config', config, cases)).toMatchObject({
      out: expect.stringMatching(/\n[1-9]\d* passed, 0 failed\n$/),
      err: '',
      code: 0,
    })
  })
  test('serve allows a good request, refuses one without credentials, and ends when it is told', async () => {
    writeServiceFiles(empty)
    const tried = await tryService({
      command: join(empty, 'node_modules', '.bin', 'envoy-fapi'),
      args: ['serve', '--config', 'envoy-fapi.yaml'],
      cwd: empty,
      env: { PATH: userPath },
    })
    expect(tried).toMatchObject({ outcomes: ['allow', 'credentials_malformed'], code: 0, errors: '' })
    expect(tried.metrics).toContain(`envoy_fapi_build_info{version="${version}"`)
  })
})

describe('what it exports', () => {
  const user = `
    import { z } from 'zod'
    import { policyKind, type RoutedRequest } from 'envoy-fapi/policy'
    import { buildTrial, type TriedAnswer } from 'envoy-fapi/testing'

    const kind = policyKind({
      options: z.strictObject({ most: z.int() }),
      needs: ['token'],
      yields: [],
      create: ({ most }) => (request: RoutedRequest, { token }) =>
        (token.scopes?.length ?? 0) > most
          ? { ok: false, reason: 'scope_insufficient', detail: request.route }
          : { ok: true, value: {} },
    })
    const { mintToken, mintProof, send } = await buildTrial({
      publicOrigins: ['https://api.bank.example'],
      authorizationServers: [{ issuer: 'https://as.bank.example' }],
      routes: [{ path: '/**', scopes: ['accounts'] }],
    })
    const request = { url: 'https://api.bank.example/accounts', token: await mintToken({ scope: 'accounts' }) }
    const answer: TriedAnswer = await send({ ...request, proof: await mintProof(request) })
    console.log(kind.needs.join(), answer.reason, (await send(request)).reason)
  `

  test('is typed, and runs', async () => {
    writeFileSync(join(empty, 'user.mts'), user)
    const strict = ['--strict', '--exactOptionalPropertyTypes', '--target', 'es2024', '--module', 'nodenext']
    const args = [...strict, '--types', 'node', '--outDir', 'out', 'user.mts']
    expect(await runAsUser(join(tree, 'node_modules', '.bin', 'tsc'), args, empty)).toEqual({
      out: '',
      err: '',
      code: 0,
    })
    expect(await runAsUser(process.execPath, ['out/user.mjs'], empty)).toMatchObject({
      out: 'token allowed bound_token_as_bearer\n',
      err: '',
    })
  })
  test('is nothing else', async () => {
    const wish = `await import('envoy-fapi/dist/src/service.js')`
    const { code, err } = await runAsUser(process.execPath, ['--input-type=module', '--eval', wish], empty)
    expect([code, err]).toEqual([1, expect.stringContaining('ERR_PACKAGE_PATH_NOT_EXPORTED')])
  })
})
