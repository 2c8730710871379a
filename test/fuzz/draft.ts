import { randomUUID } from 'node:crypto'
import type { CheckRequest } from '../../src/wire.ts'
import { certificate } from '../support/possession.ts'
import { athOf, type ClientKey, forgeText, PROOF_TIME } from '../support/proofs.ts'
import { checkRequest, type Form } from '../support/requests.ts'
import { boundTo, clientKey, ORIGIN, serverKey, tokenParts } from '../support/spine.ts'
import type { Chance } from './chance.ts'

/** A JWS before it is written: members, how they become text, and what happens to the text afterwards. */
export interface Half {
  header: Record<string, unknown>
  claims: Record<string, unknown>
  key: ClientKey
  headerText: (json: string) => string
  claimsText: (json: string) => string
  compact: (text: string) => string
}

/** A request before it is written. Mutations change it in place. */
export interface Draft {
  readonly kind: 'dpop' | 'mtls' | 'both'
  token: Half
  proof: Half
  /** What `ath` is made of; undefined when a mutation has set its own. */
  ath: ((token: string) => string) | undefined
  method: string
  host: string
  path: string
  certificate: string | undefined
  /** Scheme and token → field values. */
  authorization: (token: string) => readonly string[]
  dpop: (proof: string) => readonly string[]
  headers: (readonly [string, string])[]
  body: string | undefined
  partial: 'true' | 'false'
  form: Form
}

/** One change and what has to come of it: `breaks` must be denied, `harmless` must not matter. */
export interface Mutation {
  readonly name: string
  readonly effect: 'breaks' | 'harmless'
  readonly fits?: (draft: Draft) => boolean
  readonly apply: (draft: Draft, chance: Chance) => void
}

const same = (text: string): string => text

/** A request that is allowed as it stands. */
export function goodDraft(chance: Chance): Draft {
  const kind = chance.pick(['dpop', 'dpop', 'mtls', 'both'] as const)
  const path =
    kind === 'dpop' ? chance.pick(['/accounts', '/accounts/42', '/dpop']) : chance.pick([`/${kind}`, '/accounts'])
  const { header, claims } = tokenParts({ claims: { cnf: { ...boundTo[kind] } } })
  const text = { headerText: same, claimsText: same, compact: same }
  const scheme = kind === 'mtls' ? 'Bearer' : 'DPoP'
  return {
    kind,
    token: { header: { ...header }, claims: { ...claims }, key: serverKey, ...text },
    proof: {
      header: { typ: 'dpop+jwt', alg: 'ES256', jwk: { ...clientKey.jwk } },
      claims: { jti: randomUUID(), htm: 'GET', htu: ORIGIN + path, iat: PROOF_TIME },
      key: clientKey,
      ...text,
    },
    ath: athOf,
    method: 'GET',
    host: 'api.example.com',
    path,
    certificate: kind === 'dpop' ? undefined : certificate,
    authorization: (token) => [`${scheme} ${token}`],
    dpop: (proof) => (kind === 'mtls' ? [] : [proof]),
    headers: [],
    body: undefined,
    partial: 'false',
    form: chance.pick(['raw', 'joined'] as const),
  }
}

const write = ({ header, claims, key, headerText, claimsText, compact }: Half): string =>
  compact(forgeText(key, headerText(JSON.stringify(header)), claimsText(JSON.stringify(claims))))

export function compose(draft: Draft): CheckRequest {
  const { method, host, path, certificate: shown, form, body, partial } = draft
  const token = write(draft.token)
  if (draft.ath) draft.proof.claims.ath = draft.ath(token)
  const headers = [
    ...draft.authorization(token).map((value) => ['authorization', value] as const),
    ...draft.dpop(write(draft.proof)).map((value) => ['dpop', value] as const),
    ...draft.headers,
  ]
  const client = { method, host, path, headers, id: randomUUID(), certificate: shown }
  return checkRequest({ ...client, ...(body !== undefined && { body, partial }) }, form)
}
