import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { loadConfig } from '../../src/io/config-file.ts'
import { waitForPort } from '../../tools/envoy.ts'
import { throwBytes } from '../support/lifecycle-bytes.ts'
import { outcomeOf } from '../support/lifecycle-grpc.ts'
import { temporaryDirectory } from '../support/lifecycle-server.ts'
import { freshRequest, serviceDocument, startTestService } from '../support/lifecycle-service.ts'
import { checkRequest } from '../support/requests.ts'
import { serverJwks } from '../support/spine.ts'

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

/** `envoy-fapi serve` that is expected to end by itself. */
async function serve(
  document: object,
): Promise<{ readonly code: number | null; readonly err: string; readonly out: string }> {
  const directory = temporaryDirectory()
  const config = join(directory, 'envoy-fapi.yaml')
  writeFileSync(config, JSON.stringify(document))
  writeFileSync(join(directory, 'jwks.json'), JSON.stringify(serverJwks))
  const child = spawn(process.execPath, [main, 'serve', '--config', config], { stdio: ['ignore', 'pipe', 'pipe'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const ended = once(child, 'exit') as Promise<[number | null]>
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  return { code, out, err }
}

async function takePort(): Promise<string> {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  onTestFinished(() => void other.close())
  return `127.0.0.1:${(other.address() as { readonly port: number }).port}`
}

describe('a port that is taken', () => {
  test.each(['check', 'metrics', 'admin'] as const)(
    'listen.%s: exit code 2, one line that names the option and the remedy',
    async (option) => {
      const taken = await takePort()
      const { metrics: _metrics, ...listen } = { ...serviceDocument.listen, admin: '127.0.0.1:0' }
      const free = option === 'admin' ? listen : serviceDocument.listen
      const { code, err, out } = await serve({ ...serviceDocument, listen: { ...free, [option]: taken } })
      expect(err).toBe(`listen.${option}: ${taken} is in use by another process; stop it or choose another port\n`)
      expect([code, out]).toEqual([2, ''])
    },
  )
})

/** Addresses a process listens on, as the kernel knows them. */
function listeners(pid: number): readonly string[] {
  const held = new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap((name) => {
      try {
        return [/^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${name}`))?.[1]]
      } catch {
        return []
      }
    }),
  )
  const rows = ['tcp', 'tcp6', 'udp', 'udp6'].flatMap((kind) =>
    readFileSync(`/proc/${pid}/net/${kind}`, 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((row) => ({ kind, row: row.trim().split(/\s+/) })),
  )
  return rows
    .filter(({ kind, row }) => held.has(row[9]) && (kind.startsWith('udp') || row[3] === '0A'))
    .map(({ kind, row: [, local = ''] }) => {
      const [address = '', port = ''] = local.split(':')
      const bytes =
        address
          .match(/../g)
          ?.reverse()
          .map((byte) => Number.parseInt(byte, 16)) ?? []
      return `${kind} ${kind.endsWith('6') ? address : bytes.join('.')}:${Number.parseInt(port, 16)}`
    })
}

describe('att-ops-08, att-claims-06: what the process listens on', () => {
  test('two documented ports and no other, both on loopback', async () => {
    const service = await startTestService()
    expect(new Set(listeners(service.pid))).toEqual(new Set([`tcp ${service.address}`, `tcp ${service.http}`]))
    const outside = Object.values(networkInterfaces())
      .flat()
      .filter((one) => one?.family === 'IPv4' && !one.internal)
    for (const { address = '' } of outside.flatMap((one) => one ?? []))
      for (const port of [service.address, service.http].map((at) => at.split(':')[1]))
        await expect(fetch(`http://${address}:${port}/metrics`)).rejects.toThrow()
  })

  test('a configuration that names no address gets loopback', () => {
    const config = join(temporaryDirectory(), 'envoy-fapi.yaml')
    writeFileSync(
      config,
      'publicOrigins: [https://api.bank.example]\nauthorizationServers: [{ issuer: https://as.bank.example }]\nroutes: [{ path: /** }]\n',
    )
    const loaded = loadConfig(config, {})
    expect(loaded.ok && loaded.config.listen).toMatchObject({ check: '127.0.0.1:9191', admin: '127.0.0.1:9192' })
    expect(loaded.ok && loaded.config.listen.metrics).toBeUndefined()
  })

  test('without listen.metrics the same three paths are served on admin', async () => {
    const { metrics: _metrics, ...listen } = { ...serviceDocument.listen, admin: '127.0.0.1:0' }
    const service = await startTestService({ ...serviceDocument, listen })
    const at = (path: string): Promise<number> => fetch(`http://${service.http}${path}`).then(({ status }) => status)
    expect(await Promise.all(['/metrics', '/healthz', '/readyz', '/admin'].map(at))).toEqual([200, 200, 200, 404])
    expect(listeners(service.pid)).toHaveLength(2)
  })
})

/** Names of design section 9 that this version has. */
const names = [
  'checks_total',
  'check_duration_seconds',
  'token_cache_hits_total',
  'token_cache_misses_total',
  'jwks_fetches_total',
  'jwks_keys',
  'replay_entries',
  'replay_capacity',
  'replay_errors_total',
  'dependency_up',
  'config_reloads_total',
  'config_last_success_timestamp_seconds',
  'enforcing',
  'exceptions',
]

describe('att-claims-05: the metrics port', () => {
  test('key-flood: has the documented names, and no label that a client can choose', async () => {
    const service = await startTestService()
    const client = service.connect()
    const scrape = async (): Promise<string> => (await fetch(`http://${service.http}/metrics`)).text()
    expect(outcomeOf(await client.ask(freshRequest()))).toBe('allow')
    for (const word of ['CANARY', 'canary.example'])
      for (const odd of [
        checkRequest({ path: `/${word}` }),
        checkRequest({ path: `/accounts?${word}=1` }),
        checkRequest({ method: word }),
        checkRequest({ host: word }),
        checkRequest({
          headers: [
            ['x-request-id', word],
            ['authorization', `DPoP ${word}`],
            ['dpop', word],
            ['x-fapi-interaction-id', word],
          ],
        }),
        checkRequest({ contextExtensions: { route: word } }),
      ])
        await client.ask(odd)
    const before = await scrape()
    for (const name of names) expect(before).toContain(`# TYPE envoy_fapi_${name} `)
    expect(before).not.toMatch(/canary/i)
    const rows = before.split('\n').length
    for (let index = 0; index < 300; index += 1)
      await client.ask(checkRequest({ path: `/n${index}`, host: `h${index}.example`, method: `M${index}` }))
    expect((await scrape()).split('\n')).toHaveLength(rows)
    expect(await service.metric('envoy_fapi_checks_total{route="accounts",decision="allow",reason="allowed"}')).toBe(1)
  })

  test('an access token opens nothing there, and a Check is not spoken there', async () => {
    const service = await startTestService()
    const { attributes } = freshRequest()
    const [authorization = ''] = (attributes?.request?.http?.headerMap?.headers ?? [])
      .filter(({ key }) => key === 'authorization')
      .map(({ rawValue }) => String(rawValue))
    for (const path of ['/', '/accounts', '/admin', '/config', '/debug', '/routes']) {
      const answer = await fetch(`http://${service.http}${path}`, { headers: { authorization } })
      expect([answer.status, await answer.text()]).toEqual([404, 'not found\n'])
    }
    const metrics = await (await fetch(`http://${service.http}/metrics`)).text()
    const ready = await (await fetch(`http://${service.http}/readyz`)).text()
    expect(metrics + ready).not.toContain(authorization.slice(5, 40))
    expect(ready).not.toMatch(/jwks\.json|127\.0\.0\.1|\/tmp/)
  })
})

describe('garbage-port, att-dos-01: noise on every port of the process', () => {
  test('the same process goes on, and says nothing about it', async () => {
    const service = await startTestService()
    const [host = '', port = ''] = service.address.split(':')
    const before = service.records.length
    for (const address of [service.address, service.http])
      await Promise.all(
        Array.from({ length: 100 }, (_, index) =>
          throwBytes(
            address,
            Buffer.concat([Buffer.from(index % 2 ? 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' : ''), randomBytes(index * 97)]),
          ),
        ),
      )
    expect(await waitForPort(Number(port), 1000)).toBe(true)
    expect(host).toBe('127.0.0.1')
    expect(outcomeOf(await service.connect().ask(freshRequest()))).toBe('allow')
    expect((await fetch(`http://${service.http}/readyz`)).status).toBe(200)
    expect(process.kill(service.pid, 0)).toBe(true)
    expect(service.records.slice(before).filter(({ msg }) => msg !== 'decision')).toEqual([])
    expect(readFileSync(join(service.directory, 'errors.log'), 'utf8')).toBe('')
  })
})
