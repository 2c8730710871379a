import { hash } from 'node:crypto'
import { deny, ok, type Result } from '../denial.ts'
import type { Ports, RoutedRequest } from '../policy.ts'
import { type FormRules, readAccessToken, type UnverifiedToken } from '../verify/access-token.ts'
import {
  agreesInside,
  findCandidates,
  hasJweForm,
  type OpenedToken,
  openToken,
  type Recipient,
  readSealedToken,
} from '../verify/encrypted-token.ts'

/** What was in an encrypted token. It is verified like one that came without a cover. */
export interface Content {
  readonly token: UnverifiedToken
  /** Spares opening the same token again; to be called when it was good in every respect. Seconds. */
  readonly remember: (seconds: number) => void
}

/** Whether a token is to be opened: only where some server of the route encrypts what it issues (JWT-23). */
export const isSealed = (token: string, recipients: readonly Recipient[]): boolean =>
  recipients.length > 0 && hasJweForm(token)

/**
 * Opens an encrypted token. Whoever made it knows no more than a public key of ours, so nothing is believed before the
 * signature inside was verified. Waits only for a token that was not opened before.
 */
export function openEncryptedToken(
  raw: string,
  recipients: readonly Recipient[],
  form: FormRules,
  { openedTokens, openings }: Ports,
  { trace }: RoutedRequest,
): Result<Content> | Promise<Result<Content>> {
  const key = hash('sha256', raw, 'base64url')
  const read = (opened: OpenedToken): Result<Content> => {
    const token = readAccessToken(opened.compact, form, trace)
    if (!token.ok) return token
    const own = token.value.issuer === opened.issuer
    if (!trace.holds('token iss', 'RFC 7519 section 5.3', own, token.value.issuer, opened.issuer))
      return deny('token_issuer_unknown', 'iss is not the issuer whose tokens the key is for')
    return ok({ token: token.value, remember: (seconds) => openedTokens?.set(key, opened, seconds) })
  }
  const remembered = openedTokens?.get(key)
  if (remembered) return read(remembered)

  const sealed = readSealedToken(raw, form.types, form.maxBytes)
  if (!trace.holds('token encryption', 'RFC 7516 section 5.2', sealed.ok) || !sealed.ok)
    return deny('token_malformed', sealed.ok ? '' : sealed.problem)
  const candidates = findCandidates(sealed.value, recipients)
  // Anybody can make a token that costs the use of a private key; then those that were opened before still pass.
  if (openings?.take(candidates.length) === false)
    return deny('overload', 'too many encrypted tokens are opened at the moment')
  const opening = openToken(sealed.value, candidates).finally(() => openings?.release(candidates.length))
  return opening.then((opened) => {
    if (!trace.holds('token decryption', 'RFC 7516 section 5.2', opened.ok) || !opened.ok)
      return deny('token_malformed', opened.ok ? '' : opened.problem)
    const content = read(opened.value)
    if (!content.ok || agreesInside(sealed.value, content.value.token.jws.payload)) return content
    return deny('token_claims_invalid', 'a claim in the header of the encrypted token is not the one inside')
  })
}
