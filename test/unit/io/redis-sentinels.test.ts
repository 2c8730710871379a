import { Redis } from 'ioredis'
import { expect, onTestFinished, test, vi } from 'vitest'
import { watchSentinels } from '../../../src/io/redis-sentinels.ts'
import { freshRedis } from '../../support/redis-replays.ts'

/** A server that says what a Sentinel says, and who listens to it. */
async function watched() {
  const server = await freshRedis()
  const moved = vi.fn()
  const client = new Redis({ port: server.port, lazyConnect: true, retryStrategy: () => 20, autoResubscribe: false })
  const watch = watchSentinels([client], 'replays', moved)
  onTestFinished(watch.close)
  /** How many heard it. */
  const say = async (message: string): Promise<unknown> => await server.admin('publish', '+switch-master', message)
  const heard = async (message: string): Promise<void> =>
    await vi.waitFor(async () => expect(await say(message)).toBe(1), { timeout: 10_000, interval: 20 })
  return { server, moved, watch, say, heard }
}

const MOVE = '127.0.0.1 6379 127.0.0.1 6380'

test('a new primary of our name is told, another name’s is not', async () => {
  const { moved, heard } = await watched()
  await heard(`replays-of-others ${MOVE}`)
  await heard(`others ${MOVE}`)
  expect(moved).not.toHaveBeenCalled()
  await heard(`replays ${MOVE}`)
  await vi.waitFor(() => expect(moved).toHaveBeenCalledTimes(1))
})

test('a Sentinel that was gone is listened to again', async () => {
  const { server, moved, heard } = await watched()
  await heard(`others ${MOVE}`)
  await server.kill()
  await server.start()
  await heard(`replays ${MOVE}`)
  await vi.waitFor(() => expect(moved).toHaveBeenCalledTimes(1))
})

test('once closed, nothing is heard', async () => {
  const { watch, heard, say } = await watched()
  await heard(`others ${MOVE}`)
  watch.close()
  await vi.waitFor(async () => expect(await say(`replays ${MOVE}`)).toBe(0), { timeout: 10_000, interval: 20 })
})
