import { describe, expect, test } from 'vitest'
import { answered, flaws, verdict } from '../support/answers.ts'
import { PROOF_TIME } from '../support/proofs.ts'
import { overTheWire } from '../support/recordings.ts'
import { buildTestCheck, compatDocument, document, goodRequest, mintToken } from '../support/spine.ts'

const [LOW, HIGH, OTHER] = ['urn:bank:password', 'urn:bank:two-factor', 'urn:bank:card']

const withStepUp = (stepUp: object) => ({ ...document, routes: [{ path: '/accounts', stepUp }] })

async function asked(stepUp: object, claims: Readonly<Record<string, unknown>>, changed: object = withStepUp(stepUp)) {
  const { ask } = buildTestCheck({ document: changed })
  const response = overTheWire(await ask(goodRequest({ token: mintToken({ claims }) })))
  expect(flaws(response)).toEqual([])
  return response
}
const reason = async (...order: Parameters<typeof asked>): Promise<string> => verdict(await asked(...order))
const challenge = async (...order: Parameters<typeof asked>): Promise<readonly string[]> =>
  answered(await asked(...order), 'www-authenticate')

const ago = (seconds: number) => ({ auth_time: PROOF_TIME - seconds })

describe('AZ-07 the user was authenticated as the route asks', () => {
  test('one of the values is enough, in the spelling of the configuration', async () => {
    expect(await reason({ acr: [HIGH, OTHER] }, { acr: HIGH })).toBe('allow')
    expect(await reason({ acr: [HIGH, OTHER] }, { acr: OTHER })).toBe('allow')
    const wrong = [
      LOW,
      HIGH.toUpperCase(),
      `${HIGH} `,
      ` ${HIGH}`,
      `${HIGH} ${OTHER}`,
      `${HIGH}:x`,
      HIGH.slice(0, -1),
      '',
    ]
    for (const acr of [...wrong, '__proto__', 'constructor', 'length', '0'])
      expect(await reason({ acr: [HIGH, OTHER] }, { acr })).toBe('authentication_insufficient')
  })
  test('an authentication that is too long ago is not', async () => {
    expect(await reason({ maxAge: '15m' }, ago(900))).toBe('allow')
    expect(await reason({ maxAge: '15m' }, ago(3600))).toBe('authentication_insufficient')
  })
  test('where both are asked for, both have to hold', async () => {
    const both = { acr: [HIGH], maxAge: '15m' }
    expect(await reason(both, { acr: HIGH, ...ago(60) })).toBe('allow')
    expect(await reason(both, { acr: LOW, ...ago(60) })).toBe('authentication_insufficient')
    expect(await reason(both, { acr: HIGH, ...ago(3600) })).toBe('authentication_insufficient')
  })
  test('whoever has not shown possession is not told what is missing', async () => {
    const { ask } = buildTestCheck({ document: withStepUp({ acr: [HIGH] }) })
    const response = await ask(goodRequest({ token: mintToken({ claims: { acr: LOW } }), proof: null }))
    expect([verdict(response), answered(response, 'www-authenticate').join().includes('acr_values')]).toEqual([
      'proof_missing',
      false,
    ])
  })
  test('a token without binding is judged alike where those are taken', async () => {
    const routes = [{ path: '/accounts', exceptions: ['bearerTokens'], stepUp: { acr: [HIGH] } }]
    const { ask } = buildTestCheck({ document: { ...compatDocument, routes } })
    const of = async (acr: string) => {
      const token = mintToken({ claims: { acr, cnf: undefined } })
      return verdict(await ask(goodRequest({ token, scheme: 'Bearer', proof: null })))
    }
    expect([await of(HIGH), await of(LOW)]).toEqual(['allow', 'authentication_insufficient'])
  })
})

