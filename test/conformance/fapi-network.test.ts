import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { readConfig } from '../../src/config.ts'
import { document } from '../support/spine.ts'

const problemsOf = (changed: object): readonly string[] => {
  const reading = readConfig({ ...document, ...changed })
  return reading.ok ? [] : reading.problems.map(({ path, message }) => `${path.join('.')}: ${message}`)
}

describe('FAPI-NET-02 the bootstrap we ship speaks TLS as BCP 195 says', () => {
  interface Tls {
    readonly tls_params?: Readonly<Record<string, unknown>>
  }
  /** Every `common_tls_context` of a document. */
  function contexts(value: unknown): readonly Tls[] {
    if (typeof value !== 'object' || value === null) return []
    return Object.entries(value).flatMap(([key, inner]) =>
      key === 'common_tls_context' ? [inner as Tls] : contexts(inner),
    )
  }
  const read = (path: string) => contexts(parse(readFileSync(path, 'utf8'), { merge: true }))

  test('TLS 1.2 and 1.3 with the four suites, towards clients and towards the service', () => {
    const all = read('envoy/hardened.yaml')
    expect(all).toHaveLength(3)
    for (const { tls_params: parameters } of all)
      expect(parameters).toEqual({
        tls_minimum_protocol_version: 'TLSv1_2',
        tls_maximum_protocol_version: 'TLSv1_3',
        cipher_suites: [
          'ECDHE-ECDSA-AES128-GCM-SHA256',
          'ECDHE-RSA-AES128-GCM-SHA256',
          'ECDHE-ECDSA-AES256-GCM-SHA384',
          'ECDHE-RSA-AES256-GCM-SHA384',
        ],
      })
  })
  test('the smallest one has no TLS before 1.2 either', () => {
    const all = read('envoy/minimal.yaml')
    expect(all.length).toBeGreaterThan(0)
    for (const { tls_params: parameters } of all)
      expect(parameters).toMatchObject({ tls_minimum_protocol_version: 'TLSv1_2' })
  })
})

describe('FAPI-NET-05 who can reach the Check port', () => {
  const tls = { certificate: 'a', key: 'b' }
  const mutual = { ...tls, clientCa: 'c', peers: ['spiffe://bank.example/envoy'] }
  test.each([
    ['loopback', {}],
    ['IPv4 loopback', { check: '127.0.0.2:9191' }],
    ['IPv6 loopback', { check: '[::1]:9191' }],
    ['localhost', { check: 'localhost:9191' }],
    ['a socket', { check: 'unix:/run/envoy-fapi/check.sock' }],
    ['anywhere with mutual TLS and pinned peers', { check: '0.0.0.0:9191', tls: mutual }],
    ['anywhere inside a mesh', { check: '0.0.0.0:9191', insecureCheck: true, meshTls: true }],
  ])('%s', (_, listen) => expect(problemsOf({ listen })).toEqual([]))
  test.each([
    ['anywhere', { check: '0.0.0.0:9191' }],
    ['any IPv6 address', { check: '[::]:9191' }],
    ['a name', { check: 'service:9191' }],
    ['a name that begins like loopback', { check: '127.evil.example:9191' }],
    ['a name that begins like localhost', { check: 'localhost.evil.example:9191' }],
    ['anywhere with TLS alone', { check: '0.0.0.0:9191', tls }],
    ['anywhere without pinned peers', { check: '0.0.0.0:9191', tls: { ...tls, clientCa: 'c' } }],
    ['anywhere with peers nobody vouches for', { check: '0.0.0.0:9191', tls: { ...tls, peers: ['x'] } }],
    ['anywhere, on purpose, under this profile', { check: '0.0.0.0:9191', insecureCheck: true }],
    ['a mesh alone', { check: '0.0.0.0:9191', meshTls: true }],
  ])('not %s', (_, listen) => expect(problemsOf({ listen }).join()).toMatch(/^listen\./))
  test('compat lets an operator say so', () =>
    expect(problemsOf({ profile: 'compat', listen: { check: '0.0.0.0:9191', insecureCheck: true } })).toEqual([]))
})

test('att-header-06 the bootstraps we ship put no page of their own over our answers', () => {
  for (const path of ['envoy/hardened.yaml', 'envoy/minimal.yaml'])
    expect(readFileSync(path, 'utf8')).not.toMatch(/local_reply_config|failure_mode_allow: true|error_page/)
})

test('ENV-16, att-envoy-08 the oldest Envoy that repeated headers are safe with is written down', () =>
  expect(readFileSync('SECURITY.md', 'utf8')).toMatch(/Envoy 1\.4\d or newer/))
