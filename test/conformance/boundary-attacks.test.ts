import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { readYaml } from '../../src/io/yaml-file.ts'
import { verdict } from '../support/answers.ts'
import { buildClientKey, forgeText, PROOF_TIME } from '../support/proofs.ts'
import { received, recordedCheck } from '../support/recordings.ts'
import { checkRequest, type Form, forms } from '../support/requests.ts'
import {
  buildTestCheck,
  clientKey,
  document,
  goodRequest,
  ISSUER,
  keySource,
  mintToken,
  ORIGIN,
  type Order,
  proofFor,
  serverJwks,
  serverKey,
  tokenParts,
} from '../support/spine.ts'
import { asked } from '../support/tokens.ts'

const reason = async (order: Order): Promise<string> =>
  verdict(await buildTestCheck().ask(received(goodRequest(order))))

/** Names every object of the language answers to. */
const names = ['__proto__', 'constructor', 'prototype', 'toString', 'valueOf', 'hasOwnProperty', '__defineGetter__']

describe('att-claims-01, T-37 names of the language are names like any other', () => {
  test.each(forms)('header fields, %s', async (form: Form) => {
    const headers = names.map((name) => [name, 'evil'] as const)
    expect(await reason({ form, headers })).toBe('allow')
    const bare = await buildTestCheck().ask(received(checkRequest({ headers }, form)))
    expect(verdict(bare)).toBe('credentials_missing')
  })
  test('as Envoy 1.40 sends them', async () => {
    const origins = { ...document, publicOrigins: ['https://api.example.test'], routes: [{ path: '/x' }] }
    const { ask, errors } = buildTestCheck({ document: origins })
    expect(verdict(await ask(recordedCheck('h1-proto-pollution-names')))).toBe('credentials_missing')
    expect(errors).toEqual([])
  })
  test('query, path and host', async () => {
    for (const name of names) {
      expect(await reason({ path: `/accounts?${name}[x]=1&${name}=2` })).toBe('allow')
      expect(await reason({ path: `/${name}` })).toBe('route_unknown')
      expect(await reason({ host: name })).toBe('host_unknown')
      expect(await reason({ contextExtensions: { [name]: 'x', route: name } })).toBe('route_unknown')
    }
  })
  test('claims and header parameters of a token', async () => {
    const { header, claims } = tokenParts()
    const inside = `{"iss":"https://evil.example","sub":"admin","cnf":{"jkt":"x"},"scope":"admin","alg":"none"}`
    for (const name of names) {
      const more = (part: object) => `{"${name}":${inside},${JSON.stringify(part).slice(1)}`
      expect(await asked(forgeText(serverKey, JSON.stringify(header), more(claims)))).toBe('allow')
      expect(await asked(forgeText(serverKey, more(header), JSON.stringify(claims)))).toBe('allow')
    }
    // What only the prototype says is not said.
    for (const missing of ['iss', 'sub', 'client_id', 'jti', 'exp', 'iat', 'aud', 'cnf']) {
      const rest = JSON.stringify({ ...claims, [missing]: undefined }).slice(1)
      const value = JSON.stringify({ [missing]: claims[missing as keyof typeof claims] })
      const token = forgeText(serverKey, JSON.stringify(header), `{"__proto__":${value},${rest}`)
      expect([missing, await asked(token)]).not.toContain('allow')
    }
  })
  test('members of a key', async () => {
    for (const name of names) {
      const jwk = JSON.stringify({ ...clientKey.jwk, [`${name}_`]: 0 }).replace(`${name}_`, name)
      const token = mintToken()
      const [, payload = ''] = proofFor(token).split('.')
      const claims = Buffer.from(payload, 'base64url').toString()
      const proof = forgeText(clientKey, `{"typ":"dpop+jwt","alg":"ES256","jwk":${jwk}}`, claims)
      expect(await reason({ token, proof })).toBe('allow')
      const hidden = forgeText(clientKey, `{"typ":"dpop+jwt","alg":"ES256","${name}":{"jwk":${jwk}}}`, claims)
      expect(await reason({ token, proof: hidden })).toBe('proof_key_refused')
    }
    const set = JSON.parse(`{"__proto__":{"keys":[]},${JSON.stringify(serverJwks).slice(1)}`) as object
    expect(await asked(mintToken(), { keys: keySource(set) })).toBe('allow')
  })
  test('kid', async () => {
    for (const name of names) expect(await asked(mintToken({ header: { kid: name } }))).toBe('token_key_unknown')
  })
  test('keys of the configuration', () => {
    const directory = mkdtempSync(join(tmpdir(), 'envoy-fapi-names-'))
    try {
      const path = join(directory, 'envoy-fapi.yaml')
      const routes = '[{ path: /a, __proto__: { open: true } }]'
      writeFileSync(path, `publicOrigins: [${ORIGIN}]\n__proto__: { profile: compat }\nroutes: ${routes}\n`)
      expect(readYaml(path).problems.length).toBeGreaterThanOrEqual(2)
    } finally {
      rmSync(directory, { recursive: true })
    }
    const open = JSON.parse('{"path":"/a","__proto__":{"open":true}}') as object
    for (const changed of [{ routes: [open] }, JSON.parse('{"__proto__":{"profile":"compat"}}') as object])
      expect(readConfig(mergeOwn(document, changed)).ok).toBe(false)
    for (const name of names) expect(readConfig({ ...document, defaults: { pipeline: name } }).ok).toBe(false)
    expect(({} as { open?: unknown }).open).toBeUndefined()
  })
})

