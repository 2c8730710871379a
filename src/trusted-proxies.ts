import type { Attributes } from './attributes.ts'
import { type Reading, read, unreadable } from './verify/reading.ts'

/** A neighbour whose word about certificates counts: by the address of its connection, or by what its own certificate says. */
export type TrustedProxy =
  | { readonly kind: 'addresses'; readonly network: bigint; readonly bits: number; readonly prefix: number }
  | { readonly kind: 'principal'; readonly principal: string }

/** Whether the connection a request came over was made by one of them. What the request itself says is not asked. */
export function isTrusted(
  proxies: readonly TrustedProxy[],
  { clientAddress, principal }: Pick<Attributes, 'clientAddress' | 'principal'>,
): boolean {
  const address = readAddress(clientAddress)
  return proxies.some((proxy) =>
    proxy.kind === 'principal'
      ? proxy.principal === principal
      : address?.bits === proxy.bits && isWithin(address.value, proxy),
  )
}

const isWithin = (value: bigint, { network, bits, prefix }: { network: bigint; bits: number; prefix: number }) =>
  value >> BigInt(bits - prefix) === network >> BigInt(bits - prefix)

/** `10.1.0.0/16`, `fd00::/8`, a single address, or a principal as Envoy writes it: `spiffe://…`, a DNS name, a subject. */
export function readTrustedProxy(text: string): Reading<TrustedProxy> {
  if (!/^[0-9.]+(?:\/|$)|^[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*(?:\/[0-9]*)?$/.test(text)) return readPrincipal(text)
  const [address = '', length, more] = text.split('/')
  const parsed = readAddress(address)
  if (!parsed || more !== undefined || (length !== undefined && !/^[0-9]{1,3}$/.test(length)))
    return unreadable('it is neither an address nor a range of addresses')
  const { value: network, bits } = parsed
  if (bits === 32 && address.includes(':')) return unreadable('an IPv4 address is written without colons')
  const prefix = length === undefined ? bits : Number(length)
  if (prefix > bits) return unreadable(`a prefix has at most ${bits} bits`)
  if (prefix < shortest(address, bits))
    return unreadable('so wide a range holds strangers; name the networks of the proxies alone')
  if ((network & ((1n << BigInt(bits - prefix)) - 1n)) !== 0n)
    return unreadable(`the address has bits behind its first ${prefix}; leave /${prefix} out or write the network`)
  return read({ kind: 'addresses', network, bits, prefix })
}

/** The private networks are the widest that make sense: 10.0.0.0/8, fc00::/7 (RFC 1918, RFC 4193). */
function shortest(address: string, bits: number): number {
  if (bits === 32) return 8
  return /^f[cd]/i.test(address) ? 7 : 16
}

function readPrincipal(principal: string): Reading<TrustedProxy> {
  if (!/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(principal))
    return unreadable('a principal is printable ASCII without blanks around it')
  if (principal.includes('*')) return unreadable('a principal is compared as it is and knows no wildcards')
  return read({ kind: 'principal', principal })
}

/** An address as a number; one that IPv6 only carries (`::ffff:192.0.2.1`) is the IPv4 address it is. */
export function readAddress(text: string): { readonly value: bigint; readonly bits: 32 | 128 } | undefined {
  if (!text.includes(':')) {
    const value = readDotted(text)
    return value === undefined ? undefined : { value, bits: 32 }
  }
  // A dotted end is two groups.
  const dotted = /^(.*:)([0-9.]+\.[0-9.]+)$/.exec(text)
  const last = dotted ? readDotted(dotted[2] ?? '') : undefined
  if (dotted && last === undefined) return undefined
  const plain = dotted
    ? `${dotted[1]}${((last ?? 0n) >> 16n).toString(16)}:${((last ?? 0n) & 0xffffn).toString(16)}`
    : text
  const halves = plain.split('::').map((half) => (half === '' ? [] : half.split(':')))
  const [front = [], back] = halves
  const missing = 8 - front.length - (back?.length ?? 0)
  if (halves.length > 2 || (back ? missing < 1 : missing !== 0)) return undefined
  const groups = [...front, ...Array.from({ length: back ? missing : 0 }, () => '0'), ...(back ?? [])]
  if (!groups.every((group) => /^[0-9A-Fa-f]{1,4}$/.test(group))) return undefined
  const value = groups.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n)
  return value >> 32n === 0xffffn ? { value: value & 0xffff_ffffn, bits: 32 } : { value, bits: 128 }
}

function readDotted(text: string): bigint | undefined {
  const parts = text.split('.')
  if (parts.length !== 4 || !parts.every((part) => /^(?:0|[1-9][0-9]{0,2})$/.test(part) && Number(part) < 256))
    return undefined
  return BigInt(parts.reduce((sum, part) => sum * 256 + Number(part), 0))
}
