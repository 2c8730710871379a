import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { KeyEvent, LiveKeySource } from '../../../src/io/keys.ts'
import { type Reading, read } from '../../../src/verify/reading.ts'
import type { JsonObject } from '../../../src/verify/strict-json.ts'
import { newServerKey } from '../../support/jwks.ts'
import { buildTestSource, down, ISSUER, KEYS_URI, serverWith } from '../../support/key-sources.ts'
import { temporaryDirectory } from '../../support/lifecycle-server.ts'

const first = { ...newServerKey('ES256').jwk, kid: 'first', alg: 'ES256', use: 'sig' }
const second = { ...newServerKey('PS256').jwk, kid: 'second' }
const setOf = (...keys: readonly unknown[]): Reading<JsonObject> => read({ keys })
const NOW = 1_800_000_000

/** A source that keeps its keys there; `clock` moves its wall clock. */
function sourceIn(
  cacheDir: string,
  answer: () => Reading<JsonObject>,
  keys: object = { uri: KEYS_URI },
  issuer = ISSUER,
) {
  const clock = { now: NOW }
  const server = serverWith({ ...(keys as { uri: string }), cacheDir }, issuer)
  const built = buildTestSource(answer, server, () => clock.now)
  onTestFinished(() => built.source.close())
  return { clock, ...built }
}

const kindOf = (source: LiveKeySource, kid: string, algorithm = 'ES256'): string => {
  const search = source.find(kid, algorithm)
  return search instanceof Promise ? 'waits' : search.kind
}
const kinds = (events: readonly KeyEvent[]): readonly string[] => events.map(({ kind }) => kind)

const stored = (directory: string): readonly string[] => readdirSync(directory).map((name) => join(directory, name))
/** A directory with what a source has kept of these keys. */
async function filled(...keys: readonly unknown[]): Promise<{ readonly directory: string; readonly file: string }> {
  const directory = temporaryDirectory()
  const { source } = sourceIn(directory, () => setOf(...keys))
  await source.load()
  await source.close()
  return { directory, file: stored(directory)[0] ?? '' }
}

describe('JWK-05, jwks-at-start a start while the server is down', () => {
  test('uses what the last run has kept', async () => {
    const { directory } = await filled(first, second)
    const { source, events, clock } = sourceIn(directory, () => down)
    clock.now += 3600
    expect(await source.load()).toBe(false)
    expect([kindOf(source, 'first'), kindOf(source, 'second', 'PS256'), source.size]).toEqual(['found', 'found', 2])
    expect(events).toEqual([
      { kind: 'failed', server: 'bank', cause: 'connect', problem: 'ECONNREFUSED' },
      { kind: 'recalled', server: 'bank', keys: 2, age: 3600 },
    ])
  })
  test('and nothing of it as soon as the server answers', async () => {
    const { directory } = await filled(first)
    let answer: Reading<JsonObject> = down
    const { source, pass } = sourceIn(directory, () => answer)
    await source.load()
    answer = setOf(second)
    pass(30)
    await source.load()
    expect((await source.find('first', 'ES256')).kind).toBe('unknown')
    answer = down
    pass(600)
    await source.load()
    expect([kindOf(source, 'first'), kindOf(source, 'second', 'PS256')]).toEqual(['unavailable', 'found'])
  })
  test('is not needed where the server answers', async () => {
    const { directory } = await filled(first)
    const { source, events } = sourceIn(directory, () => setOf(second))
    await source.load()
    expect([kinds(events), source.size, kindOf(source, 'second', 'PS256')]).toEqual([['loaded'], 1, 'found'])
  })
  test('an empty directory is like none', async () => {
    const { source, events } = sourceIn(temporaryDirectory(), () => down)
    await source.load()
    expect([kinds(events), kindOf(source, 'first')]).toEqual([['failed'], 'unavailable'])
  })
})

describe('JWK-05 the age of kept keys counts', () => {
  test.each<[string, number, string]>([
    ['as old as allowed', 86_400, 'found'],
    ['a second older', 86_401, 'unavailable'],
    ['from a clock that was a little ahead', -5, 'found'],
    ['from the future', -6, 'unavailable'],
  ])('%s', async (_, age, expected) => {
    const { directory } = await filled(first)
    const { source, clock, events } = sourceIn(directory, () => down)
    clock.now += age
    await source.load()
    expect(kindOf(source, 'first')).toBe(expected)
    expect(kinds(events)[1]).toBe(expected === 'found' ? 'recalled' : 'unstored')
  })
  test('on from there by the monotonic clock', async () => {
    const { directory } = await filled(first)
    const { source, clock, pass } = sourceIn(directory, () => down)
    clock.now += 86_000
    await source.load()
    pass(400)
    expect(kindOf(source, 'first')).toBe('found')
    pass(1)
    expect([source.size, (await source.find('first', 'ES256')).kind]).toEqual([0, 'unavailable'])
  })
  test('against what the configuration allows now', async () => {
    const { directory } = await filled(first)
    const { source, clock } = sourceIn(directory, () => down, { uri: KEYS_URI, refresh: '30s', maxStale: '60s' })
    clock.now += 61
    await source.load()
    expect(kindOf(source, 'first')).toBe('unavailable')
  })
})

