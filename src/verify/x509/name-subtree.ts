import type { GeneralName } from './general-name.ts'
import { isBelow, type Name, type NameAttribute } from './name.ts'

/**
 * Whether everything the name stands for surely lies in the subtree; both have to be of the same form. A form that
 * nobody here compares lies in none.
 */
export function isWithin(name: GeneralName, base: GeneralName): boolean {
  if (name.type === 'directory') return base.type === 'directory' && isBelow(name.name, base.name)
  if (base.type === 'directory') return false
  const [value, limit] = [name.value, base.value.toLowerCase()]
  if (name.type === 'dns') return isAtOrBelow(value.toLowerCase().replace(/^\*\./, ''), limit)
  if (name.type === 'ip') return isInNetwork(value, base.value)
  if (name.type === 'uri') return isHostIn(hostOf(value), limit)
  if (name.type === 'email') return isMailboxIn(value, base.value)
  return false
}

/**
 * Whether something the name stands for may lie in the subtree: a wildcard stands for each label, a mailbox may be
 * the same in other letters, an attribute may stand beside more, and what cannot be compared may lie anywhere. An empty
 * base covers each name of its form.
 */
export function touches(name: GeneralName, base: GeneralName): boolean {
  if (isWithin(name, base)) return true
  if (name.type === 'directory') return base.type === 'directory' && mayBeBelow(name.name, base.name)
  if (base.type === 'directory' || name.type === 'ip') return false
  const [value, limit] = [name.value.toLowerCase(), base.value.toLowerCase()]
  if (name.type === 'dns') return value.startsWith('*.') && limit.replace(/^[^.]+/, '*') === value
  if (name.type === 'uri') return limit === '' || hostOf(value) === undefined
  if (name.type === 'email') return limit === '' || value === '' || value === limit
  return true
}

const mayBeBelow = (name: Name, base: Name): boolean =>
  base.relative.every((attributes, index) =>
    attributes.every((attribute) => name.relative[index]?.some((other) => mayBeSame(attribute, other)) === true),
  )

/** Two readers may see one text in bytes that are no valid text of their type. */
const mayBeSame = (one: NameAttribute, other: NameAttribute): boolean =>
  one.key === other.key || (one.type === other.type && (one.text === undefined || other.text === undefined))

const isAtOrBelow = (host: string, domain: string): boolean =>
  domain === '' || host === domain || host.endsWith(`.${domain}`)

/** A base with a leading period covers what lies below it alone, another one the host alone. An empty one has none. */
const isHostIn = (host: string | undefined, base: string): boolean =>
  host !== undefined && base !== '' && (base.startsWith('.') ? host.endsWith(base) : host === base)

/** The part before `@` is compared letter by letter, the host in any case (RFC 5280 section 7.5). */
function isMailboxIn(mailbox: string, base: string): boolean {
  const [local, host] = mailbox.split('@')
  const [domain = '', exact] = base.split('@').reverse()
  return (exact === undefined || exact === local) && isHostIn(host?.toLowerCase(), domain.toLowerCase())
}

/** The host of a URI, in lower case; undefined without an authority, and when it is an address. */
function hostOf(uri: string): string | undefined {
  const host = AUTHORITY.exec(uri)?.[1]?.toLowerCase()
  return host === undefined || /(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)$/.test(host) ? undefined : host
}

/** Only what all readers of URIs see alike: no escapes in the host, no backslash, one user name at the most. */
const AUTHORITY =
  /^[A-Za-z][A-Za-z0-9+.-]*:\/\/(?:[A-Za-z0-9._~!$&'()*+,;=:%-]*@)?([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)(?::[0-9]*)?(?:[/?#][^\\]*)?$/

/** Digit by digit under the mask; all three are hex. */
function isInNetwork(address: string, network: string): boolean {
  if (network.length !== 2 * address.length) return false
  const digit = (at: number): number => Number.parseInt(network.charAt(at), 16)
  for (let at = 0; at < address.length; at += 1) {
    const differs = Number.parseInt(address.charAt(at), 16) ^ digit(at)
    if ((differs & digit(address.length + at)) !== 0) return false
  }
  return true
}
