import type { Reading } from '../reading.ts'
import { attempt, type Element, listOf, malformed, oidOf, parseDer, partsOf, tags } from './der.ts'
import { isPlain } from './name.ts'

/** What a certificate says about itself as a qualified one. That its issuer may say so is not said. */
export interface QcStatements {
  /** Whether it claims to be qualified under eIDAS (EN 319 412-5 section 4.2.1). */
  readonly compliant: boolean
  /** OIDs of what it is for: signatures, seals, web sites (EN 319 412-5 section 4.2.3). */
  readonly types: ReadonlySet<string>
  readonly psd2: Psd2Statement | undefined
}

/** TS 119 495 section 5.1. */
export interface Psd2Statement {
  /** OIDs alone: the name beside each is for people. */
  readonly roles: ReadonlySet<string>
  /** The authority that granted the roles. */
  readonly ncaName: string
  readonly ncaId: string
}

const statements = {
  compliance: '0.4.0.1862.1.1',
  type: '0.4.0.1862.1.6',
  psd2: '0.4.0.19495.2',
} as const

/** Bytes; statements about a payment service provider take a few hundred. */
const MAX_BYTES = 8192
const MAX_STATEMENTS = 32
/** Types of one certificate, roles of one provider: four are known of each. */
const MAX_ENTRIES = 16
/** Characters, as TS 119 495 has it. */
const MAX_TEXT = 256

/**
 * Reads the value of the extension (RFC 3739 section 3.2.6). Statements nobody here knows are left out; one that is known
 * and malformed or there twice spoils the whole, as does a list that is no list. Never throws.
 */
export const readQcStatements = (der: Uint8Array): Reading<QcStatements> => attempt(() => statementsOf(der))

function statementsOf(bytes: Uint8Array): QcStatements {
  if (bytes.length > MAX_BYTES) malformed('the QCStatements are too long')
  const list = listOf(parseDer(Buffer.from(bytes)), 'the QCStatements', MAX_STATEMENTS).map(statementOf)
  const one = (id: string) => {
    const [first, second] = list.filter((statement) => statement.id === id)
    return second ? malformed('a QCStatement is there twice') : first
  }
  const [compliance, type, psd2] = [one(statements.compliance), one(statements.type), one(statements.psd2)]
  if (compliance?.info) malformed('QcCompliance holds something')
  return {
    compliant: compliance !== undefined,
    types: new Set(type ? listOf(type.info, 'QcType', MAX_ENTRIES).map((element) => oidOf(element)) : []),
    psd2: psd2 && psd2Of(psd2.info),
  }
}

function statementOf(element: Element): { readonly id: string; readonly info: Element | undefined } {
  const parts = partsOf(element, 'a QCStatement')
  const id = oidOf(parts.any('the type of a QCStatement'))
  const info = parts.more() ? parts.any('the value of a QCStatement') : undefined
  parts.end()
  return { id, info }
}

function psd2Of(info: Element | undefined): Psd2Statement {
  const parts = partsOf(info, 'the PSD2 statement')
  const roles = listOf(parts.any('rolesOfPSP'), 'rolesOfPSP', MAX_ENTRIES).flatMap(rolesOf)
  const ncaName = textOf(parts.take(tags.utf8String, 'nCAName'), 'nCAName')
  const ncaId = textOf(parts.take(tags.utf8String, 'nCAId'), 'nCAId')
  parts.end()
  return { roles: new Set(roles), ncaName, ncaId }
}

/**
 * An OID and a name. Where there is more than one role, makers of certificates for Open Banking in the UK have put all of
 * them into one SEQUENCE, pair behind pair; that cannot mean anything else.
 */
function rolesOf(element: Element): readonly string[] {
  const parts = partsOf(element, 'a role')
  const oids: string[] = []
  do {
    oids.push(oidOf(parts.any('the OID of a role')))
    textOf(parts.take(tags.utf8String, 'the name of a role'), 'the name of a role')
  } while (parts.more())
  return oids.length <= MAX_ENTRIES ? oids : malformed(`a role holds more than ${MAX_ENTRIES} entries`)
}

function textOf({ content }: Element, what: string): string {
  const text = content.toString('utf8')
  if (!Buffer.from(text, 'utf8').equals(content) || !isPlain(text)) malformed(`${what} is no plain text`)
  const { length } = [...text]
  return length >= 1 && length <= MAX_TEXT ? text : malformed(`${what} is not of 1 to ${MAX_TEXT} characters`)
}
