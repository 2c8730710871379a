import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect as connectTcp, createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { flaws } from '../support/answers.ts'
import { type CheckClient, outcomeOf } from '../support/lifecycle-grpc.ts'
import { as, ENVOY, peer, tlsFiles } from '../support/lifecycle-peers.ts'
import { temporaryDirectory } from '../support/lifecycle-server.ts'
import { freshRequest, serviceDocument, startTestService, type TestService } from '../support/lifecycle-service.ts'
import { buildClientKey } from '../support/proofs.ts'
import { goodRequest, ORIGIN, proofFor } from '../support/spine.ts'

const drainFor = (drain: string): object => ({ ...serviceDocument, limits: { drain } })

/** Asks without a pause until something else than an allow comes back. */
function startLoad(clients: readonly CheckClient[]) {
  const request = freshRequest('/health')
  const outcomes: string[] = []
  const ask = async (client: CheckClient): Promise<void> => {
    for (let outcome = 'allow'; outcome === 'allow'; outcomes.push(outcome))
      outcome = outcomeOf(await client.ask(request, { deadline: 10_000 }))
  }
  const ended = Promise.all(Array.from({ length: 20 }, () => clients.map(ask)).flat())
  const begun = (): Promise<void> => vi.waitFor(() => expect(outcomes.length).toBeGreaterThan(100), 10_000)
  return { outcomes, ended, begun }
}

const decided = ({ records }: TestService): number => records.filter(({ msg }) => msg === 'decision').length

describe('term-drain, att-ops-04', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    '%s under load: every decision reaches its caller, then exit 0',
    async (name) => {
      const service = await startTestService(drainFor('1s'))
      const load = startLoad([service.connect(), service.connect()])
      await load.begun()
      service.signal(name)
      expect(await service.ended).toBe(0)
      await load.ended
      const allowed = load.outcomes.filter((outcome) => outcome === 'allow').length
      // Whoever came too late was not looked at, and can ask elsewhere.
      expect(new Set(load.outcomes)).toEqual(new Set(['allow', 'UNAVAILABLE']))
      await vi.waitFor(() => expect(service.lines().at(-1)).toContain('"msg":"stopped"'))
      expect(decided(service)).toBe(allowed)
    },
  )

  test('while it drains, health says so and Checks are still answered', async () => {
    const service = await startTestService(drainFor('60s'))
    const client = service.connect()
    const watch = client.watchHealth('')
    const load = startLoad([service.connect()])
    await load.begun()
    expect([await client.health(), (await fetch(`http://${service.http}/readyz`)).status]).toEqual(['SERVING', 200])
    service.signal('SIGTERM')
    await vi.waitFor(() => expect(watch.heard).toEqual(['SERVING', 'NOT_SERVING']))
    expect(await client.health('envoy.service.auth.v3.Authorization')).toBe('NOT_SERVING')
    expect(await client.health('readiness')).toBe('NOT_SERVING')
    expect(await client.health('liveness')).toBe('SERVING')
    const ready = await fetch(`http://${service.http}/readyz`)
    expect([ready.status, ((await ready.json()) as { status: string }).status]).toEqual([503, 'draining'])
    expect((await fetch(`http://${service.http}/healthz`)).status).toBe(200)
    expect(outcomeOf(await client.ask(freshRequest()))).toBe('allow')

    // A second signal is for those who cannot wait.
    service.signal('SIGTERM')
    expect(await service.ended).toBe(143)
    await load.ended
  })

  test('a Check that waits for an authorization server is answered before the end', async () => {
    // Takes every connection and says nothing.
    const hole = createServer().listen(0, '127.0.0.1')
    await once(hole, 'listening')
    onTestFinished(() => void hole.close())
    const { port } = hole.address() as { readonly port: number }
    const key = join(temporaryDirectory(), 'accounts.jwk')
    writeFileSync(key, JSON.stringify((await buildClientKey()).privateJwk))
    const place = `https://127.0.0.1:${port}`
    const service = await startTestService({
      ...drainFor('4s'),
      authorizationServers: [
        ...serviceDocument.authorizationServers,
        {
          name: 'slow',
          issuer: 'https://slow.example',
          audiences: [ORIGIN],
          keys: { uri: `${place}/jwks` },
          revocation: { introspection: { endpoint: `${place}/introspect`, clientId: 'accounts', key } },
        },
      ],
    })
    // A token that nobody was asked about before.
    const stuck = () => {
      const token = `opaque-${randomUUID()}`
      return goodRequest({ token, proof: proofFor(token) })
    }
    // As a whole denial long before the caller gives up.
    expect(outcomeOf(await service.connect().ask(stuck(), { deadline: 30_000 }))).toBe('deadline')
    const waiting = service.connect().ask(stuck())
    // Answered right away, so the one before it is being looked at.
    expect(outcomeOf(await service.connect().ask(freshRequest()))).toBe('allow')
    service.signal('SIGTERM')
    const reply = await waiting
    expect(outcomeOf(reply)).toBe('deadline')
    expect(reply.ok && flaws(reply.response)).toEqual([])
    expect(await service.ended).toBe(0)
  })

  test('connections that do nothing hold up nothing', async () => {
    const { files } = tlsFiles(temporaryDirectory())
    const service = await startTestService({
      ...drainFor('1s'),
      listen: { ...serviceDocument.listen, tls: { ...files, peers: [ENVOY] } },
    })
    const [host = '', port] = service.address.split(':')
    const silent = connectTcp({ host, port: Number(port) })
    silent.on('error', () => undefined)
    onTestFinished(() => void silent.destroy())
    await once(silent, 'connect')
    const client = service.connect(as(peer({ uris: [ENVOY] })))
    expect(outcomeOf(await client.ask(freshRequest()))).toBe('allow')
    service.signal('SIGTERM')
    expect(await service.ended).toBe(0)
  })
})
