import { describe, expect, test, vi } from 'vitest'
import type { CheckRequest } from '../../src/wire.ts'
import { answered, verdict } from '../support/answers.ts'
import type { CheckClient } from '../support/lifecycle-grpc.ts'
import { freshRequest, serviceDocument, startTestService } from '../support/lifecycle-service.ts'
import { type RedisFault, redisFaults } from '../support/redis-faults.ts'
import { forgetStart, freshRedis, openStore } from '../support/redis-replays.ts'
import { checkRequest } from '../support/requests.ts'

/** A service process and a Redis that it seems to have used for long. */
async function startService() {
  const redis = await freshRedis()
  const before = openStore({ replay: redis.url })
  await before.until(undefined)
  await forgetStart(redis)
  const stores = { replay: { url: redis.url, timeout: '100ms' } }
  const service = await startTestService({ ...serviceDocument, stores })
  return { redis, service, client: service.connect() }
}

/** What became of a Check: the reason, the status and when to come again. */
async function ask(client: CheckClient, request = freshRequest()) {
  const reply = await client.ask(request)
  if (!reply.ok) throw new Error(reply.error)
  const { response } = reply
  const status = 'deniedResponse' in response ? response.deniedResponse.status.code : 200
  return { verdict: verdict(response), status, retryAfter: answered(response, 'retry-after') }
}

/** The same request on another stream: by a thief, not by an Envoy that tries again. */
function replayed(request: CheckRequest): CheckRequest {
  const copy = structuredClone(request)
  const http = copy.attributes?.request?.http
  if (!http) throw new Error('there is no request in it')
  return {
    ...copy,
    attributes: { ...copy.attributes, request: { ...copy.attributes?.request, http: { ...http, id: 'another' } } },
  }
}

const faults: Readonly<Record<string, RedisFault & { readonly verdict?: string }>> = {
  ...redisFaults,
  'redis-full': {
    cause: 'full',
    verdict: 'replay_full',
    begin: ({ admin }) => admin('config', 'set', 'maxmemory', 1),
    end: ({ admin }) => admin('config', 'set', 'maxmemory', 0),
  },
}

describe.each(Object.entries(faults))('DPOP-47 %s', (_name, { cause, verdict: reason, begin, end }) => {
  test('is answered 503 with Retry-After, named once in log, metrics and /readyz, and over by itself', async () => {
    const { redis, service, client } = await startService()
    const spent = freshRequest()
    expect(await ask(client, spent)).toMatchObject({ verdict: 'allow' })
    const named = (message: string) =>
      service.records.filter((record) => record.msg === message && 'cause' in record && record.cause === cause)

    await begin(redis)
    await vi.waitFor(() => expect(named('replay store unavailable')).toHaveLength(1), { timeout: 10_000, interval: 20 })
    expect(await ask(client)).toEqual({
      verdict: reason ?? 'replay_unavailable',
      status: 503,
      retryAfter: [reason === undefined ? '1' : '5'],
    })
    expect(await ask(client, replayed(spent))).not.toMatchObject({ verdict: 'allow' })
    expect(await ask(client, checkRequest({ path: '/health' }))).toMatchObject({ verdict: 'allow' })
    expect(await service.metric('envoy_fapi_dependency_up{name="replay"}')).toBe(0)
    const readiness = await fetch(`http://${service.http}/readyz`)
    expect(readiness.status).toBe(200)
    expect(await readiness.json()).toMatchObject({ degraded: [expect.stringContaining('replay store: ')] })
    const causes = await Promise.all(
      [cause, 'open'].map((one) => service.metric(`envoy_fapi_replay_store_errors_total{cause="${one}"}`)),
    )
    expect(causes.some((count) => (count ?? 0) > 0)).toBe(true)

    await end(redis)
    await vi.waitFor(async () => expect(await service.metric('envoy_fapi_dependency_up{name="replay"}')).toBe(1), {
      timeout: 10_000,
      interval: 50,
    })
    expect(await ask(client, replayed(spent))).not.toMatchObject({ verdict: 'allow' })
    await vi.waitFor(async () => expect(await ask(client)).toMatchObject({ verdict: 'allow' }), {
      timeout: 20_000,
      interval: 200,
    })
    expect(await ask(client, replayed(spent))).not.toMatchObject({ verdict: 'allow' })
    expect(named('replay store unavailable')).toHaveLength(1)
    expect(service.records.filter(({ msg }) => msg === 'replay store available')).toHaveLength(2)
    // No beginning of a JWT.
    expect(service.lines().join('\n')).not.toMatch(/eyJ[\w-]{8}/)
  })
})

test('a start without Redis is ready after three seconds, says so, and takes proofs once Redis is there', async () => {
  const redis = await freshRedis()
  await redis.kill()
  const stores = { replay: redis.url }
  const service = await startTestService({ ...serviceDocument, stores })
  const client = service.connect()
  expect(await ask(client)).toEqual({ verdict: 'replay_unavailable', status: 503, retryAfter: ['1'] })
  expect(await (await fetch(`http://${service.http}/readyz`)).json()).toMatchObject({
    status: 'ready',
    degraded: ['replay store: there is no connection to Redis'],
  })
  await redis.start()
  await vi.waitFor(async () => expect(await ask(client)).toMatchObject({ verdict: 'allow' }), {
    timeout: 20_000,
    interval: 200,
  })
})
