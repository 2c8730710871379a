import { readAddress } from '../trusted-proxies.ts'

/** Ranges that everybody has at home: two of them tell nothing about where somebody is. */
const homes4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.168.0.0/16',
]

interface Range {
  readonly first: number
  readonly size: number
}

const ranges: readonly Range[] = homes4.map((range) => {
  const [address = '', bits = ''] = range.split('/')
  return { first: Number(readAddress(address)?.value), size: 2 ** (32 - Number(bits)) }
})

/** The /24 of IPv4 or /48 of IPv6 an address is in; undefined for private addresses and for what is none. */
export function publicNetwork(text: string | undefined): string | undefined {
  const address = text === undefined ? undefined : readAddress(text)
  if (!address) return undefined
  const { value, bits } = address
  if (bits === 32) {
    const number = Number(value)
    const home = ranges.some(({ first, size }) => number >= first && number < first + size)
    return home ? undefined : `${(number >>> 8).toString(16)}/24`
  }
  // Global unicast is 2000::/3; everything else is local.
  return value >> 125n === 1n ? `${(value >> 80n).toString(16)}::/48` : undefined
}
