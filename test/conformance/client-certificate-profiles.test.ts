import { describe, expect, test } from 'vitest'
import { type ChainRules, findChain } from '../../src/verify/certificate-chain.ts'
import { compileClientRule } from '../../src/verify/certificate-client.ts'
import { type CertificateLists, compileMatcher } from '../../src/verify/certificate-match.ts'
import { judgeRoles, type RoleRules } from '../../src/verify/certificate-roles.ts'
import { type Certificate, readCertificateDer } from '../../src/verify/x509/certificate.ts'
import { tags } from '../../src/verify/x509/der.ts'
import { CLIENT, chainOf, extension, type Link, SCENARIO_TIME, SERVER } from '../support/chain-scenarios.ts'
import { ESEAL, psd2, qcType, qwac, sequence, statement } from '../support/qc-statements.ts'
import { type Attribute, C, CN, O, ORGANIZATION, OU, SERIAL_NUMBER, UID } from '../support/subjects.ts'

const read = (der: Buffer): Certificate => {
  const reading = readCertificateDer(der)
  if (!reading.ok) throw new Error(reading.problem)
  return reading.value
}

/** A root, an issuing authority below it, and a client. */
function issue(client: Link, authority: Link = {}, root: Link = {}): readonly Certificate[] {
  return chainOf([root, authority, client]).map(read)
}

/** Why a chain of these is refused by the authorities of the first; undefined when it holds. */
function chainProblem([root, authority, client]: readonly Certificate[], more: Partial<ChainRules> = {}) {
  if (!root || !authority || !client) throw new Error('three certificates are needed')
  const store = { anchors: [root], intermediates: [authority], pinned: new Set<string>() }
  const rules: ChainRules = { usages: ['clientAuth'], leeway: 0, policies: [], ...more }
  const chain = findChain(client, [], store, rules, SCENARIO_TIME)
  return chain.ok ? undefined : chain.problem
}

const leafOf = (certificates: readonly Certificate[]): Certificate =>
  certificates[2] ?? expect.unreachable('the client is the third')

function isListed(client: Certificate, lists: CertificateLists): boolean {
  const matcher = compileMatcher(lists)
  if (!matcher.ok) throw new Error(matcher.problem)
  return matcher.value(client) === undefined
}

function isClient({ subject }: Certificate, attribute: string, clientId: string): boolean {
  const rule = compileClientRule({ attribute })
  if (!rule.ok) throw new Error(rule.problem)
  return rule.value(subject, clientId) === undefined
}

const qcExtension = (value: Buffer): Buffer => extension('1.3.6.1.5.5.7.1.3', false, value)

describe('QC-01 … QC-06 a QWAC of a payment service provider', () => {
  const [QCP_W, QCP_WEB_PSD2] = ['0.4.0.194112.1.4', '0.4.0.19495.3.1']
  const asked: RoleRules = { roles: { all: ['PSP_AI'], any: [] }, qwac: true, organizationIdentifiers: ['PSD'] }
  const provider = (statements: Buffer, more: Link = {}): readonly Certificate[] =>
    issue(
      {
        subject: [
          [C, 'GB', tags.printableString],
          [O, 'Test TPP'],
          [ORGANIZATION, 'PSDGB-FCA-123456'],
          [CN, 'tpp.example'],
        ],
        purposes: [SERVER, CLIENT],
        policies: [QCP_WEB_PSD2],
        more: [qcExtension(statements)],
        ...more,
      },
      { policies: [QCP_WEB_PSD2, QCP_W] },
    )
  test('is accepted', () => {
    const certificates = provider(qwac(['PSP_AI', 'PSP_PI']))
    expect(chainProblem(certificates, { policies: [QCP_W, QCP_WEB_PSD2] })).toBeUndefined()
    expect(judgeRoles(leafOf(certificates), asked)).toMatchObject({ ok: true, facts: { roles: ['PSP_PI', 'PSP_AI'] } })
    expect(isClient(leafOf(certificates), 'organizationIdentifier', 'PSDGB-FCA-123456')).toBe(true)
  })
  test('QC-06 another policy is refused', () => {
    expect(chainProblem(provider(qwac()), { policies: [QCP_W] })).toBe('untrusted')
    expect(chainProblem(provider(qwac(), { policies: ['1.2.3.4'] }), { policies: [QCP_WEB_PSD2] })).toBe('untrusted')
    expect(chainProblem(issue({}, { policies: [QCP_WEB_PSD2] }), { policies: [QCP_WEB_PSD2] })).toBe('untrusted')
  })
  test('QC-06 a policy that the authority does not have is refused', () => {
    const certificates = issue({ policies: [QCP_WEB_PSD2], more: [qcExtension(qwac())] }, { policies: ['1.2.3.4'] })
    expect(chainProblem(certificates, { policies: [QCP_WEB_PSD2] })).toBe('untrusted')
    expect(chainProblem(certificates)).toBeUndefined()
  })
  test.each([
    ['QC-02 a QSealC', sequence(statement('0.4.0.1862.1.1'), qcType(ESEAL), psd2({ roles: ['PSP_AI'] }))],
    ['QC-04 another role', qwac(['PSP_PI'])],
    ['QC-05 another authority', qwac(['PSP_AI'], { ncaId: 'IE-CBI' })],
    ['QC-01 bytes behind the statements', Buffer.concat([qwac(), Buffer.of(5, 0)])],
  ])('%s is refused', (_, statements) => {
    const certificates = provider(statements)
    expect(chainProblem(certificates)).toBeUndefined()
    expect(judgeRoles(leafOf(certificates), asked).ok).toBe(false)
  })
  test('QC-07 another authority of the same name is refused', () => {
    const stranger = issue({ key: 7, more: [qcExtension(qwac())] }, { key: 6 }, { key: 5 })
    expect(chainProblem(stranger)).toBeUndefined()
    expect(chainProblem([...provider(qwac()).slice(0, 2), leafOf(stranger)])).toBe('untrusted')
  })
})

