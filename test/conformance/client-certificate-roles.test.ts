import { describe, expect, test } from 'vitest'
import { isIdentifierPrefix, judgeRoles, type RoleRules } from '../../src/verify/certificate-roles.ts'
import { tags } from '../../src/verify/x509/der.ts'
import {
  COMPLIANCE,
  ESEAL,
  ESIGN,
  psd2,
  qcType,
  qwac,
  roleOid,
  sequence,
  statement,
  WEB,
} from '../support/qc-statements.ts'
import { type Attribute, CN, O, ORGANIZATION, subjectOf } from '../support/subjects.ts'

const IDENTIFIER: Attribute = [ORGANIZATION, 'PSDGB-FCA-123456']
const nothing: RoleRules = { roles: { all: [], any: [] }, qwac: false, organizationIdentifiers: ['PSD'] }
const rules = (all: RoleRules['roles']['all'], more: Partial<RoleRules> = {}): RoleRules => ({
  ...nothing,
  roles: { all, any: [] },
  ...more,
})

/** What becomes of a certificate: the roles it is known to have, or why it is refused. */
function outcome(qcStatements: Buffer | undefined, asked: RoleRules, ...subject: readonly Attribute[]) {
  const names = subject.length > 0 ? subject : [[O, 'Test TPP'] as const, IDENTIFIER]
  const judged = judgeRoles({ qcStatements, subject: subjectOf(...names) }, asked)
  return judged.ok ? judged.facts.roles.join(' ') : judged.detail
}

describe('QC-04, T-65 roles are known by their OIDs', () => {
  const AI_NAMED_PI = psd2({ roles: [[roleOid.PSP_AI, 'PSP_PI']] })
  test.each([
    ['the one that is asked for', ['PSP_AI'], qwac(['PSP_AI']), 'PSP_AI'],
    ['more than asked for', ['PSP_AI'], qwac(['PSP_IC', 'PSP_AI', 'PSP_AS', 'PSP_PI']), 'PSP_AS PSP_PI PSP_AI PSP_IC'],
    ['all of two', ['PSP_AI', 'PSP_PI'], qwac(['PSP_AI', 'PSP_PI']), 'PSP_PI PSP_AI'],
    ['the OID beside another name', ['PSP_AI'], sequence(AI_NAMED_PI), 'PSP_AI'],
    ['beside a role that is unknown', ['PSP_AI'], qwac([['1.2.3', 'PSP_XX'], 'PSP_AI']), 'PSP_AI'],
  ] as const)('%s is accepted', (_, all, statements, roles) => expect(outcome(statements, rules(all))).toBe(roles))
  test.each([
    ['another role', ['PSP_AI'], qwac(['PSP_PI']), 'the certificate lacks PSP_AI; it has PSP_PI'],
    ['one of two', ['PSP_AI', 'PSP_PI'], qwac(['PSP_AI']), 'the certificate lacks PSP_PI; it has PSP_AI'],
    ['the name with another OID', ['PSP_PI'], sequence(AI_NAMED_PI), 'the certificate lacks PSP_PI; it has PSP_AI'],
    ['the name with an unknown OID', ['PSP_AI'], qwac([['1.2.3', 'PSP_AI']]), 'it has none that is known'],
    ['an unspecified role', ['PSP_AI'], qwac(['unspecified']), 'it has none that is known'],
    ['an OID that goes on', ['PSP_AI'], qwac([[`${roleOid.PSP_AI}.1`, 'PSP_AI']]), 'it has none that is known'],
  ] as const)('%s is refused', (_, all, statements, detail) =>
    expect(outcome(statements, rules(all))).toContain(detail),
  )
  test('a role in the subject is none', () => {
    const named = [[O, 'PSP_AI'], [CN, roleOid.PSP_AI], IDENTIFIER] as const
    expect(outcome(qwac(['PSP_PI']), rules(['PSP_AI']), ...named)).toContain('lacks PSP_AI')
    expect(outcome(undefined, rules(['PSP_AI']), ...named)).toBe('the certificate has no QCStatements')
  })
})

