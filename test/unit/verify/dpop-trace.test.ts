import { expect, test } from 'vitest'
import { showHash } from '../../../src/verify/dpop-proof.ts'
import { explainOnSpine } from '../../support/explain.ts'
import { athOf } from '../../support/proofs.ts'
import { buildTestCheck, goodRequest, mintToken, proofFor } from '../../support/spine.ts'

const token = mintToken()
const opaque = 'n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg'

/** What is recorded of the comparison that a proof with these claims fails in. */
async function failed(claims: Readonly<Record<string, unknown>>, sent = token) {
  const { ask, records } = buildTestCheck()
  await ask(goodRequest({ token: sent, proof: proofFor(sent, { claims }) }))
  const { check, found, expected } = records[0]?.trace.entries.at(-1) ?? {}
  return { check, found, expected }
}

test.each<readonly [string, unknown, unknown]>([
  ['the hash of another token by its beginning', athOf('x'), expect.stringMatching(/^sha256:2d711642b726$/)],
  ['the token itself', token, 'not a SHA-256 hash'],
  ['something else', 'x'.repeat(44), 'not a SHA-256 hash'],
  ['nothing', undefined, undefined],
])('ath: %s', async (_, ath, found) => {
  const hash = Buffer.from(athOf(token), 'base64url').toString('hex').slice(0, 12)
  expect(await failed({ ath })).toEqual({ check: 'proof ath', found, expected: `sha256:${hash}` })
})
test('an opaque token as long as a hash is not shown in the place of one', () => {
  expect([showHash(opaque, opaque), showHash(opaque, token)]).toEqual(['not a SHA-256 hash', 'sha256:9f86d081884c'])
})
test.each<readonly [string, unknown, unknown]>([
  [
    'another URI in the form in which it is compared',
    'HTTPS://API.example.com:443/a/../b?c',
    'https://api.example.com/b',
  ],
  [
    'what cannot be compared, as it came and without its query',
    'http://api.example.com/accounts?token=x#y',
    'http://api.example.com/accounts',
  ],
  ['no text', 7, undefined],
])('htu: %s', async (_, htu, found) =>
  expect(await failed({ htu })).toEqual({ check: 'proof htu', found, expected: 'https://api.example.com/accounts' }),
)
test('times are told with what they are compared with', async () => {
  const late = mintToken({ claims: { nbf: 1_800_000_060 } })
  const told = await explainOnSpine(goodRequest({ token: late }))
  expect(told.checks?.at(-1)).toMatchObject({
    found: '2027-01-15T08:01:00Z (in 60 s)',
    expected: 'up to 2027-01-15T08:00:10Z (in 10 s)',
  })
})
