import { createPrivateKey, type KeyObject, randomBytes, X509Certificate } from 'node:crypto'
import { type CertificateContent, writeCertificate } from '../src/mint/certificate.ts'
import { pem } from '../src/mint/der.ts'
import { newKey } from '../src/mint/keys.ts'
import { readCertificateDer } from '../src/verify/x509/certificate.ts'

/** A certificate and its private key, both PEM. */
export interface Identity {
  readonly certificate: string
  readonly key: string
}

/** What a development certificate says. */
export interface Subject {
  readonly name: string
  readonly dns?: readonly string[]
  readonly ips?: readonly string[]
  readonly uris?: readonly string[]
  readonly usage?: 'client' | 'server' | 'both'
  readonly notBefore?: Date
  readonly notAfter?: Date
}

/** A certificate authority for one run, with a key that every cipher suite of the demo can use. */
export function createAuthority(name: string): Identity {
  const key = newKey('rsa')
  return identityOf(writeCertificate({ ...contentOf({ name }), usage: 'authority' }, key), key)
}

/** A certificate issued by the authority, or by itself when `authority` is undefined. */
export function issue(authority: Identity | undefined, subject: Subject): Identity {
  const key = newKey('rsa')
  const content = { ...contentOf(subject), usage: subject.usage ?? 'both' }
  const issuer = authority && { name: nameOfSubject(authority), key: createPrivateKey(authority.key) }
  return identityOf(writeCertificate(content, key, issuer), key)
}

function nameOfSubject({ certificate }: Identity): Buffer {
  const reading = readCertificateDer(new X509Certificate(certificate).raw)
  if (!reading.ok) throw new Error(reading.problem)
  return reading.value.subject.der
}

function contentOf({ name, dns, ips, uris, notBefore, notAfter }: Subject): Omit<CertificateContent, 'usage'> {
  return {
    subject: [
      ['O', 'envoy-fapi development'],
      ['CN', name],
    ],
    serial: Buffer.concat([Buffer.of(1), randomBytes(15)]),
    notBefore: (notBefore?.getTime() ?? Date.now() - 3_600_000) / 1000,
    notAfter: (notAfter?.getTime() ?? Date.now() + 30 * 86_400_000) / 1000,
    ...(dns && { dns }),
    ...(ips && { ips }),
    ...(uris && { uris }),
  }
}

const identityOf = (der: Buffer, key: KeyObject): Identity => ({
  certificate: pem('CERTIFICATE', der),
  key: key.export({ format: 'pem', type: 'pkcs8' }).toString(),
})
