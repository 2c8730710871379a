import { generateKeyPairSync, hash, type KeyObject, sign } from 'node:crypto'
import { type Certificate, readCertificateDer } from '../../src/verify/x509/certificate.ts'
import { tags } from '../../src/verify/x509/der.ts'
import { writeElement } from '../../src/verify/x509/der-writer.ts'

/** The time of every test of this kind, seconds since 1970: 2026-01-02 03:04:05 UTC. */
export const NOW = 1_767_323_045

export const sequence = (...contents: readonly Buffer[]): Buffer => writeElement(tags.sequence, ...contents)
export const octets = (content: Buffer): Buffer => writeElement(tags.octetString, content)
export const hex = (text: string): Buffer => Buffer.from(text, 'hex')

export const time = (seconds: number): Buffer => {
  const text = new Date(seconds * 1000).toISOString().replace(/[-:T]|\.000/g, '')
  return writeElement(tags.generalizedTime, Buffer.from(text))
}

/** ecdsa-with-SHA256, and with SHA-1. */
export const algorithms = { sha256: sequence(hex('06082a8648ce3d040302')), sha1: sequence(hex('06072a8648ce3d0401')) }
export type Digest = keyof typeof algorithms

/** What is signed, with the algorithm and the signature behind it, and whatever else. */
export function signed(content: Buffer, key: KeyObject, digest: Digest = 'sha256', ...more: readonly Buffer[]): Buffer {
  const signature = sign(digest, content, key)
  return sequence(content, algorithms[digest], writeElement(tags.bitString, Buffer.of(0), signature), ...more)
}

/** A distinguished name of one common name. */
const nameDer = (name: string): Buffer =>
  sequence(writeElement(tags.set, sequence(hex('0603550403'), writeElement(tags.utf8String, Buffer.from(name)))))

/** An extension by its object identifier in DER. */
export const extension = (oid: string, value: Buffer, critical = false): Buffer =>
  sequence(hex(oid), ...(critical ? [hex('0101ff')] : []), octets(value))

const bits = (byte: number, unused: number): Buffer => writeElement(tags.bitString, Buffer.of(unused, byte))
/** One extension of each kind that matters here. */
export const extensions = {
  authority: extension('0603551d13', sequence(hex('0101ff')), true),
  signsCertificates: extension('0603551d0f', bits(0x04, 2), true),
  digitalSignature: extension('0603551d0f', bits(0x80, 7), true),
  keyEncipherment: extension('0603551d0f', bits(0x20, 5), true),
  ocspSigning: extension('0603551d25', sequence(hex('06082b06010505070309'))),
  clientAuth: extension('0603551d25', sequence(hex('06082b06010505070302'))),
  anyUsage: extension('0603551d25', sequence(hex('0604551d2500'))),
  noCheck: extension('06092b0601050507300105', hex('0500')),
  unknown: extension('06032a0304', hex('0500'), true),
  responder: (url: string): Buffer =>
    extension(
      '06082b06010505070101',
      sequence(sequence(hex('06082b06010505073001'), writeElement(0x86, Buffer.from(url)))),
    ),
}

/** A certificate and its private key. */
export interface Holder {
  readonly certificate: Certificate
  readonly key: KeyObject
}

interface Content {
  readonly serial?: string
  readonly issuerName?: string
  readonly notBefore?: number
  readonly notAfter?: number
  readonly digest?: Digest
  readonly key?: KeyPair
}
type KeyPair = ReturnType<typeof newKeys>

export const newKeys = () => generateKeyPairSync('ec', { namedCurve: 'P-256' })

/** A certificate by an issuer, or by itself. */
export function certify(
  name: string,
  issuer: Holder | undefined,
  extended: readonly Buffer[],
  {
    serial = '01',
    issuerName,
    notBefore = NOW - 86_400,
    notAfter = NOW + 86_400,
    digest,
    key = newKeys(),
  }: Content = {},
): Holder {
  const content = sequence(
    hex('a003020102'),
    writeElement(tags.integer, hex(serial)),
    algorithms[digest ?? 'sha256'],
    issuerName === undefined ? (issuer?.certificate.subject.der ?? nameDer(name)) : nameDer(issuerName),
    sequence(time(notBefore), time(notAfter)),
    nameDer(name),
    key.publicKey.export({ type: 'spki', format: 'der' }),
    writeElement(0xa3, sequence(...extended)),
  )
  const read = readCertificateDer(signed(content, issuer?.key ?? key.privateKey, digest))
  if (!read.ok) throw new Error(read.problem)
  return { certificate: read.value, key: key.privateKey }
}

const authorityOf = (name: string, key?: KeyPair): Holder =>
  certify(name, undefined, [extensions.authority, extensions.signsCertificates], key && { key })

/** An authority, another one, and one with the name of the first. */
export const issuer = authorityOf('Issuing CA')
export const otherIssuer = authorityOf('Other CA')
export const namesake = authorityOf('Issuing CA')

export const RESPONDER = 'http://ocsp.example.com/'

/** The certificate that is asked about. */
export const client = certify(
  'client',
  issuer,
  [extensions.digitalSignature, extensions.clientAuth, extensions.responder(RESPONDER)],
  { serial: '00c0ffee' },
).certificate

/** Another one of the same authority. */
export const clientWith = (serial: string, url = RESPONDER): Certificate =>
  certify('client', issuer, [extensions.clientAuth, extensions.responder(url)], { serial }).certificate

/** Somebody whom the authority appoints to answer. */
export const delegateWith = (
  extended: readonly Buffer[] = [extensions.digitalSignature, extensions.ocspSigning, extensions.noCheck],
  content: Content & { readonly by?: Holder } = {},
): Holder => certify('responder', content.by ?? issuer, extended, { serial: '02', ...content })

export const keyHashOf = ({ certificate: { subjectPublicKey } }: Holder): Buffer =>
  hash('sha1', subjectPublicKey, 'buffer')
