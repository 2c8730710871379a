import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { readConfig } from '../../../src/config.ts'
import { expandConfig } from '../../../src/config-expansion.ts'
import { metadataRoutes } from '../../../src/envoy-metadata-route.ts'
import { publications } from '../../../src/resource-metadata.ts'
import { commandLine } from '../../support/command-line.ts'
import { directoryWith, smallest } from '../../support/config-files.ts'

interface Printed {
  readonly max_direct_response_body_size_bytes?: number
  readonly routes: readonly {
    readonly match: {
      readonly path: string
      readonly headers: readonly { readonly string_match: { readonly safe_regex: { readonly regex: string } } }[]
    }
    readonly direct_response: { readonly body: { readonly inline_string: string } }
  }[]
}

const about = { name: 'Konten "und" more: %START_TIME%', documentation: 'https://bank.example/docs' }
const two = {
  publicOrigins: [
    'https://api.bank.example',
    { origin: 'https://open.bank.example:8443', hosts: ['edge.internal'], pathPrefix: '/v4' },
  ],
  authorizationServers: [{ issuer: 'https://as.bank.example', audiences: ['https://api.bank.example'] }],
}

async function print(document: object, ...words: readonly string[]) {
  const file = join(directoryWith({ 'a.yaml': JSON.stringify(document) }), 'a.yaml')
  return await commandLine(['config', ...words, file])
}

const publishedOf = (document: object) => {
  const reading = readConfig(document)
  if (!reading.ok) throw new Error(JSON.stringify(reading.problems))
  return publications(reading.config)
}

describe('PRM-01 config metadata', () => {
  const document = smallest({ resourceMetadata: about, ...two })

  test('prints YAML that holds the documents as they are', async () => {
    const { out, code } = await print(document, 'metadata')
    const { routes } = parse(out) as Printed
    expect(routes.map((route) => JSON.parse(route.direct_response.body.inline_string))).toEqual(
      publishedOf(document).map((published) => published.document),
    )
    expect(parse(out)).toEqual(JSON.parse(JSON.stringify(metadataRoutes(publishedOf(document)))))
    expect(out).toMatch(/^# .*\n# https:\/\/api\.bank\.example\/\.well-known\/oauth-protected-resource\n/)
    expect(code).toBe(undefined)
  })
  test('--json says the same for machines, with the documents in front', async () => {
    const { out } = await print(document, 'metadata', '--json')
    const documents = publishedOf(document).map(({ url, document: told }) => ({ url, document: told }))
    expect(JSON.parse(out)).toEqual({ documents, ...metadataRoutes(publishedOf(document)) })
    expect(documents.map(({ url }) => url)).toEqual([
      'https://api.bank.example/.well-known/oauth-protected-resource',
      'https://open.bank.example:8443/.well-known/oauth-protected-resource/v4',
    ])
  })
  test.each([
    [
      0,
      ['api.bank.example', 'API.bank.example', 'api.bank.example:443'],
      ['apixbank.example', 'api.bank.example:8443'],
    ],
    [
      1,
      ['open.bank.example:8443', 'edge.internal', 'edge.internal:443'],
      ['open.bank.example', 'open.bank.example:8443:443', 'api.bank.example'],
    ],
  ])('route %i answers for the hosts of its origin alone', (index, hosts, others) => {
    const { routes } = metadataRoutes(publishedOf(document)) as Printed
    const [method, authority] = routes[index]?.match.headers ?? []
    const fits = (written: string | undefined, value: string): boolean =>
      new RegExp(`^(?:${written?.replace('(?i)', '')})$`, 'i').test(value)
    expect(hosts.filter((host) => !fits(authority?.string_match.safe_regex.regex, host))).toEqual([])
    expect(others.filter((host) => fits(authority?.string_match.safe_regex.regex, host))).toEqual([])
    expect(['GET', 'HEAD', 'POST', 'GETX'].map((one) => fits(method?.string_match.safe_regex.regex, one))).toEqual([
      ...[true, true, false, false],
    ])
  })
  test('a document larger than Envoy would give out says so, and by how much', () => {
    const scopes = Array.from({ length: 400 }, (_, index) => `scope-number-${index}`)
    const large = smallest({ resourceMetadata: {}, routes: [{ path: '/**', scopes }] })
    const rules = metadataRoutes(publishedOf(large)) as Printed
    const length = Buffer.byteLength(rules.routes[0]?.direct_response.body.inline_string ?? '')
    expect(length).toBeGreaterThan(4096)
    expect(rules.max_direct_response_body_size_bytes).toBe(length)
    expect(Object.keys(metadataRoutes(publishedOf(document)))).toEqual(['routes'])
  })
  test('says when there is nothing, and ends with 2 for a broken file', async () => {
    expect((await print(smallest(), 'metadata')).out).toBe(
      '# Nothing is published: the configuration has no resourceMetadata.\n',
    )
    expect(JSON.parse((await print(smallest(), 'metadata', '--json')).out)).toEqual({ documents: [], routes: [] })
    expect((await commandLine(['config', 'metadata', 'no-such.yaml'])).code).toBe(2)
  })
  test('config check says where clients will look', async () => {
    const { out } = await print(document, 'check')
    expect(out).toContain('note: https://api.bank.example/.well-known/oauth-protected-resource is for Envoy to answer')
  })
  test('config expand keeps what is published', () => {
    const reading = readConfig(document)
    if (!reading.ok) throw new Error('unreadable')
    expect(expandConfig(reading.config)).toMatchObject({ resourceMetadata: about })
  })
  test('EL-07 lint has nothing against the routes', async () => {
    const { out } = await print(document, 'metadata')
    const virtualHost = { domains: ['api.bank.example'], routes: (parse(out) as Printed).routes }
    const type = 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration'
    const lint = async (host: object) => {
      const text = JSON.stringify({ '@type': type, virtual_hosts: [host] })
      const told = await commandLine(['lint', join(directoryWith({ 'a.yaml': text }), 'a.yaml'), '--json'])
      return (JSON.parse(told.out) as { findings: readonly { id: string }[] }).findings.map(({ id }) => id)
    }
    expect(await lint(virtualHost)).toEqual([])
    const reaching = virtualHost.routes.map((route) => ({
      ...route,
      direct_response: undefined,
      route: { cluster: 'a' },
    }))
    expect(await lint({ ...virtualHost, routes: reaching })).toEqual(['EL-07', 'EL-07'])
    const wider = virtualHost.routes.map((route) => ({ ...route, match: { prefix: '/' } }))
    expect(await lint({ ...virtualHost, routes: wider })).toEqual(['EL-06', 'EL-06'])
  })
})
