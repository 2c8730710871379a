import { readAddress } from '../trusted-proxies.ts'

/** How much of a client's address is written down. */
export type AddressForm = 'truncated' | 'full' | 'none'

/** The address as it may be written down; undefined when it may not, or is none. */
export function showAddress(address: string, form: AddressForm): string | undefined {
  if (form === 'none') return undefined
  return form === 'full' ? readText(address)?.text : truncateAddress(address)
}

/** Enough to see where traffic comes from, not who it is: /24 of IPv4, /48 of IPv6. */
export function truncateAddress(address: string): string | undefined {
  const read = readText(address)
  if (!read) return undefined
  if (read.version === 4) return read.text.replace(/[0-9]{1,3}$/, '0')
  const groups = read.text.split(':')
  const empty = groups.indexOf('')
  const known = (empty < 0 ? groups : groups.slice(0, empty)).slice(0, 3)
  return `${known.join(':')}::`
}

/** An IPv4 address, also one that IPv6 only carries, or an IPv6 address without its zone. */
function readText(address: string): { readonly version: 4 | 6; readonly text: string } | undefined {
  const [text = ''] = address
    .slice(0, 64)
    .replace(/^::ffff:(?=[0-9.]+$)/i, '')
    .split('%', 1)
  if (!readAddress(text)) return undefined
  return { version: text.includes(':') ? 6 : 4, text }
}
