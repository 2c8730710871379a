import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { outcomeOf } from '../support/lifecycle-grpc.ts'
import {
  freshRequest,
  serviceDocument,
  startTestService,
  swapLink,
  type TestService,
} from '../support/lifecycle-service.ts'
import { goodRequest, mintToken, ORIGIN, otherKey, proofFor, serverJwks } from '../support/spine.ts'

/** The route /accounts under a scope the token does not have. */
const narrowed = {
  ...serviceDocument,
  routes: [{ name: 'accounts', path: '/accounts', scopes: ['admin'] }],
}

const reloads = ({ records }: TestService, result: 'applied' | 'refused'): number =>
  records.filter(({ msg }) => msg.startsWith(`configuration ${result}`)).length
const until = (service: TestService, result: 'applied' | 'refused', count = 1): Promise<void> =>
  vi.waitFor(() => expect(reloads(service, result)).toBe(count), 10_000)

describe.each([
  ['a file that is written', undefined],
  ['a mounted ConfigMap that is swapped', swapLink],
] as const)('%s', (_, place) => {
  test('new rules are in force without a restart, and the old ones when they come back', async () => {
    const service = await startTestService(serviceDocument, place)
    const client = service.connect()
    expect(outcomeOf(await client.ask(freshRequest()))).toBe('allow')
    service.edit(narrowed)
    await until(service, 'applied')
    expect(outcomeOf(await client.ask(freshRequest()))).toBe('scope_insufficient')
    expect(outcomeOf(await client.ask(freshRequest('/health')))).toBe('route_unknown')
    service.edit(serviceDocument)
    await until(service, 'applied', 2)
    expect(outcomeOf(await client.ask(freshRequest()))).toBe('allow')
    expect(await service.metric('envoy_fapi_config_reloads_total{result="applied"}')).toBe(2)
  })

  test('conf-broken: a broken one is refused with file, line and key; the last good one keeps serving', async () => {
    const service = await startTestService(serviceDocument, place)
    const client = service.connect()
    const before = await service.metric('envoy_fapi_config_last_success_timestamp_seconds')
    const broken = JSON.stringify(serviceDocument, undefined, 1).replace('"scopes"', '"scope"')
    service.edit(broken)
    await until(service, 'refused')
    expect(outcomeOf(await client.ask(freshRequest()))).toBe('allow')
    expect(await service.metric('envoy_fapi_config_reloads_total{result="refused"}')).toBe(1)
    expect(await service.metric('envoy_fapi_config_last_success_timestamp_seconds')).toBe(before)
    const refused = service.records.find(({ msg }) => msg.startsWith('configuration refused'))
    const line = broken.split('\n').findIndex((text) => text.includes('"scope"')) + 1
    expect(refused?.level).toBe('error')
    expect(refused?.problems).toEqual([
      {
        file: service.config,
        line,
        column: expect.any(Number),
        key: 'routes[1].scope',
        message: 'unknown key "scope"; did you mean "scopes"?',
      },
    ])
    expect((await fetch(`http://${service.http}/readyz`)).status).toBe(200)

    service.edit(narrowed)
    await until(service, 'applied')
    expect(outcomeOf(await client.ask(freshRequest()))).toBe('scope_insufficient')
  })
})

const damages: readonly (readonly [string, (text: string) => string])[] = [
  ['cut in the middle', (text) => text.slice(0, text.length / 2)],
  ['emptied', () => ''],
  ['no YAML', () => '{ : ['],
  ['bytes of another kind', () => '\0\0\0\0'],
  ['no FAPI', (text) => text.replace('"name": "accounts"', '"name": "accounts", "exceptions": ["bearerTokens"]')],
]

test('a file that comes under an include pattern later takes part', async () => {
  const service = await startTestService({ ...serviceDocument, include: ['team-*.yaml'] })
  const client = service.connect()
  expect(outcomeOf(await client.ask(freshRequest('/team')))).toBe('route_unknown')
  const team = { routes: [{ name: 'team', path: '/team', methods: ['GET'], open: true }] }
  writeFileSync(join(service.config, '..', 'team-a.yaml'), JSON.stringify(team))
  await until(service, 'applied')
  expect(outcomeOf(await client.ask(freshRequest('/team')))).toBe('allow')
})

test('a change that was refused for want of a file counts as soon as the file comes', async () => {
  const service = await startTestService()
  const client = service.connect()
  const [server] = serviceDocument.authorizationServers
  const closed = { ...narrowed, authorizationServers: [{ ...server, keys: { file: 'mounted.json' } }] }
  service.edit(closed)
  await until(service, 'refused')
  expect(await (await fetch(`http://${service.http}/readyz`)).json()).toMatchObject({ lastChange: 'refused' })
  writeFileSync(join(service.config, '..', 'mounted.json'), JSON.stringify(serverJwks))
  await until(service, 'applied')
  expect(outcomeOf(await client.ask(freshRequest('/health')))).toBe('route_unknown')
  expect(await (await fetch(`http://${service.http}/readyz`)).json()).toMatchObject({ lastChange: 'applied' })
})

