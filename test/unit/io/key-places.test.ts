import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { LiveKeySource } from '../../../src/io/keys.ts'
import { type Reading, read } from '../../../src/verify/reading.ts'
import type { JsonObject } from '../../../src/verify/strict-json.ts'
import { newServerKey } from '../../support/jwks.ts'
import { buildTestSource, down, ISSUER, KEYS_URI, serverWith } from '../../support/key-sources.ts'

const first = { ...newServerKey('ES256').jwk, kid: 'first' }
const second = { ...newServerKey('ES256').jwk, kid: 'second' }
const setOf = (...keys: readonly unknown[]): Reading<JsonObject> => read({ keys })

const ask = async (source: LiveKeySource, kid?: string): Promise<string> => (await source.find(kid, 'ES256')).kind
function askNow(source: LiveKeySource, kid?: string): string {
  const search = source.find(kid, 'ES256')
  return search instanceof Promise ? 'waits' : search.kind
}

describe('JWK-02 discovery', () => {
  const oidc = '/.well-known/openid-configuration'
  const oauth = '/.well-known/oauth-authorization-server'
  const discovering = (issuer: string, answer: (url: string) => Reading<JsonObject>) =>
    buildTestSource(answer, serverWith({ discovery: true }, issuer))

  test.each([
    [ISSUER, [ISSUER + oidc, ISSUER + oauth]],
    [`${ISSUER}/`, [ISSUER + oidc, ISSUER + oauth]],
    [`${ISSUER}/tenant/1`, [`${ISSUER}/tenant/1${oidc}`, `${ISSUER}${oauth}/tenant/1`]],
    [`${ISSUER}/tenant/`, [`${ISSUER}/tenant${oidc}`, `${ISSUER}${oauth}/tenant`]],
    [`${ISSUER}:8443/t`, [`${ISSUER}:8443/t${oidc}`, `${ISSUER}:8443${oauth}/t`]],
  ])('RFC 8414 section 3.1: %s is described at', async (issuer, urls) => {
    const { source, fetched } = discovering(issuer, () => down)
    expect(await source.load()).toBe(false)
    expect(fetched).toEqual(urls)
  })
  test.each([oidc, oauth])('a server that answers %s alone', async (path) => {
    const { source, fetched } = discovering(ISSUER, (url) => {
      if (url === KEYS_URI) return setOf(first)
      return url === ISSUER + path ? read({ issuer: ISSUER, jwks_uri: KEYS_URI }) : down
    })
    expect(await source.load()).toBe(true)
    expect([fetched.at(-1), askNow(source, 'first')]).toEqual([KEYS_URI, 'found'])
  })
  test('keys that moved are found at the next look', async () => {
    let uri = KEYS_URI
    const { source } = discovering(ISSUER, (url) => {
      if (url.startsWith(KEYS_URI)) return url === uri ? setOf(first) : down
      return read({ issuer: ISSUER, jwks_uri: uri })
    })
    await source.load()
    uri = `${KEYS_URI}/2`
    expect(await source.load()).toBe(true)
  })
  test.each<[string, unknown]>([
    ['with a slash', `${ISSUER}/`],
    ['in capitals', 'https://AS.example.com'],
    ['with the default port', `${ISSUER}:443`],
    ['of another server', 'https://evil.example'],
    ['that starts alike', `${ISSUER}.evil.example`],
    ['in a list', [ISSUER]],
    ['missing', undefined],
    ['null', null],
  ])('an issuer %s is refused, and no key is asked for', async (_, issuer) => {
    const { source, fetched, events } = discovering(ISSUER, () => read({ issuer, jwks_uri: KEYS_URI }))
    expect(await source.load()).toBe(false)
    expect([askNow(source), fetched]).toEqual(['unavailable', [ISSUER + oidc]])
    expect(events).toEqual([
      {
        kind: 'failed',
        server: 'bank',
        cause: 'issuer',
        problem: `${ISSUER}${oidc}: issuer is not exactly ${ISSUER}`,
      },
    ])
  })
  test.each<[string, unknown]>([
    ['missing', undefined],
    ['a list', [KEYS_URI]],
    ['null', null],
  ])('jwks_uri %s', async (_, uri) => {
    const { source } = discovering(ISSUER, () => read({ issuer: ISSUER, jwks_uri: uri }))
    expect(await source.load()).toBe(false)
  })
  test('an inherited member is no member', async () => {
    const { source } = discovering(ISSUER, () => read(Object.create({ issuer: ISSUER, jwks_uri: KEYS_URI })))
    expect(await source.load()).toBe(false)
  })
  test('metadata that goes bad takes nothing away', async () => {
    let issuer = ISSUER
    const { source } = discovering(ISSUER, (url) =>
      url === KEYS_URI ? setOf(first) : read({ issuer, jwks_uri: KEYS_URI }),
    )
    await source.load()
    issuer = 'https://evil.example'
    expect([await source.load(), askNow(source, 'first')]).toEqual([false, 'found'])
  })
})

describe('JWK-10 keys from a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'keys-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'jwks.json')
  const never = (): Reading<JsonObject> => {
    throw new Error('a file needs no network')
  }
  const fromFile = (path = file) => buildTestSource(never, serverWith({ file: path }))
  const write = (content: unknown): void =>
    writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content))

  test('it is read again when told, without a restart', async () => {
    write({ keys: [first] })
    const { source } = fromFile()
    expect([await source.load(), askNow(source, 'first'), await ask(source, 'second')]).toEqual([
      true,
      'found',
      'unknown',
    ])
    write({ keys: [second] })
    await source.load()
    expect([askNow(source, 'first'), askNow(source, 'second'), source.generation]).toEqual(['unknown', 'found', 2])
  })
  test.each<[string, unknown]>([
    ['empty', ''],
    ['half written', '{"keys":[{"kty":"EC"'],
    ['PEM', '-----BEGIN PUBLIC KEY-----'],
    ['without keys', { keys: [] }],
    ['with a repeated member', '{"keys":[],"keys":[]}'],
  ])('a file that is %s keeps the last good set', async (_, content) => {
    write({ keys: [first] })
    const { source, events } = fromFile()
    await source.load()
    write(content)
    expect([await source.load(), askNow(source, 'first'), events.at(-1)?.kind]).toEqual([false, 'found', 'failed'])
  })
  test('a file that went away keeps the last good set', async () => {
    write({ keys: [first] })
    const { source } = fromFile()
    await source.load()
    rmSync(file)
    expect([await source.load(), askNow(source, 'first')]).toEqual([false, 'found'])
  })
  test.each([folder, join(folder, 'none')])('%s is no file', async (path) => {
    const { source, events } = fromFile(path)
    expect([await source.load(), askNow(source)]).toEqual([false, 'unavailable'])
    expect(events).toEqual([{ kind: 'failed', server: 'bank', cause: 'file', problem: `${path}: it cannot be read` }])
  })
})
