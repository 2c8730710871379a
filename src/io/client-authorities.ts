import { hash } from 'node:crypto'
import type { Config } from '../config.ts'
import type { Denial } from '../denial.ts'
import { authoritiesKey } from '../policies/client-certificate.ts'
import { type ClientCertificateOptions, softOf } from '../policies/client-certificate-options.ts'
import type { ClientAuthorities } from '../ports.ts'
import type { TrustStore } from '../verify/certificate-chain.ts'
import type { JudgedCertificate } from '../verify/client-certificate.ts'
import type { StatusWitness } from '../verify/path-status.ts'
import { type Reading, read, unreadable } from '../verify/reading.ts'
import { boundedCache } from './caches.ts'
import { buildCrls, type CrlSurroundings, type LiveCrls } from './crls.ts'
import { buildOcsp, type LiveOcsp, type OcspSurroundings } from './ocsp.ts'
import { timer } from './timer.ts'
import { type AuthorityFiles, readTrust } from './trust-files.ts'

/** Who tells of revocations. Shared by all routes that ask the same of the same. */
export interface StatusSources {
  /** Tells one set of options, with the authorities it is for, from another. */
  readonly identity: string
  readonly crls: LiveCrls | undefined
  readonly ocsp: LiveOcsp | undefined
}

/** The authorities of one policy, with who tells of its revocations. */
export interface LiveAuthorities extends ClientAuthorities {
  readonly sources: StatusSources
  readonly mode: 'hard' | 'soft' | 'off'
  /** Whether a list may be done without. */
  readonly lists: 'hard' | 'soft' | 'off'
  /** Routes with these options. */
  readonly routes: readonly string[]
}

export type AuthoritiesByOptions = ReadonlyMap<string, LiveAuthorities>

export interface AuthoritiesSurroundings {
  readonly crls: CrlSurroundings
  readonly ocsp: OcspSurroundings
  readonly tolerated: (detail: string) => void
  readonly monotonic: () => number
  /** Nobody is asked whether a certificate was revoked. */
  readonly alone?: boolean | undefined
}

/** Certificates that are remembered, and refused ones; seconds. */
const JUDGED = { max: 5000, ttl: 3600 }
const REFUSED = { max: 1000, ttl: 10 }

/**
 * Reads whom each `clientCertificate` trusts and builds who tells of its revocations. What an unchanged set of options
 * learned of revocations under the configuration before stays known; what was found out about certificates does not.
 */
export function buildClientAuthorities(
  { routes }: Config,
  before: AuthoritiesByOptions | undefined,
  surroundings: AuthoritiesSurroundings,
): Reading<AuthoritiesByOptions> {
  const built = new Map<string, LiveAuthorities>()
  const known = new Map<string, StatusSources>()
  for (const { sources } of before?.values() ?? []) known.set(sources.identity, sources)
  const opened: StatusSources[] = []
  /** What was read; a trusted list is long, and many routes may name it. */
  const files: AuthorityFiles = new Map()
  for (const { name: route, policies } of routes)
    for (const { name, options } of policies) {
      if (name !== 'clientCertificate') continue
      // Parsed by the very schema this type comes from.
      const settings = options as ClientCertificateOptions
      const key = authoritiesKey(settings)
      const same = built.get(key)
      if (same) {
        built.set(key, { ...same, routes: [...same.routes, route] })
        continue
      }
      const trust = readTrust(settings, files)
      if (!trust.ok) {
        for (const sources of opened) closeOne(sources)
        return unreadable(`route ${route}: clientCertificate.${trust.problem}`)
      }
      const identity = identityOf(settings, trust.value)
      const kept = known.get(identity)
      const sources = kept ?? openSources(identity, settings, trust.value, surroundings)
      if (!kept) opened.push(sources)
      known.set(identity, sources)
      built.set(key, authoritiesOf(route, settings, trust.value, sources, surroundings))
    }
  return read(built)
}

/** The authorities take part: their lists are verified with their keys as they come. */
function identityOf({ revocation }: ClientCertificateOptions, { anchors, intermediates }: TrustStore): string {
  const { order: _order, scope: _scope, ...asked } = revocation
  const thumbprints = [...anchors, ...intermediates].map(({ thumbprint }) => thumbprint)
  return hash('sha256', JSON.stringify([asked, thumbprints]), 'base64url')
}

