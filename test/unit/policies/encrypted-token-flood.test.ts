import { describe, expect, test } from 'vitest'
import { buildPlaces } from '../../../src/io/places.ts'
import { verdict } from '../../support/answers.ts'
import { curve, newSealingKey, recipient, rsa, seal, sealingDocument } from '../../support/encrypted.ts'
import { buildTestCheck, goodRequest, mintToken } from '../../support/spine.ts'

const second = newSealingKey('RSA', 'rsa-2')

/** A Check that may use keys so many times at once. */
function buildNarrow(places: number) {
  const keys = [rsa.ours, second.ours, curve.ours]
  const { ask, ports } = buildTestCheck({ document: sealingDocument, recipient: recipient({ keys }) })
  Object.assign(ports, { openings: buildPlaces(places) })
  return async (...tokens: readonly string[]) =>
    (await Promise.all(tokens.map((token) => ask(goodRequest({ token }))))).map(verdict)
}

const good = () => seal(mintToken())
/** For a key that nobody has. */
const foreign = () => seal(mintToken(), { key: { ...newSealingKey('RSA'), ours: rsa.ours } })

describe('JWT-23 whoever sends more than can be opened', () => {
  test('is told that there is too much to do, not that the token is bad', async () => {
    expect(await buildNarrow(2)(await good(), await good(), await good())).toEqual(['allow', 'allow', 'overload'])
  })
  test('makes room again, opened or not', async () => {
    const judge = buildNarrow(1)
    for (const token of [await foreign(), await good(), await foreign(), await good()])
      expect((await judge(token))[0]).not.toBe('overload')
    expect(await judge(await good(), await good())).toEqual(['allow', 'overload'])
  })
  test('takes a place for each key that is tried', async () => {
    // Without a kid both RSA keys may be meant.
    const nameless = await seal(mintToken(), { header: { kid: undefined } })
    expect(await buildNarrow(2)(nameless, await good())).toEqual(['allow', 'overload'])
    expect(await buildNarrow(3)(nameless, await good())).toEqual(['allow', 'allow'])
  })
  test('does not keep out a token that was opened before', async () => {
    const judge = buildNarrow(1)
    const known = await good()
    expect(await judge(known)).toEqual(['allow'])
    expect(await judge(await foreign(), known)).toEqual(['token_malformed', 'allow'])
  })
  test('what no key is tried for takes no place', async () => {
    const unknown = await seal(mintToken(), { header: { kid: 'rsa-3' } })
    expect(await buildNarrow(1)(unknown, unknown, await good())).toEqual([
      'token_malformed',
      'token_malformed',
      'allow',
    ])
  })
})
