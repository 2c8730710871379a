import { describe, expect, test } from 'vitest'
import { answers, type DenyReason } from '../../src/denial.ts'
import { answered, flaws, verdict } from '../support/answers.ts'
import { certificate } from '../support/possession.ts'
import { PROOF_TIME } from '../support/proofs.ts'
import { overTheWire } from '../support/recordings.ts'
import { checkRequest } from '../support/requests.ts'
import {
  boundTo,
  buildTestCheck,
  clientKey,
  goodRequest,
  mintToken,
  type Order,
  otherKey,
  proofFor,
  testReplays,
} from '../support/spine.ts'

const ALGS = 'algs="ES256 PS256 EdDSA Ed25519"'

async function asked(order: Order, more: Parameters<typeof buildTestCheck>[0] = {}) {
  const { ask } = buildTestCheck(more)
  const response = overTheWire(await ask(goodRequest(order)))
  expect(flaws(response)).toEqual([])
  return { reason: verdict(response), response, challenges: answered(response, 'www-authenticate') }
}

const bare = async (path: string, headers: Order['headers'] = []) => {
  const response = overTheWire(await buildTestCheck().ask(checkRequest({ path, headers })))
  return answered(response, 'www-authenticate')
}

describe('ERR-01 … ERR-07 the challenges of real denials', () => {
  test('ERR-02, CHAL no credentials: what the route offers, and no error', async () => {
    expect(await bare('/dpop')).toEqual([`DPoP ${ALGS}`])
    expect(await bare('/mtls')).toEqual(['Bearer'])
    expect(await bare('/accounts')).toEqual([`DPoP ${ALGS}`, 'Bearer'])
    expect(await bare('/both')).toEqual([`DPoP ${ALGS}`])
  })
  test('HDR-08, HDR-13 an unknown scheme or a proxy credential is none', async () => {
    expect(await bare('/dpop', [['authorization', 'Basic eDp5']])).toEqual([`DPoP ${ALGS}`])
    expect(await bare('/dpop', [['proxy-authorization', `DPoP ${mintToken()}`]])).toEqual([`DPoP ${ALGS}`])
  })
  test('ERR-06 a bad DPoP token on a route of both: the error in the DPoP challenge alone', async () => {
    const { challenges } = await asked({ token: mintToken({ claims: { exp: PROOF_TIME - 60 } }) })
    expect(challenges).toEqual([
      `DPoP error="invalid_token", error_description="The access token has expired", ${ALGS}`,
      'Bearer',
    ])
  })
  test('ERR-06 a bad Bearer token on a route of both: the error in the Bearer challenge alone', async () => {
    const token = mintToken({ claims: { cnf: boundTo.mtls } })
    const { reason, challenges } = await asked({ token, scheme: 'Bearer', proof: null })
    expect(reason).toBe('certificate_missing')
    expect(challenges).toEqual([
      `DPoP ${ALGS}`,
      'Bearer error="invalid_token", error_description="The access token is bound to a client certificate"',
    ])
  })
  test('HDR-06 two Authorization lines: the error in both, 400', async () => {
    const { response, challenges } = await asked({ headers: [['authorization', 'Bearer x']] })
    expect(response).toMatchObject({ deniedResponse: { status: { code: 400 } } })
    expect(challenges.map((challenge) => challenge.replace(/ .*error="invalid_request".*/, ' …'))).toEqual([
      'DPoP …',
      'Bearer …',
    ])
  })
  test('PROOF a bad proof', async () => {
    const { challenges } = await asked({ path: '/dpop', proof: null })
    expect(challenges).toEqual([
      `DPoP error="invalid_dpop_proof", error_description="A DPoP proof is required", ${ALGS}`,
    ])
  })
  test('SCOPE names the scopes that are needed', async () => {
    const { challenges } = await asked({ token: mintToken({ claims: { scope: 'other' } }) })
    expect(challenges[0]).toBe(
      `DPoP error="insufficient_scope", error_description="The access token does not cover this request", scope="accounts", ${ALGS}`,
    )
  })
  test('ERR-05 nothing of the request stands in a challenge', async () => {
    const odd = 'EVIL"\\\r\n'
    for (const order of [
      { token: mintToken({ header: { kid: odd } }) },
      { token: mintToken({ header: { alg: odd } }) },
      { token: mintToken({ header: { typ: odd } }) },
      { token: mintToken({ claims: { iss: odd } }) },
      { token: mintToken({ claims: { aud: odd } }) },
      { token: mintToken({ claims: { scope: odd } }) },
      { token: mintToken({ claims: { sub: odd } }) },
      { token: mintToken({ claims: { cnf: { jkt: odd } } }) },
      { host: 'EVIL.example' },
      { path: '/EVIL' },
      { method: 'EVIL' },
      { headers: [['x-authz-evil!', 'EVIL']] as const },
    ]) {
      const { response, reason } = await asked(order)
      expect(reason).not.toBe('allow')
      expect(JSON.stringify({ ...response, dynamicMetadata: {} })).not.toContain('EVIL')
    }
  })
  test('ERR-05 each parameter once, each in quotes', async () => {
    const { challenges } = await asked({ token: mintToken({ claims: { scope: 'other' } }) })
    for (const challenge of challenges) {
      const names = [...challenge.matchAll(/([a-z_]+)="[\x20\x21\x23-\x5b\x5d-\x7e]*"/g)].map(([, name]) => name)
      expect(new Set(names).size).toBe(names.length)
      expect(challenge).toMatch(/^[A-Za-z]+(?: [a-z_]+="[^"\\]*"(?:, [a-z_]+="[^"\\]*")*)?$/)
    }
  })
})

