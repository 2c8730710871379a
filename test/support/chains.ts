import { constants, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { type Chain, type ChainRules, findChain, type TrustStore } from '../../src/verify/certificate-chain.ts'
import { type Certificate, readCertificateDer } from '../../src/verify/x509/certificate.ts'
import { tags } from '../../src/verify/x509/der.ts'
import { writeElement } from '../../src/verify/x509/der-writer.ts'
import { extensions, hex, NOW, sequence, time } from './ocsp-pki.ts'
import { CN, subjectOf } from './subjects.ts'

const pss = hex(
  '304106092a864886f70d01010a3034a00f300d06096086480165030402010500a11c301a06092a864886f70d010108300d06096086480165030402010500a203020120',
)
const withNull = (oid: string): Buffer => sequence(hex(oid), hex('0500'))

const nameDer = (name: string): Buffer => subjectOf([CN, name]).der

/** A kind of signer: its keys, the AlgorithmIdentifier and the digest it signs with. */
const kinds = {
  rsa: { algorithm: withNull('06092a864886f70d01010b'), digest: 'sha256' },
  sha1: { algorithm: withNull('06092a864886f70d010105'), digest: 'sha1' },
  md5: { algorithm: withNull('06092a864886f70d010104'), digest: 'md5' },
  pss: { algorithm: pss, digest: 'sha256' },
  'rsa-pss': { algorithm: pss, digest: 'sha256' },
  p256: { algorithm: sequence(hex('06082a8648ce3d040302')), digest: 'sha256' },
  p384: { algorithm: sequence(hex('06082a8648ce3d040303')), digest: 'sha384' },
  p521: { algorithm: sequence(hex('06082a8648ce3d040304')), digest: 'sha512' },
  ed25519: { algorithm: sequence(hex('06032b6570')), digest: undefined },
} as const
export type Kind = keyof typeof kinds

interface KeyPair {
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}

export function newKeysOf(kind: Kind, modulusLength = 2048): KeyPair {
  if (kind === 'ed25519') return generateKeyPairSync('ed25519')
  if (kind === 'p256') return generateKeyPairSync('ec', { namedCurve: 'P-256' })
  if (kind === 'p384') return generateKeyPairSync('ec', { namedCurve: 'P-384' })
  if (kind === 'p521') return generateKeyPairSync('ec', { namedCurve: 'P-521' })
  return kind === 'rsa-pss'
    ? generateKeyPairSync(kind, { modulusLength })
    : generateKeyPairSync('rsa', { modulusLength })
}

function signatureBy(kind: Kind, key: KeyObject, content: Buffer): Buffer {
  const padding = kind === 'pss' || kind === 'rsa-pss'
  const options = padding ? { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } : key
  return sign(kinds[kind].digest ?? null, content, options)
}

/** A certificate, the keys it is about, and what its holder signs with. */
export interface Party {
  readonly certificate: Certificate
  readonly keys: KeyPair
  readonly kind: Kind
}

export interface Details {
  readonly kind?: Kind
  readonly keys?: KeyPair
  readonly extensions?: readonly Buffer[]
  readonly notBefore?: number
  readonly notAfter?: number
  /** What stands there as the issuer, whoever signs. */
  readonly issuerName?: string
  /** The DER of the two times. */
  readonly validity?: Buffer
  readonly serial?: string
  readonly subject?: Buffer
  /** How the issuer signs, when not in its usual way. */
  readonly signedAs?: Kind
}

/** The DER of a certificate by an issuer, or by itself. */
export function derOf(name: string, issuer: Party | undefined, details: Details, keys: KeyPair): Buffer {
  const { serial = '01', notBefore = NOW - 86_400, notAfter = NOW + 86_400 } = details
  const kind = details.signedAs ?? issuer?.kind ?? details.kind ?? 'p256'
  const content = sequence(
    hex('a003020102'),
    writeElement(tags.integer, hex(serial)),
    kinds[kind].algorithm,
    details.issuerName === undefined ? (issuer?.certificate.subject.der ?? nameDer(name)) : nameDer(details.issuerName),
    details.validity ?? sequence(time(notBefore), time(notAfter)),
    details.subject ?? nameDer(name),
    keys.publicKey.export({ type: 'spki', format: 'der' }),
    writeElement(0xa3, sequence(...(details.extensions ?? []))),
  )
  const signature = signatureBy(kind, (issuer?.keys ?? keys).privateKey, content)
  return sequence(content, kinds[kind].algorithm, writeElement(tags.bitString, Buffer.of(0), signature))
}

function certificateFrom(der: Buffer): Certificate {
  const reading = readCertificateDer(der)
  if (!reading.ok) throw new Error(reading.problem)
  return reading.value
}

export function party(name: string, issuer: Party | undefined, details: Details = {}): Party {
  const kind = details.kind ?? 'p256'
  const keys = details.keys ?? newKeysOf(kind)
  return { certificate: certificateFrom(derOf(name, issuer, details, keys)), keys, kind }
}

export const authority = (name: string, issuer?: Party, details: Details = {}): Party =>
  party(name, issuer, { extensions: [extensions.authority, extensions.signsCertificates], ...details })

export const clientExtensions = [extensions.digitalSignature, extensions.clientAuth]
export const clientOf = (issuer: Party | undefined, details: Details = {}): Certificate =>
  party('client', issuer, { extensions: clientExtensions, ...details }).certificate

export const rules: ChainRules = { usages: ['clientAuth'], leeway: 0, policies: [] }

/** What comes of a leaf, with everything else as a test needs it. */
export function chainFor(
  leaf: Certificate,
  anchors: readonly Party[],
  presented: readonly Party[] = [],
  changes: Partial<
    ChainRules & Pick<TrustStore, 'pinned'> & { readonly now: number; readonly kept: readonly Party[] }
  > = {},
): Chain {
  const { pinned = new Set<string>(), now = NOW, kept = [], ...other } = changes
  const certificates = (parties: readonly Party[]) => parties.map(({ certificate }) => certificate)
  const store = { anchors: certificates(anchors), intermediates: certificates(kept), pinned }
  return findChain(leaf, certificates(presented), store, { ...rules, ...other }, now)
}

/** The problem, or that there is none. */
export const outcome = (chain: Chain): string => (chain.ok ? 'ok' : chain.problem)