describe('att-jose-16 what is kept belongs to one issuer and one place', () => {
  const other = 'https://other.example.com'
  test.each<[string, object, string]>([
    ['another issuer', { uri: KEYS_URI }, other],
    ['another URI', { uri: `${KEYS_URI}/2` }, ISSUER],
    ['discovery', { discovery: true }, ISSUER],
  ])('%s does not get it, not even under its own file name', async (_, keys, issuer) => {
    const { directory, file } = await filled(first)
    const place = await filledBy(keys, issuer)
    renameSync(file, join(directory, place))
    const { source, events } = sourceIn(directory, () => down, keys, issuer)
    await source.load()
    expect([source.size, events.at(-1)]).toEqual([
      0,
      { kind: 'unstored', server: 'bank', problem: expect.stringContaining('it holds the keys of another place') },
    ])
  })
  /** The name of the file where those keys would be kept. */
  async function filledBy(keys: object, issuer: string): Promise<string> {
    const directory = temporaryDirectory()
    const answer = (): Reading<JsonObject> => read({ keys: [first], issuer, jwks_uri: KEYS_URI })
    const { source } = sourceIn(directory, answer, keys, issuer)
    await source.load()
    await source.close()
    return readdirSync(directory)[0] ?? ''
  }
})

describe('what is kept', () => {
  test('JWK-08 nothing but public keys, for nobody else to read', async () => {
    const { directory, file } = await filled(
      { ...newServerKey('ES256').privateJwk, kid: 'first' },
      { kty: 'oct', k: 'marker' },
    )
    expect(statSync(file).mode & 0o777).toBe(0o600)
    const text = readFileSync(file, 'utf8')
    expect(text).not.toMatch(/"d"|marker|oct/)
    expect(JSON.parse(text)).toEqual({
      issuer: ISSUER,
      place: KEYS_URI,
      fetchedAt: NOW,
      keys: [{ kty: 'EC', crv: 'P-256', x: expect.any(String), y: expect.any(String), kid: 'first' }],
    })
    expect(stored(directory)).toEqual([file])
  })
  test('is replaced whole, also what an attacker made of it', async () => {
    const { directory, file } = await filled(first)
    const elsewhere = join(temporaryDirectory(), 'elsewhere')
    writeFileSync(elsewhere, 'mine')
    rmSync(file)
    symlinkSync(elsewhere, file)
    const { source } = sourceIn(directory, () => setOf(second))
    await source.load()
    await source.close()
    expect([readFileSync(elsewhere, 'utf8'), stored(directory)]).toEqual(['mine', [file]])
  })
  test('a directory that cannot be written to is told of, and keys serve all the same', async () => {
    const directory = join(temporaryDirectory(), 'gone')
    const { source, events } = sourceIn(directory, () => setOf(first))
    expect(await source.load()).toBe(true)
    while (events.length < 2) await turn()
    expect(events[1]).toEqual({ kind: 'unstored', server: 'bank', problem: expect.stringContaining('ENOENT') })
    expect(kindOf(source, 'first')).toBe('found')
  })
})

describe('a file that cannot be believed is ignored, told of, and never stops a start', () => {
  const linkTo = (file: string): void => {
    renameSync(file, `${file}.aside`)
    symlinkSync(`${file}.aside`, file)
  }
  const makeDirectory = (file: string): void => {
    rmSync(file)
    mkdirSync(file)
  }
  const change = (file: string, members: object): void =>
    writeFileSync(file, JSON.stringify({ ...(JSON.parse(readFileSync(file, 'utf8')) as object), ...members }))
  test.each<[string, (file: string) => void]>([
    ['empty', (file) => truncateSync(file)],
    ['half written', (file) => truncateSync(file, 100)],
    ['too large', (file) => writeFileSync(file, readFileSync(file, 'utf8') + ' '.repeat(262_144))],
    ['not JSON', (file) => writeFileSync(file, 'hello')],
    ['without a time', (file) => change(file, { fetchedAt: undefined })],
    ['with a time that is text', (file) => change(file, { fetchedAt: String(NOW) })],
    ['without keys', (file) => change(file, { keys: [] })],
    ['with keys that are none', (file) => change(file, { keys: [{ kty: 'oct', k: 'AAAA' }] })],
    [
      'with a repeated member',
      (file) => writeFileSync(file, readFileSync(file, 'utf8').replace('{', `{"place":"${KEYS_URI}",`)),
    ],
    ['writable by others', (file) => chmodSync(file, 0o602)],
    ['writable by the group', (file) => chmodSync(file, 0o620)],
    ['a link', linkTo],
    ['a directory', makeDirectory],
  ])('%s', async (_, spoil) => {
    const { directory, file } = await filled(first)
    spoil(file)
    const { source, events } = sourceIn(directory, () => down)
    await source.load()
    expect([kinds(events), kindOf(source, 'first')]).toEqual([['failed', 'unstored'], 'unavailable'])
    expect(JSON.stringify(events)).not.toContain(first.x)
  })
})

describe('as-withdraw a flush', () => {
  test('takes the kept keys away as well, so that no restart brings them back', async () => {
    const { directory, file } = await filled(first)
    let answer = setOf(first)
    const { source, events } = sourceIn(directory, () => answer)
    await source.load()
    answer = down
    expect(await source.flush()).toBe(false)
    await source.close()
    expect([existsSync(file), source.size, kinds(events)]).toEqual([false, 0, ['loaded', 'flushed', 'failed']])
    const { source: next } = sourceIn(directory, () => down)
    await next.load()
    expect(next.size).toBe(0)
  })
})
