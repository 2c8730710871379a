import type { Config, ServerConfig } from '../config.ts'
import { fits } from '../verify/jws.ts'
import type { KeySet } from '../verify/key-set.ts'
import { type JsonObject, own } from '../verify/strict-json.ts'
import { type Finding, finding, fine } from './findings.ts'

/** What came of loading the keys of a server the way `serve` does. Milliseconds. */
export interface SourceObservation {
  readonly keys: KeySet | undefined
  readonly problem: string | undefined
  readonly metadata: JsonObject | undefined
  readonly took: number
  /** The Date header of its last answer against our clock: positive when the server is ahead. */
  readonly skew: number | undefined
}

/** Which ways of binding some route accepts. */
export interface Needs {
  readonly dpop: boolean
  readonly mtls: boolean
}

const SLOW = 1000
/** Skipped keys that are told one by one. */
const SHOWN = 3

export function judgeSource(server: ServerConfig, seen: SourceObservation, needs: Needs): readonly Finding[] {
  const tried = `keys of ${server.name}`
  const clock = seen.skew === undefined ? [] : [judgeClock(`clock of ${server.name}`, seen.skew)]
  const { keys } = seen
  if (!keys) return [finding('DR-02', tried, seen.problem ?? 'there are none'), ...clock]
  const unfit = server.algorithms.filter((algorithm) => !keys.keys.some((key) => fits(algorithm, key)))
  const took = `${Math.round(seen.took)} ms`
  const count = keys.keys.length
  return [
    unfit.length === server.algorithms.length
      ? finding('DR-03', tried, `none of ${count} fits ${unfit.join(', ')}`)
      : fine(tried, `${count === 1 ? '1 usable key' : `${count} usable keys`} in ${took}${without(unfit)}`),
    ...(seen.took > SLOW ? [finding('DR-07', tried, took)] : []),
    ...duplicates(keys).map((kid) => finding('DR-04', tried, kid)),
    ...(keys.leaked ? [finding('DR-05', tried, 'a key with its private part, or a shared secret')] : []),
    ...(keys.skipped.length > 0 ? [finding('DR-06', tried, listed(keys.skipped))] : []),
    ...(seen.metadata ? judgeMetadata(server, seen.metadata, needs) : []),
    ...clock,
  ]
}

const without = (unfit: readonly string[]): string => (unfit.length === 0 ? '' : `, none for ${unfit.join(', ')}`)

const listed = (all: readonly string[]): string =>
  `${all.slice(0, SHOWN).join('; ')}${all.length > SHOWN ? `; and ${all.length - SHOWN} more` : ''}`

function duplicates({ keys }: KeySet): readonly string[] {
  const seen = new Map<string, Set<string>>()
  for (const { kid, thumbprint } of keys)
    if (kid !== undefined) seen.set(kid, (seen.get(kid) ?? new Set()).add(thumbprint))
  return [...seen].filter(([, thumbprints]) => thumbprints.size > 1).map(([kid]) => kid)
}

/** What the metadata (RFC 8414) says of sender-constrained tokens, when some route needs them. */
function judgeMetadata(server: ServerConfig, metadata: JsonObject, needs: Needs): readonly Finding[] {
  const tried = `metadata of ${server.name}`
  const dpop = own(metadata, 'dpop_signing_alg_values_supported')
  const lacking = [
    ...(needs.dpop && !(Array.isArray(dpop) && dpop.length > 0) ? ['dpop_signing_alg_values_supported'] : []),
    ...(needs.mtls && own(metadata, 'tls_client_certificate_bound_access_tokens') !== true
      ? ['tls_client_certificate_bound_access_tokens']
      : []),
  ]
  return lacking.length === 0
    ? [fine(tried, 'advertises what the routes need')]
    : lacking.map((name) => finding('DR-08', tried, `${name} is missing`))
}

/** A Date header counts whole seconds, so half a second more or less says nothing. */
export function judgeClock(tried: string, milliseconds: number): Finding {
  const seconds = Math.round(Math.abs(milliseconds) / 1000)
  if (seconds <= 5) return fine(tried, `within ${Math.max(seconds, 1)} s of ours`)
  const found = `${seconds} s ${milliseconds > 0 ? 'ahead of' : 'behind'} ours`
  return finding(seconds > 30 ? 'DR-10' : 'DR-09', tried, found)
}

/** A certificate of the configuration. Milliseconds since the epoch. */
export interface Validity {
  readonly from: number
  readonly to: number
}

const DAY = 86_400_000

/** The one certificate of a file that ends first decides. */
export function judgeValidity(tried: string, all: readonly Validity[], now: number): Finding {
  const early = all.find(({ from }) => from > now)
  if (early) return finding('DR-12', tried, `it begins ${day(early.from)}`)
  const end = Math.min(...all.map(({ to }) => to))
  if (end <= now) return finding('DR-12', tried, `it ended ${day(end)}`)
  const left = Math.floor((end - now) / DAY)
  if (end - now < 30 * DAY)
    return finding('DR-11', tried, `it ends ${day(end)}, in ${left} ${left === 1 ? 'day' : 'days'}`)
  return fine(tried, `valid until ${day(end)}`)
}

const day = (milliseconds: number): string => new Date(milliseconds).toISOString().slice(0, 10)

/** Permission bits of a file with a private key. */
export const judgeMode = (tried: string, mode: number): readonly Finding[] =>
  (mode & 0o004) === 0 ? [] : [finding('DR-14', tried, `mode ${(mode & 0o777).toString(8).padStart(4, '0')}`)]

/** What somebody decided on that protects less than the default. */
export function judgeChoices(config: Config): readonly Finding[] {
  const choice = (tried: string, found: string): Finding => finding('DR-15', tried, found)
  return [
    ...(config.profile === 'compat' ? [choice('profile', 'compat: this is not FAPI 2.0')] : []),
    ...(config.listen.insecureCheck
      ? [choice('listen.insecureCheck', 'whoever reaches the Check port may ask it')]
      : []),
    ...(config.stores.afterRestart === 'accept'
      ? [choice('stores.afterRestart', 'a proof used before a restart may pass again')]
      : []),
    ...config.routes.flatMap(({ name, exceptions }) => exceptions.map((one) => choice(`route ${name}`, one))),
  ]
}

/** Which bindings the routes accept. */
export function needsOf({ routes }: Pick<Config, 'routes'>): Needs {
  const methods = routes.flatMap(({ policies }) =>
    policies.flatMap(({ name, options }) =>
      name === 'senderConstraint' ? (options as { readonly methods: readonly string[] }).methods : [],
    ),
  )
  return { dpop: methods.includes('dpop'), mtls: methods.includes('mtls') }
}
