import type { Reading } from '../reading.ts'
import { type CertificatePolicies, readPolicies } from './certificate-policies.ts'
import { attempt, type Element, parseDer } from './der.ts'
import {
  alternativeNamesOf,
  authorityKeyIdOf,
  basicConstraintsOf,
  distributionPointsOf,
  extendedKeyUsageOf,
  keyUsageOf,
  noCheckOf,
  ocspRespondersOf,
  oids,
  processed,
  subjectKeyIdOf,
} from './extensions.ts'
import type { GeneralName } from './general-name.ts'
import { type NameConstraints, readNameConstraints } from './name-constraints.ts'
import { readX509, type X509 } from './x509-certificate.ts'

export type KeyUsage =
  | 'digitalSignature'
  | 'nonRepudiation'
  | 'keyEncipherment'
  | 'dataEncipherment'
  | 'keyAgreement'
  | 'keyCertSign'
  | 'cRLSign'
  | 'encipherOnly'
  | 'decipherOnly'

/** Where a certificate says that its CRL lies (RFC 5280 section 4.2.1.13). */
export interface DistributionPoint {
  /** Full names; empty when the point has none. */
  readonly names: readonly GeneralName[]
  /** Whether it names another issuer of the list. */
  readonly indirect: boolean
  /** Whether its list says some reasons alone. */
  readonly partial: boolean
}

/** A certificate with the meaning of its extensions. That it is valid or trusted is not said. */
export interface Certificate extends X509 {
  readonly ca: boolean
  /** CA certificates that may follow below this one, self-issued ones not counted. */
  readonly pathLength: number | undefined
  readonly keyUsage: ReadonlySet<KeyUsage> | undefined
  /** OIDs. */
  readonly extendedKeyUsage: ReadonlySet<string> | undefined
  readonly alternativeNames: readonly GeneralName[]
  readonly nameConstraints: NameConstraints | undefined
  readonly policies: CertificatePolicies
  /** Hex. */
  readonly authorityKeyId: string | undefined
  readonly subjectKeyId: string | undefined
  readonly distributionPoints: readonly DistributionPoint[]
  readonly ocspResponders: readonly string[]
  readonly ocspNoCheck: boolean
  /** DER of the extension. */
  readonly qcStatements: Buffer | undefined
  /** OIDs of critical extensions that nobody here processes. */
  readonly unknownCritical: readonly string[]
}

/** Reads a certificate of at most 16 kB strictly, each extension that has a meaning here included. Never throws. */
export function readCertificateDer(der: Uint8Array): Reading<Certificate> {
  const reading = readX509(der)
  return reading.ok ? attempt(() => certificateOf(reading.value)) : reading
}

function certificateOf(x509: X509): Certificate {
  const values = new Map(x509.extensions.map(({ oid, value }) => [oid, value]))
  const read = <T>(oid: string, reader: (element: Element) => T): T | undefined => {
    const value = values.get(oid)
    return value && reader(parseDer(value))
  }
  const element = (oid: string) => read(oid, (value) => value)
  const constraints = read(oids.basicConstraints, basicConstraintsOf)
  return Object.freeze({
    ...x509,
    ca: constraints?.ca ?? false,
    pathLength: constraints?.pathLength,
    keyUsage: read(oids.keyUsage, keyUsageOf),
    extendedKeyUsage: read(oids.extendedKeyUsage, extendedKeyUsageOf),
    alternativeNames: read(oids.subjectAltName, alternativeNamesOf) ?? [],
    nameConstraints: read(oids.nameConstraints, readNameConstraints),
    policies: readPolicies({
      policies: element(oids.certificatePolicies),
      mappings: element(oids.policyMappings),
      constraints: element(oids.policyConstraints),
      inhibitAnyPolicy: element(oids.inhibitAnyPolicy),
    }),
    authorityKeyId: read(oids.authorityKeyId, authorityKeyIdOf),
    subjectKeyId: read(oids.subjectKeyId, subjectKeyIdOf),
    distributionPoints: read(oids.distributionPoints, distributionPointsOf) ?? [],
    ocspResponders: read(oids.authorityInfoAccess, ocspRespondersOf) ?? [],
    ocspNoCheck: read(oids.ocspNoCheck, noCheckOf) ?? false,
    qcStatements: values.get(oids.qcStatements),
    unknownCritical: x509.extensions
      .filter(({ oid, critical }) => critical && !processed.has(oid))
      .map(({ oid }) => oid),
  })
}

/** Whether an extension is there and critical. */
export const isCritical = ({ extensions }: X509, oid: string): boolean =>
  extensions.some((extension) => extension.oid === oid && extension.critical)
