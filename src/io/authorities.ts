import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type Reading, read, unreadable } from '../verify/reading.ts'

/**
 * PEM of certificate authorities, every one of them readable. OpenSSL passes over those it cannot read, and then nobody
 * they vouch for could connect any more.
 */
export function readAuthorities(file: string): Reading<string> {
  try {
    const pem = readFileSync(file, 'latin1')
    const begun = pem.match(/-----BEGIN /g)?.length ?? 0
    const whole = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
    if (whole.length === 0 || whole.length < begun) return unreadable(`${file} holds something else than certificates`)
    for (const certificate of whole) new X509Certificate(certificate)
    return read(pem)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unreadable'
    return unreadable(`${file} cannot be used (${code})`)
  }
}