describe('QC-04 one of several roles', () => {
  const any = (...roles: RoleRules['roles']['any']): RoleRules => ({ ...nothing, roles: { all: [], any: roles } })
  test.each(['PSP_AI', 'PSP_AS'] as const)('%s is accepted', (role) =>
    expect(outcome(qwac([role]), any('PSP_AI', 'PSP_AS'))).toBe(role),
  )
  test('none of them is refused', () => {
    expect(outcome(qwac(['PSP_PI']), any('PSP_AI', 'PSP_AS'))).toBe(
      'the certificate has none of PSP_AI PSP_AS; it has PSP_PI',
    )
  })
  test('both demands hold', () => {
    const both: RoleRules = { ...nothing, roles: { all: ['PSP_AI'], any: ['PSP_PI', 'PSP_IC'] } }
    expect(outcome(qwac(['PSP_AI', 'PSP_IC']), both)).toBe('PSP_AI PSP_IC')
    expect(outcome(qwac(['PSP_AI']), both)).toContain('none of PSP_PI PSP_IC')
    expect(outcome(qwac(['PSP_PI']), both)).toContain('lacks PSP_AI')
  })
})

describe('QC-01, QC-03 the statement has to be there and readable', () => {
  test.each([
    ['no extension', undefined, 'no QCStatements'],
    ['no PSD2 statement', sequence(statement(COMPLIANCE), qcType(WEB)), 'no PSD2 statement'],
    ['a malformed list', qwac().subarray(0, -1), 'a length is wrong'],
    ['bytes behind the list', Buffer.concat([qwac(), Buffer.of(5, 0)]), 'bytes stand behind'],
  ])('%s is refused where a role is asked for', (_, statements, detail) => {
    expect(outcome(statements, rules(['PSP_AI']))).toContain(detail)
    expect(outcome(statements, nothing)).toBe('')
  })
  test.each([
    ['no extension', undefined],
    ['a malformed list', qwac().subarray(0, -1)],
  ])('%s is refused where a QWAC is asked for', (_, statements) =>
    expect(judgeRoles({ qcStatements: statements, subject: subjectOf() }, { ...nothing, qwac: true }).ok).toBe(false),
  )
})

describe('QC-02 a certificate for website authentication', () => {
  const asked = rules(['PSP_AI'], { qwac: true })
  const roles = psd2({ roles: ['PSP_AI'] })
  const typed = (...types: readonly string[]): Buffer => sequence(statement(COMPLIANCE), qcType(...types), roles)
  test.each([
    ['web', typed(WEB)],
    ['web beside another', typed(ESEAL, WEB)],
  ])('%s is accepted', (_, statements) => expect(outcome(statements, asked)).toBe('PSP_AI'))
  test.each([
    ['a QSealC', typed(ESEAL), 'its QcType is not web'],
    ['one for signatures', typed(ESIGN), 'its QcType is not web'],
    ['one without type', sequence(statement(COMPLIANCE), roles), 'its QcType is not web'],
    ['one that is not qualified', sequence(qcType(WEB), roles), 'no QcCompliance'],
  ])('%s is refused', (_, statements, detail) => {
    expect(outcome(statements, asked)).toContain(detail)
    expect(outcome(statements, rules(['PSP_AI']))).toBe('PSP_AI')
  })
  test('a QWAC needs no role where none is asked for, nor an organizationIdentifier', () => {
    const bare = sequence(statement(COMPLIANCE), qcType(WEB))
    expect(outcome(bare, { ...nothing, qwac: true }, [O, 'Bank'])).toBe('')
    expect(outcome(sequence(qcType(WEB)), { ...nothing, qwac: true }, [O, 'Bank'])).toContain('no QcCompliance')
  })
})