test('ERR-04 status by error', () => {
  const proofs = { invalid_dpop_proof: 401, use_dpop_nonce: 401 }
  const table = { invalid_token: 401, ...proofs, insufficient_scope: 403, temporarily_unavailable: 503 }
  for (const [reason, { error, status }] of Object.entries(answers))
    if (error in table) expect([reason, status]).toEqual([reason, table[error as keyof typeof table]])
})

test('ERR-11 a good proof of another key is invalid_token', async () => {
  const token = mintToken()
  const { reason, challenges } = await asked({
    path: '/dpop',
    token,
    proof: proofFor(token, { claims: { htu: 'https://api.example.com/dpop' } }, otherKey),
  })
  expect(reason).toBe('proof_key_mismatch')
  expect(challenges[0]).toContain('error="invalid_token", error_description="Invalid DPoP key binding"')
})

describe('ERR-12 one order of checks', () => {
  const worst = () => mintToken({ claims: { exp: 0, aud: 'x', cnf: undefined, scope: '' }, header: { typ: 'JWT' } })
  const steps: readonly (readonly [Order, DenyReason])[] = [
    [{ host: 'evil.example', path: '/%2e', token: worst() }, 'host_unknown'],
    [{ path: '/accounts//', token: worst() }, 'path_not_canonical'],
    [{ headers: [['x-http-method', 'PUT']], path: '/accounts?access_token=x', token: worst() }, 'request_malformed'],
    [{ token: 'a'.repeat(8200), path: '/accounts?access_token=x' }, 'header_too_large'],
    [{ path: '/accounts?access_token=x', token: '"' }, 'token_in_query'],
    [{ token: '"' }, 'credentials_malformed'],
    [{ token: 'a.b.c' }, 'token_malformed'],
    [{ token: worst() }, 'token_type_refused'],
    [{ token: mintToken({ claims: { exp: PROOF_TIME - 60, cnf: undefined } }) }, 'token_expired'],
    [{ token: mintToken({ claims: { cnf: undefined, scope: '' } }), proof: 'x' }, 'token_unbound'],
    [{ token: mintToken({ claims: { cnf: boundTo.both, scope: '' } }), proof: 'x' }, 'certificate_missing'],
    [{ token: mintToken({ claims: { scope: '' } }), proof: 'x' }, 'proof_malformed'],
    [{ token: mintToken({ claims: { scope: '' } }) }, 'scope_insufficient'],
  ]
  test.each(steps)('%#: %o', async (order, reason) => expect((await asked(order)).reason).toBe(reason))

  test('T-17 a proof that fails is not recorded, whatever fails; one that holds is, even when scope is missing', async () => {
    const clock = { now: PROOF_TIME }
    const claims: string[] = []
    const store = testReplays(clock)
    const replays = {
      claim: (...order: Parameters<typeof store.claim>) => {
        claims.push(order[0].digest)
        return store.claim(...order)
      },
    }
    const token = mintToken({ claims: { scope: '' } })
    const proof = proofFor(token)
    const broken = `${proof.slice(0, -4)}AAAA`
    await asked({ token, proof: broken }, { replays })
    await asked({ token, proof: proofFor(token, { claims: { iat: PROOF_TIME - 61 } }) }, { replays })
    await asked({ token, proof: proofFor(token, {}, otherKey) }, { replays })
    expect(claims).toEqual([])
    expect((await asked({ token, proof }, { replays })).reason).toBe('scope_insufficient')
    expect((await asked({ token, proof, id: 'another' }, { replays })).reason).toBe('proof_replayed')
    expect(claims).toHaveLength(2)
  })
})

describe('ERR-16 nothing internal is ever an allow', () => {
  test.each([
    ['used', 'proof_replayed'],
    ['quota', 'replay_quota'],
    ['full', 'replay_full'],
    ['unknown', 'replay_unknown'],
    ['unavailable', 'replay_unavailable'],
    ['nonsense', 'replay_unavailable'],
    ['__proto__', 'replay_unavailable'],
  ])('a store that says %s', async (claim, reason) => {
    expect((await asked({}, { replays: { claim: () => claim as 'used' } })).reason).toBe(reason)
    expect((await asked({}, { replays: { claim: async () => claim as 'used' } })).reason).toBe(reason)
  })
  test('keys that cannot be had', async () => {
    const keys = { find: () => ({ kind: 'unavailable', detail: '' }) as const, generation: 0 }
    const { reason, response } = await asked({}, { keys })
    expect([reason, answered(response, 'retry-after')]).toEqual(['keys_unavailable', ['5']])
  })
})

test('ERR-15 HEAD: the same answer; Envoy leaves the body out and keeps its type', async () => {
  const [get, head] = [await asked({ proof: null }), await asked({ proof: null, method: 'HEAD' })]
  expect(head.challenges).toEqual(get.challenges)
  expect(head.response).toMatchObject({ deniedResponse: { status: { code: 401 } } })
  const bodyOf = ({ response }: typeof get) => 'deniedResponse' in response && response.deniedResponse.body
  expect(bodyOf(head)).toBe(bodyOf(get))
})

test('a good request of each kind is allowed, so every refusal above means something', async () => {
  expect(clientKey.thumbprint).not.toBe(otherKey.thumbprint)
  expect((await asked({})).reason).toBe('allow')
  expect((await asked({ path: '/dpop' })).reason).toBe('allow')
  const mtls = { token: mintToken({ claims: { cnf: boundTo.mtls } }), scheme: 'Bearer', proof: null, certificate }
  expect((await asked(mtls)).reason).toBe('allow')
})
