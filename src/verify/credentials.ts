import type { Body, Headers } from '../attributes.ts'
import { deny, ok, type Result } from '../denial.ts'

/** An access token as the client sent it, before anything is known about it. */
export interface Credentials {
  readonly scheme: 'DPoP' | 'Bearer'
  readonly token: string
}

/**
 * Takes the access token from the one place it may stand in: a single `Authorization` field with scheme, blank and
 * token68 (RFC 6750 section 2.1, RFC 9449 section 7.1, FAPI 2.0 Security Profile section 5.3.4).
 */
export function readCredentials(
  headers: Headers,
  query: string | undefined,
  body: Body,
  maxBytes: number,
): Result<Credentials> {
  const lines = headers.get('authorization') ?? []
  if (lines.some((line) => line.length > maxBytes))
    return deny('header_too_large', `Authorization is longer than ${maxBytes} bytes`)
  if (query !== undefined && hasAccessToken(query)) return deny('token_in_query', 'the query has an access_token')

  const form = readForm(headers, body)
  if (form === 'truncated') return deny('body_truncated', 'the form body is not whole, so it may hold an access_token')
  if (form === 'token' && lines.length > 0) return deny('credentials_repeated', 'the form body has an access_token too')
  if (form === 'token') return deny('token_in_body', 'the form body has an access_token')

  const [line] = lines
  if (line === undefined) return deny('credentials_missing', 'there is no Authorization field')
  // Envoy joins repeated Authorization lines with a comma in both header modes (ENV-02).
  if (lines.length > 1 || line.includes(','))
    return deny('credentials_repeated', 'Authorization was sent more than once')
  return readLine(line)
}

function readLine(line: string): Result<Credentials> {
  const blank = line.indexOf(' ')
  const name = (blank < 0 ? line : line.slice(0, blank)).toLowerCase()
  if (name !== 'dpop' && name !== 'bearer') {
    // An unknown scheme is no credentials at all (RFC 9110 section 11.6.1); a broken known one is malformed.
    return /^(?:dpop|bearer)[\t"=;:]/.test(name)
      ? deny('credentials_malformed', 'the scheme is not followed by a blank')
      : deny('credentials_missing', 'the scheme is neither DPoP nor Bearer')
  }
  const token = blank < 0 ? '' : line.slice(blank).replace(/^ +/, '')
  if (!TOKEN68.test(token)) return deny('credentials_malformed', 'what follows the scheme is not a single token68')
  return ok({ scheme: name === 'dpop' ? 'DPoP' : 'Bearer', token })
}

const TOKEN68 = /^[A-Za-z0-9\-._~+/]+=*$/

type Form = 'none' | 'token' | 'truncated'

/** RFC 6750 section 2.2 is no way to send a token here; a form body that carries one is a second method. */
function readForm(headers: Headers, body: Body): Form {
  const types = headers.get('content-type') ?? []
  if (!types.some((type) => type.toLowerCase().includes('application/x-www-form-urlencoded'))) return 'none'
  if (body.kind === 'absent') return 'none'
  if (body.kind === 'truncated') return 'truncated'
  return hasAccessToken(Buffer.from(body.bytes).toString('latin1')) ? 'token' : 'none'
}

/** A character as itself or as its triplet, whose hex digits have no case. */
const spelled = (character: string): string => {
  const hex = character.charCodeAt(0).toString(16)
  return `(?:${character}|%${hex.replace(/[a-f]/, (digit) => `[${digit}${digit.toUpperCase()}]`)})`
}

/** One pass over the list, however many names it holds: it is read before anything is known about who sends it. */
const ACCESS_TOKEN = new RegExp(`(?:^|[&;])${[...'access_token'].map(spelled).join('')}(?:[=&;]|$)`)

/** Whether a parameter list names `access_token` in any percent-encoding. */
const hasAccessToken = (parameters: string): boolean => ACCESS_TOKEN.test(parameters)
