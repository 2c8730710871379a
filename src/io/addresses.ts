import { BlockList, isIP, isIPv6 } from 'node:net'

/**
 * What an address may be. `never`: no authorization server is there, but something that trusts whoever reaches it, like
 * the metadata service of a cloud. `loopback` and `private`: only when the configuration says so, not a document.
 */
export type AddressKind = 'never' | 'loopback' | 'private' | 'public'

const never = list(
  ['0.0.0.0/8', '169.254.0.0/16', '192.0.0.0/24', '224.0.0.0/4', '240.0.0.0/4'],
  // Metadata and host services of clouds outside the link-local range.
  ['100.100.100.200/32', '168.63.129.16/32', 'fd00:ec2::/32', 'fd20:ce::254/128'],
  // Link-local, site-local, multicast, discard-only, Teredo.
  ['::/128', 'fe80::/10', 'fec0::/10', 'ff00::/8', '100::/64', '2001::/32'],
)
const loopback = list(['127.0.0.0/8', '::1/128'])
const inside = list(['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '198.18.0.0/15', 'fc00::/7'])

/** IPv6 addresses that stand for an IPv4 address, and the group its upper half is in. */
const carriers = [
  // IPv4-compatible, IPv4-mapped and IPv4-translated (RFC 4291 section 2.5.5, RFC 2765 section 2.1).
  { range: list(['::/96', '::ffff:0:0/96', '::ffff:0:0:0/96']), at: 6 },
  // NAT64 (RFC 6052, RFC 8215).
  { range: list(['64:ff9b::/96', '64:ff9b:1::/48']), at: 6 },
  // 6to4 (RFC 3056).
  { range: list(['2002::/16']), at: 1 },
]

/** `fe80::1` of `fe80::1%eth0` (RFC 4007 section 11). */
export const withoutZone = (address: string): string => address.split('%', 1)[0] ?? ''

/** The kind of an address as `node:net` writes it. What is no address is never called. */
export function kindOf(address: string): AddressKind {
  const plain = withoutZone(address)
  const version = isIP(plain)
  if (version === 0) return 'never'
  const family = version === 6 ? 'ipv6' : 'ipv4'
  if (never.check(plain, family)) return 'never'
  if (loopback.check(plain, family)) return 'loopback'
  if (inside.check(plain, family)) return 'private'
  const carrier = family === 'ipv6' && carriers.find(({ range }) => range.check(plain, 'ipv6'))
  return carrier ? kindOf(carried(plain, carrier.at)) : 'public'
}

/** The IPv4 address in two groups of an IPv6 address. */
function carried(address: string, at: number): string {
  const groups = groupsOf(address)
  return [groups[at] ?? 0, groups[at + 1] ?? 0].flatMap((group) => [group >> 8, group & 255]).join('.')
}

/** The eight groups of a valid IPv6 address. */
function groupsOf(address: string): readonly number[] {
  // A URL writes an address in one way only, without a dotted end.
  const [front = '', back] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::')
  const read = (half: string): number[] =>
    half === '' ? [] : half.split(':').map((group) => Number.parseInt(group, 16))
  const [first, last] = [read(front), read(back ?? '')]
  return [...first, ...Array.from({ length: 8 - first.length - last.length }, () => 0), ...last]
}

function list(...ranges: readonly (readonly string[])[]): BlockList {
  const made = new BlockList()
  for (const range of ranges.flat()) {
    const [address = '', prefix] = range.split('/')
    made.addSubnet(address, Number(prefix), isIPv6(address) ? 'ipv6' : 'ipv4')
  }
  return made
}
