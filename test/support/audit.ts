import { createPublicKey, generateKeyPairSync, sign } from 'node:crypto'
import { encodeNotice, type Notice } from '../../src/audit/chain.ts'
import { Ledger } from '../../src/audit/ledger.ts'
import { encodeDecision } from '../../src/audit/line.ts'
import { describeDecision } from '../../src/audit/record.ts'
import type { AuditReport } from '../../src/audit/report.ts'
import { AuditVerifier, type Demands } from '../../src/audit/verify.ts'
import { type AuditKey, nameKey, publicMembers } from '../../src/audit/verify-record.ts'
import type { DecisionRecord } from '../../src/check.ts'
import { buildTestCheck, goodRequest } from './spine.ts'

/** A key that signs records, and its public half as a verifier knows it. */
export function buildAuditKey() {
  const { privateKey } = generateKeyPairSync('ed25519')
  const publicKey = createPublicKey(privateKey)
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const known = nameKey(publicKey)
  if (!known) throw new Error('a key on Ed25519 has a name')
  return {
    sign: (text: string) => sign(null, Buffer.from(text, 'latin1'), privateKey).toString('base64url'),
    public: publicMembers(publicKey) ?? {},
    known: known satisfies AuditKey,
    pem,
    publicPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  }
}

export const TIME = '2026-01-31T12:00:00.000Z'

/** Records of the whole spine: one request allowed, one denied. */
export async function decisions(): Promise<{ readonly allowed: DecisionRecord; readonly denied: DecisionRecord }> {
  const { ask, records } = buildTestCheck()
  await ask(goodRequest())
  await ask(goodRequest({ proof: null }))
  const [allowed, denied] = records
  if (!allowed || !denied) throw new Error('each request leaves a record')
  return { allowed, denied }
}

const { allowed, denied } = await decisions()
const texts = [allowed, denied].map((record) => encodeDecision(TIME, describeDecision(record)))

/** Lines of one run: opened, so many decisions with a checkpoint after every fifth, closed. */
export function buildRun({
  run,
  count,
  key,
  after,
  closed = true,
}: {
  readonly run: string
  readonly count: number
  readonly key?: ReturnType<typeof buildAuditKey> | undefined
  readonly after?: string | undefined
  readonly closed?: boolean
}): readonly string[] {
  const ledger = new Ledger({ run, version: '1.0.0', config: 'c0ffee', key }, after)
  const plan = ledger.plan({ kind: 'opened', time: TIME, torn: 0 })
  const tell = (notice: Notice) => plan.place({ record: encodeNotice(TIME, notice), signed: key !== undefined })
  for (let index = 0; index < count; index += 1) {
    plan.place({ record: texts[index % 2] ?? '', signed: false })
    if (key && index % 5 === 4) tell({ msg: 'audit checkpoint' })
  }
  if (closed) tell({ msg: 'audit closed' })
  return plan.links.map(({ line }) => line)
}

/** What the verifier says about files of these lines; a line ends with its line. */
export function verifyLines(files: readonly (readonly string[])[], demands: Demands = {}): AuditReport {
  const verifier = new AuditVerifier(demands)
  for (const [index, lines] of files.entries()) {
    verifier.file(`file-${index + 1}`)
    for (const line of lines) verifier.line(Buffer.from(line, 'latin1'))
  }
  return verifier.report()
}

/** The first bad position, as `FILE:LINE kind`; undefined when there is none. */
export function firstBad(report: AuditReport): string | undefined {
  const [first] = report.findings
  return first && `${first.file}:${first.line} ${first.kind}`
}
