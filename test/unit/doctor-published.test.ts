import { describe, expect, onTestFinished, test } from 'vitest'
import { judgePublished } from '../../src/doctor/published.ts'
import { fetchPublished } from '../../src/io/doctor-published.ts'
import { authority, startStub } from '../support/stub-servers.ts'

const document = { resource: 'https://api.bank.example', scopes_supported: ['a', 'b'], dpop_bound: true }
const published = { url: 'https://api.bank.example/.well-known/oauth-protected-resource', document }
const good = { status: 200, contentType: 'application/json', body: Buffer.from(JSON.stringify(document)) }
const told = (text: string) => ({ ...good, body: Buffer.from(text) })

describe('PRM-02, PRM-03 DT-15 what clients find is what is enforced', () => {
  test.each([
    ['as it is', good],
    ['with a parameter of its type', { ...good, contentType: 'application/json; charset=utf-8' }],
    [
      'in another order and spelling',
      told('{"dpop_bound":true, "scopes_supported":["a","b"],"resource":"https:\\/\\/api.bank.example"}'),
    ],
  ])('fine: %s', (_, seen) => expect(judgePublished(published, seen)).toMatchObject({ severity: 'ok' }))
  test.each([
    ['nothing came', { ...good, status: 0, error: 'ECONNREFUSED' }, 'no answer (ECONNREFUSED)'],
    ['it is not there', { ...good, status: 401 }, 'answered 401'],
    ['as text', { ...good, contentType: 'text/plain' }, 'not of type application/json'],
    ['of a type that begins alike', { ...good, contentType: 'application/json-seq' }, 'not of type application/json'],
    ['without a type', { ...good, contentType: undefined }, 'not of type application/json'],
    ['no JSON', told('nothing'), expect.any(String)],
    ['a member twice', told('{"resource":"a","resource":"https://api.bank.example"}'), expect.any(String)],
    ['another resource', told(JSON.stringify({ ...document, resource: 'https://x' })), 'another resource'],
    ['other scopes', told(JSON.stringify({ ...document, scopes_supported: ['a'] })), 'another scopes_supported'],
    [
      'scopes in another order',
      told(JSON.stringify({ ...document, scopes_supported: ['b', 'a'] })),
      'another scopes_supported',
    ],
    ['a member more', told(JSON.stringify({ ...document, jwks_uri: 'https://x' })), 'another jwks_uri'],
    [
      'a member less',
      told('{"resource":"https://api.bank.example","scopes_supported":["a","b"]}'),
      'another dpop_bound',
    ],
    ['true as text', told(JSON.stringify({ ...document, dpop_bound: 'true' })), 'another dpop_bound'],
  ])('not: %s', (_, seen, found) => expect(judgePublished(published, seen)).toMatchObject({ id: 'DT-15', found }))
})

describe('the document is fetched within limits', () => {
  const from = async (handler: Parameters<typeof startStub>[0]) => {
    const stub = await startStub(handler)
    onTestFinished(() => stub.close())
    const place = { host: '127.0.0.1', port: stub.port, servername: 'localhost', ca: authority.certificate }
    return await fetchPublished(place, 'https://api.bank.example/.well-known/oauth-protected-resource')
  }

  test('whole, for the host that clients name, whatever is connected to', async () => {
    let asked: readonly unknown[] = []
    const seen = await from((request, response) => {
      asked = [request.method, request.url, request.headers.host]
      response.setHeader('content-type', 'application/json').end('{}')
    })
    expect(seen).toEqual({ status: 200, contentType: 'application/json', body: Buffer.from('{}') })
    expect(asked).toEqual(['GET', '/.well-known/oauth-protected-resource', 'api.bank.example'])
  })
  test('one that never ends is cut off', async () => {
    const seen = await from((_request, response) => {
      const more = (): void => {
        if (!response.destroyed) response.write('x'.repeat(10_000), more)
      }
      more()
    })
    expect(seen).toMatchObject({ status: 0, error: 'it is too large' })
  })
  test('one that is cut short is no document', async () => {
    const seen = await from((_request, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('{}', () => response.destroy())
    })
    expect(seen).toMatchObject({ status: 0, error: expect.any(String) })
  })
})
