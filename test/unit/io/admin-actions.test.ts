import { describe, expect, test } from 'vitest'
import { denyList } from '../../../src/config-revocation.ts'
import type { AdminAction } from '../../../src/io/admin.ts'
import { flushKeys } from '../../../src/io/admin-actions.ts'
import { revocationActions } from '../../../src/io/revocation-actions.ts'
import type { ServerRevocations } from '../../../src/io/revocations.ts'
import type { Revocation } from '../../../src/verify/deny-list.ts'
import { digest } from '../../support/redis-revocations.ts'

const NOW = 1_800_000_000.25

/** What an action answers to a body as it was sent. */
const act = async (action: AdminAction | undefined, body?: object) =>
  await action?.handle(body === undefined ? undefined : JSON.parse(JSON.stringify(body)), new URLSearchParams())

describe('POST /keys/flush', () => {
  function sources(outcomes: Readonly<Record<string, boolean>>) {
    const flushed: string[] = []
    const map = new Map(
      Object.entries(outcomes).map(([name, outcome]) => [
        name,
        {
          flush: async () => {
            flushed.push(name)
            return await Promise.resolve(outcome)
          },
        },
      ]),
    )
    return { action: flushKeys(() => map), flushed }
  }
  test('without a body, all of them', async () => {
    const { action, flushed } = sources({ bank: true, other: true })
    expect(await act(action)).toEqual({ status: 200, body: { servers: { bank: 'loaded', other: 'loaded' } } })
    expect(flushed).toEqual(['bank', 'other'])
  })
  test('one of them', async () => {
    const { action, flushed } = sources({ bank: true, other: true })
    expect(await act(action, { server: 'other' })).toEqual({ status: 200, body: { servers: { other: 'loaded' } } })
    expect(flushed).toEqual(['other'])
  })
  test('one that cannot be read is told', async () => {
    const { action } = sources({ bank: true, other: false })
    expect(await act(action)).toEqual({ status: 502, body: { servers: { bank: 'loaded', other: 'failed' } } })
  })
  test.each<readonly [object, number]>([
    [{ server: 'nobody' }, 404],
    [{ server: '__proto__' }, 404],
    [{ server: 5 }, 400],
    [{ servers: ['bank'] }, 400],
    [{ server: 'bank', force: true }, 400],
  ])('%j is refused', async (body, status) => {
    const { action, flushed } = sources({ bank: true })
    expect(await act(action, body)).toMatchObject({ status })
    expect(flushed).toEqual([])
  })
})

