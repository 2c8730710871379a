import type { DistributionPoint, KeyUsage } from './certificate.ts'
import { booleanOf, type Element, listOf, malformed, namedBitsOf, oidOf, partsOf, smallNumberOf, tags } from './der.ts'
import { alternativeNameOf, type GeneralName, generalNameOf } from './general-name.ts'

/** The extensions that have a meaning here (RFC 5280 section 4.2, RFC 6960 section 4.2.2.2.1, RFC 3739 section 3.2.6). */
export const oids = {
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  distributionPoints: '2.5.29.31',
  certificatePolicies: '2.5.29.32',
  policyMappings: '2.5.29.33',
  authorityKeyId: '2.5.29.35',
  policyConstraints: '2.5.29.36',
  extendedKeyUsage: '2.5.29.37',
  inhibitAnyPolicy: '2.5.29.54',
  authorityInfoAccess: '1.3.6.1.5.5.7.1.1',
  qcStatements: '1.3.6.1.5.5.7.1.3',
  ocspNoCheck: '1.3.6.1.5.5.7.48.1.5',
} as const

/**
 * Those that may be critical. The identifiers of keys, the addresses and the statements may not: nobody who marks them so
 * means what we do with them, which is to take a hint, to ask, or to look at them when a policy says so.
 */
export const processed: ReadonlySet<string> = new Set([
  oids.keyUsage,
  oids.subjectAltName,
  oids.basicConstraints,
  oids.nameConstraints,
  oids.distributionPoints,
  oids.certificatePolicies,
  oids.policyMappings,
  oids.policyConstraints,
  oids.extendedKeyUsage,
  oids.inhibitAnyPolicy,
])

const MAX_NAMES = 256
const MAX_PURPOSES = 64
const MAX_POINTS = 32
const MAX_ACCESSES = 32
/** Addresses of responders that are kept; the others are left out. */
const MAX_RESPONDERS = 8

export function basicConstraintsOf(element: Element): {
  readonly ca: boolean
  readonly pathLength: number | undefined
} {
  const parts = partsOf(element, 'the basic constraints')
  const flag = parts.optional(tags.boolean)
  const length = parts.optional(tags.integer)
  parts.end()
  const ca = flag !== undefined && booleanOf(flag)
  if (length && !ca) malformed('a path length stands beside no authority')
  return { ca, pathLength: length && smallNumberOf(length) }
}

const keyUsages: readonly KeyUsage[] = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
]

export function keyUsageOf(element: Element): ReadonlySet<KeyUsage> {
  if (element.tag !== tags.bitString) malformed('the key usage is of another type')
  const bits = namedBitsOf(element)
  if (bits.length === 0) malformed('the key usage is empty')
  return new Set(bits.map((bit) => keyUsages[bit] ?? malformed('a key usage is unknown')))
}

export const extendedKeyUsageOf = (element: Element): ReadonlySet<string> =>
  new Set(listOf(element, 'the extended key usage', MAX_PURPOSES).map((purpose) => oidOf(purpose)))

export const alternativeNamesOf = (element: Element): readonly GeneralName[] =>
  Object.freeze(listOf(element, 'the alternative names', MAX_NAMES).map(alternativeNameOf))

export function authorityKeyIdOf(element: Element): string | undefined {
  const parts = partsOf(element, 'the authority key identifier')
  const id = parts.optional(0x80)
  const [issuer, serial] = [parts.optional(0xa1), parts.optional(0x82)]
  parts.end()
  if ((issuer === undefined) !== (serial === undefined)) malformed('the authority key identifier is incomplete')
  return id?.content.toString('hex')
}

export function subjectKeyIdOf(element: Element): string {
  if (element.tag !== tags.octetString) malformed('the subject key identifier is of another type')
  return element.content.toString('hex')
}

export const distributionPointsOf = (element: Element): readonly DistributionPoint[] =>
  Object.freeze(listOf(element, 'the distribution points', MAX_POINTS).map(distributionPointOf))

function distributionPointOf(element: Element): DistributionPoint {
  const parts = partsOf(element, 'a distribution point')
  const [place, reasons, issuer] = [parts.optional(0xa0), parts.optional(0x81), parts.optional(0xa2)]
  parts.end()
  if (!place && !issuer) malformed('a distribution point is nowhere')
  const [name, ...rest] = place?.children ?? []
  if (place && (!name || rest.length > 0)) malformed('a distribution point is wrong')
  // A name relative to the issuer of the list is none that anything could be fetched by.
  if (name && name.tag !== 0xa0 && name.tag !== 0xa1) malformed('a distribution point is wrong')
  const names = name?.tag === 0xa0 ? listOf(name, 'a distribution point', MAX_POINTS, 0xa0).map(generalNameOf) : []
  return Object.freeze({ names: Object.freeze(names), indirect: issuer !== undefined, partial: reasons !== undefined })
}

/** The addresses of responders; those of the issuer's certificate are nothing to us. */
export function ocspRespondersOf(element: Element): readonly string[] {
  const addresses = listOf(element, 'the authority information', MAX_ACCESSES).map((access) => {
    const parts = partsOf(access, 'the authority information')
    const method = oidOf(parts.any('a method'))
    const place = generalNameOf(parts.any('a place'))
    parts.end()
    return method === OCSP && place.type === 'uri' ? [place.value] : []
  })
  return Object.freeze(addresses.flat().slice(0, MAX_RESPONDERS))
}

const OCSP = '1.3.6.1.5.5.7.48.1'

export const noCheckOf = (element: Element): boolean =>
  element.tag === tags.null || malformed('the extension of a responder is of another type')
