import { describe, expect, test } from 'vitest'
import { readConfig } from '../../../src/config.ts'
import type { SharedRevocations } from '../../../src/io/redis-revocations.ts'
import { buildRevocations, firstRevocations, type ServerRevocations } from '../../../src/io/revocations.ts'
import { buildDenyList } from '../../../src/verify/deny-list.ts'
import { revoked, tokenOf } from '../../support/redis-revocations.ts'
import { revocationFile } from '../../support/revocations.ts'
import { document } from '../../support/spine.ts'

const [server] = document.authorizationServers
const introspection = { clientId: 'api', key: 'unread.pem' }

describe('whether a day outlives every token of a server', () => {
  const built = (revocation: object, route: object = {}) => {
    const read = readConfig({
      ...document,
      profile: 'compat',
      authorizationServers: [{ ...server, revocation: { denyList: { file: revocationFile() }, ...revocation } }],
      routes: [{ ...document.routes[0], ...route }],
    })
    if (!read.ok) throw new Error(JSON.stringify(read.problems))
    const lists = buildRevocations(read.config, undefined, {
      wall: () => 0,
      monotonic: () => 0,
      observe: () => undefined,
    })
    return lists.ok ? lists.value.get('as')?.shortLived : lists.problem
  }
  test.each<readonly [string, boolean, object, object | undefined]>([
    ['of JWTs', true, {}, undefined],
    ['not where some may live longer', false, {}, { exceptions: ['longLivedTokens'] }],
    ['not of tokens that need not say when they were issued', false, { introspection }, undefined],
    ['of those that have to', true, { introspection: { ...introspection, required: ['iat'] } }, undefined],
  ])('%s: %s', (_, expected, revocation, route) => expect(built(revocation, route)).toBe(expected))
})

test('a file that was read already is not read again', () => {
  const file = { file: '/nowhere/revoked.jsonl' }
  const read = readConfig({ ...document, authorizationServers: [{ ...server, revocation: { denyList: file } }] })
  if (!read.ok) throw new Error(JSON.stringify(read.problems))
  const surroundings = { wall: () => 0, monotonic: () => 0, observe: () => undefined }
  const list = buildDenyList(1)
  list.add(revoked('bad'))
  const built = buildRevocations(read.config, undefined, surroundings, new Map([['as', { ok: true, value: list }]]))
  expect(built.ok && built.value.get('as')?.judge(tokenOf('bad'), 0)).toEqual({ kind: 'revoked', by: 'jti' })
})

describe('a new place is waited for', () => {
  /** A list of which the news come when it has been looked at so often. */
  const lists = (looks: number, trouble: ReturnType<SharedRevocations['trouble']>) => {
    let looked = 0
    const shared = {
      get current() {
        looked += 1
        return looked > looks
      },
      trouble: () => trouble,
    }
    return new Map([['bank', { shared } as unknown as ServerRevocations]])
  }
  test('while it tells, however long it takes', async () =>
    expect(await firstRevocations(lists(9, 'unasked'), new Map(), 1)).toEqual([]))
  test('not when it fails', async () =>
    expect(await firstRevocations(lists(1000, 'connection'), new Map(), 1)).toEqual(['bank']))
})
