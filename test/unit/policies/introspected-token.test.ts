import { expect, test } from 'vitest'
import { authorizationServer, buildCourt } from '../../support/tokens.ts'

const introspection = { required: [], ask: () => ({ kind: 'inactive' }) as const }
const asked = authorizationServer({ introspection })
const other = { name: 'other', issuer: 'https://other.example' }

test.each([
  ['two servers that can be asked', [asked, authorizationServer({ ...other, introspection })], {}],
  ['a server that is forced to be asked and cannot', [authorizationServer()], { forceIntrospection: true }],
  ['one of two that cannot', [asked, authorizationServer(other)], { forceIntrospection: true }],
])('INT-12 %s: no policy is built that would ask the wrong one', (_, servers, options) =>
  expect(() => buildCourt({ servers, options })).toThrow('which authorization server to ask'),
)

test('INT-12 one that can be asked beside one that cannot', async () => {
  const { judge } = buildCourt({ servers: [asked, authorizationServer(other)] })
  expect(await judge('opaque')).toBe('token_inactive')
})
