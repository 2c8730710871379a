import { describe, expect, test } from 'vitest'
import { tags } from '../../../../src/verify/x509/der.ts'
import { writeElement } from '../../../../src/verify/x509/der-writer.ts'
import { readQcStatements } from '../../../../src/verify/x509/qc-statements.ts'
import {
  COMPLIANCE,
  ESEAL,
  PSD2,
  psd2,
  qcType,
  qwac,
  role,
  roleOid,
  sequence,
  statement,
  TYPE,
  utf8,
  WEB,
} from '../../../support/qc-statements.ts'
import { oidElement } from '../../../support/subjects.ts'

const problemOf = (bytes: Buffer): string => {
  const reading = readQcStatements(bytes)
  return reading.ok ? 'none' : reading.problem
}

describe('QC-01 QCStatements are read', () => {
  test('QC-02, QC-03 those of a QWAC with roles', () => {
    expect(readQcStatements(qwac(['PSP_PI', 'PSP_AI']))).toEqual({
      ok: true,
      value: {
        compliant: true,
        types: new Set([WEB]),
        psd2: {
          roles: new Set([roleOid.PSP_PI, roleOid.PSP_AI]),
          ncaName: 'Financial Conduct Authority',
          ncaId: 'GB-FCA',
        },
      },
    })
  })
  test('statements nobody here knows are left out, whatever they hold', () => {
    const [limit, pds] = ['0.4.0.1862.1.2', '0.4.0.1862.1.5']
    const unknown = [
      statement(limit, sequence(utf8('EUR'))),
      statement(pds, utf8('x')),
      statement(pds),
      statement('1.2.3'),
    ]
    expect(readQcStatements(sequence(...unknown))).toEqual({
      ok: true,
      value: { compliant: false, types: new Set(), psd2: undefined },
    })
    expect(readQcStatements(sequence(...unknown, qcType(ESEAL))).ok).toBe(true)
  })
  test('QC-03 several roles in one SEQUENCE', () => {
    const reading = readQcStatements(sequence(psd2({ roles: ['PSP_PI', 'PSP_AI', 'PSP_IC'], flat: true })))
    expect(reading.ok && reading.value.psd2?.roles).toEqual(new Set([roleOid.PSP_PI, roleOid.PSP_AI, roleOid.PSP_IC]))
  })
  test('a text of 256 characters, of any length in bytes', () => {
    expect(readQcStatements(sequence(psd2({ roles: ['PSP_AI'], ncaName: '\u{1f600}'.repeat(256) }))).ok).toBe(true)
  })
})

