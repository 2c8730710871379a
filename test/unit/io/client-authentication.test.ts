import { generateKeyPairSync } from 'node:crypto'
import { join } from 'node:path'
import { decodeProtectedHeader } from 'jose'
import { describe, expect, test } from 'vitest'
import { readClientAuthentication } from '../../../src/io/client-authentication.ts'
import { createAuthority, issue } from '../../../tools/pki.ts'
import { directoryWith } from '../../support/config-files.ts'
import { ISSUER } from '../../support/introspection.ts'
import { buildClientKey, PROOF_TIME } from '../../support/proofs.ts'

const authority = createAuthority('clients')
const subject = { name: 'api', dns: ['api.example'], usage: 'client' } as const
const identity = issue(authority, subject)

function read(key: string, certificate?: string) {
  const directory = directoryWith({ key, ...(certificate !== undefined && { certificate }) })
  const place = { clientId: 'api', key: join(directory, 'key') }
  return readClientAuthentication(
    certificate === undefined ? place : { ...place, certificate: join(directory, 'certificate') },
    ISSUER,
  )
}
const problemOf = (...files: Parameters<typeof read>): string => {
  const outcome = read(...files)
  return outcome.ok ? 'none' : outcome.problem
}
const encodings = {
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
} as const

async function headerOf(key: string): Promise<unknown> {
  const client = read(key)
  if (!client.ok) throw new Error(client.problem)
  const form = new URLSearchParams()
  await client.value.sign(form, PROOF_TIME)
  return decodeProtectedHeader(form.get('client_assertion') ?? '')
}

describe('FAPI-CR-01, INT-01 the kind of key decides about the algorithm', () => {
  test.each(['ES256', 'PS256', 'EdDSA'] as const)('%s', async (algorithm) => {
    const { privateKey, privateJwk } = await buildClientKey(algorithm)
    const text = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
    expect(await headerOf(text)).toEqual({ alg: algorithm })
    expect(await headerOf(JSON.stringify({ ...privateJwk, kid: 'api-1' }))).toEqual({ alg: algorithm, kid: 'api-1' })
  })
  test.each([
    ['another curve', generateKeyPairSync('ec', { namedCurve: 'P-384', ...encodings }).privateKey],
    ['a short RSA key', generateKeyPairSync('rsa', { modulusLength: 1024, ...encodings }).privateKey],
  ])('%s is refused', (_, key) => expect(problemOf(String(key))).toContain('neither on P-256 nor Ed25519 nor'))
})

test.each([
  ['a certificate instead of the key', identity.certificate],
  ['nothing', ''],
  ['a public JWK', JSON.stringify({ kty: 'OKP', crv: 'Ed25519', x: 'A'.repeat(43) })],
  ['a list', '[]'],
  ['broken JSON', '{"kty":"EC","d":"secret-value"'],
])('%s is no key, and none of it is told', (_, text) => {
  const problem = problemOf(text)
  expect(problem).toContain('it holds no private key')
  expect(problem).not.toContain('secret-value')
})

describe('mutual TLS', () => {
  test('a certificate and its key', () => expect(problemOf(identity.key, identity.certificate)).toBe('none'))
  test('the key of another certificate', () =>
    expect(problemOf(issue(authority, subject).key, identity.certificate)).toContain('the key is not its own'))
  test('no certificate', () =>
    expect(problemOf(identity.key, identity.key)).toContain('it holds no certificate that can be read'))
})
