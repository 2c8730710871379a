import type { Attributes } from './attributes.ts'
import { type Answer, answers, type Denial } from './denial.ts'

/** The authentication schemes a route offers (RFC 9449 section 7.2). */
export interface Challenges {
  /** Algorithms for `algs`; undefined when the route takes no DPoP proofs. */
  readonly dpopAlgorithms: readonly string[] | undefined
  readonly bearer: boolean
}

/**
 * The `WWW-Authenticate` values of a denial, one per field line (ERR-01 … ERR-07). The error stands in the challenge of
 * the scheme the client used, in all of them when that is ambiguous, in none when it sent no credentials. Each says where
 * the metadata of the resource are, when they are published (ERR-14).
 */
export function buildChallenges(
  denial: Denial,
  offered: Challenges,
  headers: Attributes['headers'],
  metadata?: string,
): readonly string[] {
  const answer: Answer = answers[denial.reason]
  if (answer.challenge === 'none') return []
  const error = errorParameters(answer, denial)
  const used = answer.challenge === 'dpop' ? 'dpop' : schemeUsed(headers)
  const everywhere = answer.challenge === 'every' || !offers(offered, used)
  const parameters = (scheme: Scheme): readonly string[] =>
    answer.challenge !== 'bare' && (everywhere || used === scheme) ? error : []

  // RFC 9728 section 5.1. An origin and a prefix of the configuration: neither can hold a quote or a backslash.
  const published = metadata === undefined ? [] : [`resource_metadata="${metadata}"`]
  const challenges: string[] = []
  if (offered.dpopAlgorithms)
    challenges.push(
      challenge('DPoP', [...parameters('dpop'), `algs="${offered.dpopAlgorithms.join(' ')}"`, ...published]),
    )
  if (offered.bearer) challenges.push(challenge('Bearer', [...parameters('bearer'), ...published]))
  return challenges
}

type Scheme = 'dpop' | 'bearer'

const offers = (offered: Challenges, scheme: Scheme | undefined): boolean =>
  (scheme === 'dpop' && offered.dpopAlgorithms !== undefined) || (scheme === 'bearer' && offered.bearer)

/** Undefined when it is not clear which: none, an unknown one, several fields (ERR-06). */
function schemeUsed(headers: Attributes['headers']): Scheme | undefined {
  const [line = '', ...more] = headers.get('authorization') ?? []
  if (more.length > 0 || line.includes(',')) return undefined
  const scheme = line.split(' ', 1)[0]?.toLowerCase()
  return scheme === 'dpop' || scheme === 'bearer' ? scheme : undefined
}

/** RFC 6750 section 3, RFC 9470 section 3: fixed texts of ours, scope and acr values checked before they got here, so nothing needs escaping. */
function errorParameters(answer: Answer, denial: Denial): readonly string[] {
  const parameters = [`error="${answer.error}"`, `error_description="${answer.description}"`]
  if (denial.scope?.length) parameters.push(`scope="${denial.scope.join(' ')}"`)
  if (denial.acrValues?.length) parameters.push(`acr_values="${denial.acrValues.join(' ')}"`)
  if (denial.maxAge !== undefined) parameters.push(`max_age="${denial.maxAge}"`)
  return parameters
}

const challenge = (scheme: string, parameters: readonly string[]): string =>
  parameters.length === 0 ? scheme : `${scheme} ${parameters.join(', ')}`
