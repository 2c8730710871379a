import { describe, expect, test } from 'vitest'
import { loadProtos } from '../../../src/io/protos.ts'

const { authorization, health } = loadProtos()

describe('the two services', () => {
  test('have the paths Envoy calls', () => {
    expect(authorization.Check.path).toBe('/envoy.service.auth.v3.Authorization/Check')
    expect([authorization.Check.requestStream, authorization.Check.responseStream]).toEqual([false, false])
    expect(Object.values(health).map(({ path }) => path)).toEqual(
      expect.arrayContaining(['/grpc.health.v1.Health/Check', '/grpc.health.v1.Health/Watch']),
    )
  })
})

describe('messages as we read them', () => {
  const read = (message: object): unknown =>
    authorization.Check.requestDeserialize(authorization.Check.requestSerialize(message))
  test('what is absent stays absent, and names are camelCase', () => {
    expect(read({})).toEqual({})
    expect(read({ attributes: { request: { http: { rawBody: Buffer.from('x'), size: 1 } } } })).toEqual({
      attributes: { request: { http: { rawBody: Buffer.from('x'), size: 1 } } },
    })
  })
  test('no header and no extension takes the place of a member of every object', () => {
    const headers = { constructor: 'a', toString: 'b', hasOwnProperty: 'c' }
    const [http] = [(read({ attributes: { request: { http: { headers } } } }) as Wire).attributes.request.http]
    expect(Object.entries(http.headers)).toEqual(Object.entries(headers))
  })
  test('bytes that are no message are refused with an exception the server turns into an answer', () =>
    expect(() => authorization.Check.requestDeserialize(Buffer.from('ffffffff', 'hex'))).toThrow())
})

interface Wire {
  readonly attributes: { readonly request: { readonly http: { readonly headers: object } } }
}
