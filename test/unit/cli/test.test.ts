import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { commandLine } from '../../support/command-line.ts'
import { directoryWith } from '../../support/config-files.ts'
import { configuration, reportOf, tryCases } from '../../support/policy-tests.ts'
import { readXml } from '../../support/xml.ts'

const passing = { name: 'good', request: 'GET /', expect: { status: 200 } }
const failing = {
  name: 'old proof',
  request: 'GET /',
  proof: { iat: '-65s' },
  expect: {
    status: 200,
    reason: 'allowed',
    route: 'health',
    challenge: 'Bearer error',
    headers: { 'x-authz-subject': 'user-1' },
  },
}

describe('what is told', () => {
  test('of cases that pass: a line each and the sum', async () => {
    expect(await tryCases({ cases: [passing, { ...passing, name: 'again' }] })).toMatchObject({
      out: 'cases.yaml\n  ok    good\n  ok    again\n\nroutes without a case: health, account, nonce, mtls, both\n2 passed, 0 failed\n',
      err: '',
      code: 0,
    })
  })
  test('of one that fails: each expectation that does not hold, why, and which comparison', async () => {
    const { out, code } = await tryCases({ now: '2026-11-25T10:00:00Z', cases: [passing, failing] })
    const offered =
      'DPoP error="invalid_dpop_proof", error_description="The DPoP proof is outside its time window", algs="ES256 PS256 EdDSA Ed25519" | Bearer'
    expect(out.split('\n').slice(2, 10)).toEqual([
      '  FAIL  old proof (cases.yaml:7:5)',
      '        status                  expected 200, got 401',
      '        reason                  expected allowed, got proof_expired',
      '        route                   expected health, got api',
      `        challenge               expected Bearer error, got ${offered}`,
      '        header x-authz-subject  expected user-1, got none',
      '        because                 iat is 65 s ago',
      '        check                   proof iat (RFC 9449 section 4.3 (11)): found 1795600735, expected [1795600740,1795600810]',
    ])
    expect(code).toBe(1)
  })
  test('of several requests: which of them', async () => {
    const steps = [{ expect: { status: 200 } }, { proof: 'again', expect: { status: 200 } }]
    const { out } = await tryCases({ cases: [{ name: 'twice', request: 'GET /', steps }] })
    expect(out).toContain('        request 2 of 2\n        status   expected 200, got 401\n')
  })
  test.each([
    [{ error: 'invalid_token' }, { what: 'error', expected: 'invalid_token', got: 'invalid_dpop_proof' }],
    [{ challenge: ['DPoP', 'nonce'] }, { what: 'challenge', expected: 'nonce' }],
    [{ headers: { 'X-A': 'b' } }, { what: 'header X-A', expected: 'b', got: 'none' }],
    [{ headers: { 'Cache-Control': 'no-cache' } }, { what: 'header Cache-Control', got: 'no-store' }],
    [{ headers: { 'cache-control': false } }, { what: 'header cache-control', expected: 'none', got: 'no-store' }],
    [{ answer: { 'dpop-nonce': true } }, { what: 'answer dpop-nonce', expected: 'any value', got: 'none' }],
    [{ removed: ['cookie'] }, { what: 'removed cookie', got: 'left as it is' }],
    [{ route: 'nonce' }, { what: 'route', expected: 'nonce', got: 'api' }],
  ])('%j fails alone', async (expectation, difference) => {
    const one = { name: 'it', request: 'GET /', proof: { iat: '-65s' }, expect: { status: 401, ...expectation } }
    const { cases } = await reportOf({ cases: [one] })
    expect(cases[0]?.requests[0]?.differences).toEqual([expect.objectContaining(difference)])
  })
  test('the same files give the same words, whatever the run', async () => {
    const cases = { clients: { tpp: { algorithm: 'EdDSA' } }, cases: [passing, failing] }
    const [one, other] = [await tryCases(cases), await tryCases(cases)]
    expect(one.out).toBe(other.out)
  })
  test('as JSON, without a token or a proof in it', async () => {
    const { out, code } = await tryCases({ cases: [passing, failing] }, { flags: ['--json'] })
    expect(JSON.parse(out)).toMatchObject({
      ok: false,
      passed: 1,
      failed: 1,
      routesWithoutCase: ['health', 'account', 'nonce', 'mtls', 'both'],
      cases: [
        {
          file: 'cases.yaml',
          line: 2,
          column: 5,
          name: 'good',
          ok: true,
          requests: [{ status: 200, reason: 'allowed' }],
        },
        {
          name: 'old proof',
          ok: false,
          requests: [
            {
              status: 401,
              reason: 'proof_expired',
              route: 'api',
              detail: 'iat is 65 s ago',
              failed: { check: 'proof iat', clause: 'RFC 9449 section 4.3 (11)' },
              differences: expect.arrayContaining([{ what: 'status', expected: '200', got: '401' }]),
            },
          ],
        },
      ],
    })
    expect(out).not.toMatch(/eyJ/)
    expect(code).toBe(1)
  })
})

