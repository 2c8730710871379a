import { X509Certificate } from 'node:crypto'
import type { Identity } from '../../tools/pki.ts'

/** The header an attacker would like to be believed: all of it true, and about somebody else. */
export function forgedXfcc({ certificate }: Identity): string {
  const { fingerprint256, subject } = new X509Certificate(certificate)
  const hash = fingerprint256.replaceAll(':', '').toLowerCase()
  return `Hash=${hash};Cert="${encodeURIComponent(certificate)}";Subject="${subject.split('\n').reverse().join()}";URI=;DNS=tpp-mtls.example`
}
