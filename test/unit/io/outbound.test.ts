import type { LookupAddress } from 'node:dns'
import { isIP } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { readAllowed } from '../../../src/config-outbound.ts'
import { fetchJson, postForm } from '../../../src/io/fetch.ts'
import { findAddresses, type Outbound, type Resolve } from '../../../src/io/outbound.ts'
import { authority, json, type Stub, serverIdentity, startStub } from '../../support/stub-servers.ts'

const open: Stub[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((stub) => stub.close()))
})

const listed = (addresses: readonly string[]): readonly LookupAddress[] =>
  addresses.map((address) => ({ address, family: isIP(address) }))

/** Names and their addresses. */
const zone: Readonly<Record<string, readonly string[]>> = {
  'as.example.com': ['198.51.100.7', '2606:4700::7'],
  'as.inside.example': ['10.1.0.7'],
  'as.here.example': ['127.0.0.1'],
  'keys.example.com': ['198.51.100.8'],
  'keys.inside.example': ['10.2.0.8'],
  'keys.here.example': ['127.0.0.1'],
  'both.example': ['198.51.100.9', '10.2.0.9'],
  'metadata.example': ['198.51.100.9', '169.254.169.254'],
  'nobody.example': [],
}
const resolve: Resolve = (name) => {
  const addresses = zone[name]
  return addresses
    ? Promise.resolve(listed(addresses))
    : Promise.reject(Object.assign(new Error(), { code: 'ENOTFOUND' }))
}
const allowing = (...entries: readonly string[]): Outbound => ({
  resolve,
  allow: entries.flatMap((entry) => {
    const allowed = readAllowed(entry)
    if (!allowed.ok) throw new Error(allowed.problem)
    return [allowed.value]
  }),
})
const judge = async (url: string, namedBy?: string, outbound: Outbound = { resolve }): Promise<string> => {
  const found = await findAddresses(new URL(url), namedBy, outbound)
  return found.ok ? 'called' : (found.cause ?? '')
}

describe('FAPI-NET-01 an address that the configuration names', () => {
  test.each([
    'https://as.example.com',
    'https://as.inside.example/x',
    'https://as.here.example',
    'https://10.1.1.1',
    'https://[::1]:8443/x',
  ])('%s is called', async (url) => expect(await judge(url)).toBe('called'))
  test.each([
    'https://169.254.169.254/latest/meta-data',
    'https://[fd00:ec2::254]/',
    'https://[::ffff:169.254.169.254]/',
    'https://[64:ff9b::a9fe:a9fe]/',
    'https://2852039166/',
    'https://0xa9fea9fe/',
    'https://0251.0376.0251.0376/',
    'https://0.0.0.0/',
    'https://[::]/',
    'https://metadata.example/',
  ])('att-mtls-04 %s is not: nobody there is an authorization server', async (url) =>
    expect(await judge(url)).toBe('address'),
  )
  test('a name that does not resolve, or to nothing', async () =>
    expect([await judge('https://nowhere.example'), await judge('https://nobody.example')]).toEqual(['dns', 'dns']))
})

describe('att-mtls-04 an address that a fetched document names leads inside only from inside', () => {
  test.each([
    ['https://keys.example.com/jwks', 'https://as.example.com', 'called'],
    ['https://keys.inside.example/jwks', 'https://as.example.com', 'address'],
    ['https://keys.here.example/jwks', 'https://as.example.com', 'address'],
    ['https://127.0.0.1:9192/keys', 'https://as.example.com', 'address'],
    ['https://localhost/', 'https://as.example.com', 'dns'],
    ['https://[::1]/', 'https://as.example.com', 'address'],
    ['https://[::ffff:10.0.0.1]/', 'https://as.example.com', 'address'],
    ['https://both.example/jwks', 'https://as.example.com', 'address'],
    ['https://169.254.169.254/', 'https://as.here.example', 'address'],
    ['https://keys.inside.example/jwks', 'https://as.inside.example', 'called'],
    ['https://keys.here.example/jwks', 'https://as.inside.example', 'address'],
    ['https://keys.inside.example/jwks', 'https://as.here.example', 'address'],
    ['https://keys.here.example/jwks', 'https://as.here.example', 'called'],
    ['https://keys.example.com/jwks', 'https://as.inside.example', 'called'],
    ['https://as.inside.example:9443/jwks', 'https://as.inside.example', 'called'],
    ['https://AS.INSIDE.example./jwks', 'https://as.inside.example', 'called'],
    ['https://127.0.0.1:1/x', 'https://127.0.0.1:2', 'called'],
    ['https://keys.inside.example/jwks', 'https://nowhere.example', 'address'],
  ])('%s, said by %s: %s', async (url, namedBy, expected) => expect(await judge(url, namedBy)).toBe(expected))
})

