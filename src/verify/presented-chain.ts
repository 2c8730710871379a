import type { PresentedCertificate } from '../attributes.ts'
import { type Reading, read, unreadable } from './reading.ts'
import { type Certificate, readCertificateDer } from './x509/certificate.ts'
import { readPem } from './x509/pem.ts'

/** Certificates that may come along with a client's own. */
const MAX_CHAIN = 16
/** Characters of a percent-encoded chain; Envoy's own limit for all headers is 60 KiB. */
const MAX_LENGTH = 61_440

/** The certificates that came along with a client's own. */
export interface PresentedChain {
  readonly certificates: readonly Certificate[]
  /** How many more there were that nobody can read: they help no path. */
  readonly unreadable: number
}

const none: PresentedChain = Object.freeze({ certificates: [], unreadable: 0 })

/**
 * What the one configured source says came along with the client's certificate. It is trusted in nothing: a path has to
 * be found through it. A chain that is no list of certificates is a problem; one of its certificates that cannot be read
 * is left out, because servers and clients send along what they like. Never throws.
 */
export function readPresentedChain(presented: PresentedCertificate): Reading<PresentedChain> {
  const ders = dersOf(presented)
  if (!ders.ok) return ders
  if (ders.value.length === 0) return read(none)
  const readings = ders.value.map(readCertificateDer)
  const certificates = readings.flatMap((one) => (one.ok ? [one.value] : []))
  return read({ certificates, unreadable: readings.length - certificates.length })
}

function dersOf(presented: PresentedCertificate): Reading<readonly Uint8Array[]> {
  if (presented.kind === 'der') return read(presented.chain ?? [])
  if (presented.kind !== 'pem' || presented.chain === undefined) return read([])
  if (presented.chain.length > MAX_LENGTH) return unreadable('the chain is too long')
  let pem: string
  try {
    pem = decodeURIComponent(presented.chain)
  } catch {
    return unreadable('the chain is not percent-encoded text')
  }
  const blocks = readPem(pem, 'CERTIFICATE', MAX_CHAIN)
  return blocks.ok ? blocks : unreadable(`the chain cannot be read: ${blocks.problem}`)
}
