import type { Admission } from './admission.ts'
import type { Headers } from './attributes.ts'
import { deny, ok, type Result } from './denial.ts'

/** Facts that can travel to the upstream. */
export const identityFacts = [
  'issuer',
  'subject',
  'clientId',
  'scope',
  'binding',
  'thumbprint',
  'acr',
  'certificateSubject',
  'certificateIssuer',
  'certificateSerial',
  'certificateThumbprint',
  'certificateRoles',
  'consentId',
] as const
export type IdentityFact = (typeof identityFacts)[number]

/** Where the signed assertion travels. */
export const ASSERTION_HEADER = 'x-authz-assertion'

/** How identity is passed on (design: section 5). */
export interface IdentityRules {
  /** Header name (lower case) by fact; a fact without a name is not passed on. */
  readonly headers: ReadonlyMap<IdentityFact, string>
  readonly token: 'strip' | 'forward'
  readonly proof: 'strip' | 'forward'
  readonly encoding: 'plain' | 'percent'
  /** What was verified as a signed assertion; absent when nobody wants one. */
  readonly assert?: (admission: Admission) => string | undefined
}

/** The header changes of an allowed request. No name stands in both. */
export interface Identity {
  readonly set: readonly (readonly [name: string, value: string])[]
  readonly remove: readonly string[]
}

/**
 * Admission → headers for the upstream. A value goes out byte for byte or not at all: one that cannot is a denial
 * (`claim_unusable`), never an altered name of a person or client.
 */
export function identify(admission: Admission, headers: Headers, rules: IdentityRules): Result<Identity> {
  const set: [string, string][] = []
  let total = 0
  for (const [fact, value] of facts(admission)) {
    const name = rules.headers.get(fact)
    // An empty value says nothing, and Envoy would send the name all the same.
    if (name === undefined || !value) continue
    // A name that was cut short is another name.
    if (isCut(fact, admission)) return deny('client_certificate_unusable', `${fact} does not fit a header`)
    const text = rules.encoding === 'percent' ? percent(value) : value
    if (text === undefined || !usable(text, fact === 'scope' ? 2048 : 1024))
      return deny('claim_unusable', `${fact} does not fit a header`)
    total += text.length
    set.push([name, text])
  }
  const assertion = rules.assert?.(admission)
  if (assertion !== undefined) {
    total += assertion.length
    set.push([ASSERTION_HEADER, assertion])
  }
  if (total > 4096) return deny('claim_unusable', 'the identity headers exceed 4 KiB')
  const remove = removals(admission, headers, rules, set)
  // Envoy is told a closed set of names that may change; one outside it could not be taken away.
  if (!remove.every((name) => /^[-_.a-z0-9]+$/.test(name)))
    return deny('request_malformed', 'a header is named like an identity header and cannot be removed')
  return ok({ set, remove })
}

function facts(admission: Admission): readonly (readonly [IdentityFact, string | undefined])[] {
  if (admission.kind === 'open' || admission.kind === 'shadow') return []
  const { token, certificate } = admission
  const bound = admission.kind === 'resource' ? admission.binding : undefined
  return [
    ['issuer', token.issuer],
    ['subject', token.subject],
    ['clientId', token.clientId],
    ['scope', token.scopes && [...token.scopes].join(' ')],
    ['binding', bound?.methods.join(' ')],
    ['thumbprint', bound?.thumbprint],
    ['acr', token.acr],
    ['certificateSubject', certificate?.subject],
    ['certificateIssuer', certificate?.issuer],
    ['certificateSerial', certificate?.serial],
    ['certificateThumbprint', certificate?.thumbprint],
    ['certificateRoles', certificate?.roles.join(' ')],
    ['consentId', admission.consent?.id],
  ]
}

function isCut(fact: IdentityFact, admission: Admission): boolean {
  const certificate = 'certificate' in admission ? admission.certificate : undefined
  if (fact === 'certificateSubject') return certificate?.whole.subject === undefined
  return fact === 'certificateIssuer' && certificate?.whole.issuer === undefined
}

/**
 * HDR-16: every client-sent header that any upstream could read as one of ours goes, in each spelling that folds to it.
 * A name that is set is left out, because a removal would win over the value.
 */
function removals(
  admission: Admission,
  headers: Headers,
  rules: IdentityRules,
  set: readonly (readonly [string, string])[],
): readonly string[] {
  const ours = foldedNames(rules)
  const spent = new Set<string>()
  // Where nothing was verified, nothing was used up.
  const used = admission.kind !== 'open' && admission.kind !== 'shadow'
  if (used && rules.token === 'strip') spent.add('authorization')
  if (used && rules.proof === 'strip') spent.add('dpop')
  const names: string[] = []
  for (const name of headers.keys()) {
    const folded = fold(name)
    const foreign = folded.startsWith('x-authz-') || ours.has(folded) || certificateFields.has(folded)
    if (!foreign && !spent.has(name)) continue
    if (!set.some(([own]) => own === name)) names.push(name)
  }
  return names
}

/** Whether the client sent a header that an upstream could take for one of ours. */
export function isForged(headers: Headers, rules: Pick<IdentityRules, 'headers'>): boolean {
  const ours = foldedNames(rules)
  for (const name of headers.keys()) {
    const folded = fold(name)
    if (ours.has(folded) || folded.startsWith('x-authz-')) return true
  }
  return false
}

/** By the rules they come from, which every request asks for. */
const namesOf = new WeakMap<IdentityRules['headers'], ReadonlySet<string>>()

function foldedNames({ headers }: Pick<IdentityRules, 'headers'>): ReadonlySet<string> {
  const known = namesOf.get(headers)
  if (known) return known
  const names = new Set([...headers.values()].map(fold))
  namesOf.set(headers, names)
  return names
}

/** RFC 9440 section 2.4: whoever sent them, what they say ends here. */
const certificateFields: ReadonlySet<string> = new Set(['client-cert', 'client-cert-chain'])

/**
 * Upstream frameworks read `x_authz_subject`, `x.authz.subject` and `X-Authz-Subject` as one name, some any sign as one.
 * Nearly every name is in that form already.
 */
const fold = (name: string): string => (FOLDED.test(name) ? name : name.toLowerCase().replaceAll(/[^a-z0-9]/g, '-'))
const FOLDED = /^[a-z0-9-]+$/

/** Printable ASCII, no blank at the ends, not empty: anything else would be changed on its way. */
const usable = (value: string, limit: number): boolean =>
  value.length <= limit && /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value)

/**
 * UTF-8 percent-encoding of everything outside printable ASCII, plus `%` itself, so it can be undone. Undefined for
 * half a surrogate pair, which has no UTF-8: two names must not become one.
 */
const percent = (value: string): string | undefined =>
  value.isWellFormed()
    ? [...Buffer.from(value)]
        .map((byte, index, all) => {
          const edge = byte === 0x20 && (index === 0 || index === all.length - 1)
          const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25 && !edge
          return plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
        })
        .join('')
    : undefined
