import { type Reading, read, unreadable } from './verify/reading.ts'

/** One Redis server or Sentinel. */
export interface RedisAddress {
  readonly tls: boolean
  readonly host: string
  readonly port: number
  readonly database: number
}

const SYNTAX = /^(rediss?):\/\/(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,255})(?::([0-9]{1,5}))?(?:\/([0-9]{1,2})?)?$/

/** `redis://host:port/database`, or `rediss://` with TLS. User and password have options of their own, out of sight. */
export function readRedisAddress(url: string, defaultPort = 6379): Reading<RedisAddress> {
  if (url.includes('@'))
    return unreadable('username and password do not belong into the URL; they have their own options')
  const [, scheme, host = '', port, database] = SYNTAX.exec(url) ?? []
  if (scheme === undefined) return unreadable('expected redis://host:port or rediss://host:port')
  const number = port === undefined ? defaultPort : Number(port)
  if (number === 0 || number > 65_535) return unreadable('expected a port from 1 to 65535')
  return read({
    tls: scheme === 'rediss',
    host: host.replaceAll(/^\[|\]$/g, ''),
    port: number,
    database: Number(database ?? 0),
  })
}

/** Nobody outside this machine listens in. A name that only looks like an address is none. */
export const isLoopback = ({ host }: RedisAddress): boolean => /^(?:127(?:\.[0-9]{1,3}){3}|localhost|::1)$/.test(host)