describe('QC-09 a client of Open Finance in Brazil', () => {
  const subject: readonly Attribute[] = [
    ['1.3.6.1.4.1.311.60.2.1.3', 'BR', tags.printableString],
    ['2.5.4.15', 'Private Organization'],
    [SERIAL_NUMBER, '00000000000191', tags.printableString],
    [C, 'BR', tags.printableString],
    [O, 'Banco de Teste S.A.'],
    [ORGANIZATION, 'OFBBR-00000000-0000-4000-8000-000000000001'],
    [UID, '10000000-0000-4000-8000-000000000001'],
    [CN, 'tpp.example'],
  ]
  /** digitalSignature and keyEncipherment. */
  const transport: Link = { subject, usage: [5, 0xa0] }
  const lists: CertificateLists = {
    allow: {
      subjects: [
        {
          C: 'BR',
          serialNumber: '00000000000191',
          organizationIdentifier: 'OFBBR-00000000-0000-4000-8000-000000000001',
          jurisdictionCountryName: 'BR',
        },
      ],
    },
  }
  test('is accepted, and is the software of its UID', () => {
    const certificates = issue(transport)
    expect(chainProblem(certificates)).toBeUndefined()
    expect(isListed(leafOf(certificates), lists)).toBe(true)
    expect(isClient(leafOf(certificates), 'UID', '10000000-0000-4000-8000-000000000001')).toBe(true)
  })
  test('is not another software', () => {
    expect(isClient(leafOf(issue(transport)), 'UID', '10000000-0000-4000-8000-000000000002')).toBe(false)
  })
  test.each([
    ['another participant', ORGANIZATION, 'OFBBR-00000000-0000-4000-8000-000000000002'],
    ['another CNPJ', SERIAL_NUMBER, '00000000000272'],
    ['another country', C, 'AR'],
  ])('%s is refused', (_, type, value) => {
    const other = subject.map((one): Attribute => (one[0] === type ? [type, value] : one))
    expect(isListed(leafOf(issue({ ...transport, subject: other })), lists)).toBe(false)
  })
  test('a participant in the organizational unit, as older certificates have it', () => {
    const code = '00000000-0000-4000-8000-000000000001'
    const older = subject.map((one): Attribute => (one[0] === ORGANIZATION ? [OU, code] : one))
    expect(isListed(leafOf(issue({ ...transport, subject: older })), lists)).toBe(false)
    const listed = { allow: { subjects: [{ C: 'BR', organizationalUnitName: code }] } }
    expect(isListed(leafOf(issue({ ...transport, subject: older })), listed)).toBe(true)
  })
  test('a certificate for signatures is refused: no clientAuth, and another chain', () => {
    const signing: Link = { ...transport, usage: [6, 0xc0], purposes: ['1.3.6.1.5.5.7.3.4'] }
    expect(chainProblem(issue(signing))).toBe('purpose')
    const other = issue({ ...transport, key: 7 }, { key: 6 }, { key: 5 })
    expect(chainProblem([...issue(transport).slice(0, 2), leafOf(other)])).toBe('untrusted')
  })
  test('a key usage without digitalSignature is refused', () => {
    expect(chainProblem(issue({ ...transport, usage: [5, 0x20] }))).toBe('purpose')
  })
})

describe('QC-10 a data recipient of the Consumer Data Right', () => {
  const subject: readonly Attribute[] = [
    [C, 'AU', tags.printableString],
    [O, 'Brand One'],
    [OU, 'Consumer Data Right'],
    [CN, 'Product One'],
  ]
  const lists: CertificateLists = { allow: { subjects: [{ OU: 'Consumer Data Right' }] } }
  const rule = compileClientRule({
    clients: { 'product-one': { OU: 'Consumer Data Right', O: 'Brand One', CN: 'Product One' } },
  })
  const fits = ({ subject: name }: Certificate, clientId: string): boolean =>
    rule.ok && rule.value(name, clientId) === undefined
  test('is accepted, and is the product that is listed', () => {
    const certificates = issue({ subject })
    expect(chainProblem(certificates)).toBeUndefined()
    expect(isListed(leafOf(certificates), lists)).toBe(true)
    expect(fits(leafOf(certificates), 'product-one')).toBe(true)
    expect(fits(leafOf(certificates), 'product-two')).toBe(false)
  })
  test('one of another authority is refused', () => {
    const other = issue({ subject, key: 7 }, { key: 6 }, { key: 5 })
    expect(chainProblem([...issue({ subject }).slice(0, 2), leafOf(other)])).toBe('untrusted')
  })
  test.each([
    ['another unit', OU, 'Other', true],
    ['another brand', O, 'Brand Two', false],
    ['another product', CN, 'Product Two', false],
  ])('%s is refused', (_, type, value, unlisted) => {
    const client = leafOf(issue({ subject: subject.map((one): Attribute => (one[0] === type ? [type, value] : one)) }))
    expect(isListed(client, lists)).toBe(!unlisted)
    expect(fits(client, 'product-one')).toBe(false)
  })
  test('att-mtls-03 a second unit is refused', () => {
    const client = leafOf(issue({ subject: [...subject, [OU, 'Other']] }))
    expect(isListed(client, lists)).toBe(false)
    expect(fits(client, 'product-one')).toBe(false)
  })
})
