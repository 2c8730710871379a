import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import type { Level } from '../../src/config-log.ts'
import { buildLog } from '../../src/io/log.ts'
import { readCertificate } from '../../src/verify/certificate.ts'
import { createAuthority, issue, type Subject } from '../../tools/pki.ts'
import { told, verdict } from '../support/answers.ts'
import { received } from '../support/recordings.ts'
import { type Form, forms } from '../support/requests.ts'
import { buildTestCheck, goodRequest, mintToken, type Order, proofFor } from '../support/spine.ts'

/** What a request leaves in the log. */
async function logged(order: Order, level: Level): Promise<readonly string[]> {
  const written: string[] = []
  const log = buildLog(level, { write: (line) => void written.push(line) })
  const { ask, records } = buildTestCheck()
  await ask(received(goodRequest(order)))
  for (const record of records) log.decision(record)
  return written
}

const hostile = [
  'a\nb',
  'a\r\n{"level":"error","msg":"forged"}',
  '"}\n{"msg":"forged","decision":"allow"}',
  '","decision":"allow","x":"',
  '\\',
  '\\"',
  '\u001b[31mred\u001b[0m\u0007',
  '\u0000\u007f\u0080\u2028\u2029',
  '%0a%0d{"msg":"forged"}',
  '__proto__',
  'é\xff',
  'a'.repeat(300_000),
]
const unicode = ['\u2028', '\u2029', '\ud800', '\udfff\ud800', '\ufeff', '\u202e', '😀']

describe.each(['info', 'debug'] as const)(
  'log-inject, att-envoy-11 one decision is one line of JSON, level %s',
  (level) => {
    const judge = async (order: Order): Promise<Record<string, unknown>> => {
      const written = await logged(order, level)
      expect(written).toHaveLength(1)
      const [line = ''] = written
      expect(line.endsWith('\n')).toBe(true)
      expect([...line.slice(0, -1)].filter((character) => character < ' ')).toEqual([])
      expect(line.length).toBeLessThan(20_000)
      const record = JSON.parse(line) as Record<string, unknown>
      expect([record.msg, record.level]).toEqual(['decision', level])
      return record
    }
    const everywhere = [
      'user-agent',
      'x-request-id',
      'x-fapi-interaction-id',
      'x-forwarded-for',
      'referer',
      'traceparent',
    ]

    test.each(forms)('every header a log line could hold, %s', async (form: Form) => {
      for (const value of hostile) {
        const headers = everywhere.map((name) => [name, value] as const)
        expect((await judge({ form, headers })).decision).toBe('allow')
        expect((await judge({ form, headers, proof: null })).reason).toBe('proof_missing')
      }
    })
    test('token, proof, path, method, host and stream id', async () => {
      for (const text of [...hostile, ...unicode]) {
        const token = mintToken()
        for (const order of [
          { token: text },
          { scheme: text },
          { token, proof: text },
          { path: `/accounts/${text}` },
          { method: text },
          { host: text },
          { contextExtensions: { route: text } },
        ])
          expect((await judge(order)).decision).toBe('deny')
        expect((await judge({ token, id: text })).decision).toBe('allow')
        expect((await judge({ path: `/accounts?${text}` })).path ?? '/accounts').toBe('/accounts')
      }
    })
    test('claims of a genuine token and proof', async () => {
      for (const text of [...hostile.filter((one) => one.length < 1000), ...unicode]) {
        for (const claims of [{ sub: text }, { client_id: text }, { iss: text }, { aud: text }, { cnf: { jkt: text } }])
          expect([text, (await judge({ token: mintToken({ claims }) })).decision]).toEqual([
            text,
            /^[\x21-\x7e]+$/.test(text) && ('sub' in claims || 'client_id' in claims) ? 'allow' : 'deny',
          ])
        for (const header of [{ kid: text }, { typ: text }, { alg: text }])
          expect((await judge({ token: mintToken({ header }) })).decision).toBe('deny')
        const token = mintToken()
        for (const claims of [{ htu: text }, { htm: text }, { ath: text }])
          expect((await judge({ token, proof: proofFor(token, { claims }) })).decision).toBe('deny')
      }
    })
    test('no token, proof or certificate is in it', async () => {
      const token = mintToken()
      const proof = proofFor(token)
      for (const order of [
        {},
        { scheme: 'Bearer' },
        { proof: `${proof}x` },
        { path: `/accounts?access_token=${token}` },
      ]) {
        const [line = ''] = await logged({ token, proof, ...order }, level)
        for (const secret of [token, proof, ...token.split('.'), ...proof.split('.')])
          expect(line).not.toContain(secret)
      }
    })
  },
)