/** Spread would set the prototype where the document has a member of that name. */
const mergeOwn = (...objects: readonly object[]): object =>
  Object.fromEntries(objects.flatMap((object) => Object.entries(object)))

describe('att-claims-02 aud, scope and iss are of their own types and compared whole', () => {
  const table: readonly (readonly [claim: string, values: readonly unknown[], expected: string])[] = [
    ['aud', [ORIGIN, [ORIGIN], ['x', ORIGIN]], 'allow'],
    ['aud', [`${ORIGIN}/`, `${ORIGIN}.evil`, ORIGIN.slice(0, -1), ORIGIN.toUpperCase()], 'token_audience_mismatch'],
    ['aud', [` ${ORIGIN}`, `x ${ORIGIN}`, '', [[ORIGIN]], { 0: ORIGIN }, []], 'token_audience_mismatch'],
    ['aud', [null, 0, true, [ORIGIN, null], [ORIGIN, 7], undefined], 'token_audience_mismatch'],
    ['iss', [`${ISSUER}/`, ISSUER.slice(0, -1), ISSUER.toUpperCase(), [ISSUER], {}, null], 'token_issuer_unknown'],
    ['scope', ['accounts', 'x accounts'], 'allow'],
    ['scope', [['accounts'], { accounts: 1 }, 'accounts\tx', 'accountsx', 'Accounts', 1], 'scope_insufficient'],
    ['sub', ['', 7, null, ['user-1'], {}], 'token_claims_invalid'],
    ['client_id', ['', 7, null, ['client-1'], {}, undefined], 'token_claims_invalid'],
  ]
  test.each(table)('%s of %j: %s', async (claim, values, expected) => {
    for (const value of values)
      expect([value, await asked(mintToken({ claims: { [claim]: value } }))]).toEqual([value, expected])
  })
})

