import { createHash } from 'node:crypto'
import { type CertificateContent, writeCertificate } from '../mint/certificate.ts'
import { nameOf, pem } from '../mint/der.ts'
import { qcStatements } from '../mint/qualified.ts'
import { readCertificateDer } from '../verify/x509/certificate.ts'
import { nameText } from '../verify/x509/name-text.ts'
import type { CertificateNames } from './certificate-schema.ts'
import { type BuiltInKey, sha256 } from './keys.ts'

/** A certificate that a built-in client shows. */
export interface BuiltInCertificate {
  readonly der: Buffer
  readonly pem: string
  /** base64url SHA-256: `x5t#S256`. */
  readonly thumbprint: string
  /** What Envoy calls whoever shows it: its first URI name, else its first DNS name, else its subject. */
  readonly principal: string
}

type Content = Pick<CertificateNames, 'uris' | 'dns'> &
  Partial<Pick<CertificateNames, 'subject' | 'roles' | 'qwac' | 'eku' | 'policies'>> & { readonly name: string }

/** Who certifies the built-in clients. */
export interface BuiltInAuthority {
  readonly key: BuiltInKey
  readonly certificate: BuiltInCertificate
}

/**
 * The certificate of a client, by an authority or by itself (RFC 5280, RFC 8410). The same content and keys make the same
 * bytes. `now`: seconds since the epoch, in the middle of the two days it is valid.
 */
export function buildCertificate(
  { name, uris, dns, subject = {}, eku = 'clientAuth', policies = [], roles = [], qwac = roles.length > 0 }: Content,
  key: BuiltInKey,
  now: number,
  authority?: BuiltInAuthority,
): BuiltInCertificate {
  const content: CertificateContent = {
    subject: [...Object.entries(subject), ['CN', name]],
    // Serial numbers tell the certificates of an authority apart.
    serial: createHash('sha256').update(name).digest().subarray(0, 16).fill(0x40, 0, 1),
    ...{ notBefore: now - DAY, notAfter: now + DAY, usage: usages[eku], uris, dns, policies },
    ...((qwac || roles.length > 0) && { qcStatements: qcStatements(roles, qwac) }),
  }
  const issuer = authority && { name: nameOf(AUTHORITY), key: authority.key.privateKey }
  const der = writeCertificate(content, key.privateKey, issuer)
  const read = readCertificateDer(der)
  return finish(der, uris[0] ?? dns[0] ?? (read.ok ? nameText(read.value.subject) : `CN=${name}`))
}

const DAY = 86_400
const AUTHORITY = [['CN', 'Authority of the built-in clients']] as const
const usages = { clientAuth: 'client', serverAuth: 'server', none: 'unstated' } as const

/** The authority that certifies the built-in clients, valid for ten years on both sides of that time. */
export function buildAuthority(key: BuiltInKey, now: number): BuiltInAuthority {
  const validity = { notBefore: now - 3650 * DAY, notAfter: now + 3650 * DAY }
  const content = { subject: AUTHORITY, serial: Buffer.of(1), usage: 'authority', ...validity } as const
  return { key, certificate: finish(writeCertificate(content, key.privateKey), 'CN=Authority of the built-in clients') }
}

const finish = (der: Buffer, principal: string): BuiltInCertificate => ({
  ...{ der, pem: pem('CERTIFICATE', der), thumbprint: sha256(der), principal },
})
