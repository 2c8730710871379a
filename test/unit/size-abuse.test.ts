import { describe, expect, test } from 'vitest'
import type { KeySource, ReplayStore } from '../../src/ports.ts'
import { outcomeOf } from '../support/lifecycle-grpc.ts'
import { startTestServer } from '../support/lifecycle-server.ts'
import { buildTestCheck, goodRequest, keySource, mintToken, type Order } from '../support/spine.ts'

/** A server that decides for real, and how often it asked for a key to verify with, or for room for a proof. */
async function startJudge() {
  const asked = { keys: 0, proofs: 0 }
  const real = keySource()
  const keys: KeySource = {
    ...real,
    find: (...wanted) => {
      asked.keys += 1
      return real.find(...wanted)
    },
  }
  const replays: ReplayStore = {
    claim: () => {
      asked.proofs += 1
      return 'fresh'
    },
  }
  const { check } = buildTestCheck({ keys, replays })
  const { connect, events } = await startTestServer({ check })
  const client = connect()
  const ask = async (order: Order): Promise<string> => outcomeOf(await client.ask(goodRequest(order)))
  return { ask, asked, events }
}

const MB = 1_048_576
const small = (count: number) => Array.from({ length: count }, (_, index) => [`x-small-${index}`, 'a'] as const)
const FORM = ['content-type', 'application/x-www-form-urlencoded'] as const

describe('headers-1mb, body-big, att-dos-02: refused before anything is verified, and no harm is done', () => {
  test.each<[string, Order, string]>([
    ['a token of just less than a Check may have', { token: 'a'.repeat(MB - 5000), proof: 'a' }, 'header_too_large'],
    ['a token of 1 MiB', { token: 'a'.repeat(MB), proof: 'a' }, 'RESOURCE_EXHAUSTED'],
    ['a proof of 1 MiB', { proof: 'a'.repeat(MB) }, 'RESOURCE_EXHAUSTED'],
    ['one header of 1 MiB', { headers: [['x-big', 'a'.repeat(MB)]] }, 'RESOURCE_EXHAUSTED'],
    [
      '10,000 headers of 100 bytes',
      { headers: small(10_000).map(([name]) => [name, 'a'.repeat(100)]) },
      'RESOURCE_EXHAUSTED',
    ],
    [
      '10,000 authorization headers',
      { headers: Array.from({ length: 10_000 }, () => ['authorization', 'DPoP a']) },
      'header_too_large',
    ],
    ['a body of 4 MiB', { method: 'POST', body: 'a'.repeat(4 * MB) }, 'RESOURCE_EXHAUSTED'],
    ['a body of 16 MiB', { method: 'POST', body: 'a'.repeat(16 * MB) }, 'RESOURCE_EXHAUSTED'],
    [
      'a form that is cut',
      { method: 'POST', body: 'a'.repeat(MB / 2), partial: 'true', headers: [FORM] },
      'body_truncated',
    ],
  ])('%s', async (_, order, expected) => {
    const { ask, asked, events } = await startJudge()
    expect(await ask(order)).toBe(expected)
    expect(asked).toEqual({ keys: 0, proofs: 0 })
    expect(await ask({})).toBe('allow')
    expect(asked).toEqual({ keys: 1, proofs: 1 })
    expect(events).toEqual([])
  })
  test('a proof of just less than a Check may have: after the token, which comes first, nothing is verified', async () => {
    const { ask, asked } = await startJudge()
    expect(await ask({ proof: 'a'.repeat(MB - 5000) })).toBe('proof_malformed')
    expect(asked).toEqual({ keys: 1, proofs: 0 })
    expect(await ask({})).toBe('allow')
  })
  test('10,000 small headers beside a good proof change nothing, whatever they are called', async () => {
    const { ask } = await startJudge()
    expect(await ask({ headers: small(10_000) })).toBe('allow')
    expect(await ask({ headers: small(10_000), token: mintToken({ claims: { scope: '' } }) })).toBe(
      'scope_insufficient',
    )
  })
})
