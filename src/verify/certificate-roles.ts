import { ORGANIZATION_IDENTIFIER } from './x509/attribute-types.ts'
import type { Certificate } from './x509/certificate.ts'
import { attributesOf, type Name } from './x509/name.ts'
import { type Psd2Statement, type QcStatements, readQcStatements } from './x509/qc-statements.ts'

/** What a payment service provider may be (TS 119 495 section 4.2). */
export const roleNames = ['PSP_AS', 'PSP_PI', 'PSP_AI', 'PSP_IC'] as const
type Role = (typeof roleNames)[number]

const roleOids: Readonly<Record<Role, string>> = {
  PSP_AS: '0.4.0.19495.1.1',
  PSP_PI: '0.4.0.19495.1.2',
  PSP_AI: '0.4.0.19495.1.3',
  PSP_IC: '0.4.0.19495.1.4',
}

const QC_TYPE_WEB = '0.4.0.1862.1.6.3'

export interface RoleRules {
  /** All of the first and one of the second; nothing is asked of an empty list. */
  readonly roles: { readonly all: readonly Role[]; readonly any: readonly Role[] }
  /** Whether it has to be a qualified certificate for website authentication (EN 319 412-5). */
  readonly qwac: boolean
  /** Prefixes of the organizationIdentifier that are accepted where roles are asked for, `PSD` for instance. */
  readonly organizationIdentifiers: readonly string[]
}

/** What the certificate says about its owner. Its issuer vouches for it as of the day it was issued, and no longer. */
export interface RoleFacts {
  readonly roles: readonly Role[]
  readonly organizationIdentifier: string | undefined
  readonly ncaId: string | undefined
  readonly ncaName: string | undefined
}

export type RoleOutcome =
  | { readonly ok: true; readonly facts: RoleFacts }
  | { readonly ok: false; readonly detail: string }

/** A kind of organizationIdentifier: three letters, or two and a colon for a national one (EN 319 412-1 section 5.1.4). */
export const isIdentifierPrefix = (text: string): boolean => /^(?:[A-Z]{3}|[A-Z]{2}:)$/.test(text)

/**
 * Whether the certificate has what the rules ask for. Roles are known by their OIDs; no text decides. Where nothing is
 * asked for, QCStatements that cannot be read are no fault, and nothing is known from them.
 */
export function judgeRoles(certificate: Pick<Certificate, 'qcStatements' | 'subject'>, rules: RoleRules): RoleOutcome {
  const { qcStatements, subject } = certificate
  const reading = qcStatements && readQcStatements(qcStatements)
  const statements = reading?.ok === true ? reading.value : undefined
  const facts = factsOf(statements, subject)
  const asked = rules.roles.all.length > 0 || rules.roles.any.length > 0
  if (!asked && !rules.qwac) return { ok: true, facts }
  if (!reading) return refuse('the certificate has no QCStatements')
  if (!reading.ok) return refuse(reading.problem)
  const problem =
    (rules.qwac ? qwacProblem(reading.value) : undefined) ??
    (asked ? providerProblem(facts.roles, reading.value.psd2, subject, rules) : undefined)
  return problem === undefined ? { ok: true, facts } : refuse(problem)
}

const refuse = (detail: string): RoleOutcome => ({ ok: false, detail })

function factsOf(statements: QcStatements | undefined, subject: Name): RoleFacts {
  const psd2 = statements?.psd2
  return {
    roles: roleNames.filter((role) => psd2?.roles.has(roleOids[role])),
    organizationIdentifier: identifierOf(subject),
    ncaId: psd2?.ncaId,
    ncaName: psd2?.ncaName,
  }
}

/** Undefined also when there are two, or one that is no text. */
function identifierOf(subject: Name): string | undefined {
  const [identifier, another] = attributesOf(subject, ORGANIZATION_IDENTIFIER)
  return another ? undefined : identifier?.text
}

function qwacProblem({ compliant, types }: QcStatements): string | undefined {
  if (!compliant) return 'the certificate has no QcCompliance'
  return types.has(QC_TYPE_WEB) ? undefined : 'its QcType is not web'
}

function providerProblem(
  held: readonly Role[],
  statement: Psd2Statement | undefined,
  subject: Name,
  { roles, organizationIdentifiers }: RoleRules,
): string | undefined {
  if (!statement) return 'the certificate has no PSD2 statement'
  return rolesProblem(held, roles) ?? identifierProblem(subject, statement, organizationIdentifiers)
}

function rolesProblem(roles: readonly Role[], { all, any }: RoleRules['roles']): string | undefined {
  const held = `it has ${roles.join(' ') || 'none that is known'}`
  const missing = all.filter((role) => !roles.includes(role))
  if (missing.length > 0) return `the certificate lacks ${missing.join(' ')}; ${held}`
  const lacks = any.length > 0 && !any.some((role) => roles.includes(role))
  return lacks ? `the certificate has none of ${any.join(' ')}; ${held}` : undefined
}

/** TS 119 495 section 5.2.1: the authority in the identifier is the one that granted the roles. */
function identifierProblem(subject: Name, { ncaId }: Psd2Statement, prefixes: readonly string[]): string | undefined {
  if (!NCA_ID.test(ncaId)) return 'nCAId is not of the form GB-FCA'
  const identifier = identifierOf(subject)
  if (identifier === undefined) return 'the subject does not have exactly one organizationIdentifier that is text'
  const prefix = IDENTIFIER.exec(identifier)?.[1]
  if (prefix === undefined) return 'its organizationIdentifier is of unknown form'
  if (!prefixes.includes(prefix)) return `its organizationIdentifier begins with ${prefix}, which is not accepted`
  if (prefix !== 'PSD') return undefined
  const authority = PSD_IDENTIFIER.exec(identifier)?.[1]
  if (authority === undefined) return 'its organizationIdentifier is not of the form PSDGB-FCA-123456'
  return authority === ncaId ? undefined : 'its organizationIdentifier and nCAId name different authorities'
}

/** Country and authority. */
const NCA_ID = /^[A-Z]{2}-[A-Z]{2,8}$/
/** EN 319 412-1 section 5.1.4. */
const IDENTIFIER = /^([A-Z]{3}|[A-Z]{2}:)[A-Z]{2}-./
/** TS 119 495 section 5.2.1. */
const PSD_IDENTIFIER = /^PSD([A-Z]{2}-[A-Z]{2,8})-./
