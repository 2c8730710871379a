import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { encodeDecision } from '../../src/audit/line.ts'
import { describeDecision } from '../../src/audit/record.ts'
import type { DecisionRecord } from '../../src/check.ts'
import { deny } from '../../src/denial.ts'
import { buildLog } from '../../src/io/log.ts'
import { buildAuditKey, buildRun } from '../support/audit.ts'
import { commandLine } from '../support/command-line.ts'
import { directoryWith } from '../support/config-files.ts'
import { decisionsPort } from '../support/decisions-port.ts'
import { certificateDer, otherCertificate, pemOf } from '../support/possession.ts'
import { boundTo, buildTestCheck, goodRequest, mintToken, type Order, proofFor, serverJwks } from '../support/spine.ts'

const ID = 'c770aef3-6784-41f7-8e0e-ff5f97bddb3a'
const ADMIN_TOKEN = 'Kq3vX9mWb2Lr7TzYc5Nf8PdHs1GjRuEo'

/** The line numbers in the answers are those of this text. */
const config = `publicOrigins: [https://api.example.com]
authorizationServers:
  - { name: as, issuer: https://as.example.com, keys: { file: jwks.json } }
listen: { admin: ADMIN, adminAccess: { tokens: [${ADMIN_TOKEN}] } }
pipelines:
  tpp:
    - accessToken
    - senderConstraint: { dpop: { maxAge: 30s } }
defaults: { pipeline: tpp }
routes:
  - name: accounts
    path: /accounts
    scopes: [accounts]
`

async function recordOf(order: Order): Promise<DecisionRecord> {
  const { ask, records } = buildTestCheck()
  await ask(goodRequest({ ...order, headers: [['x-fapi-interaction-id', ID]] }))
  const [record] = records
  if (!record) throw new Error('nothing was decided')
  return record
}

const http = (token: string, scheme: string, proof?: string): string =>
  [
    'GET /accounts HTTP/1.1',
    'Host: api.example.com',
    `Authorization: ${scheme} ${token}`,
    ...(proof === undefined ? [] : [`DPoP: ${proof}`]),
    '',
    '',
  ].join('\r\n')

/** A token and proof of this moment, which `explain` judges as of now. */
function rewritten(): string {
  const now = Math.floor(Date.now() / 1000)
  const token = mintToken({ claims: { iat: now, exp: now + 300 } })
  const htu = 'https://api.example.com/open-banking/accounts'
  return http(token, 'DPoP', proofFor(token, { claims: { iat: now, htu } }))
}

function payment(): string {
  const now = Math.floor(Date.now() / 1000)
  return http(mintToken({ claims: { iat: now, exp: now + 300, cnf: boundTo.mtls } }), 'Bearer')
}

function recording(): string {
  const token = mintToken()
  const fields = { authorization: `DPoP ${token}`, dpop: proofFor(token) }
  const headers = Object.entries(fields).map(([name, value]) => ({ name, value }))
  const other = { method: 'GET', url: 'https://www.example.com/', headers: [] }
  const entries = [other, { method: 'GET', url: 'https://api.example.com/accounts', headers }]
  return JSON.stringify({ log: { version: '1.2', entries: entries.map((request) => ({ request })) } })
}

async function serviceLog(): Promise<string> {
  let text = ''
  const log = buildLog('debug', {
    write: (line) => {
      text += line
    },
  })
  const token = mintToken({ claims: { cnf: boundTo.mtls } })
  log.decision(await recordOf({ token, scheme: 'Bearer', proof: null, certificate: otherCertificate }))
  return text
}

/** One record of the audit, dated so many hours before midnight. */
const auditLine = (record: DecisionRecord, hours: number): string => {
  const midnight = Math.floor(Date.now() / 86_400_000) * 86_400_000
  return `${encodeDecision(new Date(midnight - hours * 3_600_000).toISOString(), describeDecision(record))}\n`
}
const allowed = await recordOf({})
const would = deny('proof_missing', 'there is no DPoP field')
const replayed: DecisionRecord = { ...allowed, decision: deny('proof_replayed', 'this proof was used before') }
const auditKey = buildAuditKey()

const cases = `cases:
  - name: accounts with their scope
    request: GET /accounts
    expect: { status: 200 }
`

const adminAddress = async (): Promise<string> =>
  await decisionsPort(ADMIN_TOKEN, [await recordOf({ token: mintToken({ claims: { scope: 'other' } }) })])

/** What lies in the directory where the question is asked, besides the configuration, and how the command ends. */
const circumstances: Readonly<Record<string, readonly [files: () => Promise<Record<string, string>>, code?: number]>> =
  {
    'Why is my proof refused': [async () => ({ 'request.http': rewritten() }), 10],
    'Why was that customer': [async () => ({ 'envoy-fapi.log': await serviceLog() }), 10],
    'Why was the last request': [async () => ({}), 10],
    'Was the request that the partner': [async () => ({ 'partner.har': recording() })],
    'Is this the certificate': [
      async () => ({
        'payment.http': payment(),
        'client.pem': decodeURIComponent(otherCertificate) + pemOf(certificateDer),
      }),
      10,
    ],
    'Which policies run': [async () => ({})],
    'Which clients break': [async () => ({ 'audit.jsonl': auditLine({ ...allowed, mode: 'shadow', would }, 30) }), 1],
    'Who was denied for replay': [async () => ({ 'audit.jsonl': auditLine(replayed, 5) + auditLine(replayed, 50) }), 1],
    'Has anybody changed': [
      async () => ({
        'audit.jsonl': `${buildRun({ run: 'a', count: 20, key: auditKey }).join('\n')}\n`,
        'audit.pub.pem': auditKey.publicPem,
      }),
    ],
    'Does my change': [async () => ({ 'envoy-fapi-tests.yaml': cases })],
  }

const sections = readFileSync('docs/questions.md', 'utf8')
  .split('\n## ')
  .slice(1)
  .map((section) => ({
    question: section.split('\n', 1)[0] ?? '',
    transcript: (/\n```\n\$ (.*?)\n```/s.exec(section)?.[1] ?? '').split('\n'),
  }))

test('ten questions', () => expect(sections.length).toBe(10))

describe('each is answered by one command, as the page shows it', () => {
  test.each(sections)('$question', async ({ question, transcript }) => {
    const [, [files, code = 0] = []] = Object.entries(circumstances).find(([start]) => question.startsWith(start)) ?? []
    if (!files) throw new Error('nobody knows what lies around')
    const directory = directoryWith({
      'envoy-fapi.yaml': config.replace('ADMIN', await adminAddress()),
      'jwks.json': JSON.stringify(serverJwks),
      ...(await files()),
    })
    const [command = '', ...shown] = transcript
    const [program, ...argv] = command.split(' ')
    const named = argv.map((one) => (/\.(?:yaml|http|har|log|jsonl|pem)$/.test(one) ? join(directory, one) : one))
    const { out, err, code: ended } = await commandLine(named)
    expect([program, err, ended ?? 0]).toEqual(['envoy-fapi', '', code])
    const answer = out.replaceAll(`${directory}/`, '')
    const lines = answer.split('\n')
    // An answer is shown from its beginning, unless it is shown in part.
    if (shown[0] !== undefined && shown[0] !== '…') expect(lines[0]).toBe(shown[0])
    for (const line of shown.filter((one) => one !== '…')) expect(answer).toContain(line)
  })
})
