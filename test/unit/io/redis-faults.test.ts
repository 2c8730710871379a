import { describe, expect, onTestFinished, test } from 'vitest'
import {
  afterLoss,
  forgetStart,
  freshRedis,
  openStore,
  resend,
  type StoreSettings,
  settledStore,
  spend,
} from '../../support/redis-replays.ts'
import { startRelay } from '../../support/relay.ts'

/** A store that reaches its Redis through a relay. */
async function relayedStore(settings: Partial<StoreSettings> = {}) {
  const redis = await freshRedis()
  const relay = await startRelay(redis.port)
  onTestFinished(relay.stop)
  const store = openStore({ replay: relay.url, ...settings })
  await store.until(undefined)
  await forgetStart(redis)
  return { redis, relay, ...store }
}

const causesOf = ({ events }: Pick<Awaited<ReturnType<typeof settledStore>>, 'events'>): readonly string[] =>
  events.flatMap((event) => (event.kind === 'failed' ? [event.cause] : []))

const downs = ({ events }: Pick<Awaited<ReturnType<typeof settledStore>>, 'events'>): readonly string[] =>
  events.flatMap((event) => (event.kind === 'down' ? [event.failure.cause] : []))

describe('DPOP-47 redis-kill: Redis is gone', () => {
  test('every claim is refused until it is back, and what was used stays refused', async () => {
    const replica = await settledStore()
    const { claim, redis, until, events, step, store } = replica
    const used = await spend(claim, 100)
    expect(used).toHaveLength(100)
    await redis.kill()
    expect(await resend(claim, [...used.slice(0, 5), 'new'])).toEqual(new Set(['unavailable']))
    await until('connection')
    expect(await resend(claim, used)).toEqual(new Set(['unavailable']))
    expect(downs(replica)).toEqual(['connection'])
    expect(events).toContainEqual({ kind: 'down', failure: { cause: 'connection', code: expect.anything() } })
    await redis.start()
    await until(undefined)
    expect(events.at(-1)).toEqual({ kind: 'up' })
    expect(await resend(claim, used)).toEqual(new Set(['unknown']))
    expect(await claim({ digest: 'newer', issuedAt: afterLoss({ store, step }) })).toBe('fresh')
  })

  test('a start without Redis waits for it', async () => {
    const redis = await freshRedis()
    await redis.kill()
    const { step, store, until, claim } = openStore({ replay: redis.url })
    expect(store.trouble()).toBe('unasked')
    expect(await claim()).toBe('unavailable')
    await until('connection')
    await redis.start()
    await until(undefined)
    expect(await claim({ issuedAt: afterLoss({ store, step }) })).toBe('fresh')
  })
})

describe('redis-hang: Redis keeps the socket and says nothing', () => {
  test('few claims wait for it, then none; it is used again by itself', async () => {
    const replica = await settledStore({ timeout: 0.03 })
    const { claim, redis, until } = replica
    redis.signal('SIGSTOP')
    expect(await resend(claim, ['a', 'b'])).toEqual(new Set(['unavailable']))
    expect(
      await resend(
        claim,
        Array.from({ length: 100 }, (_, index) => `proof ${index}`),
      ),
    ).toEqual(new Set(['unavailable']))
    const waited = causesOf(replica).filter((cause) => cause === 'timeout')
    expect(waited.length).toBeLessThanOrEqual(20)
    expect(causesOf(replica).filter((cause) => cause === 'open').length).toBeGreaterThanOrEqual(82)
    await until('timeout')
    redis.signal('SIGCONT')
    await until(undefined)
    expect(await claim({ digest: 'later' })).toBe('fresh')
    expect(downs(replica)).toEqual(['timeout'])
  })

  test('redis-reset: a claim nobody answered in time counts as used once Redis goes on', async () => {
    const { claim, redis, works } = await settledStore({ timeout: 0.03 })
    redis.signal('SIGSTOP')
    expect(await claim({ digest: 'a' })).toBe('unavailable')
    redis.signal('SIGCONT')
    await works()
    expect(await claim({ digest: 'a' })).toBe('used')
  })

  test('no more claims are under way than have a place', async () => {
    const replica = await settledStore({ timeout: 0.03 })
    const { claim, redis } = replica
    redis.signal('SIGSTOP')
    await Promise.all(Array.from({ length: 500 }, (_, index) => claim({ digest: `${index}` })))
    redis.signal('SIGCONT')
    const causes = causesOf(replica)
    expect(causes.filter((cause) => cause === 'overload')).toHaveLength(100)
    expect(causes).toHaveLength(500)
  })
})

