import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { outcomeOf } from '../support/lifecycle-grpc.ts'
import { freshRequest, serviceDocument, startTestService } from '../support/lifecycle-service.ts'
import { goodRequest } from '../support/spine.ts'

const [server] = serviceDocument.authorizationServers
const withServer = (difference: object): object => ({
  ...serviceDocument,
  authorizationServers: [{ ...server, ...difference }],
})
const withRoute = (route: object): object => ({ ...serviceDocument, routes: [...serviceDocument.routes, route] })
const { authorizationServers: _servers, ...serverless } = serviceDocument

/** Proper YAML of a known shape that would let in who must stay out. */
const unsafe: readonly (readonly [string, object, string])[] = [
  ['no authorization server', serverless, 'authorizationServers'],
  ['no issuer', withServer({ issuer: undefined }), 'authorizationServers[0].issuer'],
  ['any issuer', withServer({ issuer: '*' }), 'authorizationServers[0].issuer'],
  ['alg none', withServer({ algorithms: ['none'] }), 'authorizationServers[0].algorithms[0]'],
  ['an origin over http', { ...serviceDocument, publicOrigins: ['http://api.example.com'] }, 'publicOrigins[0]'],
  ['no audience', withServer({ audiences: [] }), 'authorizationServers[0].audiences'],
  ['keys over http', withServer({ keys: { uri: 'http://as.example.com/jwks' } }), 'authorizationServers[0].keys.uri'],
  ['everything open', withRoute({ path: '/**', open: true }), 'routes[2].path'],
  ['bearer tokens', withRoute({ path: '/b', exceptions: ['bearerTokens'] }), 'routes[2].exceptions'],
  ['an empty CA bundle', { ...serviceDocument, outbound: { ca: 'empty.pem' } }, 'outbound.ca'],
]

test('conf-unsafe: an unsafe configuration that comes by reload is refused, counted and shown; the last good one serves', async () => {
  const service = await startTestService()
  writeFileSync(join(service.directory, 'empty.pem'), '')
  const client = service.connect()
  const refused = () => service.records.filter(({ msg }) => msg.startsWith('configuration refused'))
  for (const [index, [name, document, key]] of unsafe.entries()) {
    service.edit(document)
    await vi.waitFor(() => expect(refused().length, name).toBe(index + 1), 10_000)
    // A file that cannot be used is told without a place in the configuration.
    expect(JSON.stringify(refused().at(-1)?.problems), name).toContain(key)
    expect(outcomeOf(await client.ask(freshRequest())), name).toBe('allow')
    expect(outcomeOf(await client.ask(goodRequest({ token: 'x', proof: null }))), name).toBe('token_malformed')
    expect(await service.metric('envoy_fapi_config_reloads_total{result="refused"}')).toBe(index + 1)
    expect(await (await fetch(`http://${service.http}/readyz`)).json()).toMatchObject({ lastChange: 'refused' })
  }
  expect(service.records.filter(({ msg }) => msg.startsWith('configuration applied'))).toEqual([])
})
