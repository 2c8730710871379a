import { type Admission, isAdmission } from './admission.ts'
import type { Headers } from './attributes.ts'
import { buildChallenges, type Challenges } from './challenge.ts'
import { type Answer, answers, type Denial, deny } from './denial.ts'
import type { Identity } from './identity.ts'
import type { Allow, CheckResponse, Deny, HeaderOption, Struct } from './wire.ts'

/** An allowed request: why, and what the upstream is told. */
interface Allowance {
  readonly ok: true
  readonly admission: Admission
  readonly identity: Identity
}

export type Decision = Allowance | Denial

/** Whether what a route would refuse is refused. */
export type Mode = 'enforce' | 'shadow'

/** What an answer needs besides the decision. */
export interface Occasion {
  readonly interactionId: string
  readonly headers: Headers
  /** Name of the matched route; empty when none matched. */
  readonly route: string
  readonly challenges: Challenges | undefined
  /** Where the metadata of the resource are; undefined when they are not published. */
  readonly metadata?: string | undefined
  /** Who the request comes from, as far as that was verified; goes to Envoy's metadata. */
  readonly verified: {
    readonly issuer?: string
    readonly clientId?: string
    readonly subject?: string
    readonly binding?: string
  }
  /** Whether the route enforces. */
  readonly mode?: Mode
  /** The nonce an admitted client is to use from now on. */
  readonly nonce?: string | undefined
}

/** Decision → CheckResponse. The only place that writes status 0, and only for a genuine admission. */
export function encode(decision: Decision, occasion: Occasion): CheckResponse {
  if (!decision.ok) return refuse(decision, occasion)
  if (!isAdmission(decision.admission)) return refuse(deny('internal_error', 'the admission is not genuine'), occasion)
  const { admission, identity } = decision
  return admission.kind === 'shadow' ? pass(admission.would, identity, occasion) : allow(identity, occasion)
}

function allow(identity: Identity, occasion: Occasion): Allow {
  const interaction = header('x-fapi-interaction-id', occasion.interactionId)
  return {
    status: { code: 0 },
    okResponse: {
      headers: [...identity.set.map(([name, value]) => header(name, value)), interaction],
      headersToRemove: identity.remove,
      responseHeadersToAdd: [interaction, ...renewal(occasion.nonce)],
    },
    dynamicMetadata: metadata('allow', 'allowed', occasion, occasion.mode === 'shadow' ? { mode: 'shadow' } : {}),
  }
}

/**
 * Lets pass what would have been refused, as if we were not there: nothing is added to request and answer, the client's
 * own identity headers go, and nobody is named who has not shown that it is them.
 */
const pass = ({ reason: would }: Denial, { remove }: Identity, occasion: Occasion): Allow => ({
  status: { code: 0 },
  okResponse: { headers: [], headersToRemove: remove, responseHeadersToAdd: [] },
  dynamicMetadata: metadata('allow', 'allowed', { ...occasion, verified: {} }, { mode: 'shadow', would }),
})

/** Takes the place of what the upstream says about nonces and caches (RFC 9449 section 8.2): one nonce, kept nowhere. */
const renewal = (nonce: string | undefined): readonly HeaderOption[] =>
  nonce === undefined ? [] : [header('dpop-nonce', nonce), header('cache-control', 'no-store')]

function refuse(denial: Denial, occasion: Occasion): Deny {
  const answer: Answer = answers[denial.reason]
  const { challenges: offered, headers, metadata: published } = occasion
  const challenges = offered ? buildChallenges(denial, offered, headers, published) : []
  const retryAfter = denial.retryAfter ?? answer.retryAfter
  return {
    status: { code: grpcCode(answer.status) },
    deniedResponse: {
      status: { code: answer.status },
      headers: [
        ...challenges.map((value) => header('www-authenticate', value, 'APPEND_IF_EXISTS_OR_ADD')),
        header('content-type', 'application/json'),
        header('cache-control', 'no-store'),
        header('x-fapi-interaction-id', occasion.interactionId),
        ...(denial.nonce === undefined ? [] : [header('dpop-nonce', denial.nonce)]),
        ...(retryAfter === undefined ? [] : [header('retry-after', String(retryAfter))]),
        ...(denial.allow ? [header('allow', denial.allow.join(', '))] : []),
      ],
      // Also for HEAD: Envoy keeps the body to itself, and the type of what GET would bring (RFC 9110 section 9.3.2).
      body: body(answer),
    },
    dynamicMetadata: metadata('deny', denial.reason, occasion),
  }
}

/** What goes out when even encoding failed: complete, constant, a denial. */
export const internalErrorResponse: Deny = {
  status: { code: 13 },
  deniedResponse: {
    status: { code: 500 },
    headers: [header('content-type', 'application/json'), header('cache-control', 'no-store')],
    body: body(answers.internal_error),
  },
  dynamicMetadata: { fields: { decision: { stringValue: 'deny' }, reason: { stringValue: 'internal_error' } } },
}

function body(answer: Answer): string {
  return JSON.stringify({ error: answer.error, error_description: answer.description })
}

function grpcCode(status: number): Deny['status']['code'] {
  if (status === 401) return 16
  if (status === 503) return 14
  return status === 500 ? 13 : 7
}

/**
 * Envoy's access log, rate limits and the RBAC lock behind us read this. What has no UTF-8 is left out: it would make
 * the whole answer unreadable, and Envoy can be told to let requests pass then.
 */
function metadata(
  decision: 'allow' | 'deny',
  reason: string,
  { route, interactionId, verified }: Occasion,
  shadow: { readonly mode?: 'shadow'; readonly would?: string } = {},
): Struct {
  const fields: Record<string, { readonly stringValue: string }> = {}
  const entries = { decision, reason, route, interactionId, ...verified, ...shadow }
  for (const [key, value] of Object.entries(entries))
    if (value !== '' && value?.isWellFormed()) fields[key] = { stringValue: value }
  return { fields }
}

/** A header line Envoy will accept: anything but printable ASCII is a bug of ours, found before it leaves. */
function header(
  key: string,
  value: string,
  appendAction: HeaderOption['appendAction'] = 'OVERWRITE_IF_EXISTS_OR_ADD',
): HeaderOption {
  if (!/^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(key)) throw new Error('a header name is not a lower-case token')
  if (!/^[\x20-\x7e]*$/.test(value)) throw new Error(`the value of ${key} is not printable ASCII`)
  return { header: { key, value }, appendAction }
}
