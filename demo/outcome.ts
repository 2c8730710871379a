import type { Answer } from './client.ts'
import type { Seen } from './upstream.ts'

/** What comes of a request, in the words of the table. */
export interface Outcome {
  /** Status and OAuth error, as the client sees them. */
  readonly answer: string
  /** Reason in the log of the service; `BY_ENVOY` when it was never asked. */
  readonly reason: string
  /** What the upstream saw: `nothing`, `nobody`, or who it took the client for. */
  readonly upstream: string
}

/** The reason when Envoy refused the request before it asked the service. */
export const BY_ENVOY = 'Envoy itself'

/** Whether all three are as expected. */
export const isExpected = (expected: Outcome, got: Outcome): boolean =>
  expected.answer === got.answer && expected.reason === got.reason && expected.upstream === got.upstream

/** Status and what an OAuth client would act on (RFC 6750 section 3, RFC 9449 section 7.1). */
export function spellAnswer({ status, headers, body }: Answer): string {
  if (status === 200) return '200'
  const challenges = (headers.get('www-authenticate') ?? []).join(', ')
  const [, error] = /\berror="([^"]*)"/.exec(challenges) ?? []
  const [, scope] = /\bscope="([^"]*)"/.exec(challenges) ?? []
  const allow = headers.get('allow')?.join(', ')
  if (allow !== undefined) return `${status} allow: ${allow}`
  if (challenges !== '' && error === undefined) return `${status} without error code`
  const spelled = [String(status), error ?? bodyError(body)].filter((word) => word !== undefined).join(' ')
  return scope === undefined ? spelled : `${spelled} ${scope}`
}

function bodyError(body: string): string | undefined {
  try {
    const { error } = JSON.parse(body) as { readonly error?: unknown }
    return typeof error === 'string' ? error : undefined
  } catch {
    return undefined
  }
}

/** Identity headers that the service writes; any other one can only come from the client. */
const ours: ReadonlySet<string> = new Set(
  ['issuer', 'subject', 'client-id', 'scope', 'binding', 'thumbprint', 'acr', 'consent-id'].map(
    (name) => `x-authz-${name}`,
  ),
)

/** Who the upstream takes the client for, and everything it should not have received. */
export function spellSeen({ headers }: Seen): string {
  const values = (name: string): readonly string[] => headers.filter(([key]) => key === name).map(([, value]) => value)
  const subject = values('x-authz-subject')
  const client = values('x-authz-client-id')
  const who = subject.length === 0 && client.length === 0 ? 'nobody' : unique([...subject, ...client]).join(' or ')
  const binding = values('x-authz-binding')
  const leaked = headers
    .map(([name]) => name)
    .filter((name) => name === 'authorization' || name === 'dpop' || (looksLikeIdentity(name) && !ours.has(name)))
  const spelled = binding.length > 0 ? `${who} (${binding.join(' and ')})` : who
  return leaked.length === 0 ? spelled : `${spelled} and ${unique(leaked).join(', ')}`
}

const looksLikeIdentity = (name: string): boolean => /^x[-_.]authz[-_.]/.test(name)
const unique = (words: readonly string[]): readonly string[] => [...new Set(words)]
