import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { loadConfig } from '../../src/io/config-file.ts'
import { startService } from '../../src/service.ts'
import { createAuthority } from '../../tools/pki.ts'
import { connectCheck, outcomeOf } from '../support/lifecycle-grpc.ts'
import { temporaryDirectory } from '../support/lifecycle-server.ts'
import { freshRequest, serviceDocument } from '../support/lifecycle-service.ts'
import { serverJwks } from '../support/spine.ts'
import { authority, json, serverIdentity, startStub } from '../support/stub-servers.ts'

type Handler = Parameters<typeof startStub>[0]

const serving = json(() => serverJwks)
const failing: Handler = (_, response) => {
  response.writeHead(500)
  response.end()
}

/** A stub authorization server whose behaviour can be changed. */
async function startKeys(begin: Handler, ...more: [identity?: ReturnType<typeof serverIdentity>]) {
  let handler = begin
  const stub = await startStub((request, response) => handler(request, response), ...more)
  onTestFinished(() => stub.close())
  const change = (to: Handler): void => {
    handler = to
  }
  return { uri: `${stub.origin}/jwks`, change, hits: stub.hits }
}

/** The whole service in this process, its keys at that place. It need not become ready. */
async function serve(keys: object, directory = temporaryDirectory()) {
  const write = (name: string, text: string): void => writeFileSync(join(directory, name), text)
  const file = join(directory, 'envoy-fapi.yaml')
  const [server] = serviceDocument.authorizationServers
  write('ca.pem', authority.certificate)
  const document = {
    ...serviceDocument,
    authorizationServers: [{ ...server, keys }],
    outbound: { ca: 'ca.pem' },
  }
  write('envoy-fapi.yaml', JSON.stringify(document))
  const loaded = loadConfig(file, {})
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  const lines: string[] = []
  const output = { write: (line: string) => void lines.push(line) }
  const service = await startService({ file, environment: {}, output }, loaded)
  if (!service.ok) throw new Error(service.problem)
  const { addresses, stop } = service.value
  const client = connectCheck(addresses.check)
  onTestFinished(async () => {
    client.close()
    await stop()
  })
  const page = (path: string): Promise<Response> => fetch(`http://${addresses.http[0]}${path}`)
  return {
    lines,
    decide: async (path?: string) => outcomeOf(await client.ask(freshRequest(path))),
    ready: async () => (await page('/readyz')).status === 200,
    metrics: async () => (await page('/metrics')).text(),
  }
}

/** Comes back when it holds. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let look = 0; look < 1000; look += 1) {
    if (await holds()) return
    await setTimeout(20)
  }
  throw new Error('it does not come to that')
}

describe('jwks-at-start keys are out of reach when the service starts', () => {
  test('every Check is answered 503 until they come, and then the service is ready by itself', async () => {
    const { uri, change, hits } = await startKeys(failing)
    const service = await serve({ uri })
    await until(() => hits.length > 0)
    expect([await service.decide(), await service.decide('/health'), await service.ready()]).toEqual([
      'starting',
      'starting',
      false,
    ])
    change(serving)
    await until(service.ready)
    expect([await service.decide(), await service.decide('/health')]).toEqual(['allow', 'allow'])
  })
  test('JWK-05 kept ones bridge it', async () => {
    const directory = temporaryDirectory()
    const { uri, change } = await startKeys(serving)
    const place = { uri, cacheDir: directory }
    const before = await serve(place, directory)
    await until(before.ready)
    change(failing)
    const after = await serve(place, directory)
    await until(after.ready)
    expect(await after.decide()).toBe('allow')
    const said = after.lines.join('')
    expect(said).toContain('stored keys are used')
    expect(await after.metrics()).toContain('envoy_fapi_dependency_up{name="keys of as"} 0')
  })
})

describe('as-tls-bad the server of the keys shows a bad certificate', () => {
  const day = 86_400_000
  test.each([
    [
      'expired',
      () => serverIdentity({ notBefore: new Date(Date.now() - 2 * day), notAfter: new Date(Date.now() - day) }),
    ],
    ['for another name', () => serverIdentity({ dns: ['other.example'], ips: [] })],
    ['of an unknown authority', () => serverIdentity({}, createAuthority('other'))],
  ])('%s: it counts as down, is not asked, and the cause is told', async (_, identity) => {
    const { uri, hits } = await startKeys(serving, identity())
    const service = await serve({ uri })
    const told = 'envoy_fapi_jwks_fetch_failures_total{server="as",cause="tls"}'
    await until(async () => (await service.metrics()).includes(told))
    expect([await service.decide(), await service.ready(), hits]).toEqual(['starting', false, []])
    const line = service.lines.find((one) => one.includes('keys cannot be read')) ?? ''
    expect(JSON.parse(line)).toMatchObject({ level: 'error', server: 'as', cause: 'tls' })
  })
})
