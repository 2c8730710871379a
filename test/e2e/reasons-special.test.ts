import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { API } from '../../demo/setting.ts'
import { edgeDocument, lines, startTestEdge, type TestEdge, type Told, withSettings } from '../support/edge.ts'
import { specialReasons, unreachedReasons } from '../support/edge-reasons-special.ts'
import { expectRefusal } from '../support/edge-refusals.ts'
import { fillStore, type Standby, serveInside, serveInstead } from '../support/edge-service.ts'
import { buildClientKey } from '../support/proofs.ts'
import { buildTestCheck, document, mintToken, proofFor } from '../support/spine.ts'

const SLOW_ISSUER = 'https://slow.example'

let edge: TestEdge
let hole: Server
let standby: Standby | undefined

/** Takes the place of the service that answers. */
const replace = async (next: () => Promise<Standby>): Promise<void> => {
  await standby?.stop()
  standby = await next()
}
const serve = (more: object, waitsFor?: string): Promise<void> =>
  replace(() => serveInstead(edge, { limits: { drain: '0s' }, ...more }, waitsFor))

/** The bank, and a server that takes every question about a token and says nothing for longer than a Check may take. */
const servers = (): readonly object[] => {
  const { port } = hole.address() as { readonly port: number }
  const place = `https://127.0.0.1:${port}`
  return [
    ...edgeDocument.authorizationServers,
    {
      ...{ name: 'slow', issuer: SLOW_ISSUER, audiences: [API], keys: { uri: `${place}/jwks` } },
      revocation: { introspection: { endpoint: `${place}/introspect`, clientId: 'accounts', key: 'accounts.jwk' } },
    },
  ]
}
/** A token that nobody was asked about before. */
const stuck = (): Promise<Told> => edge.ask(edge.good({ token: `opaque-${randomUUID()}` }))

beforeAll(async () => {
  hole = createServer().listen(0, '127.0.0.1')
  await once(hole, 'listening')
  edge = await startTestEdge({
    document: { limits: { drain: '0s' } },
    files: { 'accounts.jwk': JSON.stringify((await buildClientKey()).privateJwk) },
    adapt: withSettings({
      // Longer than the service itself takes at the most: what is late here is late because of us.
      grpc_service: (value) => ({ ...(value as object), timeout: '5s', retry_policy: undefined }),
    }),
  })
  await edge.setting.service().stop()
})
afterAll(async () => {
  await standby?.stop()
  await edge.stop()
  hole.close()
})

/**
 * The first answer other than that no route covers the path, which a service that works on its only Check gives to the
 * next. What asks never gets to the upstream, where hits are counted for whoever waits meanwhile.
 */
const untilBusy = async (): Promise<Told> => {
  let told = await edge.ask({ path: '/nowhere' })
  for (let tries = 0; told.status === 403 && tries < 200; tries += 1) told = await edge.ask({ path: '/nowhere' })
  return told
}

const scenarios: Readonly<Record<keyof typeof specialReasons, () => Promise<Told>>> = {
  deadline: async () => {
    await serve({ authorizationServers: servers(), limits: { drain: '0s', concurrentChecks: 1 } })
    return await stuck()
  },
  // The service of the one before takes one Check at a time.
  overload: async () => {
    const waiting = stuck()
    const told = await untilBusy()
    await waiting
    return told
  },
  draining: async () => {
    const waiting = stuck()
    await untilBusy()
    await standby?.stop()
    return await waiting
  },
  replay_quota: async () => {
    await serve({ stores: { afterRestart: 'accept', replayCapacity: 1000 } })
    const token = edge.mint()
    expect(await fillStore(edge, token, 1000)).toEqual(new Set(['allow']))
    return await edge.ask(edge.good({ token }))
  },
  // Right after the one before: the store of that service is full.
  replay_full: async () => {
    const proofKey = await buildClientKey()
    const token = edge.mint({ claims: { cnf: { jkt: proofKey.thumbprint } } })
    return await edge.ask(edge.good({ token, proofKey }))
  },
  replay_unknown: async () => {
    await serve(
      { stores: { afterRestart: 'refuse' } },
      'end of the time in which proofs may be older than this process',
    )
    return await edge.ask(edge.good())
  },
  starting: async () => {
    const dark = edgeDocument.authorizationServers.slice(1)
    await serve({ authorizationServers: dark }, 'keys of an authorization server')
    return await edge.ask({ path: '/public/x' })
  },
}

describe('XF-01, T-74: refusals that take a special moment', () => {
  test.each(Object.values(specialReasons))('$reason: $status', async (refusal) => {
    const told = await scenarios[refusal.reason]()
    expectRefusal(told, refusal)
    expect(lines(told, 'x-fapi-interaction-id')).toEqual([told.id])
  })
})

/** The whole core but for its clock, keys and replay store. */
const inside = (claim: () => never): ReturnType<typeof buildTestCheck> =>
  buildTestCheck({
    document: { ...document, publicOrigins: [API] },
    replays: { claim },
  })
const askInside = (): Promise<Told> => {
  const token = mintToken()
  const dpop = proofFor(token, { claims: { htu: `${API}/accounts` } })
  return edge.ask({ headers: { authorization: `DPoP ${token}`, dpop } })
}

const besides: Readonly<Record<keyof typeof unreachedReasons, () => Promise<Told>>> = {
  replay_unavailable: async () => {
    // A promise that is rejected is what a store over a network gives.
    const { check } = inside(() => Promise.reject(new Error('gone')) as never)
    await replace(() => serveInside(edge, check))
    return await askInside()
  },
  internal_error: async () => {
    const { check } = inside(() => {
      throw new Error('a bug')
    })
    await replace(() => serveInside(edge, check))
    return await askInside()
  },
}

describe('refusals that cannot be provoked from outside, all the same through Envoy', () => {
  test.each(Object.values(unreachedReasons))('$refusal.reason: $refusal.status ($why)', async ({ refusal }) => {
    const told = await besides[refusal.reason]()
    expectRefusal(told, refusal)
    expect(lines(told, 'x-fapi-interaction-id')).toEqual([told.id])
  })
})
