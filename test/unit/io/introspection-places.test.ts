import { describe, expect, test } from 'vitest'
import { createAuthority, issue } from '../../../tools/pki.ts'
import { type Answering, type Asked, active, CLIENT, meet, say, status } from '../../support/introspection.ts'

describe('where to ask', () => {
  const paths = (asked: readonly Asked[]): readonly unknown[] => asked.map(({ request }) => request.url)
  const discover =
    (metadata: (origin: string) => object): Answering =>
    (asked, response) => {
      const origin = `https://${asked.request.headers.host}`
      if (asked.request.url?.includes('well-known'))
        say(() => ({ issuer: origin, ...metadata(origin) }))(asked, response)
      else active(asked, response)
    }
  const found = { endpoint: () => undefined, issuer: (origin: string) => origin }
  test('as the metadata say, which are read once', async () => {
    const { ask, asked } = await meet(
      discover((origin) => ({ introspection_endpoint: `${origin}/said` })),
      found,
    )
    expect([await ask('a'), await ask('b')]).toEqual(['active', 'active'])
    expect(paths(asked)).toEqual(['/.well-known/openid-configuration', '/said', '/said'])
  })
  test('metadata are looked at again after ten minutes, and nobody waits for them', async () => {
    const { ask, asked, pass, change } = await meet(
      discover((origin) => ({ introspection_endpoint: `${origin}/said` })),
      found,
    )
    await ask('a')
    pass(601)
    change((one, response) => (one.request.url === '/said' ? active(one, response) : undefined))
    expect(await ask('b')).toBe('active')
    expect(asked.length).toBe(4)
  })
  test('elsewhere for connections with a client certificate (RFC 8705 section 5)', async () => {
    const certificate = issue(createAuthority('clients'), { name: CLIENT, dns: ['api.example'], usage: 'client' })
    const metadata = (origin: string) => ({
      introspection_endpoint: `${origin}/said`,
      mtls_endpoint_aliases: { introspection_endpoint: `${origin}/mtls` },
    })
    const { ask, asked } = await meet(discover(metadata), { ...found, certificate })
    await ask()
    expect(paths(asked)[1]).toBe('/mtls')
  })
  test.each<readonly [string, Answering]>([
    [
      'metadata of another issuer',
      discover((origin) => ({ issuer: `${origin}/`, introspection_endpoint: `${origin}/said` })),
    ],
    ['metadata without an endpoint', discover(() => ({}))],
    ['an endpoint without TLS', discover(() => ({ introspection_endpoint: 'http://localhost/said' }))],
    ['no metadata', status(500)],
  ])('%s: the token is sent nowhere', async (_, answering) => {
    const { ask, asked } = await meet(answering, found)
    expect(await ask()).toBe('unavailable')
    expect(asked.some(({ form }) => form.has('token'))).toBe(false)
  })
})
