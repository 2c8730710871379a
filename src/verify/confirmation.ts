import { isThumbprint } from './base64url.ts'
import { type Reading, read, unreadable } from './reading.ts'
import { isObject, own } from './strict-json.ts'

/** The key or certificate a token is bound to; at least one of the two is there (RFC 7800 section 3.1). */
export interface Confirmation {
  /** RFC 7638 thumbprint of the DPoP key (RFC 9449 section 6.1). */
  readonly jkt: string | undefined
  /** SHA-256 of the DER certificate (RFC 8705 section 3.1). */
  readonly x5tS256: string | undefined
  /** `jkt` when there is one, else `x5tS256`. */
  readonly thumbprint: string
}

/**
 * Reads a `cnf` claim. Members we do not know are ignored beside one we do; alone they mean a binding that cannot be
 * checked, which is no binding to accept.
 */
export function readConfirmation(cnf: unknown): Reading<Confirmation> {
  if (!isObject(cnf)) return unreadable('cnf is not an object')
  const [jkt, x5tS256] = [own(cnf, 'jkt'), own(cnf, 'x5t#S256')]
  if (jkt !== undefined && !isThumbprint(jkt)) return unreadable('cnf.jkt is not a SHA-256 thumbprint')
  if (x5tS256 !== undefined && !isThumbprint(x5tS256)) return unreadable('cnf.x5t#S256 is not a SHA-256 thumbprint')
  const thumbprint = jkt ?? x5tS256
  if (thumbprint === undefined) return unreadable('cnf names no method that can be checked')
  return read({ jkt, x5tS256, thumbprint })
}