describe('att-claims-03 times are finite numbers, neither negative nor absurd', () => {
  const odd = [-1, -0.5, 2 ** 40 + 1, 1e308, String(PROOF_TIME + 60), null, true, [PROOF_TIME], {}]
  test.each(['exp', 'iat', 'nbf'])('%s', async (name) => {
    for (const value of odd)
      expect([value, await asked(mintToken({ claims: { [name]: value } }))]).toEqual([value, 'token_claims_invalid'])
    for (const text of ['1e400', '-1e400', '01', '0x1', 'NaN', 'Infinity', '+1', '1.', '.5']) {
      const { header, claims } = tokenParts({ claims: { [name]: undefined } })
      const payload = `{"${name}":${text},${JSON.stringify(claims).slice(1)}`
      expect([text, await asked(forgeText(serverKey, JSON.stringify(header), payload))]).toEqual([
        text,
        'token_malformed',
      ])
    }
  })
  test('a fraction is a time', async () =>
    expect(await asked(mintToken({ claims: { exp: PROOF_TIME + 60.5, iat: PROOF_TIME - 0.5 } }))).toBe('allow'))
})

test('att-claims-04 a token that is remembered is judged anew on every route, method and scope', async () => {
  const changed = {
    ...document,
    routes: [
      ...document.routes,
      { name: 'pay', path: '/pay', methods: ['POST'], scopes: ['pay'] },
      { name: 'later', path: '/later', accessToken: { maxLifetime: '1m' } },
    ],
  }
  const keys = keySource()
  let searches = 0
  const find: typeof keys.find = (...order) => {
    searches += 1
    return keys.find(...order)
  }
  const { ask, clock } = buildTestCheck({ document: changed, keys: { ...keys, find } })
  const token = mintToken({ claims: { scope: 'accounts account:42' } })
  let id = 0
  const again = async (order: Order): Promise<string> => {
    id += 1
    return verdict(await ask(goodRequest({ token, id: String(id), ...order })))
  }
  expect(await again({})).toBe('allow')
  expect(await again({ path: '/pay', method: 'POST' })).toBe('scope_insufficient')
  expect(await again({ path: '/pay' })).toBe('method_not_allowed')
  expect(await again({ path: '/accounts/42' })).toBe('allow')
  expect(await again({ path: '/accounts/43' })).toBe('scope_insufficient')
  expect(await again({ path: '/later' })).toBe('token_lifetime_exceeded')
  expect(await again({ scheme: 'Bearer', proof: null })).toBe('bound_token_as_bearer')
  expect(await again({ proof: proofFor(token, {}, await buildClientKey()) })).toBe('proof_key_mismatch')
  // All of it without looking for the key again; another token is another matter.
  expect(searches).toBe(1)
  expect(await again({ token: `${token.slice(0, -4)}AAAA` })).toMatch(/^token_(signature_invalid|malformed)$/)
  clock.now += 600
  expect(await again({})).toBe('token_expired')
})

describe('json-abuse, att-dos-04 names that collide cost a bounded amount', () => {
  const colliding = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [String(index * 2 ** 25), 1]))
  test('claims and header parameters are counted before they are parsed', async () => {
    expect(await asked(mintToken({ claims: colliding(200) }))).toBe('allow')
    expect(await asked(mintToken({ claims: colliding(260) }))).toBe('token_malformed')
    expect(await asked(mintToken({ claims: { deep: { deeper: colliding(260) } } }))).toBe('token_malformed')
    const token = mintToken()
    expect(await reason({ token, proof: proofFor(token, { claims: colliding(260) }) })).toBe('proof_malformed')
    expect(await reason({ token, proof: proofFor(token, { header: { x: 'a'.repeat(4096) } }) })).toBe('proof_malformed')
  })
  test('a form body and a query are searched, not made into a map', async () => {
    const pairs = Array.from({ length: 12_000 }, (_, index) => `${index * 2 ** 25}=1`).join('&')
    const post = { method: 'POST', headers: [['content-type', 'application/x-www-form-urlencoded']] } as const
    expect(pairs.length).toBeGreaterThan(150_000)
    expect(await reason({ ...post, body: pairs })).toBe('allow')
    expect(await reason({ ...post, body: `${pairs}&access_token=x` })).toBe('credentials_repeated')
    expect(await reason({ path: `/accounts?${pairs}&access%5ftoken=x` })).toBe('token_in_query')
  })
})
