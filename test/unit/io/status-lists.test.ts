import { deflateSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { PROOF_TIME } from '../../support/proofs.ts'
import { clientKey } from '../../support/spine.ts'
import { ALL_STATUSES, given, HOST, holdLists, LIST, lost, mintList, packed } from '../../support/status-lists.ts'

const good = () => given(mintList())
/** A list of that place. */
const listOf = (uri: string, claims: object = {}) => given(mintList({ claims: { sub: uri, ...claims } }))
const place = (number: number) => `https://${HOST}/lists/${number}`
const never = () => new Promise<never>(() => undefined)

describe('TSL-07 what a list says', () => {
  test.each([
    [0, '0'],
    [1, '1'],
    [2, '2'],
    [3, '3'],
    [4, 'absent'],
    [2 ** 52, 'absent'],
  ])('TSL-06 index %d: %s', async (index, answer) => expect(await holdLists(good).find(index)).toBe(answer))
})

describe('TSL-03 from where', () => {
  test.each([
    'https://169.254.169.254/lists/1',
    'https://[::ffff:169.254.169.254]/',
    'https://localhost/lists/1',
    `http://${HOST}/lists/1`,
    `https://${HOST}:8443/lists/1`,
    `https://${HOST}.evil.example/lists/1`,
    `https://evil.example/${HOST}`,
    `https://evil.example\\@${HOST}/`,
    `https://user@${HOST}/lists/1`,
    `https://user:secret@${HOST}/lists/1`,
    `https://${HOST}/lists/1#1`,
    `file:///etc/passwd`,
    'data:application/statuslist+jwt,x',
    `//${HOST}/lists/1`,
  ])('%s is not fetched', async (uri) => {
    const { find, fetched, events } = holdLists(() => listOf(uri))
    expect(await find(0, uri)).toBe('foreign')
    expect([fetched, events]).toEqual([[], []])
  })
  test.each([`https://${HOST}/lists/1?a=b`, `https://${HOST}:443/x`, `HTTPS://${HOST.toUpperCase()}/y`])(
    '%s is fetched as it is written',
    async (uri) => {
      const { find, fetched } = holdLists(() => listOf(uri))
      expect(await find(0, uri)).toBe('0')
      expect(fetched).toEqual([uri])
    },
  )
  test('a host with a port is another one than without', async () => {
    const uri = `https://${HOST}:8443/1`
    expect(await holdLists(() => listOf(uri), { hosts: [`${HOST}:8443`] }).find(0, uri)).toBe('0')
    expect(await holdLists(good, { hosts: [`${HOST}:8443`] }).find()).toBe('foreign')
  })
})

describe('TSL-04, TSL-05 a list that does not hold is no list', () => {
  test.each<[string, () => string]>([
    ['of another place', () => mintList({ claims: { sub: `${LIST}0` } })],
    ['of another type', () => mintList({ header: { typ: 'at+jwt' } })],
    ['without a type', () => mintList({ header: { typ: undefined } })],
    ['by another key', () => mintList({}, clientKey)],
    ['by a key nobody knows', () => mintList({ header: { kid: 'as-2' } })],
    ['unsigned', () => mintList({ header: { alg: 'none' } })],
    ['by an algorithm that is not accepted', () => mintList({ header: { alg: 'RS256' } })],
    ['that has expired', () => mintList({ claims: { exp: PROOF_TIME } })],
    ['without iat', () => mintList({ claims: { iat: undefined } })],
    ['without bits', () => mintList({ claims: { status_list: { lst: packed(0).lst } } })],
    ['of three bits', () => mintList({ claims: { status_list: { bits: 3, lst: packed(0).lst } } })],
    ['that is not packed', () => mintList({ claims: { status_list: { bits: 2, lst: 'AAAA' } } })],
    ['that is nothing like one', () => 'garbage'],
    ['that is empty', () => ''],
  ])('%s', async (_, make) => {
    const { find, kinds } = holdLists(() => given(make()))
    expect(await find()).toBe('unavailable')
    expect(kinds()).toEqual(['failed'])
  })
  test('TSL-09 the limits are those of the configuration', async () => {
    const list = mintList({ claims: { status_list: packed(...new Array<number>(2000).fill(0)) } })
    const find = (limits: object) => holdLists(() => given(list), limits).find()
    expect(await find({ maxUnpackedBytes: 2000, maxBytes: list.length })).toBe('0')
    expect(await find({ maxUnpackedBytes: 1999 })).toBe('unavailable')
    expect(await find({ maxBytes: list.length - 1 })).toBe('unavailable')
  })
})

describe('TSL-08 how long a list is kept', () => {
  test.each([
    ['ttl', { ttl: 600 }, 600],
    ['ttl that is too short', { ttl: 1 }, 60],
    ['ttl that is too long', { ttl: 1e9 }, 86_400],
    ['exp before ttl', { ttl: 600, exp: PROOF_TIME + 100 }, 100],
    ['neither', { ttl: undefined }, 300],
  ])('%s', async (_, claims, seconds) => {
    const { find, findNow, fetched, pass } = holdLists(() => given(mintList({ claims })))
    expect(await find(1)).toBe('1')
    pass(seconds - 1)
    expect(findNow(1)).toBe('1')
    pass(1)
    expect(findNow(1)).toBeUndefined()
    expect(fetched).toHaveLength(2)
  })
  test('one that is in use is fetched again before its time is over, and nobody waits', async () => {
    const { find, findNow, bell, pass, change, fetched, told } = holdLists(good)
    expect(await find(0)).toBe('0')
    expect(bell.waiting()).toEqual([480])
    change(() => given(mintList({ claims: { status_list: packed(1) } })))
    pass(480)
    bell.ring()
    expect(findNow(0)).toBe('0')
    await told(2)
    expect(findNow(0)).toBe('1')
    pass(599)
    expect(findNow(0)).toBe('1')
    expect(fetched).toHaveLength(2)
  })
  test('one that nobody asked for since is left to end', async () => {
    const { find, bell, fetched, pass, told } = holdLists(good)
    await find()
    pass(480)
    bell.ring()
    await told(2)
    pass(480)
    bell.ring()
    expect(fetched).toHaveLength(2)
    expect(bell.waiting()).toEqual([])
  })
  test('one whose time ends at once is not fetched without pause', async () => {
    const { find, bell } = holdLists(() => given(mintList({ claims: { exp: PROOF_TIME + 1 } })))
    expect(await find()).toBe('0')
    expect(bell.waiting()).toEqual([5])
  })
  test('after a change of keys it serves for a minute, while it is fetched by the new ones', async () => {
    const { find, findNow, keys, change, fetched, pass, told } = holdLists(good)
    await find()
    change(() => lost())
    keys.generation = 2
    expect(findNow()).toBe('0')
    expect(fetched).toHaveLength(2)
    await told(2)
    pass(59)
    expect(findNow()).toBe('0')
    pass(1)
    expect(findNow()).toBe('unavailable')
  })
})

describe('TSL-10 a list that cannot be had', () => {
  test('hard: nobody passes, and nobody waits for a place that failed', async () => {
    const { find, findNow, change, fetched, pass, told } = holdLists(() => lost())
    expect(await find()).toBe('unavailable')
    pass(4)
    expect(findNow()).toBe('unavailable')
    expect(fetched).toHaveLength(1)
    change(good)
    pass(1)
    expect(findNow()).toBe('unavailable')
    await told(2)
    expect(findNow()).toBe('0')
    expect(fetched).toHaveLength(2)
  })
  test('hard: one that is there serves to the end of its time and no longer', async () => {
    const { find, findNow, change, bell, pass, kinds, told } = holdLists(good)
    await find()
    change(() => lost(503))
    pass(480)
    bell.ring()
    await told(2)
    pass(119)
    expect(findNow()).toBe('0')
    expect(findNow(1)).toBe('1')
    bell.ring()
    await told(3)
    pass(1)
    expect(findNow()).toBe('unavailable')
    expect(kinds()).not.toContain('tolerated')
  })
  test('hard: one that is in use is tried again until it works', async () => {
    const { find, findNow, change, bell, pass, fetched, told } = holdLists(good)
    await find()
    change(() => lost())
    pass(480)
    bell.ring()
    await told(2)
    change(good)
    pass(4)
    expect(findNow()).toBe('0')
    expect(fetched).toHaveLength(2)
    pass(1)
    expect(findNow()).toBe('0')
    expect(fetched).toHaveLength(3)
    await told(3)
    pass(500)
    expect(findNow()).toBe('0')
    expect(fetched).toHaveLength(3)
  })
  test('soft: an old one serves for a day more, and it is told', async () => {
    const { find, findNow, change, pass, kinds, told } = holdLists(good, { onFailure: 'soft' })
    await find()
    change(() => lost())
    pass(600)
    expect(await find(1)).toBe('1')
    expect(kinds().filter((kind) => kind === 'tolerated')).toHaveLength(1)
    pass(5)
    expect(findNow(0)).toBe('0')
    await told(5)
    pass(86_394)
    // The failure is forgotten by now, so whoever comes first waits.
    expect(await find(0)).toBe('0')
    pass(1)
    expect(findNow(0)).toBe('tolerated')
  })
  test('soft: without any, short-lived tokens may pass, and it is told', async () => {
    const { find, kinds } = holdLists(() => lost(), { onFailure: 'soft' })
    expect(await find()).toBe('tolerated')
    expect(kinds()).toEqual(['failed', 'tolerated'])
  })
  test('soft: a place that is not listed stays forbidden, an index beyond the list too', async () => {
    expect(await holdLists(good, { onFailure: 'soft' }).find(0, 'https://evil.example/')).toBe('foreign')
    expect(await holdLists(good, { onFailure: 'soft' }).find(99)).toBe('absent')
  })
})

describe('whoever asks for much', () => {
  test('each list is fetched once at a time', async () => {
    const { find, fetched } = holdLists(good)
    expect(await Promise.all([find(0), find(1), find(2)])).toEqual(['0', '1', '2'])
    expect(fetched).toHaveLength(1)
  })
  test('eight lists at a time; the others come again', async () => {
    const { findNow, fetched, kinds } = holdLists(never)
    for (let number = 0; number < 8; number += 1) expect(findNow(0, place(number))).toBeUndefined()
    expect(findNow(0, place(8))).toBe('unavailable')
    expect(findNow(0, place(0))).toBeUndefined()
    expect(fetched).toHaveLength(8)
    expect(kinds()).toEqual(['refused'])
  })
  test('256 requests wait at the most', () => {
    const { findNow } = holdLists(never)
    for (let waiting = 0; waiting < 256; waiting += 1) expect(findNow()).toBeUndefined()
    expect(findNow()).toBe('unavailable')
  })
  test('those that waited make room', async () => {
    const { find, findNow, change } = holdLists(good)
    await Promise.all(Array.from({ length: 256 }, () => find()))
    change(never)
    expect(findNow(0, place(2))).toBeUndefined()
  })
  test('64 lists are kept; the one that was not asked for longest goes', async () => {
    const { find, findNow, events, bell } = holdLists((uri) => listOf(uri))
    for (let number = 0; number < 64; number += 1) await find(0, place(number))
    expect(findNow(0, place(0))).toBe('0')
    await find(0, place(64))
    expect(events.at(-1)).toMatchObject({ kind: 'loaded', lists: 64 })
    expect(findNow(0, place(0))).toBe('0')
    expect(findNow(0, place(1))).toBeUndefined()
    expect(bell.waiting()).toHaveLength(64)
  })
  test('64 MiB of lists are kept', async () => {
    const list = { bits: 8, lst: deflateSync(Buffer.alloc(16_777_216 - 1024)).toString('base64url') }
    const { find, events } = holdLists((uri) => listOf(uri, { status_list: list }))
    for (let number = 0; number < 5; number += 1) expect(await find(0, place(number))).toBe('0')
    const sizes = events.map((event) => (event.kind === 'loaded' ? [event.lists, event.bytes] : []))
    expect(sizes.at(-1)).toEqual([4, 67_108_864])
  })
  test('five failures in a row: the server is left alone for a second', async () => {
    const { find, fetched, pass, kinds } = holdLists(() => lost())
    for (let number = 0; number < 5; number += 1) expect(await find(0, place(number))).toBe('unavailable')
    expect(await find(0, place(5))).toBe('unavailable')
    expect(fetched).toHaveLength(5)
    expect(kinds().at(-1)).toBe('refused')
    pass(1)
    await find(0, place(6))
    expect(fetched).toHaveLength(6)
  })
  test.each([404, 200, 302])('an answer with %d says nothing of other lists', async (status) => {
    const { find, fetched } = holdLists(() => lost(status))
    for (let number = 0; number < 7; number += 1) await find(0, place(number))
    expect(fetched).toHaveLength(7)
  })
  test('a fault of ours is no rejection that nobody handles', async () => {
    const { find, kinds } = holdLists(() => Promise.reject(new Error('bug')))
    expect(await find()).toBe('unavailable')
    expect(kinds()).toEqual(['failed'])
  })
})

describe('how it fares', () => {
  test('available until a place fails, and again when it works', async () => {
    const { lists, find, findNow, change, pass, told } = holdLists(good)
    expect(lists.available).toBe(true)
    await find()
    expect(lists.available).toBe(true)
    change(() => lost())
    await find(0, place(2))
    expect(lists.available).toBe(false)
    change((uri) => listOf(uri))
    pass(5)
    findNow(0, place(2))
    await told(3)
    expect(lists.available).toBe(true)
  })
  test('a place that nobody asks for any more is no trouble', async () => {
    const { lists, find, pass } = holdLists(() => lost())
    await find()
    pass(61)
    expect(lists.available).toBe(true)
  })
  test('closed: no timer, no fetch, nothing kept', async () => {
    const { lists, find, bell, fetched, kinds } = holdLists(good)
    await find()
    lists.close()
    expect(bell.waiting()).toEqual([])
    expect(await find()).toBe('unavailable')
    expect(fetched).toHaveLength(1)
    expect(kinds()).toEqual(['loaded', 'closed', 'refused'])
  })
  test('closed while a list is on its way: it is not kept', async () => {
    const { promise, resolve } = Promise.withResolvers<ReturnType<typeof good>>()
    const { lists, find, kinds, bell } = holdLists(() => promise)
    const waiting = find()
    lists.close()
    resolve(good())
    expect(await waiting).toBe('unavailable')
    expect([kinds(), bell.waiting()]).toEqual([['closed'], []])
  })
  test('what fails is told without what the URI holds besides its place', async () => {
    const uri = `${LIST}?secret=1`
    const { find, events } = holdLists(() => given('garbage'))
    await find(0, uri)
    expect(events).toEqual([{ kind: 'failed', server: 'bank', problem: `${LIST}: it does not have three segments` }])
  })
})

describe('the keys', () => {
  test('that cannot be had are no reason to believe a list', async () => {
    const { find, keys, events } = holdLists(good)
    keys.find = () => ({ kind: 'unavailable', detail: 'no keys' })
    expect(await find()).toBe('unavailable')
    expect(events).toMatchObject([{ kind: 'failed', problem: `${LIST}: no keys` }])
  })
  test('may have to be waited for', async () => {
    const { find, keys } = holdLists(good)
    const { find: search } = keys
    keys.find = (kid, algorithm) => Promise.resolve(search(kid, algorithm))
    expect(await find(0)).toBe(String(ALL_STATUSES & 3))
  })
})
