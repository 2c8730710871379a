import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { followRevocations, type SharedRevocationEvent } from '../../../src/io/redis-revocations.ts'
import { readRevocationReply } from '../../../src/io/revocation-reply.ts'
import { obstacles } from '../../../src/io/revocation-script.ts'
import { digest, revoked } from '../../support/redis-revocations.ts'

const KEY = `j${digest('a')}`

describe('redis-garbage: only a reply of our form, to this question, is believed', () => {
  test.each<readonly [string, readonly unknown[], object]>([
    ['no changes', ['t', 'seen', 'i', 3, []], { word: 'seen', identity: 'i', serial: 3, changes: [] }],
    [
      'a change',
      ['t', 'seen', 'i', 4, [4, KEY, '5 6']],
      { changes: [{ serial: 4, entry: { key: KEY, before: 5, until: 6 } }] },
    ],
    [
      'a page',
      ['t', 'read', 'i', 3, ['17', ['epoch', 'e', KEY, '0 0', 'serial', '3']]],
      { word: 'read', cursor: '17', entries: [{ key: KEY, before: 0, until: 0 }] },
    ],
    ['a writing', ['t', 'merged', 'i', 3, []], { word: 'merged', serial: 3 }],
    ...obstacles.map((word) => [word, ['t', word], { cause: word }] as const),
  ])('%s', (_, reply, understood) => expect(readRevocationReply(reply, 't')).toMatchObject(understood))

  test.each<readonly [string, unknown]>([
    ['nothing', null],
    ['an error as text', 'OK'],
    ['to another question', ['u', 'seen', 'i', 3, []]],
    ['an obstacle to another question', ['u', 'full']],
    ['an unknown word', ['t', 'fine', 'i', 3, []]],
    ['an unknown word with a page', ['t', 'fine', 'i', 3, ['0', []]]],
    ['no identity', ['t', 'seen', null, 3, []]],
    ['a serial as text', ['t', 'seen', 'i', '3', []]],
    ['a serial below zero', ['t', 'merged', 'i', -1, []]],
    ['half a serial', ['t', 'merged', 'i', 1.5, []]],
    ['more than there should be', ['t', 'merged', 'i', 3, [], 1]],
    ['changes that are no list', ['t', 'seen', 'i', 3, 'x']],
    ['half a change', ['t', 'seen', 'i', 3, [3, KEY]]],
    ['a change of an unknown kind', ['t', 'seen', 'i', 3, [3, `q${KEY.slice(1)}`, '0 0']]],
    ['a change with a short key', ['t', 'seen', 'i', 3, [3, KEY.slice(0, -1), '0 0']]],
    ['a change without an end', ['t', 'seen', 'i', 3, [3, KEY, '5']]],
    ['a change that ends below zero', ['t', 'seen', 'i', 3, [3, KEY, '0 -5']]],
    ['a page without a cursor', ['t', 'read', 'i', 3, [null, []]]],
    ['a cursor that is no number', ['t', 'read', 'i', 3, ['x', []]]],
    ['a page with half an entry', ['t', 'read', 'i', 3, ['0', [KEY]]]],
    ['a page with an entry that is none', ['t', 'read', 'i', 3, ['0', ['jti', '0 0']]]],
    ['a page that is no list', ['t', 'read', 'i', 3, ['0', 'x']]],
  ])('%s makes no sense', (_, reply) =>
    expect(readRevocationReply(reply, 't')).toEqual({ cause: 'protocol', code: undefined }),
  )
})

/** A list at a Redis that answers what it is told to, step by step. */
function scripted(answers: (step: string, args: readonly (string | number)[]) => readonly unknown[]) {
  const steps: string[] = []
  const events: SharedRevocationEvent[] = []
  const list = followRevocations({
    open: async (hooks) => {
      setImmediate(hooks.ready)
      return await Promise.resolve({
        run: async (_keys, [tag, step, , ...args]) => {
          steps.push(String(step))
          return await Promise.resolve([tag, ...answers(String(step), args)])
        },
        reconnect: () => undefined,
        close: () => undefined,
      })
    },
    ...{ stem: 'x', maxEntries: 100, maxStale: 30, inherited: [revoked('a')], epoch: () => 'e' },
    ...{ wall: () => 1000, monotonic: () => performance.now() / 1000 },
    observe: (event) => void events.push(event),
  })
  onTestFinished(() => list.close())
  return { list, steps, events }
}

test('a list that is lost once more while it is filled again is filled again after that', async () => {
  // The second list is gone when it has been filled: the look after that finds a third one.
  const identities = ['first', 'first', 'first', 'second', 'third']
  const { list, steps } = scripted((step) => {
    if (step === 'read') return ['read', identities[0], 0, ['0', []]]
    if (step === 'merge') return ['merged', identities[0], 0, []]
    const identity = identities.length > 1 ? identities.shift() : identities[0]
    return ['seen', identity, 0, []]
  })
  await vi.waitFor(() => expect(steps.filter((step) => step === 'merge')).toHaveLength(3), {
    timeout: 5000,
    interval: 10,
  })
  await vi.waitFor(() => expect(list.trouble()).toBeUndefined(), { timeout: 5000, interval: 10 })
  expect(identities).toEqual(['third'])
})

test('a list whose history never fits is no endless loop, and never current', async () => {
  const { list, steps } = scripted((step) =>
    step === 'read'
      ? ['read', 'i', 0, ['0', []]]
      : [step === 'merge' ? 'merged' : 'seen', 'i', step === 'look' ? steps.length : 0, []],
  )
  await vi.waitFor(() => expect(steps.length).toBeGreaterThan(150), { timeout: 5000, interval: 10 })
  expect(list.current).toBe(false)
})
