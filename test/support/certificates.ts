import { generateKeyPairSync } from 'node:crypto'
// biome-ignore lint/correctness/noUnresolvedImports: a CommonJS package; Node gives its exports as the default
import forge from 'node-forge'

/** One attribute of a subject: OID, value, and the ASN.1 string type when it is not UTF8String. */
export type SubjectAttribute = readonly [type: string, value: string, string?: forge.asn1.Type]

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const key = forge.pki.privateKeyFromPem(privateKey.export({ type: 'pkcs1', format: 'pem' }).toString())

/** A self-signed certificate with these names, byte for byte; every one is of the same key. */
export function certificateOf(names: {
  readonly subject?: readonly SubjectAttribute[]
  readonly uris?: readonly string[]
  readonly dns?: readonly string[]
  readonly mails?: readonly string[]
}): Buffer {
  const { subject = [['2.5.4.3', 'client']], uris = [], dns = [], mails = [] } = names
  const made = forge.pki.createCertificate()
  made.publicKey = forge.pki.setRsaPublicKey(key.n, key.e)
  made.serialNumber = '01'
  made.validity.notBefore = new Date(Date.UTC(2026, 0))
  made.validity.notAfter = new Date(Date.UTC(2036, 0))
  const attributes = subject.map(([type, value, string]) => ({
    type,
    value,
    valueTagClass: string ?? forge.asn1.Type.UTF8,
  }))
  // The types of the package know the class alone under this name; it holds the type all the same.
  made.setSubject(attributes as unknown as forge.pki.CertificateField[])
  made.setIssuer(attributes as unknown as forge.pki.CertificateField[])
  const altNames = [
    ...mails.map((value) => ({ type: 1, value })),
    ...dns.map((value) => ({ type: 2, value })),
    ...uris.map((value) => ({ type: 6, value })),
  ]
  if (altNames.length > 0) made.setExtensions([{ name: 'subjectAltName', altNames }])
  made.sign(key, forge.md.sha256.create())
  return Buffer.from(forge.asn1.toDer(forge.pki.certificateToAsn1(made)).getBytes(), 'latin1')
}

export const stringTypes = forge.asn1.Type
