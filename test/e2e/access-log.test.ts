import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { lines, startTestEdge, type TestEdge, type Told, withSettings } from '../support/edge.ts'

type Line = Readonly<Record<string, unknown>>

/** The two log formats of the page: the one of the shipped bootstrap, and the flat one. */
const [shipped, flat] = [
  ...readFileSync('docs/access-log.md', 'utf8').matchAll(/^```yaml\n(log_format:\n[\s\S]*?)^```$/gm),
].map(([, block = '']) => parse(block) as { readonly log_format: { readonly json_format: Line } })

/** The same logger again, in the other format of the page. */
const logTwice = withSettings({
  access_log: (value) => {
    const [logger] = value as [{ readonly typed_config: object }]
    return [logger, { ...logger, typed_config: { ...logger.typed_config, ...flat } }]
  },
})

const told = new Map<string, Told>()
const secrets: string[] = []
let log = ''
let edge: TestEdge

/** Sends a request under a name; its token and proof are secrets, whatever becomes of it. */
async function tell(name: string, asking: Parameters<TestEdge['good']>[0] = {}): Promise<void> {
  const request = edge.good(asking)
  const { authorization = '', dpop = '' } = (request.headers ?? {}) as Readonly<Record<string, string>>
  const token = authorization.split(' ')[1] ?? ''
  secrets.push(token, dpop, token.split('.')[2] ?? '', dpop.split('.')[2] ?? '')
  told.set(name, await edge.ask(request))
}

beforeAll(async () => {
  edge = await startTestEdge({ adapt: logTwice })
  await tell('allow', { path: '/accounts/1?page=2' })
  await tell('other key', { token: edge.mint({ claims: { cnf: { jkt: 'A'.repeat(43) } } }), path: '/accounts/2' })
  await tell('query', { path: `/accounts/3?access_token=${edge.mint()}` })
  await tell('no route', { path: '/nowhere' })
  await tell('no path of ours', { path: '/accounts%2f4' })
  await edge.setting.service().stop()
  await tell('nobody answers', { path: '/accounts/5' })
  // Envoy holds lines back until it ends.
  await edge.setting.envoy.stop()
  log = readFileSync(join(edge.directory, 'envoy.log'), 'utf8')
})
afterAll(() => edge.stop())

const parsed = (): readonly Line[] =>
  log
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Line)
const whole = (path: string): Line | undefined => parsed().find((line) => line.path === path && 'authz' in line)
const named = (path: string): Line | undefined => parsed().find((line) => line.path === path && 'decision' in line)

test('the page shows the format of the bootstrap we ship', () => {
  const formats: unknown[] = []
  JSON.parse(
    JSON.stringify(parse(readFileSync('envoy/hardened.yaml', 'utf8'), { maxAliasCount: -1 })),
    (key, value) => {
      if (key === 'log_format') formats.push(value)
      return value
    },
  )
  expect(formats).toEqual([shipped?.log_format, shipped?.log_format])
})

describe('what Envoy writes', () => {
  test('an allow: who, with which binding, on which route', () => {
    const { id } = told.get('allow') as Told
    expect(whole('/accounts/1')).toMatchObject({ method: 'GET', status: 200, flags: '-', details: 'via_upstream' })
    expect(whole('/accounts/1')?.authz).toEqual({
      decision: 'allow',
      reason: 'allowed',
      route: 'accounts',
      interactionId: id,
      issuer: edge.setting.authorizationServer.issuer,
      clientId: 'tpp-1',
      subject: 'user-1',
      binding: 'dpop',
      ext_authz_duration: expect.any(Number),
    })
  })
  test('a deny: the reason, and the id that the client and the log of the service have too', async () => {
    const refused = told.get('other key') as Told
    const { decision, reason } = (await edge.setting.service().decision(refused.id)) ?? {}
    expect([refused.status, lines(refused, 'x-fapi-interaction-id')]).toEqual([401, [refused.id]])
    expect(whole('/accounts/2')).toMatchObject({ status: 401, flags: 'UAEX', details: 'ext_authz_denied' })
    expect(whole('/accounts/2')?.authz).toEqual({
      ...{ decision, reason, route: 'accounts', interactionId: refused.id, clientId: 'tpp-1', subject: 'user-1' },
      issuer: edge.setting.authorizationServer.issuer,
    })
    expect([decision, reason]).toEqual(['deny', 'proof_key_mismatch'])
  })
  test('a deny before there was a route, a client or a token', () => {
    expect(whole('/nowhere')?.authz).toEqual({
      ...{ decision: 'deny', reason: 'route_unknown' },
      interactionId: told.get('no route')?.id,
    })
  })
  test('nothing, when Envoy refused it alone, and when the service did not answer', () => {
    expect(whole('/accounts/4')).toMatchObject({
      status: 400,
      flags: '-',
      details: 'path_normalization_failed',
      authz: null,
    })
    expect(whole('/accounts/5')).toMatchObject({ status: 503, flags: 'UAEX', details: 'ext_authz_error', authz: null })
  })
  test('the same by single members, absent ones null', () => {
    const { id } = told.get('no route') as Told
    expect(named('/accounts/1')).toMatchObject({ decision: 'allow', client_id: 'tpp-1', binding: 'dpop', status: 200 })
    expect(named('/nowhere')).toMatchObject({ reason: 'route_unknown', interaction_id: id, client_id: null })
    const members = new Set(Object.keys(flat?.log_format.json_format ?? {}))
    expect(new Set(Object.keys(named('/accounts/1') ?? {}))).toEqual(members)
  })
  test('neither token, proof nor query', () => {
    expect(told.get('query')?.status).toBe(400)
    expect(whole('/accounts/3')?.authz).toMatchObject({ decision: 'deny' })
    expect(secrets.length).toBeGreaterThan(20)
    for (const secret of secrets) expect(log).not.toContain(secret)
    expect(log).not.toMatch(/access_token|page=2|eyJ/)
  })
})