describe('QC-05 the organizationIdentifier', () => {
  const judged = (identifier: string, ncaId: string, prefixes = ['PSD']) =>
    outcome(
      qwac(['PSP_AI'], { ncaId }),
      rules(['PSP_AI'], { organizationIdentifiers: prefixes }),
      [O, 'Test TPP'],
      [ORGANIZATION, identifier],
    )
  test.each([
    ['PSDGB-FCA-123456', 'GB-FCA'],
    ['PSDPL-PFSA-1234567890', 'PL-PFSA'],
    ['PSDDE-BAFIN-12/3 4-5', 'DE-BAFIN'],
    ['PSDBE-NB-Ü', 'BE-NB'],
    ['PSDFR-ACPRACPR-1', 'FR-ACPRACPR'],
  ])('%s of %s is accepted', (identifier, ncaId) => expect(judged(identifier, ncaId)).toBe('PSP_AI'))
  test.each([
    ['no number', 'PSDGB-FCA', 'GB-FCA', 'not of the form PSDGB-FCA-123456'],
    ['an empty number', 'PSDGB-FCA-', 'GB-FCA', 'not of the form PSDGB-FCA-123456'],
    ['lower case', 'psdgb-fca-123456', 'GB-FCA', 'of unknown form'],
    ['a country in lower case', 'PSDgb-FCA-123456', 'GB-FCA', 'of unknown form'],
    ['an authority in lower case', 'PSDGB-fca-123456', 'GB-FCA', 'not of the form'],
    ['an authority of one letter', 'PSDGB-F-123456', 'GB-FCA', 'not of the form'],
    ['an authority of nine letters', 'PSDGB-FCAFCAFCA-1', 'GB-FCAFCAFC', 'not of the form'],
    ['a digit in the authority', 'PSDGB-FC4-123456', 'GB-FCA', 'not of the form'],
    ['text before it', 'xPSDGB-FCA-123456', 'GB-FCA', 'of unknown form'],
    ['another authority', 'PSDGB-FCA-123456', 'GB-PRA', 'name different authorities'],
    ['another country', 'PSDGB-FCA-123456', 'IE-FCA', 'name different authorities'],
    ['a beginning of the authority', 'PSDGB-FCAX-123456', 'GB-FCA', 'name different authorities'],
    ['an nCAId without country', 'PSDGB-FCA-123456', 'FCA', 'nCAId is not of the form'],
    ['an nCAId in lower case', 'PSDGB-FCA-123456', 'gb-fca', 'nCAId is not of the form'],
    ['a kind that is not accepted', 'VATGB-123456', 'GB-FCA', 'begins with VAT, which is not accepted'],
  ])('%s is refused', (_, identifier, ncaId, detail) => expect(judged(identifier, ncaId)).toContain(detail))
  test.each([
    ['VAT', 'VATDE-123456789'],
    ['NTR', 'NTRGB-12345678'],
    ['LEI', 'LEIXG-529900T8BM49AURSDO55'],
    ['PT:', 'PT:PT-123'],
  ])('%s is accepted where it is listed', (prefix, identifier) => {
    expect(judged(identifier, 'GB-FCA', ['PSD', prefix])).toBe('PSP_AI')
    expect(judged(identifier, 'GB-FCA')).toContain('not accepted')
    expect(judged(identifier, 'FCA', [prefix])).toContain('nCAId is not of the form')
  })
  test('PSD is refused where others alone are listed', () => {
    expect(judged('PSDGB-FCA-123456', 'GB-FCA', ['VAT'])).toContain('begins with PSD, which is not accepted')
  })
  const missing: readonly (readonly [string, readonly Attribute[]])[] = [
    ['none', [[O, 'PSDGB-FCA-123456']]],
    ['two', [IDENTIFIER, [ORGANIZATION, 'PSDGB-FCA-654321']]],
    ['the same twice', [IDENTIFIER, IDENTIFIER]],
    ['one that is no text', [[ORGANIZATION, Buffer.of(0xff)]]],
    ['one with a control character', [[ORGANIZATION, 'PSDGB-FCA-123456\n']]],
  ]
  test.each(missing)('%s is refused', (_, subject) =>
    expect(outcome(qwac(), rules(['PSP_AI']), ...subject)).toContain('exactly one organizationIdentifier'),
  )
  test('another string type is the same text', () => {
    const written: Attribute = [ORGANIZATION, 'PSDGB-FCA-123456', tags.printableString]
    expect(outcome(qwac(), rules(['PSP_AI']), written)).toBe('PSP_AI')
  })
  test.each(['PSD', 'VAT', 'GB:'])('%s may be configured', (prefix) => expect(isIdentifierPrefix(prefix)).toBe(true))
  test.each(['', 'psd', 'PSDGB', 'P.D', 'PS', 'GB:x'])('"%s" may not', (prefix) =>
    expect(isIdentifierPrefix(prefix)).toBe(false),
  )
})

describe('QC-03, QC-08 what is known of the owner', () => {
  test('comes from the certificate', () => {
    expect(judgeRoles({ qcStatements: qwac(['PSP_PI']), subject: subjectOf(IDENTIFIER) }, rules(['PSP_PI']))).toEqual({
      ok: true,
      facts: {
        roles: ['PSP_PI'],
        organizationIdentifier: 'PSDGB-FCA-123456',
        ncaId: 'GB-FCA',
        ncaName: 'Financial Conduct Authority',
      },
    })
  })
  test('is nothing where nothing can be read', () => {
    const unsure = subjectOf(IDENTIFIER, IDENTIFIER)
    expect(judgeRoles({ qcStatements: Buffer.of(5, 0), subject: unsure }, nothing)).toEqual({
      ok: true,
      facts: { roles: [], organizationIdentifier: undefined, ncaId: undefined, ncaName: undefined },
    })
  })
})
