import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { findFree } from '../../../demo/ports.ts'
import { createAuthority, issue, type Subject } from '../../../tools/pki.ts'
import { grant } from '../../support/redis.ts'
import { afterLoss, forgetStart, freshRedis, openStore } from '../../support/redis-replays.ts'

describe('redis-garbage: users', () => {
  test('a wrong password is a cause of its own; the right one needs no more rights than are documented', async () => {
    const redis = await freshRedis()
    await redis.admin('acl', ...grant('another'))
    const replay = { url: redis.url, username: 'fapi', password: 'correct horse' }
    const { claim, until, step, store } = openStore({ replay })
    await until('authentication')
    expect(await claim()).toBe('unavailable')
    await redis.admin('acl', ...grant('correct horse'))
    await until(undefined)
    expect(await claim({ issuedAt: afterLoss({ store, step }) })).toBe('fresh')
  })

  test('rights that are taken away while it runs', async () => {
    const redis = await freshRedis()
    await redis.admin('acl', ...grant('correct horse'))
    const { claim, until } = openStore({ replay: { url: redis.url, username: 'fapi', password: 'correct horse' } })
    await until(undefined)
    await forgetStart(redis)
    expect(await claim({ digest: 'a' })).toBe('fresh')
    await redis.admin('acl', 'setuser', 'fapi', '-evalsha')
    expect(await claim({ digest: 'b' })).toBe('unavailable')
    await until('authentication')
    await redis.admin('acl', 'setuser', 'fapi', '+evalsha')
    await until(undefined)
    expect(await claim({ digest: 'a' })).toBe('used')
  })

  test('INFO that hides which server this is', async () => {
    const redis = await freshRedis()
    await redis.admin('acl', ...grant('correct horse'), '-info')
    const { claim, until } = openStore({ replay: { url: redis.url, username: 'fapi', password: 'correct horse' } })
    await until('authentication')
    expect(await claim()).toBe('unavailable')
  })

  test('a port where nobody speaks Redis', async () => {
    const redis = await freshRedis()
    await redis.kill()
    const { claim, until } = openStore({ replay: redis.url })
    await until('connection')
    expect(await claim()).toBe('unavailable')
  })
})

describe('TLS', () => {
  const authority = createAuthority('Redis CA of the tests')
  const stranger = createAuthority('Another CA of the tests')
  const local: Subject = { name: 'redis', ips: ['127.0.0.1'], usage: 'server' }
  const client = issue(authority, { name: 'envoy-fapi', usage: 'client' })

  /** A Redis that takes TLS with a client certificate alone, and the files a replica needs for it. */
  async function secureRedis(subject: Subject, signer = authority, port?: number, more: readonly string[] = []) {
    const folder = (await freshRedis()).directory
    const write = (name: string, text: string): string => {
      const file = join(folder, name)
      writeFileSync(file, text)
      return file
    }
    const server = issue(signer, subject)
    const ca = write('ca.pem', authority.certificate)
    const own = [
      '--tls-cert-file',
      write('server.pem', server.certificate),
      '--tls-key-file',
      write('server.key', server.key),
    ]
    const { certificate: cert, key } = client
    const admin = { tls: { cert, key, rejectUnauthorized: false } }
    const redis = await freshRedis({
      tls: true,
      args: [...own, '--tls-ca-cert-file', ca, ...more],
      admin,
      ...(port !== undefined && { port }),
    })
    return { redis, tls: { ca, certificate: write('client.pem', cert), key: write('client.key', key) } }
  }

  test('the right authority, name and client certificate', async () => {
    const { redis, tls } = await secureRedis(local)
    const { claim, until, step, store } = openStore({ replay: { url: redis.url, tls } })
    await until(undefined)
    expect(await claim({ issuedAt: afterLoss({ store, step }) })).toBe('fresh')
  })
  test.each([
    ['another authority', local, stranger],
    ['another name', { ...local, ips: ['127.0.0.2'] }, authority],
    ['a certificate that has ended', { ...local, notAfter: new Date(Date.now() - 60_000) }, authority],
  ] as const)('%s is refused', async (_name, subject, signer) => {
    const { redis, tls } = await secureRedis(subject, signer)
    const { claim, until } = openStore({ replay: { url: redis.url, tls } })
    await until('tls')
    expect(await claim()).toBe('unavailable')
  })
  test('without a client certificate Redis lets nobody in', async () => {
    const { redis, tls } = await secureRedis(local)
    const { claim, until } = openStore({ replay: { url: redis.url, tls: { ca: tls.ca } } })
    await until('tls')
    expect(await claim()).toBe('unavailable')
  })
  test('a Cluster is reached with the same authority and client certificate', async () => {
    const [port = 0] = await findFree(1)
    const { redis, tls } = await secureRedis(local, authority, port, [
      ...['--cluster-enabled', 'yes', '--tls-cluster', 'yes', '--cluster-announce-ip', '127.0.0.1'],
      ...['--cluster-port', `${port > 40_000 ? port - 20_000 : port + 10_000}`],
    ])
    await redis.admin('cluster', 'addslotsrange', 0, 16_383)
    await vi.waitFor(async () => expect(await redis.admin('cluster', 'info')).toContain('cluster_state:ok'), 10_000)
    const { claim, until, step, store } = openStore({ replay: { cluster: [redis.url], tls } })
    await until(undefined)
    expect(await claim({ issuedAt: afterLoss({ store, step }) })).toBe('fresh')
    const bare = openStore({ replay: { cluster: [redis.url], tls: { ca: tls.ca } } })
    expect(await bare.claim()).toBe('unavailable')
  })
  test('a Redis that speaks no TLS', async () => {
    const redis = await freshRedis()
    const { claim, until } = openStore({ replay: redis.url.replace('redis:', 'rediss:') })
    await until('connection')
    expect(await claim()).toBe('unavailable')
  })
  test('a Redis that speaks TLS alone gets no word in the clear', async () => {
    const { redis } = await secureRedis(local)
    const { claim, until } = openStore({ replay: redis.url.replace('rediss:', 'redis:') })
    await until('connection')
    expect(await claim()).toBe('unavailable')
  })
})