describe('AZ-08 the challenge says what would do', () => {
  const start =
    'DPoP error="insufficient_user_authentication", error_description="The user has to be authenticated in another way or again"'
  const algs = 'algs="ES256 PS256 EdDSA Ed25519"'
  test('acr_values in order of preference, max_age in whole seconds, each where it is asked for', async () => {
    expect(await challenge({ acr: [HIGH, OTHER] }, { acr: LOW })).toEqual([
      `${start}, acr_values="${HIGH} ${OTHER}", ${algs}`,
      'Bearer',
    ])
    expect(await challenge({ maxAge: '15m' }, ago(3600))).toEqual([`${start}, max_age="900", ${algs}`, 'Bearer'])
    expect(await challenge({ maxAge: '0s' }, ago(3600))).toEqual([`${start}, max_age="0", ${algs}`, 'Bearer'])
    expect(await challenge({ acr: [HIGH], maxAge: '1m' }, { acr: HIGH, ...ago(3600) })).toEqual([
      `${start}, acr_values="${HIGH}", max_age="60", ${algs}`,
      'Bearer',
    ])
  })
  test('with 401, and with nothing of the token', async () => {
    const response = await asked({ acr: [HIGH] }, { acr: 'x", evil="y' })
    expect(response).toMatchObject({ status: { code: 16 }, deniedResponse: { status: { code: 401 } } })
    expect(JSON.stringify(response)).not.toContain('evil')
  })
  test('an allowed request has none', async () => expect(await challenge({ acr: [HIGH] }, { acr: HIGH })).toEqual([]))
})

describe('AZ-09, JWT-33 what is absent or of another type says nothing', () => {
  test.each([[undefined], [null], [7], [true], [[HIGH]], [{ acr: HIGH }], [[[HIGH]]], [{ toString: HIGH }]])(
    'acr %j',
    async (acr) => expect(await reason({ acr: [HIGH] }, { acr })).toBe('authentication_insufficient'),
  )
  test.each([
    [undefined],
    [null],
    [String(PROOF_TIME)],
    [true],
    [[PROOF_TIME]],
    [{ valueOf: PROOF_TIME }],
    [-1],
    [PROOF_TIME * 1000],
    [''],
  ])('auth_time %j', async (auth_time) =>
    expect(await reason({ maxAge: '1h' }, { auth_time })).toBe('authentication_insufficient'),
  )
  test('typed as they should be they are believed', async () =>
    expect(await reason({ acr: [HIGH], maxAge: '1h' }, { acr: HIGH, auth_time: PROOF_TIME })).toBe('allow'))
  test('amr and other claims do not stand in', async () =>
    expect(await reason({ acr: [HIGH] }, { amr: [HIGH], acr_values: HIGH, Acr: HIGH })).toBe(
      'authentication_insufficient',
    ))
})

describe('AZ-10 the age, to the second', () => {
  test.each([
    [0, 0, 'allow'],
    [0, 5, 'allow'],
    [0, 6, 'authentication_insufficient'],
    [60, 65, 'allow'],
    [60, 66, 'authentication_insufficient'],
    [60, -10, 'allow'],
    [60, -11, 'authentication_insufficient'],
    [60, -100_000, 'authentication_insufficient'],
  ])('maxAge %d s, authenticated %d s ago: %s', async (maxAge, seconds, expected) =>
    expect(await reason({ maxAge: `${maxAge}s` }, ago(seconds))).toBe(expected),
  )
})

test('AZ-07 AZ-10 every comparison stands in the trace, also the one after the first that fails', async () => {
  const { ask, records } = buildTestCheck({ document: withStepUp({ acr: [HIGH], maxAge: '1m' }) })
  await ask(goodRequest({ token: mintToken({ claims: { acr: LOW, ...ago(3600) } }) }))
  const entries = records[0]?.trace.entries.filter(({ check }) => /acr|auth_time/.test(check))
  expect(entries).toMatchObject([
    { check: 'token acr', result: 'fail', found: LOW, expected: [HIGH] },
    { check: 'token auth_time', result: 'fail', found: PROOF_TIME - 3600 },
  ])
})
