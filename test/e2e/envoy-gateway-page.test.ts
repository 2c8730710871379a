import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { boundToCertificate, startTestEdge, type TestEdge } from '../support/edge.ts'
import { asGenerated, documentOf } from '../support/envoy-gateway.ts'

const root = join(import.meta.dirname, '../..')
const page = readFileSync(join(root, 'docs/envoy-gateway.md'), 'utf8')
const lines = page.split('\n')

/** A line of the page and what its comment promises. */
const promised = (start: string): readonly (readonly [line: string, promise: string])[] =>
  lines
    .filter((line) => line.startsWith(start))
    .map((line) => [line.replace(/ +# .*$/, ''), / # (.*)$/.exec(line)?.[1] ?? ''] as const)

describe.each(['plain', 'patched'] as const)('docs/envoy-gateway.md, %s', (variant) => {
  let edge: TestEdge
  beforeAll(async () => {
    edge = await startTestEdge({ document: documentOf(variant), adapt: asGenerated(variant) })
    writeFileSync(join(edge.setting.pki.directory, 'client.jwk'), JSON.stringify(edge.key.privateJwk))
  })
  afterAll(() => edge.stop())

  /** Runs a line as the page has it, but for the port; resolves with what it prints. */
  function shell(line: string, token: string): Promise<string> {
    const [definition = ''] = lines.filter((one) => one.startsWith('ask() '))
    const command = `node "${root}/bin/envoy-fapi.mjs"`
    const script = `envoy-fapi() { ${command} "$@"; }\n${definition}\n${line}`.replaceAll(':443"', ':$PORT"')
    const variables = { GATEWAY: '127.0.0.1', PORT: String(edge.setting.edge.port), TOKEN: token }
    const { promise, resolve } = Promise.withResolvers<string>()
    execFile(
      'bash',
      ['-c', script],
      { cwd: edge.setting.pki.directory, env: { ...process.env, ...variables }, timeout: 30_000 },
      (_, out) => resolve(out),
    )
    return promise
  }
  const byCertificate = (): string => edge.mint({ claims: { cnf: boundToCertificate(edge.setting.pki.client) } })

  test('there are lines to try', () => expect(promised('ask ').length).toBeGreaterThan(7))
  test.each(promised('ask '))('%s: %s', async (line, promise) => {
    const status = /^(\d{3})\b/.exec(promise)?.[1] ?? '000'
    expect(promise).toMatch(/^(?:\d{3}\b|no connection)/)
    expect((await shell(line, byCertificate())).trim()).toBe(status)
  })
  test.each(promised('eval '))('%s: %s', async (line) => {
    const out = await shell(line, edge.mint())
    expect(out).toContain('"x-authz-binding: dpop"')
    expect(await shell(line, edge.mint({ claims: { cnf: { jkt: 'x'.repeat(43) } } }))).not.toContain('x-authz-binding')
  })
})
