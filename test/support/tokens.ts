import { constants, sign } from 'node:crypto'
import type { DenyReason, Result } from '../../src/denial.ts'
import { accessToken } from '../../src/policies/access-token.ts'
import type { AuthorizationServer, Ports } from '../../src/policy.ts'
import type { VerifiedToken } from '../../src/verify/access-token.ts'
import { admitJwk, importJwk, type VerificationKey } from '../../src/verify/jwk.ts'
import type { Jws } from '../../src/verify/jws.ts'
import { verdict } from './answers.ts'
import { nonceMaker } from './nonces.ts'
import { freshReplays, routedRequest } from './possession.ts'
import { type Algorithm, buildClientKey, type ClientKey, keyMemory, PROOF_TIME } from './proofs.ts'
import {
  buildTestCheck,
  compatDocument,
  goodRequest,
  ISSUER,
  keySource,
  memory,
  ORIGIN,
  type SpineOptions,
  serverKey,
} from './spine.ts'

/** One key of the authorization server for each algorithm, all of them under one kid. */
export const signers: Readonly<Record<Algorithm, ClientKey>> = await buildSigners()
export const signerJwks = {
  keys: [signers.ES256, signers.PS256, signers.EdDSA].map(({ jwk }) => ({ ...jwk, kid: 'as-1', use: 'sig' })),
}

async function buildSigners(): Promise<Readonly<Record<Algorithm, ClientKey>>> {
  const edwards = await buildClientKey('EdDSA')
  return {
    ES256: serverKey,
    PS256: await buildClientKey('PS256'),
    EdDSA: edwards,
    Ed25519: { ...edwards, algorithm: 'Ed25519' },
  }
}

/** A public key as our own reader admits it. */
export function imported(jwk: unknown): VerificationKey {
  const admitted = admitJwk(jwk, 'set')
  const key = admitted.ok ? importJwk(admitted.value) : admitted
  if (!key.ok) throw new Error(key.problem)
  return key.value
}

/** A JWS whose parts are given; nothing is read from text. Each character of the input stands for one byte. */
export const jwsOf = (algorithm: string, signingInput: string, signature: Uint8Array): Jws => ({
  header: { alg: algorithm },
  payload: {},
  algorithm,
  signingInput,
  signature: Buffer.from(signature),
})

/** The signature of the algorithm itself, by the runtime alone. */
export function signatureOf({ algorithm, privateKey }: ClientKey, input: string | Buffer): Buffer {
  const bytes = Buffer.from(input)
  if (algorithm === 'ES256') return sign('sha256', bytes, { key: privateKey, dsaEncoding: 'ieee-p1363' })
  if (algorithm === 'PS256') return sign('sha256', bytes, { key: privateKey, ...pss(32) })
  return sign(null, bytes, privateKey)
}

export const pss = (saltLength: number) => ({ padding: constants.RSA_PKCS1_PSS_PADDING, saltLength })

/** A JWS over two parts of any bytes, properly signed unless told how to sign. */
export function forgeBytes(
  header: string | Uint8Array,
  payload: string | Uint8Array,
  signed: (input: string) => Uint8Array = (input) => signatureOf(serverKey, input),
): string {
  const input = `${base64url(header)}.${base64url(payload)}`
  return `${input}.${base64url(signed(input))}`
}

export const base64url = (bytes: string | Uint8Array): string => Buffer.from(bytes).toString('base64url')

/** An authorization server as the policy sees it; what is not given is that of the test documents. */
export const authorizationServer = (difference: Partial<AuthorizationServer> = {}): AuthorizationServer => ({
  name: 'as',
  issuer: ISSUER,
  audiences: [ORIGIN],
  algorithms: ['PS256', 'ES256', 'EdDSA', 'Ed25519'],
  keys: keySource(signerJwks),
  ...difference,
})

interface Court {
  readonly servers?: readonly AuthorizationServer[]
  /** Options of the policy as an operator writes them. */
  readonly options?: unknown
  readonly exceptions?: readonly string[]
  readonly signedTokens?: Ports['signedTokens']
}

/** The accessToken policy alone, on a GET with that token in the Authorization field. */
export function buildCourt({ servers = [authorizationServer()], options = {}, exceptions = [], ...more }: Court = {}) {
  const ports: Ports = {
    servers: new Map(servers.map((server) => [server.name, server])),
    replays: freshReplays(),
    proofKeys: keyMemory(),
    nonces: nonceMaker(),
    signedTokens: more.signedTokens ?? memory(),
  }
  const evaluate = accessToken.create(accessToken.options.parse(options), ports, {
    route: 'accounts',
    exceptions: new Set(exceptions),
  })
  const ask = async (token: string, now = PROOF_TIME): Promise<Result<{ readonly token: VerifiedToken }>> => {
    const headers = new Map([['authorization', [`DPoP ${token}`]]])
    return await evaluate({ ...routedRequest(undefined, { headers }), now }, {})
  }
  const judge = async (token: string, now?: number): Promise<DenyReason | 'allow'> => {
    const result = await ask(token, now)
    return result.ok ? 'allow' : result.reason
  }
  return { ask, judge }
}

/** What the accessToken policy makes of one token by default. */
export const judge = (token: string, now?: number): Promise<DenyReason | 'allow'> => buildCourt().judge(token, now)

/** How a whole Check ends for a GET with that token and a good proof for it. */
export async function asked(token: string, options: SpineOptions = {}, path = '/accounts'): Promise<string> {
  const { ask } = buildTestCheck({ keys: keySource(signerJwks), ...options })
  return verdict(await ask(goodRequest({ token, path })))
}

/** The same on a route with exceptions, under the profile that allows them. */
export const excepted = (token: string, ...exceptions: readonly string[]): Promise<string> =>
  asked(token, { document: { ...compatDocument, routes: [{ path: '/accounts', exceptions }] } })