describe('redis-slow', () => {
  test('replies within the timeout are waited for', async () => {
    const { claim, relay, until } = await relayedStore({ timeout: 1 })
    relay.delay = 50
    expect(await spend(claim, 100)).toHaveLength(100)
    await until(undefined)
  })
  test('later ones are refused, and the proofs are spent all the same', async () => {
    const { claim, relay, until } = await relayedStore({ timeout: 0.1 })
    relay.delay = 500
    expect(await resend(claim, ['a', 'b', 'c'])).toEqual(new Set(['unavailable']))
    await until('timeout')
    relay.delay = 0
    await until(undefined)
    expect(await resend(claim, ['a', 'b', 'c'])).toEqual(new Set(['used']))
    expect(await claim({ digest: 'd' })).toBe('fresh')
  })
})

describe('redis-reset: the connection breaks while a claim is under way', () => {
  test('that claim is refused and its proof spent', async () => {
    const { claim, relay, works } = await relayedStore()
    relay.reply = () => 'reset'
    expect(await claim({ digest: 'a', owner: 'owner' })).toBe('unavailable')
    relay.reply = (piece) => piece
    await works()
    expect(await claim({ digest: 'a' })).toBe('used')
  })
  test('now and then: no proof is accepted twice', async () => {
    const { claim, relay, works } = await relayedStore()
    let pieces = 0
    relay.reply = (piece) => {
      pieces += 1
      return pieces % 20 === 0 ? 'reset' : piece
    }
    const digests = Array.from({ length: 200 }, (_, index) => `proof ${index}`)
    const accepted = new Map<string, number>()
    for (const digest of [...digests, ...digests]) {
      if (pieces % 20 === 0) await works()
      if ((await claim({ digest })) !== 'fresh') continue
      accepted.set(digest, (accepted.get(digest) ?? 0) + 1)
    }
    expect(accepted.size).toBeGreaterThan(100)
    expect(new Set(accepted.values())).toEqual(new Set([1]))
    relay.reply = (piece) => piece
    await works()
    expect(await resend(claim, [...accepted.keys()])).toEqual(new Set(['used']))
  })
})

test('redis-hang: a connection that goes nowhere is replaced', async () => {
  const { claim, relay, works } = await relayedStore({ timeout: 0.1 })
  relay.strand()
  expect(await claim({ digest: 'a' })).toBe('unavailable')
  await works()
  expect(await claim({ digest: 'b' })).toBe('fresh')
})

describe('redis-garbage: replies that make no sense', () => {
  test.each([
    ['bytes of no protocol', () => Buffer.from('HTTP/1.1 200 OK\r\n\r\n')],
    ['a text', () => Buffer.from('+OK\r\n')],
    ['a number', () => Buffer.from(':1\r\n')],
    ['nothing', () => Buffer.from('$-1\r\n')],
    ['an empty list', () => Buffer.from('*0\r\n')],
    ['fresh by itself', () => Buffer.from('*5\r\n$1\r\n0\r\n$5\r\nfresh\r\n:0\r\n:0\r\n$0\r\n\r\n')],
    ['another word', (piece: Buffer) => Buffer.from(piece.toString('latin1').replace('fresh', 'Fresh'), 'latin1')],
    [
      'a time that is none',
      (piece: Buffer) => Buffer.from(piece.toString('latin1').replace(/:[0-9]+/, ':-1'), 'latin1'),
    ],
    ['flipped bits', (piece: Buffer) => Buffer.from(piece.map((byte) => byte ^ 0x20))],
  ])('%s are never read as fresh', async (_name, spoil) => {
    const { claim, relay, works } = await relayedStore()
    relay.reply = spoil
    expect(await claim({ digest: 'a' })).toBe('unavailable')
    relay.reply = (piece) => piece
    await works()
    expect(await claim({ digest: 'a' })).toBe('used')
    expect(await claim({ digest: 'b' })).toBe('fresh')
  })

  test('a reply to another claim is not taken for this one', async () => {
    const { claim, relay, works } = await relayedStore()
    expect(await claim({ digest: 'spent' })).toBe('fresh')
    let extra: Buffer | undefined
    relay.reply = (piece) => {
      extra ??= piece.includes('fresh') ? piece : undefined
      return piece
    }
    expect(await claim({ digest: 'a' })).toBe('fresh')
    // From now on each reply comes one too late, as after a piece that was sent twice.
    const late = extra
    relay.reply = (piece) => (late ? Buffer.concat([late, piece]) : piece)
    expect(await claim({ digest: 'spent' })).toBe('unavailable')
    relay.reply = (piece) => piece
    await works()
    expect(await claim({ digest: 'spent' })).toBe('used')
  })
})