test('conf-partial: a damaged configuration is refused, and the whole one is taken when it is there', async () => {
  const service = await startTestService()
  const client = service.connect()
  let inForce = 'allow'
  for (const [index, [name, damage]] of damages.entries()) {
    const next = inForce === 'allow' ? narrowed : serviceDocument
    const whole = JSON.stringify(next, undefined, 1)
    writeFileSync(service.config, damage(whole))
    await until(service, 'refused', index + 1)
    expect(outcomeOf(await client.ask(freshRequest())), name).toBe(inForce)
    writeFileSync(service.config, whole)
    await until(service, 'applied', index + 1)
    inForce = next === narrowed ? 'scope_insufficient' : 'allow'
    expect(outcomeOf(await client.ask(freshRequest())), name).toBe(inForce)
  }
})

test('conf-partial: files that are taken away change nothing, and count again when they are back', async () => {
  const service = await startTestService()
  const client = service.connect()
  const jwks = join(service.directory, 'jwks.json')
  for (const [index, file] of [service.config, jwks].entries()) {
    renameSync(file, `${file}.away`)
    await until(service, 'refused', index + 1)
    expect(outcomeOf(await client.ask(freshRequest()))).toBe('allow')
    renameSync(`${file}.away`, file)
    await until(service, 'applied', index + 1)
    expect(outcomeOf(await client.ask(freshRequest()))).toBe('allow')
  }
  rmSync(service.config)
  await until(service, 'refused', 3)
  const refused = service.records.findLast(({ msg }) => msg.startsWith('configuration refused'))
  expect(refused?.problems?.map(({ message }) => message)).toEqual(['there is no such file'])
})

test('att-ops-02: a key that is added counts at once, and a key that is withdrawn no more', async () => {
  const service = await startTestService()
  const client = service.connect()
  const now = Math.floor(Date.now() / 1000)
  const signed = () => {
    const token = mintToken(
      { header: { kid: 'as-2', alg: 'EdDSA' }, claims: { iat: now - 10, exp: now + 290 } },
      otherKey,
    )
    return goodRequest({ token, proof: proofFor(token, { claims: { iat: now, htu: `${ORIGIN}/accounts` } }) })
  }
  const write = (keys: readonly object[]): void =>
    writeFileSync(join(service.directory, 'jwks.json'), JSON.stringify({ keys }))
  const second = { ...otherKey.jwk, kid: 'as-2', use: 'sig' }
  expect(outcomeOf(await client.ask(signed()))).not.toBe('allow')
  write([...serverJwks.keys, second])
  await vi.waitFor(async () => expect(outcomeOf(await client.ask(signed()))).toBe('allow'), 10_000)
  expect(outcomeOf(await client.ask(freshRequest()))).toBe('allow')
  write([second])
  await vi.waitFor(async () => expect(outcomeOf(await client.ask(freshRequest()))).toBe('token_key_unknown'), 10_000)
  expect(outcomeOf(await client.ask(signed()))).toBe('allow')
})

test('a proof that was used before a reload is refused after it', async () => {
  const service = await startTestService()
  const client = service.connect()
  const request = freshRequest()
  const used = {
    attributes: {
      ...request.attributes,
      request: { http: { ...request.attributes?.request?.http, id: 'another-stream' } },
    },
  }
  expect(outcomeOf(await client.ask(request))).toBe('allow')
  service.edit({ ...serviceDocument, routes: [...serviceDocument.routes, { name: 'more', path: '/more' }] })
  await until(service, 'applied')
  expect(outcomeOf(await client.ask(used))).toBe('proof_replayed')
})

test('reload-storm, att-ops-03: reloads under load: every decision is explained by the configuration that its record names', async () => {
  const service = await startTestService()
  const client = service.connect()
  const end = new AbortController()
  let asked = 0
  const ask = async (path: string): Promise<void> => {
    asked += 1
    await client.ask(freshRequest(path))
  }
  const load = Array.from({ length: 4 }, async () => {
    while (!end.signal.aborted) await ask('/health')
  })
  for (let round = 1; round <= 12; round += 1) {
    service.edit(round % 2 ? narrowed : serviceDocument)
    for (let count = 0; count < 50; count += 1) await ask('/accounts')
    await until(service, 'applied', round)
  }
  end.abort()
  await Promise.all(load)
  const decisions = () => service.records.filter(({ msg }) => msg === 'decision')
  await vi.waitFor(() => expect(decisions().length).toBe(asked))

  const reasons = new Map<string, Set<string>>()
  for (const { config = '', route, reason } of decisions())
    reasons.set(config, (reasons.get(config) ?? new Set()).add(`${route ?? 'none'} ${reason}`))
  expect([...reasons.values()].map((found) => [...found].toSorted((one, other) => one.localeCompare(other)))).toEqual([
    ['accounts allowed', 'health allowed'],
    ['accounts scope_insufficient', 'none route_unknown'],
  ])
  expect(readFileSync(join(service.directory, 'errors.log'), 'utf8')).toBe('')
})
