import { createHash, createPublicKey, type KeyObject } from 'node:crypto'
import { writeElement } from '../verify/x509/der-writer.ts'
import { extension, integer, nameOf, octets, oid, sequence, TRUE, time } from './der.ts'
import { algorithmOf, signed } from './keys.ts'

/** What a certificate is for. */
export type Usage = 'authority' | 'client' | 'server' | 'both' | 'responder' | 'unstated'

/** What a development certificate says. Seconds since 1970. */
export interface CertificateContent {
  readonly subject: readonly (readonly [type: string, value: string])[]
  /** At most 20 octets. */
  readonly serial: Buffer
  readonly notBefore: number
  readonly notAfter: number
  readonly usage: Usage
  /** Authorities that may follow below an authority. */
  readonly pathLength?: number
  readonly dns?: readonly string[]
  readonly uris?: readonly string[]
  /** IPv4 and IPv6 addresses. */
  readonly ips?: readonly string[]
  /** OIDs. */
  readonly policies?: readonly string[]
  /** DER of the extension. */
  readonly qcStatements?: Buffer | undefined
  /** Where the list of its issuer lies, and who tells about it. */
  readonly listUrl?: string | undefined
  readonly responderUrl?: string | undefined
}

/** Who signs: DER of its name, and its key. */
export interface Issuer {
  readonly name: Buffer
  readonly key: KeyObject
}

const oids = {
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  alternativeName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  distributionPoints: '2.5.29.31',
  policies: '2.5.29.32',
  authorityKeyId: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  informationAccess: '1.3.6.1.5.5.7.1.1',
  qcStatements: '1.3.6.1.5.5.7.1.3',
  noCheck: '1.3.6.1.5.5.7.48.1.5',
} as const

const extendedUsages: Readonly<Partial<Record<Usage, readonly string[]>>> = {
  client: ['1.3.6.1.5.5.7.3.2'],
  server: ['1.3.6.1.5.5.7.3.1'],
  both: ['1.3.6.1.5.5.7.3.2', '1.3.6.1.5.5.7.3.1'],
  responder: ['1.3.6.1.5.5.7.3.9'],
}

/** DER of a certificate about a public key, by an issuer or by the key itself (RFC 5280 section 4.1). */
export function writeCertificate(content: CertificateContent, key: KeyObject, issuer?: Issuer): Buffer {
  const subject = nameOf(content.subject)
  const publicKey = spkiOf(key)
  const signer = issuer ?? { name: subject, key }
  const { identifier } = algorithmOf(signer.key)
  return signed(
    sequence(
      writeElement(0xa0, integer(Buffer.of(2))),
      integer(content.serial),
      identifier,
      signer.name,
      sequence(time(content.notBefore), time(content.notAfter)),
      subject,
      publicKey,
      writeElement(0xa3, sequence(...extensionsOf(content, publicKey, spkiOf(signer.key)))),
    ),
    signer.key,
  )
}

const spkiOf = (key: KeyObject): Buffer => createPublicKey(key).export({ type: 'spki', format: 'der' })

/** RFC 7093 section 2: the first 160 bits of a SHA-256. */
const keyIdOf = (spki: Buffer): Buffer => createHash('sha256').update(spki).digest().subarray(0, 20)

function extensionsOf(content: CertificateContent, own: Buffer, issuing: Buffer): readonly Buffer[] {
  const { usage, pathLength, policies = [], qcStatements, listUrl, responderUrl } = content
  const authority = usage === 'authority'
  const names = alternativeNames(content)
  const extended = extendedUsages[usage]
  const uri = (text: string): Buffer => writeElement(0x86, Buffer.from(text))
  return [
    extension(
      oids.basicConstraints,
      sequence(...(authority ? [TRUE, ...(pathLength === undefined ? [] : [integer(Buffer.of(pathLength))])] : [])),
      true,
    ),
    // keyCertSign and cRLSign, or digitalSignature.
    extension(
      oids.keyUsage,
      authority ? writeElement(0x03, Buffer.of(1, 0x06)) : writeElement(0x03, Buffer.of(7, 0x80)),
      true,
    ),
    ...(extended === undefined ? [] : [extension(oids.extendedKeyUsage, sequence(...extended.map(oid)))]),
    ...(usage === 'responder' ? [extension(oids.noCheck, writeElement(0x05))] : []),
    extension(oids.subjectKeyId, octets(keyIdOf(own))),
    extension(oids.authorityKeyId, sequence(writeElement(0x80, keyIdOf(issuing)))),
    ...(names.length > 0 ? [extension(oids.alternativeName, sequence(...names))] : []),
    ...(policies.length > 0 ? [extension(oids.policies, sequence(...policies.map((one) => sequence(oid(one)))))] : []),
    ...(qcStatements ? [extension(oids.qcStatements, qcStatements)] : []),
    ...(listUrl === undefined
      ? []
      : [extension(oids.distributionPoints, sequence(sequence(writeElement(0xa0, writeElement(0xa0, uri(listUrl))))))]),
    ...(responderUrl === undefined
      ? []
      : [extension(oids.informationAccess, sequence(sequence(oid('1.3.6.1.5.5.7.48.1'), uri(responderUrl))))]),
  ]
}

/** dNSName 2, URI 6, iPAddress 7 (RFC 5280 section 4.2.1.6). */
const alternativeNames = ({ dns = [], uris = [], ips = [] }: CertificateContent): readonly Buffer[] => [
  ...uris.map((uri) => writeElement(0x86, Buffer.from(uri))),
  ...dns.map((name) => writeElement(0x82, Buffer.from(name))),
  ...ips.map((ip) => writeElement(0x87, addressOf(ip))),
]

/** The octets of an address; of IPv6 in any spelling without an IPv4 address in it. */
function addressOf(ip: string): Buffer {
  if (!ip.includes(':')) return Buffer.from(ip.split('.').map(Number))
  const [head = [], tail = []] = ip.split('::').map((half) => half.split(':').filter((group) => group !== ''))
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => '0')
  return Buffer.from([...head, ...zeros, ...tail].map((group) => group.padStart(4, '0')).join(''), 'hex')
}