function openSources(
  identity: string,
  { revocation }: ClientCertificateOptions,
  { anchors, intermediates }: TrustStore,
  { crls: crlSurroundings, ocsp: ocspSurroundings, alone }: AuthoritiesSurroundings,
): StatusSources {
  const { crl, ocsp, files, urls, hosts, responder, maxAge, requireNonce } = revocation
  if (alone) return { identity, crls: undefined, ocsp: undefined }
  // Both may be asked one after the other, and the request waits once.
  const wait = crl !== 'off' && ocsp !== 'off' ? revocation.wait / 2 : revocation.wait
  const issuers = [...anchors, ...intermediates]
  const crls = crl === 'off' ? undefined : buildCrls({ files, urls, hosts, maxAge, wait, issuers }, crlSurroundings)
  const delegates = crls && { source: crls, hard: crl === 'hard' }
  return {
    identity,
    crls,
    ocsp:
      ocsp === 'off'
        ? undefined
        : buildOcsp({ responder, hosts, maxAge, wait, requireNonce }, { ...ocspSurroundings, delegates }),
  }
}

function authoritiesOf(
  route: string,
  { revocation }: ClientCertificateOptions,
  trust: TrustStore,
  sources: StatusSources,
  { tolerated, monotonic, ocsp: { revocations } }: AuthoritiesSurroundings,
): LiveAuthorities {
  const { crls, ocsp } = sources
  const witnesses = revocation.order.flatMap((kind): readonly StatusWitness[] => {
    const source = kind === 'crl' ? crls : ocsp
    const mode = revocation[kind]
    return source && mode !== 'off' ? [{ kind, mode, source }] : []
  })
  return {
    trust,
    status: { witnesses, scope: revocation.scope },
    generation: () => (crls?.generation ?? 0) + (ocsp?.generation ?? 0) + (revocations?.changes ?? 0),
    monotonic,
    judged: boundedCache<JudgedCertificate>(JUDGED.max, JUDGED.ttl, { monotonic }),
    refused: boundedCache<Denial>(REFUSED.max, REFUSED.ttl, { monotonic }),
    tolerated,
    sources,
    lists: crls ? revocation.crl : 'off',
    mode: witnesses.length === 0 ? 'off' : softOf(revocation) === undefined ? 'hard' : 'soft',
    routes: [route],
  }
}

/** What is open, each once. */
export const sourcesOf = (authorities: AuthoritiesByOptions): ReadonlySet<StatusSources> =>
  new Set([...authorities.values()].map(({ sources }) => sources))

/**
 * Waits until new lists were looked at, not longer than told, milliseconds. Returns the routes that would be worse off:
 * their certificates would be refused because a list they need did not come, or would pass unchecked though what serves
 * now still has that list.
 */
export async function firstLists(
  next: AuthoritiesByOptions,
  current: AuthoritiesByOptions,
  milliseconds: number,
  now: () => number,
): Promise<readonly string[]> {
  const before = sourcesOf(current)
  const fresh = [...next.values()].filter(({ sources }) => !before.has(sources))
  const looks = fresh.flatMap(({ sources: { crls } }) => (crls ? [crls.first] : []))
  if (looks.length === 0) return []
  const limit = timer(milliseconds)
  await Promise.race([Promise.all(looks), limit.elapsed])
  limit.cancel()
  const counts = ({ until }: LiveCrls['places'][number]): boolean => until !== undefined && now() <= until
  const served = new Set(
    [...before].flatMap(({ crls }) => (crls?.places ?? []).filter(counts).map(({ source }) => source)),
  )
  return fresh
    .filter(({ lists, sources: { crls } }) => {
      const lacking = (crls?.places ?? []).filter((place) => !counts(place))
      return lists === 'hard' ? lacking.length > 0 : lacking.some(({ source }) => served.has(source))
    })
    .flatMap(({ routes }) => routes)
}

/** Closes what the staying configuration has no part in. */
export function closeAuthorities(leaving: AuthoritiesByOptions, staying?: AuthoritiesByOptions): void {
  const kept = staying ? sourcesOf(staying) : new Set<StatusSources>()
  for (const sources of sourcesOf(leaving)) if (!kept.has(sources)) closeOne(sources)
}

function closeOne({ crls, ocsp }: StatusSources): void {
  crls?.close()
  ocsp?.close()
}
