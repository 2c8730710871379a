import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { revocationScript } from '../../../src/io/revocation-script.ts'
import { freshRedis } from '../../support/redis-replays.ts'
import { follow, revoked } from '../../support/redis-revocations.ts'

/** The rights that docs/revocation.md gives the user of the service. */
const documented = (): readonly string[] => {
  const [line = ''] = /ACL SETUSER [^`]*/.exec(readFileSync('docs/revocation.md', 'utf8')) ?? []
  return line.split(' ').filter((word) => /^[~+]/.test(word))
}
const user = (password: string): readonly string[] => ['setuser', 'fapi', 'reset', 'on', `>${password}`]

describe('the user of the service', () => {
  test('needs no more rights than are documented, and each of them', async () => {
    const redis = await freshRedis()
    const rights = documented()
    await redis.admin('acl', ...user('correct horse'), ...rights)
    const store = { username: 'fapi', password: 'correct horse' }
    const one = follow({ url: redis.url, ...store })
    await one.until(() => one.list.current)
    const over = Math.floor(Date.now() / 1000) - 1000
    expect(await one.list.push([revoked('ended', over), revoked('a', over + 9000)])).toBe('stored')
    expect(await one.list.push([revoked('a')])).toBe('stored')
    const used = new Set(
      [...revocationScript.source.matchAll(/call\('([A-Z]+)'/g)].map(([, name = '']) => name.toLowerCase()),
    )
    const connecting = ['evalsha', 'eval', 'ping']
    const granted = rights.filter((word) => word.startsWith('+'))
    expect(new Set(granted)).toEqual(new Set([...used, ...connecting].map((name) => `+${name}`)))
  })
  test('a wrong password is a cause of its own, and over when it is right', async () => {
    const redis = await freshRedis()
    await redis.admin('acl', ...user('another'), ...documented())
    const one = follow({ url: redis.url, username: 'fapi', password: 'correct horse' })
    await one.until(() => one.list.trouble() === 'authentication')
    expect(one.list.current).toBe(false)
    await redis.admin('acl', ...user('correct horse'), ...documented())
    await one.until(() => one.list.current)
  })
})
