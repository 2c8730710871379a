import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { send } from '../../demo/client.ts'
import { findFree } from '../../demo/ports.ts'
import type { LogRecord } from '../../demo/service-process.ts'
import { API, buildCleanup } from '../../demo/setting.ts'
import { edgeDocument, startTestEdge, type TestEdge, type Told } from '../support/edge.ts'
import type { Refusal } from '../support/edge-reasons.ts'
import { expectRefusal, reasonOf } from '../support/edge-refusals.ts'
import { type Replica, startReplica } from '../support/edge-replica.ts'
import { fetchBoundToken } from '../support/edge-tokens.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'

const TOKEN = 'Zm9yIG9wZXJhdG9ycyBvZiB0aGUgdGVzdCBhbG9uZQ'
const revoked: Refusal = { reason: 'token_revoked', status: 401, error: 'invalid_token', challenge: 'dpop' }
const unavailable: Refusal = {
  ...{ reason: 'revocation_unavailable', status: 503, error: 'temporarily_unavailable', challenge: 'none' },
  retryAfter: '2',
}

let redis: TestRedis
let edge: TestEdge
let replica: Replica
let ports: readonly number[]
const records: LogRecord[] = []

/** Two services with an admin port each, one Redis, and a file of revocations. */
beforeAll(async () => {
  redis = await startRedis()
  cleanup.add(redis.stop)
  ports = await findFree(2)
  const [bank] = edgeDocument.authorizationServers
  const denyList = { file: 'revoked.jsonl', redis: redis.url, maxStale: '2s' }
  const document = (port: number | undefined) => ({
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the service fills it in
    listen: { ...edgeDocument.listen, admin: `127.0.0.1:${port}`, adminAccess: { tokens: ['${file:admin-token}'] } },
    authorizationServers: [{ ...bank, revocation: { denyList } }],
  })
  edge = await startTestEdge({
    document: document(ports[0]),
    follow: (record) => void records.push(record),
    files: { 'admin-token': TOKEN, 'revoked.jsonl': '{"jti":"of another token"}\n' },
  })
  cleanup.add(edge.stop)
  replica = await startReplica(edge, document(ports[1]), (record) => void records.push(record))
  cleanup.add(replica.stop)
})
/** The last that was started stops first. */
const cleanup = buildCleanup()
afterAll(cleanup.run)

const operate = async (port: number | undefined, path: string, body?: object, headers: object = {}) => {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: body ? 'POST' : 'GET',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json', ...headers },
    ...(body && { body: JSON.stringify(body) }),
  })
  return { status: answer.status, body: (await answer.json()) as object }
}

const ask = (token: string): Promise<Told> => edge.ask(edge.good({ token }))
/** The status that the Envoy of the second service answers. */
const askReplica = async (token: string): Promise<number> => {
  const { headers } = edge.good({ token })
  return (await send(replica.edge, { url: `${API}/accounts`, ...(headers && { headers }) })).status
}

describe('JWT-29 revocation of tokens of a real authorization server, behind two Envoys', () => {
  test('a token that is pushed at one replica is refused there with the next request, and soon at the other', async () => {
    const [token, spared] = [await fetchBoundToken(edge), await fetchBoundToken(edge)]
    expect([(await ask(token)).status, await askReplica(token)]).toEqual([200, 200])
    const { jti } = decodeJwt(token)
    expect(await operate(ports[0], '/revocations', { server: 'bank', jti })).toEqual({
      status: 200,
      body: { stored: 1 },
    })
    const told = await ask(token)
    expectRefusal(told, revoked)
    expect(await reasonOf(edge, told.id)).toBe('token_revoked')
    await vi.waitFor(async () => expect(await askReplica(token)).toBe(401), { timeout: 5000, interval: 50 })
    expect([(await ask(spared)).status, await askReplica(spared)]).toEqual([200, 200])
    expect((await operate(ports[1], '/revocations')).body).toMatchObject({
      servers: { bank: { file: 1, redis: 1, current: true, push: true } },
    })

    await edge.setting.service().stop()
    await edge.setting.restartService()
    await vi.waitFor(async () => expect((await ask(spared)).status).toBe(200), { timeout: 10_000, interval: 100 })
    expectRefusal(await ask(token), revoked)
  })

  test('JWT-29 a line added to the file counts without a restart; one that is wrong changes nothing and is told', async () => {
    const token = await fetchBoundToken(edge)
    expect((await ask(token)).status).toBe(200)
    const file = join(edge.directory, 'revoked.jsonl')
    appendFileSync(file, `${JSON.stringify({ jti: decodeJwt(token).jti })}\n`)
    await vi.waitFor(async () => expect((await ask(token)).status).toBe(401), { timeout: 10_000, interval: 100 })
    records.length = 0
    writeFileSync(file, '{"jti":"a"}\n{"jit":"b"}\n')
    await vi.waitFor(
      () =>
        expect(JSON.stringify(records.find(({ msg }) => msg.startsWith('configuration refused'))?.problems)).toContain(
          'line 2: it has a member that is none of ours',
        ),
      { timeout: 10_000, interval: 50 },
    )
    expectRefusal(await ask(token), revoked)
  })

  test('who has no token of an operator pushes nothing, and neither does a page in a browser', async () => {
    const token = await fetchBoundToken(edge)
    const push = { server: 'bank', jti: decodeJwt(token).jti }
    expect(await operate(ports[0], '/revocations', push, { authorization: `Bearer ${token}` })).toMatchObject({
      status: 401,
    })
    expect(await operate(ports[0], '/revocations', push, { origin: 'https://evil.example' })).toMatchObject({
      status: 403,
    })
    expect((await ask(token)).status).toBe(200)
  })

  test('keys are read again when an operator says so', async () => {
    expect(await operate(ports[0], '/keys/flush', { server: 'bank' })).toEqual({
      status: 200,
      body: { servers: { bank: 'loaded' } },
    })
    expect((await ask(edge.mint())).status).toBe(200)
  })

  test('without Redis good tokens pass for as long as maxStale, then 503, never 401; a revoked one never passes', async () => {
    const [good, bad] = [await fetchBoundToken(edge), await fetchBoundToken(edge)]
    await operate(ports[0], '/revocations', { server: 'bank', jti: decodeJwt(bad).jti })
    await redis.kill()
    const statuses = new Set<number>()
    await vi.waitFor(
      async () => {
        const told = await ask(good)
        statuses.add(told.status)
        expect(told.status).toBe(503)
        expectRefusal(told, unavailable)
      },
      { timeout: 10_000, interval: 50 },
    )
    expect([...statuses]).toEqual([200, 503])
    expectRefusal(await ask(bad), revoked)
    expect(await operate(ports[0], '/revocations', { server: 'bank', jti: 'x' })).toMatchObject({ status: 503 })
    const readiness = await fetch(`http://127.0.0.1:${edge.setting.ports.metrics}/readyz`)
    expect(await readiness.json()).toMatchObject({
      degraded: ['revocations of bank: there is no connection to Redis, tokens are answered 503'],
    })
    await redis.start()
    await vi.waitFor(async () => expect((await ask(good)).status).toBe(200), { timeout: 10_000, interval: 100 })
    // Redis came back empty.
    expectRefusal(await ask(bad), revoked)
    const lines = edge.setting.service().lines().join('\n')
    expect(lines).toContain('what this process knows was written back')
    for (const secret of [TOKEN, good, bad, String(decodeJwt(bad).jti)]) expect(lines).not.toContain(secret)
  })
})
