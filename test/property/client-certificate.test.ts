import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { CertificateList } from '../../src/verify/certificate-list.ts'
import { judgeRoles } from '../../src/verify/certificate-roles.ts'
import { isSubject } from '../../src/verify/distinguished-name.ts'
import { nameOfType } from '../../src/verify/x509/attribute-types.ts'
import { tags } from '../../src/verify/x509/der.ts'
import type { GeneralName } from '../../src/verify/x509/general-name.ts'
import type { Name } from '../../src/verify/x509/name.ts'
import { nameText } from '../../src/verify/x509/name-text.ts'
import { readQcStatements } from '../../src/verify/x509/qc-statements.ts'
import { judge } from '../support/certificate-lists.ts'
import { COMPLIANCE, psd2, qcType, qwac, roleOid, sequence, statement, WEB } from '../support/qc-statements.ts'
import { type Attribute, C, CN, nameOfParts, O, ORGANIZATION, OU, subjectOf } from '../support/subjects.ts'

/** A certificate with nothing in it but this subject. */
const certificateWith = ({ der }: Name): Buffer =>
  sequence(sequence(Buffer.of(2, 1, 1), sequence(), sequence(), sequence(), der))

const type = fc.constantFrom(CN, O, OU, C, ORGANIZATION, '1.2.3.4', '2.5.4.15')
const text = fc.oneof(
  fc.string({
    unit: fc.constantFrom(' ', '#', ',', '+', '=', '"', '\\', '<', '>', ';', 'a', 'B', '0', 'é', '\u{1f600}'),
  }),
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc.string({ unit: 'binary', maxLength: 20 }),
)
const bytes = fc.uint8Array({ maxLength: 12 }).map((value) => Buffer.from(value))
const attribute: fc.Arbitrary<Attribute> = fc.oneof(
  fc.tuple(type, text),
  fc.tuple(type, bytes, fc.constantFrom(tags.utf8String, tags.teletexString, tags.octetString)),
)
const name = fc
  .array(fc.array(attribute, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 5 })
  .map((parts) => nameOfParts(...parts))

test('T-66 a name in text is the subject, as the reader of principals sees it', () => {
  fc.assert(
    fc.property(name, (given) => {
      const written = nameText(given)
      expect(written).toMatch(/^[\x20-\x7e]{1,1028}$/)
      if (!written.endsWith('...')) expect(isSubject(certificateWith(given), written)).toBe(true)
    }),
    { numRuns: 1000 },
  )
})

/** Names of few values, of which many are alike. */
const near = fc
  .array(fc.tuple(fc.constantFrom(CN, O, '1.2.3.4'), fc.constantFrom('', ' ', ',', 'O=', '\\', '#0c00')), {
    minLength: 1,
    maxLength: 2,
  })
  .map((attributes) => subjectOf(...attributes))

test('T-66, att-mtls-03 no other name has the same text', () => {
  // What is written of a value: its text, or its bytes.
  const values = (given: Name) =>
    given.relative.map((relative) =>
      relative.map(({ type: oid, text: value, der }) => [
        oid,
        value !== undefined && nameOfType.has(oid) ? value : [der.toString('hex')],
      ]),
    )
  fc.assert(
    fc.property(fc.oneof(name, near), fc.oneof(name, near), (one, other) => {
      fc.pre(!nameText(one).endsWith('...'))
      expect(nameText(one) === nameText(other)).toBe(JSON.stringify(values(one)) === JSON.stringify(values(other)))
    }),
    { numRuns: 1000 },
  )
})

test('QC-01 whatever the bytes are, reading them ends in a value or a sentence', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (value) => {
      const reading = readQcStatements(value)
      expect(reading.ok || reading.problem !== '').toBe(true)
    }),
    { numRuns: 2000 },
  )
})

const roles = fc.uniqueArray(fc.constantFrom('PSP_AS', 'PSP_PI', 'PSP_AI', 'PSP_IC'), { minLength: 1 })
const granted = { ncaName: 'Financial Conduct Authority', ncaId: 'GB-FCA' }

