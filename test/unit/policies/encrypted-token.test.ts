import { describe, expect, test } from 'vitest'
import type { Cache } from '../../../src/ports.ts'
import { verdict } from '../../support/answers.ts'
import { newSealingKey, recipient, rsa, seal, sealingDocument } from '../../support/encrypted.ts'
import { buildTestCheck, goodRequest, memory, mintToken, type SpineOptions } from '../../support/spine.ts'

/** A Check whose memory of opened tokens tells what was put there and found. */
function watched(options: SpineOptions = {}) {
  const { ask, clock, ports } = buildTestCheck({ document: sealingDocument, recipient: recipient(), ...options })
  const found: string[] = []
  const kept: [key: string, seconds: number | undefined][] = []
  const { openedTokens = memory() } = ports
  const { get, set } = openedTokens
  const spy: Cache<unknown> = {
    get: (key) => {
      const value = get(key)
      if (value !== undefined) found.push(key)
      return value
    },
    set: (key, value, seconds) => {
      kept.push([key, seconds])
      set(key, value as never, seconds)
    },
  }
  Object.assign(openedTokens, spy)
  const judge = async (token: string): Promise<string> => verdict(await ask(goodRequest({ token })))
  return { judge, clock, found, kept }
}

describe('JWT-23 what was in a token is remembered', () => {
  test('it is opened once and judged every time', async () => {
    const { judge, found, kept, clock } = watched()
    const token = await seal(mintToken({ claims: { exp: 1_800_000_030 } }))
    expect(await judge(token)).toBe('allow')
    expect(kept).toHaveLength(1)
    expect(found).toEqual([])
    expect(await judge(token)).toBe('allow')
    expect(found).toEqual([kept[0]?.[0]])
    clock.now += 40
    expect(await judge(token)).toBe('token_expired')
  })
  test.each([
    [20, 20],
    [290, 60],
  ])('no longer than it lives, %d s: %d s', async (left, seconds) => {
    const { judge, kept } = watched()
    expect(await judge(await seal(mintToken({ claims: { exp: 1_800_000_000 + left } })))).toBe('allow')
    expect(kept.map(([, kept]) => kept)).toEqual([seconds])
  })
  test('under the token as it was sent, never under what is inside', async () => {
    const { judge, kept, found } = watched()
    const inner = mintToken()
    expect(await judge(await seal(inner))).toBe('allow')
    expect(await judge(await seal(inner))).toBe('allow')
    expect(new Set(kept.map(([key]) => key)).size).toBe(2)
    expect(found).toEqual([])
    expect(await judge(inner)).toBe('token_type_refused')
  })
  test.each([
    ['that cannot be opened', () => seal(mintToken(), { key: { ...newSealingKey('RSA'), ours: rsa.ours } })],
    ['with a bad token inside', () => seal(mintToken({ claims: { exp: 1 } }))],
    ['with garbage inside', () => seal('garbage')],
  ])('a token %s is not remembered', async (_, make) => {
    const { judge, kept } = watched()
    await judge(await make())
    expect(kept).toEqual([])
  })
})

describe('JWT-23 two servers', () => {
  const [server] = sealingDocument.authorizationServers
  const other = { ...server, name: 'b', issuer: 'https://b.example.com', encryption: { keys: ['b.pem'] } }
  const document = { ...sealingDocument, authorizationServers: [server, other] }
  test('a key opens the tokens of its own server and of no other', async () => {
    const { judge } = watched({ document })
    const inner = mintToken({ claims: { iss: other.issuer } })
    // The test gives both servers the recipient of the first.
    expect(await judge(await seal(inner))).toBe('token_issuer_unknown')
    expect(await judge(await seal(mintToken()))).toBe('allow')
  })
})
