import { type Reading, read, unreadable } from '../reading.ts'

/** Characters of one file; a list of 100,000 revoked certificates has about 5 million. */
const MAX_LENGTH = 64 * 1024 * 1024

/**
 * The blocks of a PEM text (RFC 7468), of which there has to be one at least and `limit` at the most, each with this
 * label. Text may stand around the blocks, as other tools write it there, and never in them. Never throws.
 */
export function readPem(text: string, label: 'CERTIFICATE' | 'X509 CRL', limit: number): Reading<readonly Buffer[]> {
  if (text.length > MAX_LENGTH) return unreadable('the PEM text is too long')
  const blocks: Buffer[] = []
  let lines: string[] | undefined
  for (const line of text.split(/\r?\n/)) {
    const boundary = line.includes('-----')
    if (!lines) {
      if (!boundary) continue
      if (line.trimEnd() !== `-----BEGIN ${label}-----`)
        return unreadable(`it holds something else than ${label} blocks`)
      if (blocks.length >= limit) return unreadable(`it holds more than ${limit} blocks`)
      lines = []
    } else if (boundary) {
      if (line.trimEnd() !== `-----END ${label}-----`) return unreadable('a PEM block ends in another one')
      const base64 = lines.join('')
      const der = Buffer.from(base64, 'base64')
      if (der.length === 0 || der.toString('base64') !== base64)
        return unreadable('a PEM block is not canonical base64')
      blocks.push(der)
      lines = undefined
    } else lines.push(line.trimEnd())
  }
  if (lines) return unreadable('a PEM block does not end')
  return blocks.length > 0 ? read(blocks) : unreadable(`it holds no ${label} block`)
}
