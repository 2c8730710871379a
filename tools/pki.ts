import { generateKeyPairSync } from 'node:crypto'
// biome-ignore lint/correctness/noUnresolvedImports: a CommonJS package; Node gives its exports as the default
import forge from 'node-forge'

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

/** A certificate authority for one run; RSA 2048, because that is what the certificate builder can sign with. */
export function createAuthority(name: string): Identity {
  const identity = newKey()
  const certificate = draft(name, identity.publicKey, {})
  certificate.setIssuer(certificate.subject.attributes)
  certificate.setExtensions([
    { name: 'basicConstraints', cA: true, critical: true },
    { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    { name: 'subjectKeyIdentifier' },
  ])
  certificate.sign(identity.privateKey, forge.md.sha256.create())
  return { certificate: forge.pki.certificateToPem(certificate), key: identity.key }
}

/** A certificate issued by the authority, or by itself when `authority` is undefined. */
export function issue(authority: Identity | undefined, subject: Subject): Identity {
  const identity = newKey()
  const certificate = draft(subject.name, identity.publicKey, subject)
  const issuer = authority && forge.pki.certificateFromPem(authority.certificate)
  certificate.setIssuer((issuer ?? certificate).subject.attributes)
  const { usage = 'both' } = subject
  certificate.setExtensions([
    { name: 'basicConstraints', cA: false, critical: true },
    { name: 'keyUsage', digitalSignature: true, keyEncipherment: true, critical: true },
    { name: 'extKeyUsage', clientAuth: usage !== 'server', serverAuth: usage !== 'client' },
    ...alternativeNames(subject),
    { name: 'subjectKeyIdentifier' },
  ])
  const signer = authority ? forge.pki.privateKeyFromPem(authority.key) : identity.privateKey
  certificate.sign(signer, forge.md.sha256.create())
  return { certificate: forge.pki.certificateToPem(certificate), key: identity.key }
}

function newKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const key = privateKey.export({ type: 'pkcs1', format: 'pem' }).toString()
  const parsed = forge.pki.privateKeyFromPem(key)
  return { key, privateKey: parsed, publicKey: forge.pki.setRsaPublicKey(parsed.n, parsed.e) }
}

function draft(name: string, publicKey: forge.pki.rsa.PublicKey, { notBefore, notAfter }: Partial<Subject>) {
  const certificate = forge.pki.createCertificate()
  certificate.publicKey = publicKey
  certificate.serialNumber = `01${forge.util.bytesToHex(forge.random.getBytesSync(15))}`
  certificate.validity.notBefore = notBefore ?? new Date(Date.now() - 3_600_000)
  certificate.validity.notAfter = notAfter ?? new Date(Date.now() + 30 * 86_400_000)
  certificate.setSubject([
    { name: 'organizationName', value: 'envoy-fapi development' },
    { name: 'commonName', value: name },
  ])
  return certificate
}

/** Tags of GeneralName (RFC 5280 section 4.2.1.6): dNSName 2, URI 6, iPAddress 7. */
function alternativeNames({ dns = [], ips = [], uris = [] }: Subject): readonly object[] {
  const altNames = [
    ...dns.map((value) => ({ type: 2, value })),
    ...uris.map((value) => ({ type: 6, value })),
    ...ips.map((ip) => ({ type: 7, ip })),
  ]
  return altNames.length > 0 ? [{ name: 'subjectAltName', altNames }] : []
}