describe('/revocations', () => {
  type Outcome = 'stored' | 'full' | 'unavailable'

  /** Lists by name; those that take pushes end as told. */
  function start(outcomes: Readonly<Record<string, Outcome | undefined>>, { age = 0.04, shortLived = true } = {}) {
    const pushed: (readonly [string, readonly Revocation[]])[] = []
    const counted: string[] = []
    const lists = new Map(
      Object.entries(outcomes).map(([name, outcome]): [string, ServerRevocations] => [
        name,
        {
          judge: () => ({ kind: 'clean' }),
          issuer: 'https://as.example.com',
          options: denyList.parse(outcome ? { redis: 'redis://127.0.0.1' } : { file: 'revoked.jsonl' }),
          listed: 3,
          identity: '',
          pushable: outcome !== undefined,
          shortLived,
          shared: outcome && {
            ...{ find: () => undefined, entries: () => [], trouble: () => undefined },
            ...{ inherit: () => undefined, close: () => undefined },
            ...{ current: true, age, size: 7 },
            push: async (entries) => {
              pushed.push([name, entries])
              return await Promise.resolve(outcome)
            },
          },
        },
      ]),
    )
    const [show, push] = revocationActions(() => lists, {
      wall: () => NOW,
      count: (server, result) => void counted.push(`${server} ${result}`),
    })
    return { show, push, pushed, counted }
  }

  test('GET tells numbers alone', async () => {
    const { show } = start({ bank: 'stored', listed: undefined })
    expect(show).toMatchObject({ method: 'GET', path: '/revocations' })
    expect(await act(show)).toEqual({
      status: 200,
      body: {
        servers: {
          bank: { redis: 7, ageSeconds: 0, current: true, maxEntries: 100_000, push: true },
          listed: { file: 3, maxEntries: 100_000, push: false },
        },
      },
    })
  })
  test('before the first news there is no age', async () => {
    const { show } = start({ bank: 'stored' }, { age: Number.POSITIVE_INFINITY })
    expect(await act(show)).toMatchObject({ body: { servers: { bank: { ageSeconds: null } } } })
  })
  test('POST stores one; a day and some seconds outlive every token', async () => {
    const { push, pushed, counted } = start({ bank: 'stored' })
    expect(await act(push, { jti: 'token-1' })).toEqual({ status: 200, body: { stored: 1 } })
    const until = 1_800_000_001 + 86_470
    expect(pushed).toEqual([['bank', [{ key: `j${digest('token-1')}`, before: 0, until }]]])
    expect(counted).toEqual(['bank stored'])
  })
  test('where tokens may live longer, an entry has to say until when it is needed', async () => {
    const { push, pushed } = start({ bank: 'stored' }, { shortLived: false })
    const revocations = [{ jti: 'a', until: 1_900_000_000 }, { jti: 'b' }]
    expect(await act(push, { revocations })).toMatchObject({
      status: 400,
      body: { message: 'revocation 2: say until when; tokens of this server may live longer than a day' },
    })
    expect(pushed).toEqual([])
    expect(await act(push, { jti: 'a', until: 1_900_000_000 })).toMatchObject({ status: 200 })
  })
  test('a push reaches a day into the future at the most: it cannot be taken back', async () => {
    const { push, pushed } = start({ bank: 'stored' })
    expect(await act(push, { sub: 'user-1', before: 1_800_086_402 })).toMatchObject({
      status: 400,
      body: { message: 'revocation 1: before is more than a day ahead, and a push cannot be taken back' },
    })
    expect(pushed).toEqual([])
    expect(await act(push, { sub: 'user-1', before: 1_800_086_399 })).toMatchObject({ status: 200 })
  })
  test('a subject without a time means what was issued until now, on any clock that is accepted', async () => {
    const { push, pushed } = start({ bank: 'stored' })
    await act(push, { server: 'bank', sub: 'user-1' })
    expect(pushed[0]?.[1]).toMatchObject([{ key: `s${digest('user-1')}`, before: 1_800_000_011 }])
  })
  test('POST stores several at once, with the times they have', async () => {
    const { push, pushed } = start({ bank: 'stored', other: 'stored' })
    const revocations = [
      { jti: 'a', until: 1_900_000_000 },
      { client_id: 'b', before: 1_700_000_000 },
    ]
    expect(await act(push, { server: 'other', revocations })).toEqual({ status: 200, body: { stored: 2 } })
    expect(pushed).toMatchObject([['other', [{ until: 1_900_000_000 }, { before: 1_700_000_000 }]]])
  })
  test.each<readonly [Outcome, number]>([
    ['full', 507],
    ['unavailable', 503],
  ])('what is not stored is not said to be: %s is %i', async (outcome, status) => {
    const { push, counted } = start({ bank: outcome })
    expect(await act(push, { jti: 'token-1' })).toMatchObject({ status })
    expect(counted).toEqual([`bank ${outcome}`])
  })
  test.each<readonly [string, object | undefined, number]>([
    ['nothing', undefined, 400],
    ['nothing to revoke', { server: 'bank' }, 400],
    ['a server nobody knows', { server: 'nobody', jti: 'a' }, 404],
    ['a server whose list takes no pushes', { server: 'listed', jti: 'a' }, 404],
    ['one and several', { server: 'bank', jti: 'a', revocations: [{ jti: 'b' }] }, 400],
    ['an empty list', { server: 'bank', revocations: [] }, 400],
    ['no list', { server: 'bank', revocations: { jti: 'a' } }, 400],
    ['more than 200', { server: 'bank', revocations: Array.from({ length: 201 }, () => ({ jti: 'a' })) }, 400],
    ['one that is wrong among good ones', { server: 'bank', revocations: [{ jti: 'a' }, { jti: 5 }] }, 400],
    ['one that is no object', { server: 'bank', revocations: ['a'] }, 400],
    ['one that is over already', { server: 'bank', jti: 'a', until: 1_799_999_999 }, 400],
  ])('%s: refused whole, and nothing of it is repeated', async (_, body, status) => {
    const { push, pushed, counted } = start({ bank: 'stored', listed: undefined })
    const answer = await act(push, body)
    expect(answer).toMatchObject({ status })
    expect(JSON.stringify(answer)).not.toContain('"a"')
    expect([pushed, counted]).toEqual([[], []])
  })
  test('among several lists one has to be chosen', async () => {
    const { push } = start({ bank: 'stored', other: 'stored' })
    expect(await act(push, { jti: 'a' })).toMatchObject({ status: 400 })
  })
  test('200 at once are taken', async () => {
    const { push } = start({ bank: 'stored' })
    const revocations = Array.from({ length: 200 }, (_, index) => ({ jti: `${index}` }))
    expect(await act(push, { revocations })).toMatchObject({ status: 200, body: { stored: 200 } })
  })
  test('without a list that takes pushes there is nothing to push to', async () => {
    const { push } = start({ listed: undefined })
    expect(await act(push, { jti: 'a' })).toMatchObject({
      status: 404,
      body: { message: expect.stringContaining('denyList') },
    })
  })
})
