import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import * as oauth from 'oauth4webapi'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fetchToken, sendWithDpop } from '../../demo/client.ts'
import { freePorts } from '../../demo/ports.ts'
import { API, configEnvironment, MTLS } from '../../demo/setting.ts'
import { metadataRoutes } from '../../src/envoy-metadata-route.ts'
import { loadConfig } from '../../src/io/config-file.ts'
import { publications } from '../../src/resource-metadata.ts'
import { placeBootstrap, validateBootstrap } from '../../tools/bootstrap.ts'
import { findEnvoy } from '../../tools/envoy.ts'
import { commandLine } from '../support/command-line.ts'
import { DARK_ISSUER, lines, startTestEdge, type TestEdge, withSettings } from '../support/edge.ts'
import { reasonOf } from '../support/edge-refusals.ts'

const ports = await freePorts()
const issuer = `https://localhost:${ports.authorizationServer}`
const WELL_KNOWN = '/.well-known/oauth-protected-resource'

interface Host {
  readonly routes: readonly object[]
}

let edge: TestEdge
let published: ReturnType<typeof publications> = []

const inFront = (routes: readonly object[]) => (hosts: unknown) =>
  (hosts as readonly Host[]).map((host) => ({ ...host, routes: [...routes, ...host.routes] }))

/** Puts the routes that `config metadata` prints where its comment says. */
function publish(bootstrap: string): string {
  const [, pki = ''] = /"([^"]*)\/server\.pem"/.exec(bootstrap) ?? []
  const environment = configEnvironment(ports, { directory: pki }, issuer)
  const loaded = loadConfig(join(dirname(pki), 'envoy-fapi.yaml'), environment)
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  published = publications(loaded.config)
  const { routes } = metadataRoutes(published)
  return withSettings({ virtual_hosts: inFront(routes) })(bootstrap)
}

/** fetch() for oauth4webapi, through Envoy. */
const through = {
  [oauth.customFetch]: async (
    url: string,
    { method, headers }: { readonly method: string; readonly headers: Readonly<Record<string, string>> },
  ): Promise<Response> => {
    const answer = await edge.ask({ url, method, headers })
    const received = [...answer.headers].map(([name, values]): [string, string] => [name, values.join(', ')])
    return new Response(answer.body, { status: answer.status, headers: received })
  },
}

/** What a client that sends a token nobody gave is told in the challenges, by oauth4webapi's reading. */
async function challenges(url: string): Promise<readonly oauth.WWWAuthenticateChallenge[]> {
  try {
    await oauth.protectedResourceRequest('nobody-gave-this', 'GET', new URL(url), undefined, undefined, through)
  } catch (error) {
    if (error instanceof oauth.WWWAuthenticateChallengeError) return error.cause
    throw error
  }
  throw new Error('the request was let in')
}

beforeAll(async () => {
  const document = { resourceMetadata: { name: 'Konten – accounts', documentation: 'https://bank.example/docs' } }
  edge = await startTestEdge({ ports, document, adapt: publish })
})
afterAll(() => edge.stop())

describe('PRM-01 Envoy answers with the document of the configuration, and asks nobody', () => {
  const ask = async (url: string, method = 'GET') =>
    await edge.ask({ url, method, ...(url.startsWith(MTLS) && { certificate: edge.certify({}) }) })

  test.each([API, MTLS])('%s', async (origin) => {
    const answer = await ask(origin + WELL_KNOWN)
    expect(answer).toMatchObject({ status: 200, hits: 0 })
    expect(lines(answer, 'content-type')).toEqual(['application/json'])
    const expected = published.find(({ url }) => url === origin + WELL_KNOWN)
    expect(JSON.parse(answer.body)).toEqual(expected?.document)
    expect(expected?.document).toMatchObject({ resource: origin, authorization_servers: [issuer, DARK_ISSUER] })
  })
  test('with a query, the default port, another case of the host, and HEAD', async () => {
    for (const url of [`${API}${WELL_KNOWN}?a=b`, `${API}:443${WELL_KNOWN}`, `https://API.bank.example${WELL_KNOWN}`])
      expect([url, (await ask(url)).status]).toEqual([url, 200])
    expect(await ask(API + WELL_KNOWN, 'HEAD')).toMatchObject({ status: 200, body: '', hits: 0 })
  })
  test.each([
    [`${API}${WELL_KNOWN}`, 'POST'],
    [`${API}${WELL_KNOWN}/x`, 'GET'],
    [`${API}${WELL_KNOWN}x`, 'GET'],
    [`${API}${WELL_KNOWN}/../../accounts`, 'GET'],
  ])('no way past the check: %s %s', async (url, method) => {
    const answer = await ask(url, method)
    expect([401, 403]).toContain(answer.status)
    expect(answer.hits).toBe(0)
    // The service was asked, and said so.
    expect(await reasonOf(edge, answer.id)).toMatch(/^(?:route_unknown|credentials_missing)$/)
  })
})