describe('QC-01 QCStatements that are malformed are none', () => {
  const authority = [utf8('Financial Conduct Authority'), utf8('GB-FCA')] as const
  const ai = role(roleOid.PSP_AI, 'PSP_AI')
  const roles = sequence(ai)
  const cases: readonly (readonly [string, Buffer, string])[] = [
    ['nothing', Buffer.alloc(0), 'identifier octet'],
    ['an empty list', sequence(), 'the QCStatements is empty'],
    ['another type', writeElement(tags.set, statement(COMPLIANCE)), 'of another type'],
    ['bytes behind the list', Buffer.concat([qwac(), Buffer.of(0)]), 'bytes stand behind'],
    ['a list that is cut off', qwac().subarray(0, -1), 'a length is wrong'],
    ['33 statements', sequence(...Array.from({ length: 33 }, () => statement('1.2.3'))), 'more than 32'],
    ['too many bytes', sequence(statement('1.2.3', utf8('x'.repeat(8192)))), 'too long'],
    [
      'a statement that is no sequence',
      sequence(oidElement(COMPLIANCE)),
      'a QCStatement is missing or of another type',
    ],
    ['a statement without type', sequence(sequence()), 'the type of a QCStatement is missing'],
    ['a type that is no OID', sequence(sequence(utf8(COMPLIANCE))), 'an object identifier is expected'],
    ['a third part', sequence(statement('1.2.3', utf8('a'), utf8('b'))), 'something unknown'],
    ['QC-02 compliance with a value', sequence(statement(COMPLIANCE, utf8('yes'))), 'QcCompliance holds something'],
    ['QC-02 compliance twice', sequence(statement(COMPLIANCE), statement(COMPLIANCE)), 'there twice'],
    ['QC-02 types twice', sequence(qcType(ESEAL), qcType(WEB)), 'there twice'],
    ['QC-02 no type', sequence(qcType()), 'QcType is empty'],
    ['QC-02 no list of types', sequence(statement(TYPE)), 'QcType is missing'],
    [
      'QC-02 a type that stands alone',
      sequence(statement(TYPE, oidElement(WEB))),
      'QcType is missing or of another type',
    ],
    ['QC-02 17 types', sequence(qcType(...Array.from({ length: 17 }, () => WEB))), 'more than 16'],
    ['QC-02 a type in text', sequence(statement(TYPE, sequence(utf8(WEB)))), 'an object identifier is expected'],
    ['QC-03 no value', sequence(statement(PSD2)), 'the PSD2 statement is missing'],
    ['QC-03 twice', sequence(psd2({ roles: ['PSP_AI'] }), psd2({ roles: ['PSP_PI'] })), 'there twice'],
    ['QC-03 no role', sequence(psd2({ roles: [] })), 'rolesOfPSP is empty'],
    ['QC-03 17 roles', sequence(psd2({ roles: Array.from({ length: 17 }, () => 'PSP_AI' as const) })), 'more than 16'],
    [
      'QC-03 no list of roles',
      sequence(statement(PSD2, sequence(...authority))),
      'rolesOfPSP is missing or of another',
    ],
    [
      'QC-03 an empty role',
      sequence(statement(PSD2, sequence(sequence(sequence()), ...authority))),
      'OID of a role is missing',
    ],
    [
      'QC-03 17 roles in one SEQUENCE',
      sequence(
        statement(
          PSD2,
          sequence(sequence(sequence(...Array.from({ length: 17 }, () => ai.subarray(2)))), ...authority),
        ),
      ),
      'more than 16',
    ],
    [
      'QC-03 half a role behind another',
      sequence(
        statement(
          PSD2,
          sequence(sequence(sequence(oidElement(roleOid.PSP_AI), utf8('a'), oidElement(roleOid.PSP_PI))), ...authority),
        ),
      ),
      'the name of a role is missing',
    ],
    ['QC-03 no authority', sequence(statement(PSD2, sequence(roles))), 'nCAName is missing'],
    ['QC-03 no nCAId', sequence(statement(PSD2, sequence(roles, authority[0]))), 'nCAId is missing'],
    ['QC-03 a fourth part', sequence(statement(PSD2, sequence(roles, ...authority, utf8('x')))), 'something unknown'],
    [
      'QC-03 a role without name',
      sequence(statement(PSD2, sequence(sequence(sequence(oidElement(roleOid.PSP_AI))), ...authority))),
      'the name of a role is missing',
    ],
    [
      'QC-04 a role by name alone',
      sequence(statement(PSD2, sequence(sequence(sequence(utf8('PSP_AI'), utf8('PSP_AI'))), ...authority))),
      'an object identifier is expected',
    ],
    [
      'QC-03 a role with a third part',
      sequence(
        statement(PSD2, sequence(sequence(sequence(oidElement(roleOid.PSP_AI), utf8('a'), utf8('b'))), ...authority)),
      ),
      'an object identifier is expected',
    ],
    [
      'QC-03 another string type',
      sequence(statement(PSD2, sequence(roles, utf8('a'), writeElement(tags.printableString, Buffer.from('GB-FCA'))))),
      'nCAId is missing or misplaced',
    ],
    ['QC-03 an empty text', sequence(psd2({ roles: ['PSP_AI'], ncaName: '' })), 'not of 1 to 256'],
    ['QC-03 257 characters', sequence(psd2({ roles: ['PSP_AI'], ncaId: 'x'.repeat(257) })), 'not of 1 to 256'],
    ['QC-03 a control character', sequence(psd2({ roles: ['PSP_AI'], ncaName: 'a\r\nb' })), 'no plain text'],
    [
      'QC-03 bytes that are no text',
      sequence(statement(PSD2, sequence(roles, utf8(Buffer.of(0xc0, 0x80)), authority[1]))),
      'no plain text',
    ],
  ]
  test.each(cases)('%s', (_, bytes, problem) => expect(problemOf(bytes)).toContain(problem))
})
