import { describe, expect, test } from 'vitest'
import { readAttributes, readHeaders } from '../../src/attributes.ts'
import { answered, verdict } from '../support/answers.ts'
import type { ClientRequest } from '../support/requests.ts'
import { checkRequest } from '../support/requests.ts'
import { buildTestCheck, document, goodRequest } from '../support/spine.ts'

const { surroundings, ask } = buildTestCheck()

function match(client: ClientRequest) {
  const wire = checkRequest(client)
  const attributes = readAttributes(wire, readHeaders(wire))
  if (!attributes.ok) throw new Error(attributes.detail)
  return surroundings.rules().routes.match(attributes.value)
}

const target = (client: ClientRequest): string => {
  const found = match(client)
  return found.ok ? found.value.target : found.reason
}
const route = (client: ClientRequest): string => {
  const found = match(client)
  return found.ok ? found.value.route.name : found.reason
}

describe('ENV-06, ENV-08 the target comes from a configured origin', () => {
  test.each([
    ['api.example.com', 'https://api.example.com/accounts'],
    ['API.EXAMPLE.COM:443', 'https://api.example.com/accounts'],
    ['mtls.example.com:8443', 'https://mtls.example.com:8443/accounts'],
    ['internal.example', 'https://mtls.example.com:8443/accounts'],
  ])('%s', (host, expected) => expect(target({ host })).toBe(expected))
  test.each([
    'evil.example',
    'api.example.com:8443',
    'mtls.example.com',
    'api.example.com.',
    'api.example.com.evil.example',
  ])('%s is not served', (host) => expect(target({ host })).toBe('host_unknown'))
  test('a path prefix stands in front of what Envoy sees', () => {
    const prefixed = {
      ...document,
      publicOrigins: [{ origin: 'https://api.example.com', pathPrefix: '/open-banking' }],
    }
    const wire = checkRequest()
    const attributes = readAttributes(wire, readHeaders(wire))
    if (!attributes.ok) throw new Error(attributes.detail)
    const found = buildTestCheck({ document: prefixed }).surroundings.rules().routes.match(attributes.value)
    expect(found).toMatchObject({ ok: true, value: { target: 'https://api.example.com/open-banking/accounts' } })
  })
})

describe('att-path-05 the default port, written or not, leads to the same route', () => {
  const weaker = { name: 'all', path: '/**' }
  const asked = (hosts: readonly string[], host: string): string => {
    const strong = { name: 'strong', hosts, path: '/accounts', scopes: ['admin'] }
    const wire = checkRequest({ host })
    const attributes = readAttributes(wire, readHeaders(wire))
    if (!attributes.ok) throw new Error(attributes.detail)
    const origin = { origin: 'https://api.example.com', hosts: ['internal.example', 'other.example:443'] }
    const { surroundings: built } = buildTestCheck({
      document: { ...document, publicOrigins: [origin], routes: [strong, weaker] },
    })
    const found = built.rules().routes.match(attributes.value)
    return found.ok ? found.value.route.name : found.reason
  }
  test.each([
    ['api.example.com', 'api.example.com'],
    ['internal.example', 'internal.example'],
    ['other.example', 'other.example'],
    ['API.example.com:443', 'internal.example'],
  ])('%s', (name, internal) => {
    const hosts = [name, internal]
    for (const one of hosts)
      for (const host of [one, one.replace(/:443$/, ''), `${one.replace(/:443$/, '')}:443`])
        expect([host, asked(hosts, host)]).toEqual([host, 'strong'])
    expect(asked(hosts, `${internal}:8443`)).toBe('host_unknown')
  })
})

describe('which route', () => {
  test('the query is no part of the path', () => expect(route({ path: '/accounts?x=/public/y' })).toBe('accounts'))
  test('parameters', () => {
    const found = match({ path: '/accounts/4%C3%A9' })
    expect(found.ok && [...found.value.parameters]).toEqual([['id', '4%C3%A9']])
  })
  test.each(['/', '/ACCOUNTS', '/accounts/1/2', '/publi', '/none'])('no route for %s', (path) =>
    expect(route({ path })).toBe('route_unknown'),
  )
  test.each(['OPTIONS', 'TRACE', 'get', 'PROPFIND'])('T-54 %s is not taken for another method', async (method) => {
    expect(route({ method })).toBe('method_not_allowed')
    const response = await ask(goodRequest({ method }))
    expect(answered(response, 'allow')).toEqual(['GET, HEAD, POST, PUT, PATCH, DELETE'])
  })
  test('Allow names what the path takes and nothing of the request', async () => {
    const response = await ask(goodRequest({ method: 'POST', path: '/public/x' }))
    expect([verdict(response), answered(response, 'allow')]).toEqual(['method_not_allowed', ['GET, HEAD']])
  })
  test('a context extension narrows the choice and opens nothing', () => {
    const contextExtensions = (name: string) => ({ contextExtensions: { route: name } })
    expect(route({ ...contextExtensions('accounts') })).toBe('accounts')
    expect(route({ ...contextExtensions('public') })).toBe('route_unknown')
    expect(route({ ...contextExtensions('__proto__') })).toBe('route_unknown')
    expect(route({ path: '/public/x', ...contextExtensions('accounts') })).toBe('route_unknown')
  })
  test('a route for some hosts is for no others', () => {
    const hosted = { ...document, routes: [{ path: '/accounts', hosts: ['api.example.com'] }] }
    const routes = buildTestCheck({ document: hosted }).surroundings.rules().routes
    const reasons = ['api.example.com', 'api.example.com:443', 'internal.example'].map((host) => {
      const wire = checkRequest({ host })
      const attributes = readAttributes(wire, readHeaders(wire))
      const found = attributes.ok ? routes.match(attributes.value) : attributes
      return found.ok ? 'ok' : found.reason
    })
    expect(reasons).toEqual(['ok', 'ok', 'route_unknown'])
  })
})

describe('T-55, ENV-12 a path two readers could understand differently', () => {
  test.each(
    [
      [
        '/public/../accounts',
        '/public/./x',
        '/public/%2e%2e/accounts',
        '/public/..%2faccounts',
        '/public/%2E%2E%2Faccounts',
      ],
      ['//accounts', '/public//accounts', '/accounts;x', '/public;/x', '/public/;/../accounts', '/public/%3b'],
      [
        '/public/%252e%252e/accounts',
        '/public\\..\\accounts',
        '/public/%5c..%5caccounts',
        '/accounts%00',
        '/accounts%0a',
      ],
      [
        '/%61ccounts',
        '/public/%2',
        '/public/%zz',
        '/public/%c0%ae',
        '/public/%ff',
        '/public/{x}',
        '/public/a|b',
        '/public/"',
      ],
      ['/public/..', '/public/.', '/..', '/public/^', '/public/`', '/public/<x>', `/public/${'a'.repeat(2048)}`],
    ].flat(),
  )('%s', (path) => expect(route({ path })).toBe('path_not_canonical'))
  test.each([
    '/public/x',
    '/public/a.b',
    '/public/..a',
    '/public/%C3%A9',
    '/public/%c3%a9',
    '/public/a%20b',
    '/public',
  ])('%s is one path to everybody', (path) => expect(route({ path })).toBe('public'))
})