test('PRM-01 a large document needs the setting that is printed with its route', () => {
  const [found] = published
  if (!found) throw new Error('nothing is published')
  const scopes = Array.from({ length: 400 }, (_, index) => `scope-number-${index}`)
  const large = { ...found, document: { ...found.document, scopes_supported: scopes } }
  const { routes, ...setting } = metadataRoutes([large])
  const { pki } = edge.setting
  const placed = placeBootstrap('envoy/hardened.yaml', { pki: pki.directory, ports })
  const complaint = (more: object): string | undefined => {
    const file = join(edge.directory, 'large.json')
    const add = (rules: unknown): object => ({ ...(rules as object), ...more })
    writeFileSync(file, withSettings({ virtual_hosts: inFront(routes), route_config: add })(placed))
    return validateBootstrap(
      findEnvoy(() => undefined),
      file,
    )
  }
  expect(complaint({})).toMatch(/4096/)
  expect(complaint(setting)).toBeUndefined()
})

describe('PRM-03 doctor compares what Envoy says with what is enforced', () => {
  const examine = async (file: string) => {
    const { pki, edge: door } = edge.setting
    const words = ['--through', `${API}/accounts`, '--connect', `127.0.0.1:${door.port}`]
    const { out } = await commandLine(
      ['doctor', '--config', file, '--json', ...words, '--cacert', join(pki.directory, 'ca.pem')],
      configEnvironment(ports, pki, issuer),
    )
    const { findings } = JSON.parse(out) as { readonly findings: readonly Record<string, string>[] }
    return findings.filter(({ tried }) => tried === 'the metadata of the resource')
  }

  test('the same configuration', async () =>
    expect(await examine(edge.config)).toEqual([expect.objectContaining({ severity: 'ok' })]))
  test('one that has changed since', async () => {
    const changed = join(edge.directory, 'changed.yaml')
    const old = JSON.parse(readFileSync(edge.config, 'utf8')) as { readonly routes: readonly object[] }
    writeFileSync(changed, JSON.stringify({ ...old, routes: old.routes.slice(0, -1) }))
    expect(await examine(changed)).toEqual([
      expect.objectContaining({ id: 'DT-15', severity: 'problem', found: 'another scopes_supported' }),
    ])
  })
})

describe('PRM-04, ERR-14 a client that knows the API alone', () => {
  test('follows the challenge to the metadata, the server and a token that passes', async () => {
    const pointers = (await challenges(`${API}/accounts`)).map(({ parameters }) => parameters.resource_metadata)
    expect(pointers).toEqual([API + WELL_KNOWN, API + WELL_KNOWN])

    const resource = new URL(API)
    const response = await oauth.resourceDiscoveryRequest(resource, through)
    const told = await oauth.processResourceDiscoveryResponse(resource, response)
    expect(told).toMatchObject({ dpop_bound_access_tokens_required: false, resource_name: 'Konten – accounts' })
    const [server = ''] = told.authorization_servers ?? []
    const key = await oauth.generateKeyPair(told.dpop_signing_alg_values_supported?.[0] ?? '')
    const source = { issuer: server, ca: edge.setting.edge.ca, resource: told.resource }
    const token = await fetchToken(source, edge.setting.clients.dpop, told.scopes_supported?.[0] ?? '', key)
    const answers = await sendWithDpop([edge.setting.edge], token, key, { url: `${API}/accounts` })
    expect(answers.map(({ status }) => status)).toEqual([200])
  })
  test('PRM-02 takes no document that is for another resource', async () => {
    const response = await oauth.resourceDiscoveryRequest(new URL(API), through)
    await expect(oauth.processResourceDiscoveryResponse(new URL(MTLS), response)).rejects.toThrow(/does not match/)
  })
  test('has the metadata also while the service is down', async () => {
    await edge.setting.service().stop()
    expect(await edge.ask({ url: API + WELL_KNOWN })).toMatchObject({ status: 200, hits: 0 })
    expect(await edge.ask({ url: `${API}/accounts` })).toMatchObject({ status: 503, hits: 0 })
  })
})