describe('outbound.allow', () => {
  test.each([
    [['as.example.com'], 'https://as.example.com', 'called'],
    [['AS.Example.COM'], 'https://as.example.com', 'called'],
    [['example.com'], 'https://as.example.com', 'address'],
    [['as.example.com'], 'https://keys.example.com', 'address'],
    [['198.51.100.0/24', '2606:4700::/32'], 'https://as.example.com', 'called'],
    [['198.51.100.0/24'], 'https://as.example.com', 'address'],
    [['10.1.0.0/16'], 'https://as.inside.example', 'called'],
    [['10.1.0.7'], 'https://as.inside.example', 'called'],
    [['10.1.0.8'], 'https://as.inside.example', 'address'],
    [['169.254.0.0/16', 'metadata.example'], 'https://metadata.example', 'address'],
    [['169.254.169.254'], 'https://169.254.169.254', 'address'],
  ])('%j: %s is %s', async (entries, url, expected) =>
    expect(await judge(url, undefined, allowing(...entries))).toBe(expected),
  )
  test('lets a document lead inside', async () =>
    expect([
      await judge('https://keys.inside.example', 'https://as.example.com', allowing('10.2.0.0/16')),
      await judge('https://keys.inside.example', 'https://as.example.com', allowing('keys.inside.example')),
      await judge('https://keys.inside.example', 'https://as.example.com', allowing('10.3.0.0/16')),
    ]).toEqual(['called', 'called', 'address']))
})

describe('through a proxy, which looks names up by itself', () => {
  const proxy = { url: new URL('http://127.0.0.1:1'), username: undefined, password: undefined }
  const never: Resolve = () => Promise.reject(new Error('this name is not ours to look up'))
  test.each([
    ['https://as.example.com', undefined, 'called'],
    ['https://169.254.169.254', undefined, 'address'],
    ['https://10.0.0.1', undefined, 'called'],
    ['https://10.0.0.1', 'https://as.example.com', 'address'],
    ['https://10.0.0.1', 'https://10.0.0.2', 'called'],
    ['https://keys.inside.example', 'https://as.example.com', 'called'],
  ])('%s, said by %s: %s', async (url, namedBy, expected) =>
    expect(await judge(url, namedBy, { proxy, resolve: never })).toBe(expected),
  )
  test('outbound.allow is a list of names and literal addresses', async () => {
    const outbound = { ...allowing('as.example.com', '10.0.0.0/8'), proxy, resolve: never }
    const urls = ['https://as.example.com', 'https://keys.example.com', 'https://10.1.1.1', 'https://198.51.100.1']
    expect(await Promise.all(urls.map((url) => judge(url, undefined, outbound)))).toEqual([
      'called',
      'address',
      'called',
      'address',
    ])
  })
})

describe('what was judged is what is connected to', () => {
  const start = async (identity?: ReturnType<typeof serverIdentity>): Promise<Stub> => {
    const stub = await startStub(
      json(() => ({ keys: [1] })),
      identity,
    )
    open.push(stub)
    return stub
  }
  const ca = [authority.certificate]

  test('att-mtls-04 a name that stands for something else a moment later is not asked again', async () => {
    const { port, hits } = await start(serverIdentity({ dns: ['as.example.test'], ips: [] }))
    const asked: string[] = []
    const rebinding: Resolve = (name) => {
      asked.push(name)
      return Promise.resolve(listed([asked.length === 1 ? '127.0.0.1' : '169.254.169.254']))
    }
    const options = { ca, resolve: rebinding }
    expect(await fetchJson(`https://as.example.test:${port}/x`, options)).toMatchObject({ ok: true })
    expect([asked, hits]).toEqual([['as.example.test'], ['/x']])
    expect(await fetchJson(`https://as.example.test:${port}/x`, options)).toMatchObject({ ok: false, cause: 'address' })
    expect(hits).toHaveLength(1)
  })
  test('att-mtls-04 nothing is sent to an address that is refused', async () => {
    const { port, hits } = await start()
    const namedBy = 'https://as.example.com'
    const options = { ca, namedBy, resolve: (name: string) => (name === 'localhost' ? here() : resolve(name)) }
    const here = () => Promise.resolve(listed(['127.0.0.1']))
    expect(await fetchJson(`https://localhost:${port}/x`, options)).toEqual({
      ok: false,
      cause: 'address',
      problem: `https://localhost:${port}/x: a fetched document leads to a loopback address; outbound.allow can permit it`,
    })
    const form = new URLSearchParams({ token: 'secret' })
    expect(await postForm(`https://localhost:${port}/x`, { ...options, form, accept: 'json' })).toMatchObject({
      cause: 'address',
    })
    expect(hits).toEqual([])
  })
  test('dns-fail a name that came back somewhere else is found there by the next call', async () => {
    const { port } = await start()
    let answer: Resolve = resolve
    const get = () => fetchJson(`https://localhost:${port}/x`, { ca, resolve: (name) => answer(name) })
    expect(await get()).toMatchObject({ ok: false, cause: 'dns', problem: `https://localhost:${port}/x: ENOTFOUND` })
    answer = () => Promise.resolve(listed(['127.0.0.1']))
    expect(await get()).toMatchObject({ ok: true })
  })
  test('jwks-hang looking up a name takes part of the time there is', async () => {
    const options = { timeout: 50, resolve: () => Promise.withResolvers<readonly LookupAddress[]>().promise }
    expect(await fetchJson('https://as.example.com/x', options)).toMatchObject({ ok: false, cause: 'timeout' })
  })
})
