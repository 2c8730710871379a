import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { capabilities, platforms } from '../../src/platform.ts'
import { commandLine } from '../support/command-line.ts'
import { directoryWith, smallest } from '../support/config-files.ts'

const fixtures = join(import.meta.dirname, '../fixtures/platform')
const filesOf = (kind: 'good' | 'bad'): readonly string[] =>
  globSync(`${kind}/*.yaml`, { cwd: fixtures })
    .sort()
    .map((name) => join(fixtures, name))

const check = (platform: string, file: string, ...more: readonly string[]) =>
  commandLine(['config', 'check', '--platform', platform, file, ...more])

const routes = [{ path: '/**', scopes: ['accounts'], senderConstraint: { methods: ['dpop'] } }]

/** What the comments of a file say about a platform. */
const expectations = (platform: string, file: string): readonly string[] =>
  [...readFileSync(file, 'utf8').matchAll(/^# expect ([a-z-]+): (.*)$/gm)]
    .filter(([, name]) => name === platform)
    .map(([, , problem = '']) => problem)

describe.each(platforms)('config check --platform %s', (platform) => {
  test.each(filesOf('bad').map((file) => [basename(file), file] as const))('%s', async (_, file) => {
    const { out, err, code } = await check(platform, file)
    const told = [...err.matchAll(/^\S+\.yaml:(\d+:\d+): (.*)$/gm)].map(([, place, problem]) => `${place} ${problem}`)
    expect(told).toEqual(expectations(platform, file))
    if (told.length > 0) expect([out, code]).toEqual(['', 2])
    else expect([out.includes('\nfine: '), code]).toEqual([true, undefined])
  })
  test.each(filesOf('good').map((file) => [basename(file), file] as const))('%s is fine', async (_, file) => {
    const { out, err, code } = await check(platform, file)
    expect([err, code]).toEqual(['', undefined])
    expect(out).toContain(`note: platform ${platform}: `)
  })
  test.each([
    ['in plain text', { insecureCheck: true, meshTls: true }, 1],
    ['with TLS', { tls: { certificate: 'a.pem', key: 'a.key', clientCa: 'ca.pem', peers: ['envoy.example'] } }, 0],
  ])('a Check port %s is told where a policy speaks TLS to it', async (_, more, expected) => {
    const document = smallest({ listen: { check: '0.0.0.0:9191', ...more }, clientCertificateFrom: { source: 'none' } })
    const files = { 'a.pem': '', 'a.key': '', 'ca.pem': '', 'a.yaml': JSON.stringify({ ...document, routes }) }
    const { out, code } = await check(platform, join(directoryWith(files), 'a.yaml'))
    expect(code).toBeUndefined()
    expect(out.match(/listen\.meshTls: BackendTLSPolicy/g) ?? []).toHaveLength(expected)
  })
  test('--json tells machines the same', async () => {
    const { out, code } = await check(platform, join(fixtures, 'bad/check-port-on-loopback.yaml'), '--json')
    expect(JSON.parse(out)).toMatchObject({ ok: false, problems: [{ line: 3, column: 11, key: 'listen.check' }] })
    expect(code).toBe(2)
  })
})

test('every file that is bad somewhere is fine without a platform, but for what is wrong anywhere', async () => {
  for (const file of filesOf('bad').filter((name) => !name.endsWith('wrong-anywhere.yaml'))) {
    const { err, code } = await commandLine(['config', 'check', file])
    expect([err, code]).toEqual(['', undefined])
  }
})
test('an unknown platform is a usage error', async () => {
  const { err, code } = await check('envoy-gatway', join(fixtures, 'good/no-certificates.yaml'))
  expect([err.includes('envoy-gateway, envoy-gateway-patched'), code]).toEqual([true, 2])
})
test('whatever the table says is refused has a file that is', () => {
  const refusing = capabilities.filter(({ refuse }) => refuse)
  const keys = filesOf('bad')
    .flatMap((file) => expectations('envoy-gateway', file))
    .map((line) => line.split(' ')[1])
  expect(refusing.length).toBe(3)
  expect(new Set(keys)).toEqual(new Set(['clientCertificateFrom.source:', 'listen.check:', 'replicas:']))
})