test('QC-02, QC-03 what was written is read, in any order and beside anything', () => {
  const noise = fc.array(
    fc
      .tuple(fc.integer({ min: 0, max: 1000 }), bytes)
      .map(([arc, value]) => statement(`1.2.3.${arc}`, sequence(Buffer.concat([Buffer.of(4, value.length), value])))),
    { maxLength: 5 },
  )
  fc.assert(
    fc.property(roles, noise, fc.boolean(), fc.boolean(), fc.integer(), (given, more, compliant, typed, seed) => {
      const known = [psd2({ roles: given, ...granted })]
      if (compliant) known.push(statement(COMPLIANCE))
      if (typed) known.push(qcType(WEB))
      const order = [...known, ...more].map((value, index) => ({ value, rank: Math.imul(index + 1, seed) }))
      const list = order.sort((one, other) => one.rank - other.rank).map(({ value }) => value)
      expect(readQcStatements(sequence(...list))).toEqual({
        ok: true,
        value: {
          compliant,
          types: new Set(typed ? [WEB] : []),
          psd2: { roles: new Set(given.map((role) => roleOid[role])), ...granted },
        },
      })
    }),
    { numRuns: 300 },
  )
})

test('QC-01, QC-04 one octet that is changed grants no role that was not there', () => {
  const subject = subjectOf([ORGANIZATION, 'PSDGB-FCA-123456'])
  const whole = qwac(['PSP_PI', 'PSP_IC'])
  const oid = Buffer.from('0607040081982701', 'hex')
  const arcs = [...whole.keys()].filter((at) => at >= 8 && whole.subarray(at - 8, at).equals(oid))
  expect(arcs).toHaveLength(2)
  for (const [at, was] of whole.entries()) {
    // The last arc of a role's OID says which role it is.
    if (arcs.includes(at)) continue
    for (let octet = 0; octet < 256; octet += 1) {
      if (octet === was) continue
      const changed = Buffer.from(whole)
      changed[at] = octet
      const judged = judgeRoles(
        { qcStatements: changed, subject },
        { roles: { all: [], any: ['PSP_AI', 'PSP_AS'] }, qwac: false, organizationIdentifiers: ['PSD'] },
      )
      expect(judged.ok).toBe(false)
    }
  }
})

const value = fc.constantFrom('Bank', 'BANK ', 'Other', 'client')
const simple: fc.Arbitrary<Attribute> = fc.oneof(
  fc.tuple(fc.constantFrom(CN, O, OU), value),
  fc.tuple(fc.constantFrom(CN, O, OU), fc.constant(Buffer.of(0xff))),
)
const subjects = fc.array(simple, { maxLength: 4 }).map((attributes) => subjectOf(...attributes))
const host = fc.constantFrom('a.example', 'A.example', '*.example', 'b.a.example', 'x.test')
const alternative: fc.Arbitrary<GeneralName> = fc.oneof(
  fc.record({ type: fc.constant('dns' as const), value: host }),
  fc.record({ type: fc.constant('email' as const), value: host.map((at) => `Ops@${at}`) }),
  fc.record({ type: fc.constant('uri' as const), value: host.map((at) => `https://${at}/A`) }),
)
const map = fc.dictionary(fc.constantFrom('CN', 'O', 'OU'), value, { minKeys: 1, maxKeys: 3, noNullPrototype: true })
const listedHost = host.filter((at) => !at.startsWith('*'))
const list: fc.Arbitrary<CertificateList> = fc.record({
  subjects: fc.array(map, { maxLength: 2 }),
  dns: fc.array(listedHost, { maxLength: 2 }),
  emails: fc.array(
    listedHost.map((at) => `ops@${at}`),
    { maxLength: 1 },
  ),
  uris: fc.array(
    listedHost.map((at) => `https://${at}/A`),
    { maxLength: 1 },
  ),
  serials: fc.array(fc.record({ issuer: map, serial: fc.constantFrom('1', '02') }), { maxLength: 2 }),
})

test('X5-14, att-mtls-03 a list that allows a certificate would deny it as well', () => {
  const certificate = fc.record({
    subject: subjects,
    issuer: subjects,
    serial: fc.constantFrom('01', '02', '03'),
    alternativeNames: fc.array(alternative, { maxLength: 2 }),
  })
  fc.assert(
    fc.property(list, certificate, (entries, given) => {
      if (judge({ deny: entries }, given) !== 'passes') return
      expect(judge({ allow: { ...entries, dns: [...(entries.dns ?? []), 'never.test'] } }, given)).not.toBe('passes')
    }),
    { numRuns: 2000 },
  )
})
