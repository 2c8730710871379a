import { hash } from 'node:crypto'
import { deny, ok, type Result } from '../denial.ts'
import { type Evaluate, type Ports, policyKind, type RoutedRequest } from '../policy.ts'
import type { ConsentQuestion, ConsentSource, ConsentStatement } from '../ports.ts'
import type { VerifiedToken } from '../verify/access-token.ts'
import { acceptConsent, type ConsentRules, refuseClientOnly, type VerifiedConsent } from '../verify/consent.ts'
import { type ConsentIdRules, claimAt, readConsentId } from '../verify/consent-id.ts'
import { readConsent } from '../verify/consent-record.ts'
import { isObject } from '../verify/strict-json.ts'
import { type ConsentOptions, consentKey, consentOptions } from './consent-options.ts'
import { soon } from './soon.ts'

type Yield = Result<{ readonly consent: VerifiedConsent }>

/** The consent that the token names is in force, this client's and user's, and covers the request (AZ-11 to AZ-14). */
export const consent = policyKind({
  options: consentOptions,
  needs: ['token', 'binding'],
  yields: ['consent'],
  create: (settings: ConsentOptions, ports: Ports): Evaluate<'token' | 'binding', 'consent'> => {
    const where = readIdRules(settings)
    const rules = readRules(settings)
    const single: ReadonlySet<string> = new Set(settings.single)
    const source = findSource(settings, ports)
    return (request, { token }) => {
      const { trace } = request
      const clientOnly = refuseClientOnly(token, trace)
      if (clientOnly) return clientOnly
      const named = readConsentId(token, where)
      if (
        !trace.holds(
          'token names a consent',
          'FAPI 2.0 Security Profile section 5.3.4',
          named.ok,
          named.ok ? named.value : named.problem,
        )
      )
        return deny('consent_missing', named.ok ? '' : named.problem)
      if (!named.ok) return deny('consent_missing', named.problem)
      const id = named.value
      const spends = single.has(request.attributes.method)
      // Where consents are used up nothing is believed that was said before.
      const question = ask(id, token, request, single.size > 0)
      return soon(source.find(question, token), (statement): Yield | Promise<Yield> => {
        const accepted = judge(statement, id, token, rules, request)
        return accepted.ok && spends ? spend(source, question, token, request, accepted) : accepted
      })
    }
  },
})

function ask(id: string, token: VerifiedToken, request: RoutedRequest, fresh: boolean): ConsentQuestion {
  const { issuer, clientId, subject } = token
  return { id, issuer, clientId, subject, interactionId: request.interactionId, now: request.now, fresh }
}

function judge(
  statement: ConsentStatement,
  id: string,
  token: VerifiedToken,
  rules: ConsentRules,
  request: RoutedRequest,
): Yield {
  const { attributes, parameters, now, trace } = request
  const found = statement.kind === 'found'
  const known = trace.holds(
    'consent found',
    'FAPI 2.0 Security Profile section 5.3.4',
    found,
    found ? undefined : statement.kind,
  )
  if (!known || !found) {
    if (statement.kind === 'absent') return deny('consent_unknown', 'there is no such consent')
    if (statement.kind === 'spent') return deny('consent_spent', 'the consent was used before')
    return deny('consent_unavailable', statement.kind === 'unavailable' ? statement.detail : '')
  }
  const accepted = acceptConsent(statement.record, id, token, rules, {
    ...{ method: attributes.method, parameters, now, trace },
  })
  return accepted.ok ? ok({ consent: accepted.value }) : accepted
}

/**
 * Uses the consent up, last of all. An answer that does not say so is none: whether the consent is used up is then not
 * known, and the request does not pass.
 */
async function spend(
  source: Source,
  question: ConsentQuestion,
  token: VerifiedToken,
  request: RoutedRequest,
  accepted: Yield,
): Promise<Yield> {
  const statement = await source.consume(question, keyOf(request, question, token))
  const { trace } = request
  const used = statement.kind === 'found' && statement.record.state === 'CONSUMED'
  const same = statement.kind === 'found' && isSame(statement.record, question)
  if (
    trace.holds('consent used up', 'FAPI 2.0 Security Profile section 5.3.4', used && same, statement.kind, 'CONSUMED')
  )
    return accepted
  if (statement.kind === 'spent') return deny('consent_spent', 'the consent was used before')
  if (statement.kind === 'absent') return deny('consent_unknown', 'there is no such consent any more')
  return deny(
    'consent_unavailable',
    statement.kind === 'unavailable' ? statement.detail : 'the answer does not say that this consent is used up',
  )
}

const isSame = (
  { id, issuer, clientId, subject }: Extract<ConsentStatement, { kind: 'found' }>['record'],
  asked: ConsentQuestion,
): boolean => id === asked.id && issuer === asked.issuer && clientId === asked.clientId && subject === asked.subject

/**
 * Names the request, so that a Check which Envoy sends again does not find its own consent used up: it is the same key
 * only for the same stream of the same Envoy. Without an id of the stream every Check is another one.
 */
function keyOf({ attributes, peer, interactionId }: RoutedRequest, { id }: ConsentQuestion, { raw }: VerifiedToken) {
  const { id: stream, method, authority, path, query } = attributes
  const parts = [peer, stream === '' ? interactionId : stream, method, authority, path, query ?? null, id, raw]
  return hash('sha256', JSON.stringify(parts), 'base64url')
}

/** Who tells of consents: the token itself, or somebody outside. */
interface Source {
  readonly find: (question: ConsentQuestion, token: VerifiedToken) => ConsentStatement | Promise<ConsentStatement>
  readonly consume: NonNullable<ConsentSource['consume']>
}

function findSource(settings: ConsentOptions, { consents }: Ports): Source {
  const { claim, introspection } = settings.source
  const path = claim ?? introspection
  if (path !== undefined)
    return { find: (_, token) => readFromToken(token, path, introspection !== undefined), consume: unable }
  const outside = consents?.get(consentKey(settings))
  if (!outside) throw new Error('there is nobody to ask about consents')
  const { consume } = outside
  return {
    find: (question) => outside.find(question),
    consume: consume ? (question, key) => consume(question, key) : unable,
  }
}

const unable = (): ConsentStatement => ({ kind: 'unavailable', detail: 'nobody can be told that it is used up' })

/** What the authorization server wrote about the consent, in the token or in its answer about the token. */
function readFromToken(token: VerifiedToken, path: string, introspected: boolean): ConsentStatement {
  if (introspected && !token.introspected) return { kind: 'absent' }
  const written = claimAt(token.claims, path)
  if (written === undefined) return { kind: 'absent' }
  if (!isObject(written)) return { kind: 'unavailable', detail: 'the consent in the token is no object' }
  const record = readConsent(written, true)
  return record.ok ? { kind: 'found', record: record.value } : { kind: 'unavailable', detail: record.problem }
}

function readIdRules({ id: { claim, scope, introspection } }: ConsentOptions): ConsentIdRules {
  if (scope !== undefined) {
    const [prefix = '', suffix = ''] = scope.split('{id}')
    return { kind: 'scope', prefix, suffix }
  }
  return introspection === undefined
    ? { kind: 'claim', paths: [claim ?? []].flat() }
    : { kind: 'introspection', paths: [introspection] }
}

const readRules = ({ states, permissions: { all, any, methods }, accounts }: ConsentOptions): ConsentRules => ({
  ...{ states, all, any, accounts },
  methods: new Map(Object.entries(methods)),
})
