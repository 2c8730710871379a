import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import * as client from 'openid-client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Answer, fetchToken, send } from '../../demo/client.ts'
import { API } from '../../demo/setting.ts'
import { buildNonces } from '../../src/verify/nonce.ts'
import { edgeDocument, lines, startTestEdge, type TestEdge } from '../support/edge.ts'
import { type Replica, startReplica } from '../support/edge-replica.ts'
import { secretOf } from '../support/nonces.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'

/** As short as it may be, so that a rotation is over in the time of a test. */
const STEP = 10

const secrets = mkdtempSync(join(tmpdir(), 'envoy-fapi-secrets-'))
const file = (name: keyof typeof secretOf): string => join(secrets, name)
const reference = (name: keyof typeof secretOf): string => `$${`{file:${file(name)}}`}`
/** What both replicas are told, the newest secret first. */
const document = (...names: readonly (keyof typeof secretOf)[]): Readonly<Record<string, unknown>> => ({
  replicas: 2,
  // Patient, because this machine may be busy with other tests.
  stores: { replay: { url: redis.url, timeout: '100ms' } },
  nonces: { secrets: names.map(reference), step: `${STEP}s` },
})

const ends: (() => Promise<void>)[] = []
let redis: TestRedis
let edge: TestEdge
let replica: Replica
/** How many changes each replica has taken over. */
const applied = [0, 0]
const follow =
  (index: 0 | 1) =>
  ({ msg }: { readonly msg: string }) => {
    if (msg === 'configuration applied') applied[index] = (applied[index] ?? 0) + 1
  }

beforeAll(async () => {
  for (const [name, secret] of Object.entries(secretOf)) writeFileSync(join(secrets, name), `${secret}\n`)
  redis = await startRedis()
  ends.push(redis.stop)
  edge = await startTestEdge({ document: document('first'), follow: follow(0) })
  ends.push(edge.stop)
  replica = await startReplica(edge, document('first'), follow(1))
  ends.push(replica.stop)
})
afterAll(async () => {
  for (const end of ends.toReversed()) await end()
  rmSync(secrets, { recursive: true, force: true })
})

/** Changes the secrets of one replica and waits until it has taken them over. */
async function rotate(index: 0 | 1, ...names: readonly (keyof typeof secretOf)[]): Promise<void> {
  const before = applied[index] ?? 0
  const config = [edge.config, replica.config][index] ?? ''
  writeFileSync(config, JSON.stringify({ ...edgeDocument, ...document(...names) }))
  while (applied[index] === before) await pause(20)
}

/** openid-client with a DPoP key and a token for it. Every request of it goes to the next of both Envoys in turn. */
async function startClient() {
  const { clients, authorizationServer, pki } = edge.setting
  const key = await client.randomDPoPKeyPair('ES256')
  const source = { issuer: authorizationServer.issuer, ca: pki.authority.certificate, resource: API }
  const token = await fetchToken(source, clients.dpop, 'accounts', key)
  const configuration = new client.Configuration({ issuer: authorizationServer.issuer }, clients.dpop.id)
  const answers: Answer[] = []
  let turn = 0
  configuration[client.customFetch] = async (url, { method, headers }) => {
    turn += 1
    const answer = await send([edge.setting.edge, replica.edge][turn % 2] ?? replica.edge, { method, url, headers })
    answers.push(answer)
    const fields = [...answer.headers].flatMap(([name, values]) =>
      values.map((value): [string, string] => [name, value]),
    )
    return new Response(answer.body, { status: answer.status, headers: fields })
  }
  const DPoP = client.getDPoPHandle(configuration, key)
  /** One call of the library, and what it took. */
  return async (): Promise<readonly Answer[]> => {
    const before = answers.length
    const url = new URL(`${API}/nonce`)
    const { status } = await client.fetchProtectedResource(configuration, token, url, 'GET', null, undefined, { DPoP })
    expect(status).toBe(200)
    return answers.slice(before)
  }
}
const statusesOf = (answers: readonly Answer[]): readonly number[] => answers.map(({ status }) => status)
const nonceOf = (answer: Answer | undefined): string | undefined => answer && lines(answer, 'dpop-nonce')[0]

describe('DPOP-36 … DPOP-42, att-dpop-11: openid-client and two replicas behind two Envoys', () => {
  test('the first call takes one more round trip, the others none, whichever replica answers', async () => {
    const call = await startClient()
    const first = await call()
    expect(statusesOf(first)).toEqual([401, 200])
    expect(lines(first[0] as Answer, 'dpop-nonce')).toEqual([expect.stringMatching(/^[A-Za-z0-9_-]{43}$/)])
    for (let round = 0; round < 6; round += 1) expect(statusesOf(await call())).toEqual([200])
  })

  test('through a rotation with overlap, one replica after the other, every call is answered 200', async () => {
    const call = await startClient()
    await call()
    const seen: Answer[] = []
    const keepCalling = async (): Promise<void> => {
      const took = await call()
      // A pause of the machine may cost the client its nonce, but never more than one more round trip.
      expect(took.length).toBeLessThanOrEqual(2)
      seen.push(...took)
    }
    await rotate(0, 'second', 'first')
    for (let round = 0; round < 4; round += 1) await keepCalling()
    await rotate(1, 'second', 'first')
    const ofSecond = nonces('second')
    while (!seen.some((answer) => ofSecond().includes(nonceOf(answer) ?? ''))) {
      await keepCalling()
      await pause(50)
    }
    // The renewal came with an answer that was let in, as one line that no cache keeps.
    const renewed = seen.filter((answer) => answer.status === 200 && nonceOf(answer) !== undefined)
    expect(renewed.length).toBeGreaterThan(0)
    for (const answer of renewed) {
      expect(lines(answer, 'dpop-nonce')).toHaveLength(1)
      expect(lines(answer, 'cache-control')).toEqual(['no-store'])
    }
    for (const index of [0, 1] as const) await rotate(index, 'second')
    for (let round = 0; round < 4; round += 1) await keepCalling()
  })

  test('a secret that is changed without overlap costs one more round trip, once', async () => {
    const call = await startClient()
    await call()
    for (const index of [0, 1] as const) await rotate(index, 'third')
    expect(statusesOf(await call())).toEqual([401, 200])
    for (let round = 0; round < 6; round += 1) expect(statusesOf(await call())).toEqual([200])
  })
})

/** What a replica may issue with that secret now or a step ago. */
function nonces(name: keyof typeof secretOf): () => readonly string[] {
  const maker = buildNonces({ secrets: [{ secret: secretOf[name], since: -1e6 }], step: STEP, monotonic: () => 0 })
  return () => [0, 1, 2].map((steps) => maker.issue(API, Date.now() / 1000 - steps * STEP))
}
