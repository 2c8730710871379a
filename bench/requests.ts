import { randomUUID } from 'node:crypto'
import { loadProtos } from '../src/io/protos.ts'
import { certificate } from '../test/support/possession.ts'
import { buildClientKey, type ClientKey } from '../test/support/proofs.ts'
import { checkRequest } from '../test/support/requests.ts'
import { boundTo, mintToken, ORIGIN, proofFor } from '../test/support/spine.ts'

const { Check } = loadProtos().authorization

/** A client with its key and the token it uses again and again. */
interface Sender {
  readonly key: ClientKey
  readonly token: string
}

/** Seconds after which a client gets another token; they live for five minutes. */
const RENEWED = 120

const seconds = (): number => Math.floor(Date.now() / 1000)

const mint = (cnf: object): string =>
  mintToken({ claims: { cnf, iat: seconds() - 10, exp: seconds() + 290, aud: ORIGIN } })

/** Makes messages as Envoy sends them; minting and encoding is never part of what is measured. */
export async function buildMint(senders = 20) {
  const keys = await Promise.all(Array.from({ length: senders }, () => buildClientKey()))
  const makeSenders = (): readonly Sender[] => keys.map((key) => ({ key, token: mint({ jkt: key.thumbprint }) }))
  const known = renewed(makeSenders)
  const bound = renewed(() => mint(boundTo.mtls))
  const sender = (index: number): Sender => known()[index % keys.length] as Sender
  return {
    /** No credentials, for a route that is open. */
    open: () => message('/health', []),
    /** Any token, with a proof of a client. */
    withToken: (token: string) => withProof({ key: sender(0).key, token }),
    /** One token that is bound to a certificate. */
    mtls: () => message('/accounts', [['authorization', `Bearer ${bound()}`]], certificate),
    /** A token seen before, a proof never seen before. */
    dpopWarm: (index: number) => withProof(sender(index)),
    /** Token and proof never seen before, a key seen before. */
    dpopCold: (index: number) => {
      const { key } = sender(index)
      return withProof({ key, token: mint({ jkt: key.thumbprint }) })
    },
  }
}

/** What was made, made anew when it is old. */
function renewed<T>(make: () => T): () => T {
  let [made, at] = [make(), seconds()]
  return () => {
    if (seconds() - at > RENEWED) [made, at] = [make(), seconds()]
    return made
  }
}

const proof = ({ key, token }: Sender): string =>
  proofFor(token, { claims: { iat: seconds(), htu: `${ORIGIN}/accounts` }, header: { jwk: key.jwk } }, key)

const withProof = (sender: Sender): Buffer =>
  message('/accounts', [
    ['authorization', `DPoP ${sender.token}`],
    ['dpop', proof(sender)],
  ])

function message(path: string, more: readonly (readonly [string, string])[], peerCertificate?: string): Buffer {
  const headers = [
    ['user-agent', 'bank-client/1.0'],
    ['accept', 'application/json'],
    ['accept-encoding', 'gzip, br'],
    ['x-fapi-interaction-id', randomUUID()],
    ...more,
    ['x-forwarded-for', '192.0.2.1'],
    ['x-forwarded-proto', 'https'],
    ['x-request-id', randomUUID()],
  ] as const
  return Check.requestSerialize(checkRequest({ id: randomUUID(), path, headers, certificate: peerCertificate }))
}