describe('--filter', () => {
  const cases = { cases: [passing, failing] }
  test('runs the cases with the text in their names, and says nothing about the others', async () => {
    const { out, code } = await tryCases(cases, { flags: ['--filter', 'goo'] })
    expect({ out, code }).toEqual({ out: 'cases.yaml\n  ok    good\n\n1 passed, 0 failed\n', code: 0 })
  })
  test('that fits no case is a mistake, not a success', async () => {
    expect(await tryCases(cases, { flags: ['--filter', 'goood'] })).toMatchObject({
      out: '',
      err: 'no case has "goood" in its name\n',
      code: 2,
    })
  })
})

describe('--require-coverage', () => {
  const config = { ...configuration, routes: configuration.routes.slice(-2) }
  const both = { name: 'both', request: 'GET /both', expect: { status: 200 } }
  test('fails when a route has no case', async () => {
    const { out, code } = await tryCases({ cases: [passing] }, { config, flags: ['--require-coverage'] })
    expect({ code, told: out.includes('routes without a case: both\n1 passed, 0 failed\n') }).toEqual({
      code: 1,
      told: true,
    })
  })
  test('is content when each has one, be it in another file', async () => {
    const folder = directoryWith({
      'c.yaml': JSON.stringify(config),
      '1.yaml': JSON.stringify({ cases: [passing] }),
      '2.yaml': JSON.stringify({ cases: [both] }),
    })
    const [c, one, two] = ['c', '1', '2'].map((name) => join(folder, `${name}.yaml`))
    const run = (...files: readonly (string | undefined)[]) =>
      commandLine(['test', '--require-coverage', '--config', c ?? '', ...files.map(String)])
    expect(await run(one, two)).toMatchObject({ code: 0, out: expect.stringMatching(/\n\n2 passed, 0 failed\n$/) })
    expect(await run(two)).toMatchObject({ code: 1 })
  })
  test('is about all cases', async () => {
    const flags = ['--require-coverage', '--filter', 'good']
    expect(await tryCases({ cases: [passing] }, { flags })).toMatchObject({ code: 2, out: '' })
  })
})

describe('--junit', () => {
  test('writes the result as XML', async () => {
    const file = join(directoryWith({}), 'result.xml')
    const { code } = await tryCases({ cases: [passing, failing] }, { flags: ['--junit', file] })
    const root = readXml(readFileSync(file, 'utf8'))
    expect([code, root.attributes.get('tests'), root.attributes.get('failures')]).toEqual([1, '2', '1'])
    const [good, bad] = root.children[0]?.children ?? []
    expect([good?.attributes.get('name'), good?.children]).toEqual(['good', []])
    expect(bad?.attributes.get('line')).toBe('6')
    expect(bad?.children[0]?.attributes.get('message')).toBe('status: expected 200, got 401')
    expect(bad?.children[0]?.text).toContain('reason                  expected allowed, got proof_expired\n')
  })
  test('says when the file cannot be written', async () => {
    const { err, code } = await tryCases({ cases: [passing] }, { flags: ['--junit', '/nowhere/at/all.xml'] })
    expect({ err, code }).toEqual({ err: '/nowhere/at/all.xml cannot be written (ENOENT)\n', code: 2 })
  })
  test('is not written when no case was run', async () => {
    const file = join(directoryWith({}), 'result.xml')
    expect((await tryCases('cases: []', { flags: ['--junit', file] })).code).toBe(2)
    expect(existsSync(file)).toBe(false)
  })
})

describe('usage', () => {
  test.each([[[]], [['--config', 'x.yaml']], [['cases.yaml']], [['--config', 'x.yaml', 'cases.yaml', '--nonsense']]])(
    '%j is refused',
    async (argv) => expect(await commandLine(['test', ...argv])).toMatchObject({ code: 2, out: '' }),
  )
  test('files that are not there are named', async () => {
    const { err, code } = await commandLine(['test', '--config', '/no/c.yaml', '/no/t.yaml'])
    expect({ err, code }).toEqual({
      err: '/no/t.yaml:1:1: there is no such file\n1 problem, no case was run\n',
      code: 2,
    })
  })
  test('a folder is no file', async () => {
    const folder = directoryWith({ 'c.yaml': JSON.stringify(configuration) })
    mkdirSync(join(folder, 't.yaml'))
    const { err, code } = await commandLine(['test', '--config', join(folder, 'c.yaml'), join(folder, 't.yaml')])
    expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining('it cannot be read (EISDIR)') })
  })
  test('no file that the configuration names is opened or missed', async () => {
    const [server] = configuration.authorizationServers
    const config = {
      ...configuration,
      listen: { check: '0.0.0.0:9191', tls: { certificate: 'a', key: 'b', clientCa: 'c', peers: ['spiffe://x'] } },
      authorizationServers: [{ ...server, keys: { file: 'not-there.json' } }],
      outbound: { ca: 'not-there.pem' },
      stores: { replay: 'rediss://nowhere.example:6379' },
    }
    expect(await tryCases({ cases: [passing] }, { config })).toMatchObject({ err: '', code: 0 })
  })
})

test('ten thousand cases are run', async () => {
  const line = (index: number): string => `- { name: n${index}, request: GET /health, expect: { status: 200 } }\n`
  const { out, code } = await tryCases(`cases:\n${Array.from({ length: 10_000 }, (_, index) => line(index)).join('')}`)
  expect(out).toMatch(/\n10000 passed, 0 failed\n$/)
  expect(code).toBe(0)
})
