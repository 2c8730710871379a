import { expect, test } from 'vitest'
import { settledStore } from '../../support/redis-replays.ts'

test('SCRIPT FLUSH: the script is sent again, and of 50 copies still one is fresh', async () => {
  const { claim, redis } = await settledStore()
  for (let round = 0; round < 20; round++) {
    await redis.admin('script', 'flush')
    const answers = await Promise.all(Array.from({ length: 50 }, () => claim({ digest: `round ${round}` })))
    expect(answers.filter((answer) => answer === 'fresh')).toHaveLength(1)
    expect(answers.filter((answer) => answer === 'used')).toHaveLength(49)
  }
})

test('a process that was busy itself reads what has come before it says that nothing came', async () => {
  const { claim } = await settledStore({ timeout: 0.02 })
  expect(await claim({ digest: 'warm' })).toBe('fresh')
  const answer = claim({ digest: 'a' })
  const end = performance.now() + 200
  while (performance.now() < end);
  expect(await answer).toBe('fresh')
})
