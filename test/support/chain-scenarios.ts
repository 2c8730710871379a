import { generateKeyPairSync, type KeyPairKeyObjectResult } from 'node:crypto'
import { tags } from '../../src/verify/x509/der.ts'
import { writeElement } from '../../src/verify/x509/der-writer.ts'
import { algorithms, type Digest, hex, octets, sequence, signed, time } from './ocsp-pki.ts'
import { type Attribute, CN, oidElement, subjectOf } from './subjects.ts'
import { generalNameElement, type NameText, nameConstraintsElement } from './x509-path.ts'
import { type PolicyContent, policyElement, skips } from './x509-policies.ts'

export const SCENARIO_TIME = Date.UTC(2026, 5) / 1000
const DAY = 86_400

/** One certificate of a chain; what it does not say is as in a chain without faults. */
export interface Link extends PolicyContent {
  readonly subject?: readonly Attribute[]
  /** The name it gives as its issuer; absent: the subject above. */
  readonly issuer?: readonly Attribute[]
  /** Index of the key in `keys`. */
  readonly key?: number
  /** Whether it is signed with another key than the one above has. */
  readonly forged?: boolean
  readonly digest?: Digest
  /** Days before and after the time of the check. */
  readonly from?: number
  readonly to?: number
  /** false: no basicConstraints. */
  readonly ca?: boolean | 'no'
  readonly pathLength?: number
  /** Octets of the bit string, the unused bits first; false: no key usage. */
  readonly usage?: readonly [unused: number, bits: number] | false
  /** OIDs; none: no extended key usage. */
  readonly purposes?: readonly string[]
  readonly names?: readonly NameText[]
  readonly permitted?: readonly NameText[]
  readonly excluded?: readonly NameText[]
  /** Extensions in DER. */
  readonly more?: readonly Buffer[]
}

export const CLIENT = '1.3.6.1.5.5.7.3.2'
export const SERVER = '1.3.6.1.5.5.7.3.1'
export const ANY_PURPOSE = '2.5.29.37.0'

/** The anchor first, and keys that are made once. */
const pairs = Array.from({ length: 9 }, () => generateKeyPairSync('ec', { namedCurve: 'P-256' }))
const weak = generateKeyPairSync('rsa', { modulusLength: 1024 })
const koblitz = generateKeyPairSync('ec', { namedCurve: 'secp256k1' })
const keys = [...pairs, weak, koblitz]
const FORGER = 8
export const [WEAK_RSA, OTHER_CURVE] = [9, 10]

const keyPair = (index: number): KeyPairKeyObjectResult => keys[index] ?? generateKeyPairSync('ed25519')

const integer = (value: number): Buffer => skips(tags.integer, value)
export const extension = (oid: string, critical: boolean, value: Buffer): Buffer =>
  sequence(oidElement(oid), ...(critical ? [hex('0101ff')] : []), octets(value))

function extensionsOf(link: Link, leaf: boolean, key: number, issuer: number) {
  const { ca = leaf ? 'no' : true, pathLength, usage = leaf ? [7, 0x80] : [2, 0x04], more = [] } = link
  const { purposes = leaf ? [CLIENT] : [], names = [], permitted = [], excluded = [] } = link
  const flags = ca === true ? [writeElement(tags.boolean, Buffer.of(0xff))] : []
  const length = pathLength === undefined ? [] : [integer(pathLength)]
  return [
    extension('2.5.29.14', false, octets(Buffer.of(key))),
    extension('2.5.29.35', false, sequence(writeElement(0x80, Buffer.of(issuer)))),
    ...(ca === 'no' ? [] : [extension('2.5.29.19', true, sequence(...flags, ...length))]),
    ...(usage === false ? [] : [extension('2.5.29.15', true, writeElement(tags.bitString, Buffer.from(usage)))]),
    ...(purposes.length === 0 ? [] : [extension('2.5.29.37', false, sequence(...purposes.map(oidElement)))]),
    ...(names.length === 0 ? [] : [extension('2.5.29.17', false, sequence(...names.map(generalNameElement)))]),
    ...(permitted.length + excluded.length === 0
      ? []
      : [extension('2.5.29.30', true, nameConstraintsElement(permitted, excluded).whole)]),
    ...policyExtensionsOf(link),
    ...more,
  ]
}

function policyExtensionsOf({ policies, mappings = [], explicit, mapping, any }: PolicyContent) {
  const constraints = [
    ...(explicit === undefined ? [] : [skips(0x80, explicit)]),
    ...(mapping === undefined ? [] : [skips(0x81, mapping)]),
  ]
  return [
    ...(policies ? [extension('2.5.29.32', false, sequence(...policies.map((oid) => policyElement(oid))))] : []),
    ...(mappings.length === 0
      ? []
      : [extension('2.5.29.33', true, sequence(...mappings.map((pair) => sequence(...pair.map(oidElement)))))]),
    ...(constraints.length === 0 ? [] : [extension('2.5.29.36', true, sequence(...constraints))]),
    ...(any === undefined ? [] : [extension('2.5.29.54', true, integer(any))]),
  ]
}

/** DER of the chain, the anchor first. */
export function chainOf(links: readonly Link[]): readonly Buffer[] {
  let above: { readonly subject: readonly Attribute[]; readonly key: number } | undefined
  return links.map((link, index) => {
    const { key = index, from = 10, to = 10, forged = false, selfIssued = false, digest = 'sha256' } = link
    const subject = selfIssued && above ? above.subject : (link.subject ?? [[CN, `level ${index}`]])
    const by = above ?? { subject, key }
    const content = sequence(
      hex('a003020102'),
      integer(index + 1),
      algorithms[digest],
      subjectOf(...(link.issuer ?? by.subject)).der,
      sequence(time(SCENARIO_TIME - from * DAY), time(SCENARIO_TIME + to * DAY)),
      subjectOf(...subject).der,
      keyPair(key).publicKey.export({ type: 'spki', format: 'der' }),
      writeElement(0xa3, sequence(...extensionsOf(link, index === links.length - 1, key, by.key))),
    )
    above = { subject, key }
    return signed(content, keyPair(forged ? FORGER : by.key).privateKey, digest)
  })
}
