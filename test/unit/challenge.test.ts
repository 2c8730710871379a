import { describe, expect, test } from 'vitest'
import { buildChallenges, type Challenges } from '../../src/challenge.ts'
import { type Denial, type DenyReason, deny } from '../../src/denial.ts'

const algs = 'algs="ES256 PS256"'
const offers: Readonly<Record<string, Challenges>> = {
  dpop: { dpopAlgorithms: ['ES256', 'PS256'], bearer: false },
  bearer: { dpopAlgorithms: undefined, bearer: true },
  both: { dpopAlgorithms: ['ES256', 'PS256'], bearer: true },
  nothing: { dpopAlgorithms: undefined, bearer: false },
}
const sent: Readonly<Record<string, readonly string[]>> = {
  dpop: ['DPoP abc'],
  inverted: ['dPoP abc'],
  bearer: ['Bearer abc'],
  other: ['Basic abc'],
  tab: ['DPoP\tabc'],
  garbage: ['\u0000"\\'],
  empty: [''],
  joined: ['DPoP abc,Bearer def'],
  twice: ['DPoP abc', 'Bearer def'],
}

const challenged = (reason: DenyReason | Denial, offered: string, scheme?: string): readonly string[] => {
  const lines = scheme === undefined ? undefined : (sent[scheme] ?? [])
  const denial = typeof reason === 'string' ? deny(reason, 'detail') : reason
  const challenges = offers[offered]
  if (!challenges) throw new Error(offered)
  return buildChallenges(denial, challenges, new Map(lines ? [['authorization', lines]] : []))
}

const tokenError = 'error="invalid_token", error_description="The access token has expired"'
const proofError = 'error="invalid_dpop_proof", error_description="The DPoP proof has been used before"'
const repeated = 'error="invalid_request", error_description="More than one way of sending an access token was used"'

describe('ERR-02 no credentials: bare challenges', () => {
  test.each([
    ['dpop', [`DPoP ${algs}`]],
    ['bearer', ['Bearer']],
    ['both', [`DPoP ${algs}`, 'Bearer']],
    ['nothing', []],
  ])('%s', (offered, expected) => {
    expect(challenged('credentials_missing', offered)).toEqual(expected)
    expect(challenged('credentials_missing', offered, 'other')).toEqual(expected)
  })
})

describe('ERR-06 the error stands in the challenge of the scheme that was used', () => {
  const rows: readonly (readonly [string, string | undefined, readonly string[]])[] = [
    ['dpop', 'dpop', [`DPoP ${tokenError}, ${algs}`]],
    ['dpop', 'bearer', [`DPoP ${tokenError}, ${algs}`]],
    ['bearer', 'bearer', [`Bearer ${tokenError}`]],
    ['bearer', 'dpop', [`Bearer ${tokenError}`]],
    ['both', 'dpop', [`DPoP ${tokenError}, ${algs}`, 'Bearer']],
    ['both', 'inverted', [`DPoP ${tokenError}, ${algs}`, 'Bearer']],
    ['both', 'bearer', [`DPoP ${algs}`, `Bearer ${tokenError}`]],
    ['both', undefined, [`DPoP ${tokenError}, ${algs}`, `Bearer ${tokenError}`]],
  ]
  test.each(rows)('%s offered, %s used', (offered, scheme, expected) =>
    expect(challenged('token_expired', offered, scheme)).toEqual(expected),
  )
  test.each(['other', 'tab', 'garbage', 'empty', 'joined', 'twice'])('both when it is not clear which: %s', (scheme) =>
    expect(challenged('token_expired', 'both', scheme)).toEqual([
      `DPoP ${tokenError}, ${algs}`,
      `Bearer ${tokenError}`,
    ]),
  )
  test('HDR-06 an ambiguous request: in both, whatever came first', () => {
    const expected = [`DPoP ${repeated}, ${algs}`, `Bearer ${repeated}`]
    expect(challenged('credentials_repeated', 'both', 'joined')).toEqual(expected)
    expect(challenged('credentials_repeated', 'both', 'dpop')).toEqual(expected)
  })
  test('a bad proof: in the DPoP challenge', () => {
    expect(challenged('proof_replayed', 'both', 'bearer')).toEqual([`DPoP ${proofError}, ${algs}`, 'Bearer'])
    expect(challenged('proof_replayed', 'dpop', 'dpop')).toEqual([`DPoP ${proofError}, ${algs}`])
  })
})

test('SCOPE names what would have been enough', () => {
  const denial = deny('scope_insufficient', '', { scope: ['accounts', 'payments:write'] })
  expect(challenged(denial, 'dpop', 'dpop')).toEqual([
    `DPoP error="insufficient_scope", error_description="The access token does not cover this request", scope="accounts payments:write", ${algs}`,
  ])
  expect(challenged(deny('scope_insufficient', '', { scope: [] }), 'bearer', 'bearer')[0]).not.toContain('scope="')
})

test.each(['route_unknown', 'method_not_allowed', 'replay_quota', 'deadline', 'internal_error'] as const)(
  'DENY, UNAV %s brings no challenge',
  (reason) => expect(challenged(reason, 'both', 'dpop')).toEqual([]),
)
