/**
 * Decodes base64url in its one canonical spelling (RFC 4648 section 3.5, RFC 7515 section 2): no padding, no foreign
 * character, unused trailing bits zero. Undefined for every other text, so that one value has one spelling.
 */
export function decodeBase64url(text: string): Buffer | undefined {
  if (text.length % 4 === 1 || !ALPHABET.test(text)) return undefined
  const bytes = Buffer.from(text, 'base64url')
  const unused = text.length % 4 === 2 ? 15 : text.length % 4 === 3 ? 3 : 0
  if (unused !== 0 && (sextet(text.charCodeAt(text.length - 1)) & unused) !== 0) return undefined
  return bytes
}

/** A SHA-256 digest in canonical base64url: 43 characters (RFC 7638, RFC 8705 section 3.1). */
export const isThumbprint = (value: unknown): value is string =>
  typeof value === 'string' && value.length === 43 && decodeBase64url(value)?.length === 32

const ALPHABET = /^[A-Za-z0-9_-]*$/

/** The six bits of one base64url character. */
function sextet(code: number): number {
  if (code >= 97) return code - 71
  if (code === 95) return 63
  if (code >= 65) return code - 65
  return code === 45 ? 62 : code + 4
}
