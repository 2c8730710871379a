import { describe, expect, test } from 'vitest'
import { challengesOf, senderConstraint } from '../../../src/policies/sender-constraint.ts'

describe('options', () => {
  const parse = (options: unknown) => senderConstraint.options.safeParse(options)
  test('the defaults are those of the design', () =>
    expect(parse({}).data).toEqual({
      methods: ['dpop', 'mtls'],
      both: false,
      dpop: {
        algorithms: ['ES256', 'PS256', 'EdDSA'],
        maxAge: 60,
        futureTolerance: 10,
        nonce: 'off',
        relaxIat: false,
        maxHeaderBytes: 4096,
        proofBesideBearer: 'ignore',
      },
    }))
  test.each([
    { methods: [] },
    { methods: ['dpop', 'dpop'] },
    { methods: ['none'] },
    { both: true, methods: ['dpop'] },
    { dpop: { algorithms: [] } },
    { dpop: { algorithms: ['RS256'] } },
    { dpop: { algorithms: ['none'] } },
    { dpop: { maxAge: '9s' } },
    { dpop: { maxAge: '301s' } },
    { dpop: { futureTolerance: '9s' } },
    { dpop: { futureTolerance: '61s' } },
    { dpop: { maxHeaderBytes: 1023 } },
    { dpop: { maxHeaderBytes: 16_385 } },
    { dpop: { proofBesideBearer: 'accept' } },
    { dpop: { nonce: 'on' } },
    { dpop: { nonce: true } },
    { dpop: { relaxIat: true } },
    { dpop: { relaxIat: '1h', nonce: 'required' } },
    { dpop: { replay: 'off' } },
    { replay: false },
  ])('%j is refused', (options) => expect(parse(options).success).toBe(false))
})

describe('what a refused client is told to use', () => {
  const challenges = (options: unknown) => challengesOf(senderConstraint.options.parse(options))
  test.each([
    [{}, ['ES256', 'PS256', 'EdDSA', 'Ed25519'], true],
    [{ both: true }, ['ES256', 'PS256', 'EdDSA', 'Ed25519'], false],
    [{ methods: ['mtls'] }, undefined, true],
    [{ methods: ['dpop'] }, ['ES256', 'PS256', 'EdDSA', 'Ed25519'], false],
    [{ methods: ['dpop'], dpop: { algorithms: ['PS256'] } }, ['PS256'], false],
    [{ methods: ['dpop'], dpop: { algorithms: ['Ed25519', 'EdDSA'] } }, ['Ed25519', 'EdDSA'], false],
    [{ methods: ['dpop'], dpop: { algorithms: ['Ed25519'] } }, ['Ed25519'], false],
  ])('ERR-03, ERR-06 %j', (options, dpopAlgorithms, bearer) =>
    expect(challenges(options)).toEqual({ dpopAlgorithms, bearer }),
  )
})
