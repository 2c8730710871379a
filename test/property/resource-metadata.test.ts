import fc from 'fast-check'
import { expect, test } from 'vitest'
import { buildChallenges } from '../../src/challenge.ts'
import { readConfig } from '../../src/config.ts'
import { deny } from '../../src/denial.ts'
import { metadataRoutes } from '../../src/envoy-metadata-route.ts'
import { publications } from '../../src/resource-metadata.ts'

/** A character that some origin or prefix may hold, or that none may. */
const unit = fc.constantFrom(...Array.from('aZ09-._~!$&\'()*+,;=:@/%"\\<> \t\r\n?#[]é'))
const text = (maxLength: number) => fc.string({ unit, maxLength })
const host = fc.oneof(
  fc.constantFrom('api.bank.example', 'API.bank.example:443', '[::1]', 'x:8443', '127.0.0.1'),
  text(12),
)
const prefix = fc.oneof(
  fc.constantFrom('', '/v4', '/a/b', "/it's(a)prefix"),
  text(12).map((path) => `/${path}`),
)

/** quoted-string without an escape (RFC 6750 section 3). */
const challenge = /^DPoP [a-z_]+="[\x20\x21\x23-\x5b\x5d-\x7e]*"(?:, [a-z_]+="[\x20\x21\x23-\x5b\x5d-\x7e]*")*$/

test('ERR-05, ERR-14, PRM-02 whatever origin a configuration may hold, its pointer fits a challenge and leads back', () => {
  let published = 0
  fc.assert(
    fc.property(host, prefix, fc.string({ maxLength: 30 }), (authority, pathPrefix, name) => {
      const reading = readConfig({
        publicOrigins: [{ origin: `https://${authority}`, pathPrefix }],
        authorizationServers: [{ issuer: 'https://as.bank.example' }],
        routes: [{ path: '/**', senderConstraint: { methods: ['dpop'] } }],
        resourceMetadata: { name },
      })
      if (!reading.ok) return
      for (const one of publications(reading.config)) {
        published += 1
        const offered = { dpopAlgorithms: ['ES256'], bearer: false }
        const [line = ''] = buildChallenges(deny('credentials_missing', ''), offered, new Map(), one.url)
        expect(line).toMatch(challenge)
        expect(line).toContain(`resource_metadata="${one.url}"`)
        const { origin, pathname } = new URL(one.document.resource)
        const path = pathname === '/' ? '' : pathname
        expect(new URL(one.url).href).toBe(`${origin}/.well-known/oauth-protected-resource${path}`)
        const [route] = metadataRoutes([one]).routes
        expect(JSON.parse(route?.direct_response.body.inline_string ?? '')).toEqual(one.document)
      }
    }),
    { numRuns: 2000 },
  )
  expect(published).toBeGreaterThan(50)
})
