import { z } from 'zod'
import type { Config } from './config.ts'
import { duration } from './durations.ts'
import type { Problem } from './problems.ts'
import { readAddress } from './trusted-proxies.ts'
import { type Reading, read, unreadable } from './verify/reading.ts'

const text = z.string().min(1)

/** How old keys may get. */
const ages = {
  /** They are looked at again after this time; a key that was withdrawn is believed no longer. */
  refresh: duration(30, 3600).prefault('10m'),
  /** The last good set serves for this time while its source fails. */
  maxStale: duration(60, 86_400).prefault('24h'),
  /** Unknown keys cause at most one fetch in this time. */
  cooldown: duration(5, 300).prefault('30s'),
}

/** A directory that keeps the last good set for a start while the server is down. */
const cacheDir = text.optional()

/** Where the keys of an authorization server come from. */
export const keys = z.union([
  z.strictObject({ discovery: z.literal(true), ...ages, cacheDir }),
  z.strictObject({ uri: text, ...ages, cacheDir }),
  z.strictObject({ file: text, ...ages }),
])

const proxy = z.strictObject({ url: text, username: text.optional(), password: text.optional() })

/** Calls to authorization servers. */
export const outbound = z.strictObject({
  /** A PEM file of certificate authorities trusted besides the system's. */
  ca: text.optional(),
  /** Hosts and ranges of addresses; no others are called. */
  allow: z.array(text).min(1).optional(),
  /** What all calls go through. */
  proxy: z.union([text, proxy]).optional(),
})

type Outbound = z.output<typeof outbound>

/** A forward proxy that is asked for tunnels (RFC 9110 section 9.3.6). */
export interface ProxySettings {
  readonly url: URL
  readonly username: string | undefined
  readonly password: string | undefined
}

/** One line of `outbound.allow`. */
export type Allowed =
  | { readonly kind: 'host'; readonly host: string }
  | { readonly kind: 'range'; readonly address: string; readonly prefix: number; readonly family: 'ipv4' | 'ipv6' }

/** `10.1.0.0/16`, `fd00::/8`, a single address, or the name of a host. */
export function readAllowed(entry: string): Reading<Allowed> {
  if (/^(?!.*\.[0-9]+$)(?=.*[A-Za-z])[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/.test(entry))
    return read({ kind: 'host', host: entry.toLowerCase() })
  const [address = '', length, more] = entry.split('/')
  const parsed = readAddress(address)
  const written = address.includes(':') ? 128 : 32
  const prefix = length === undefined ? written : /^[0-9]{1,3}$/.test(length) ? Number(length) : Number.NaN
  if (!parsed || parsed.bits !== written || more !== undefined || !(prefix >= 1 && prefix <= written))
    return unreadable('expected a host name, an address or a range of addresses such as 10.1.0.0/16')
  return read({ kind: 'range', address, prefix, family: written === 32 ? 'ipv4' : 'ipv6' })
}

/** Undefined where there is none. The check of the configuration has seen that it can be read. */
export function proxySettings({ proxy: setting }: Outbound): ProxySettings | undefined {
  if (setting === undefined) return undefined
  const { url, username, password } = typeof setting === 'string' ? { ...noCredentials, url: setting } : setting
  return { url: new URL(url), username, password }
}

const noCredentials = { username: undefined, password: undefined }

export function checkOutbound({ outbound: settings, authorizationServers }: Config): readonly Problem[] {
  const problems: Problem[] = []
  for (const [index, entry] of (settings.allow ?? []).entries()) {
    const allowed = readAllowed(entry)
    if (!allowed.ok) problems.push({ path: ['outbound', 'allow', index], message: allowed.problem })
  }
  if (settings.proxy !== undefined) problems.push(...checkProxy(settings.proxy))
  for (const [index, { keys: place }] of authorizationServers.entries())
    if (place.maxStale < 2 * place.refresh)
      problems.push({
        path: ['authorizationServers', index, 'keys', 'maxStale'],
        message: 'keys would be too old before they are looked at again: maxStale is at least twice refresh',
      })
  return problems
}

function checkProxy(setting: NonNullable<Outbound['proxy']>): readonly Problem[] {
  const [path, { url, username, password }] =
    typeof setting === 'string'
      ? [['outbound', 'proxy'], { ...noCredentials, url: setting }]
      : [['outbound', 'proxy', 'url'], setting]
  const problems: Problem[] = []
  // Nothing of what is written is shown: it may hold a password.
  if (!/^https?:\/\/[^\s/?#@]+\/?$/i.test(url) || !URL.canParse(url))
    problems.push({
      path,
      message: 'a proxy is written http://host:port or https://host:port; username and password stand beside url',
    })
  if ((username === undefined) !== (password === undefined))
    problems.push({ path: ['outbound', 'proxy'], message: 'username and password of a proxy belong together' })
  if (username !== undefined && /[:\p{Cc}]/u.test(username))
    problems.push({ path: ['outbound', 'proxy', 'username'], message: 'a user name holds no colon (RFC 7617)' })
  return problems
}

/** The same settings as they are written, with a variable in the place of the password. */
export function withoutProxyPassword(settings: z.input<typeof outbound> | undefined): unknown {
  if (typeof settings?.proxy !== 'object' || settings.proxy.password === undefined) return settings
  return { ...settings, proxy: { ...settings.proxy, password: `\${PROXY_PASSWORD}` } }
}
