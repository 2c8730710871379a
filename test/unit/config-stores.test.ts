import { describe, expect, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { expandConfig } from '../../src/config-expansion.ts'
import { redisStore, storeNotes } from '../../src/config-stores.ts'
import { isLoopback, readRedisAddress } from '../../src/redis-address.ts'

/** The smallest configuration with these members besides. */
function configure(more: object) {
  const reading = readConfig({
    publicOrigins: ['https://api.bank.example'],
    authorizationServers: [{ issuer: 'https://as.bank.example' }],
    routes: [{ path: '/**', scopes: ['accounts'] }],
    ...more,
  })
  return reading.ok ? reading.config : reading.problems.map(({ path, message }) => `${path.join('.')}: ${message}`)
}

/** What is wrong with it; an empty list when nothing is. */
const problemsOf = (more: object): readonly string[] => {
  const told = configure(more)
  return Array.isArray(told) ? told : []
}

function configOf(more: object) {
  const told = configure(more)
  if (Array.isArray(told)) throw new Error(told.join('\n'))
  return told
}

describe('DPOP-48 several replicas', () => {
  test('memory is refused', () => {
    expect(problemsOf({ replicas: 2 })).toEqual([expect.stringContaining('need a shared replay store')])
    expect(problemsOf({ replicas: 2, stores: { replay: 'memory' } })).toHaveLength(1)
    expect(problemsOf({ replicas: 1 })).toEqual([])
  })
  test.each([
    ['redis on this host', 'redis://127.0.0.1:6379'],
    ['redis on this host, by name', 'redis://localhost'],
    ['redis on this host, IPv6', 'redis://[::1]:6379/3'],
    ['TLS', 'rediss://redis.bank.example'],
    ['a map', { url: 'rediss://redis.bank.example:6380/1', username: 'fapi', password: 'secret', timeout: '50ms' }],
    ['Sentinel', { sentinel: { master: 'replays', urls: ['rediss://one.bank.example', 'rediss://two.bank.example'] } }],
    ['Cluster', { cluster: ['rediss://one.bank.example', 'rediss://two.bank.example'] }],
  ])('%s is taken', (_name, replay) => {
    expect(problemsOf({ replicas: 3, stores: { replay } })).toEqual([])
    expect(problemsOf({ replicas: 1, stores: { replay } })).toEqual([])
  })
})

describe('another host in the clear', () => {
  const stores = { replay: 'redis://redis.bank.example' }
  test('is refused under fapi2-security', () => {
    expect(problemsOf({ stores })).toEqual([expect.stringContaining('is another host')])
    expect(problemsOf({ stores: { replay: { cluster: ['redis://10.0.0.1'] } } })).toHaveLength(1)
    expect(problemsOf({ stores: { replay: { sentinel: { master: 'x', urls: ['redis://10.0.0.1'] } } } })).toHaveLength(
      1,
    )
  })
  test('can be asked for, and is noted', () => {
    const config = configOf({ stores: { ...stores, insecureRedis: true } })
    expect(storeNotes(config)).toEqual([expect.stringContaining('insecureRedis')])
  })
  test('is left to the operator under compat', () => expect(problemsOf({ profile: 'compat', stores })).toEqual([]))
})

test('defaults', () => {
  const { stores } = configOf({ stores: { replay: 'rediss://redis.bank.example' } })
  expect(redisStore(stores)).toEqual({
    url: 'rediss://redis.bank.example',
    keyPrefix: 'envoy-fapi:',
    timeout: 0.03,
  })
  expect(redisStore(configOf({}).stores)).toBeUndefined()
})

test('what is expanded shows no password and reads back', () => {
  const replay = {
    sentinel: { master: 'replays', urls: ['rediss://one.bank.example'], password: 'correct horse battery' },
    username: 'fapi',
    password: 'battery staple',
  }
  const expanded = expandConfig(configOf({ stores: { replay } }))
  const text = JSON.stringify(expanded)
  expect(text).not.toMatch(/correct|staple/)
  expect(text).toMatch(/\$\{REDIS_PASSWORD\}/)
  expect(text).toMatch(/\$\{SENTINEL_PASSWORD\}/)
  expect(readConfig(expanded)).toMatchObject({ ok: true })
  const bare = expandConfig(configOf({ stores: { replay: 'redis://localhost' } }))
  expect(JSON.stringify(bare)).not.toContain('PASSWORD')
})

describe('addresses', () => {
  test.each([
    ['redis://localhost', { tls: false, host: 'localhost', port: 6379, database: 0 }],
    ['rediss://redis.bank.example:6380/12', { tls: true, host: 'redis.bank.example', port: 6380, database: 12 }],
    ['redis://[::1]:7000', { tls: false, host: '::1', port: 7000, database: 0 }],
    ['redis://10.0.0.1/', { tls: false, host: '10.0.0.1', port: 6379, database: 0 }],
  ])('%s', (url, value) => expect(readRedisAddress(url)).toEqual({ ok: true, value }))
  test.each([
    '',
    'redis://',
    'http://localhost',
    'redis://user@localhost',
    'redis://:secret@localhost',
    'redis://localhost:0',
    'redis://localhost:65536',
    'redis://localhost:x',
    'redis://localhost/x',
    'redis://localhost/1?tls=true',
    'redis://localhost#1',
    'redis://local host',
    ' redis://localhost',
    'redis://localhost\n',
    'REDIS://localhost',
  ])('%j is none', (url) => expect(readRedisAddress(url)).toMatchObject({ ok: false }))
  test.each([
    ['127.0.0.1', true],
    ['127.1.2.3', true],
    ['localhost', true],
    ['::1', true],
    ['127.0.0.1.evil.example', false],
    ['localhost.evil.example', false],
    ['127.evil.example', false],
    ['10.0.0.1', false],
    ['::', false],
    ['0.0.0.0', false],
  ])('%s is on this host: %s', (host, expected) => {
    expect(isLoopback({ tls: false, host, port: 1, database: 0 })).toBe(expected)
  })
})