test('att-envoy-11 the access log of the bootstrap we ship is JSON, not text with holes', () => {
  const logs: unknown[] = []
  const collect = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    for (const [key, inner] of Object.entries(value)) {
      if (key === 'access_log' && Array.isArray(inner)) logs.push(...inner)
      collect(inner)
    }
  }
  collect(parse(readFileSync('envoy/hardened.yaml', 'utf8'), { merge: true }))
  expect(logs.length).toBeGreaterThan(0)
  for (const log of logs)
    expect(log).toMatchObject({ typed_config: { log_format: { json_format: { time: '%START_TIME%' } } } })
})

describe('att-envoy-15 names inside a certificate decide nothing', () => {
  const authority = createAuthority('authority')
  const named = (subject: Partial<Subject>): string => {
    const { certificate } = issue(authority, { name: 'client', usage: 'client', ...subject })
    return encodeURIComponent(certificate.replaceAll('\r\n', '\n'))
  }
  test.each([
    ['a NUL in an alternative name', { dns: ['client.example\u0000.evil.example'] }],
    ['a NUL in the subject', { name: 'client\u0000evil' }],
    ['a line break in the subject', { name: 'client\nCN=evil' }],
    ['a comma and a quote', { name: 'client", CN="evil' }],
  ])('%s', async (_, subject) => {
    const [plain, odd] = [named({ dns: ['client.example'] }), named(subject)]
    const read = readCertificate(odd)
    if (!read.ok) throw new Error(read.problem)
    const { ask } = buildTestCheck()
    const order = {
      token: mintToken({ claims: { cnf: { 'x5t#S256': read.value.thumbprint } } }),
      scheme: 'Bearer',
      proof: null,
      path: '/mtls',
    }
    const response = await ask(received(goodRequest({ ...order, certificate: odd })))
    expect([verdict(response), told(response, 'x-authz-thumbprint')]).toEqual(['allow', [read.value.thumbprint]])
    expect(verdict(await ask(goodRequest({ ...order, certificate: plain })))).toBe('certificate_mismatch')
    const { attributes } = goodRequest(order)
    const claimed = { attributes: { ...attributes, source: { ...attributes?.source, principal: 'client.example' } } }
    expect(verdict(await ask(claimed))).toBe('certificate_missing')
  })
})

describe('att-ops-07 what comes with the product', () => {
  interface Package {
    readonly version?: string
    readonly integrity?: string
    readonly resolved?: string
    readonly hasInstallScript?: boolean
    readonly dev?: boolean
    readonly link?: boolean
  }
  const readJson = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'))
  const { packages } = readJson('package-lock.json') as { readonly packages: Readonly<Record<string, Package>> }
  const installed = Object.entries(packages).filter(([path]) => path !== '')

  test('every package is pinned by its content and by no place', () => {
    expect(installed.length).toBeGreaterThan(50)
    for (const [path, { integrity, resolved, link }] of installed)
      expect([path, /^sha512-/.test(integrity ?? ''), resolved, link]).toEqual([path, true, undefined, undefined])
  })
  test('no script runs when they are installed, and none has to', () => {
    expect(readFileSync('.npmrc', 'utf8').split('\n')).toEqual(
      expect.arrayContaining(['ignore-scripts=true', 'omit-lockfile-registry-resolved=true']),
    )
    // This one only prints a warning about version ranges. These tests run on an installation without it.
    expect(installed.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => path)).toEqual([
      'node_modules/protobufjs',
    ])
  })
  test('few packages at run time, each of one exact version', () => {
    const { dependencies, scripts = {} } = readJson('package.json') as {
      readonly dependencies: Readonly<Record<string, string>>
      readonly scripts?: Readonly<Record<string, string>>
    }
    // By name: one that comes takes the place of none, and has to be wanted.
    expect(new Set(Object.keys(dependencies))).toEqual(
      new Set([
        ...['@grpc/grpc-js', '@grpc/proto-loader'],
        // Loaded only where a configuration asks for spans.
        ...['api', 'core', 'exporter-trace-otlp-proto', 'resources', 'sdk-trace'].map(
          (name) => `@opentelemetry/${name}`,
        ),
        ...['commander', 'ioredis', 'jose', 'lru-cache', 'node-forge', 'pino', 'prom-client', 'yaml', 'zod'],
      ]),
    )
    for (const [name, version] of Object.entries(dependencies))
      expect([name, version]).toEqual([name, expect.stringMatching(/^(?:npm:[@\w/-]+@)?\d+\.\d+\.\d+$/)])
    expect(Object.keys(scripts).filter((name) => /^(?:pre|post)?install$|^prepare$/.test(name))).toEqual([])
  })
})
