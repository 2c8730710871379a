import type { LookupAddress } from 'node:dns'
import { lookup as lookUp } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'
import { rootCertificates } from 'node:tls'
import type { Config } from '../config.ts'
import { type Allowed, type ProxySettings, proxySettings, readAllowed } from '../config-outbound.ts'
import { type Reading, read, unreadable } from '../verify/reading.ts'
import { type AddressKind, kindOf, withoutZone } from './addresses.ts'
import { readAuthorities } from './authorities.ts'
import { type Fetched, type FetchFailure, failed } from './fetch-outcome.ts'

/** Whom calls trust, where they may go, and through what. */
export interface Outbound {
  /** PEM of every certificate authority that is trusted; undefined: the system's. */
  readonly ca?: readonly string[] | undefined
  /** Nothing else is called; undefined: anything that may be an authorization server. */
  readonly allow?: readonly Allowed[] | undefined
  readonly proxy?: ProxySettings | undefined
  /** Every address of a name; asks this system unless told. */
  readonly resolve?: Resolve
}

export type Resolve = (name: string) => Promise<readonly LookupAddress[]>

/** What the configuration says about it. */
export function readOutbound({ outbound }: Pick<Config, 'outbound'>): Reading<Outbound> {
  const extra = outbound.ca === undefined ? read(undefined) : readAuthorities(outbound.ca)
  if (!extra.ok) return unreadable(`outbound.ca: ${extra.problem}`)
  const allow = outbound.allow?.map((entry) => readAllowed(entry)).flatMap((one) => (one.ok ? [one.value] : []))
  const ca = extra.value === undefined ? undefined : [...rootCertificates, extra.value]
  return read({ ca, allow, proxy: proxySettings(outbound) })
}

/**
 * Addresses to connect to for a URL, each of them permitted; none when a proxy looks the name up. One bad address spoils
 * all: whoever answers for the name chooses which comes first. `namedBy`: the configured URL whose document named this
 * one, which leads inside only from inside.
 */
export async function findAddresses(
  url: URL,
  namedBy: string | undefined,
  outbound: Outbound,
): Promise<Fetched<readonly LookupAddress[]>> {
  const host = hostOf(url)
  const { allow, proxy } = outbound
  const named = allow?.some((one) => one.kind === 'host' && one.host === host) === true
  if (proxy && isIP(host) === 0)
    return allow && !named ? failed('address', 'outbound.allow does not name this host') : { ok: true, value: [] }
  const found = await resolveHost(host, outbound)
  if (!found.ok) return found
  const inRange = covers(allow ?? [])
  const origin = namedBy === undefined ? host : hostOf(new URL(namedBy))
  const near = origin === host || allow ? undefined : await kindsOf(origin, outbound)
  for (const { address } of found.value) {
    const problem = refuse(kindOf(address), allow && (named || inRange(address)), near)
    if (problem) return problem
  }
  return found
}

/** `allowed`: undefined without a list. `near`: where the document came from; undefined when that does not matter. */
function refuse(
  kind: AddressKind,
  allowed: boolean | undefined,
  near: ReadonlySet<AddressKind> | undefined,
): FetchFailure | undefined {
  if (kind === 'never') return failed('address', 'no authorization server is at such an address')
  if (allowed === false) return failed('address', 'outbound.allow does not cover every address of this host')
  if (near === undefined || kind === 'public' || near.has(kind)) return undefined
  return failed('address', `a fetched document leads to a ${kind} address; outbound.allow can permit it`)
}

async function resolveHost(host: string, { resolve = ask }: Outbound): Promise<Fetched<readonly LookupAddress[]>> {
  const family = isIP(host)
  if (family !== 0) return { ok: true, value: [{ address: host, family }] }
  try {
    const addresses = await resolve(host)
    return addresses.length > 0 ? { ok: true, value: addresses } : failed('dns', 'the name has no address')
  } catch (error) {
    return failed('dns', (error as NodeJS.ErrnoException).code ?? 'the name cannot be resolved')
  }
}

const ask: Resolve = (name) => lookUp(name, { all: true })

/** A proxy looks names up by itself, so nothing is known of one. */
async function kindsOf(host: string, outbound: Outbound): Promise<ReadonlySet<AddressKind>> {
  const found = outbound.proxy && isIP(host) === 0 ? failed('dns', 'not looked up') : await resolveHost(host, outbound)
  return new Set(found.ok ? found.value.map(({ address }) => kindOf(address)) : [])
}

/** The name in lower case without the dot of the root, or the address without brackets. */
const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[|\]$|\.$/g, '')

function covers(allow: readonly Allowed[]): (address: string) => boolean {
  const ranges = new BlockList()
  for (const one of allow) if (one.kind === 'range') ranges.addSubnet(one.address, one.prefix, one.family)
  return (address) => ranges.check(withoutZone(address), isIP(address) === 6 ? 'ipv6' : 'ipv4')
}
