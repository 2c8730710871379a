import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { encodeDecision } from '../../../src/audit/line.ts'
import { describeDecision } from '../../../src/audit/record.ts'
import type { DecisionRecord } from '../../../src/check.ts'
import { buildLog } from '../../../src/io/log.ts'
import { commandLine } from '../../support/command-line.ts'
import { directoryWith, smallest } from '../../support/config-files.ts'
import { buildTestCheck, goodRequest, mintToken, type Order, proofFor } from '../../support/spine.ts'

const ID = 'c770aef3-6784-41f7-8e0e-ff5f97bddb3a'
const OTHER = '00000000-0000-4000-8000-000000000000'

async function recordOf(order: Order, id = ID): Promise<DecisionRecord> {
  const { ask, records } = buildTestCheck()
  await ask(
    goodRequest({
      ...order,
      headers: [
        ['x-fapi-interaction-id', id],
        ['x-request-id', `r-${id}`],
      ],
    }),
  )
  const [record] = records
  if (!record) throw new Error('nothing was decided')
  return record
}

const token = mintToken()
const allowed = await recordOf({})
const elsewhere = await recordOf({ host: 'elsewhere.example' }, OTHER)
const mismatch = await recordOf({ token, proof: proofFor(token, { claims: { htm: 'POST' } }) })

/** Lines of the service's log. */
function logLines(level: 'info' | 'debug', ...records: readonly DecisionRecord[]): string {
  let text = ''
  const log = buildLog(level, {
    write: (line) => {
      text += line
    },
  })
  for (const record of records) log.decision(record)
  return text
}

/** What stands on standard output when decisions go to the audit. */
function checksLine(record: DecisionRecord): string {
  let text = ''
  buildLog('debug', {
    write: (line) => {
      text += line
    },
  }).checks(record)
  return text
}

async function explainLog(content: string | Uint8Array, { id = ID, argv = [] as readonly string[] } = {}) {
  const directory = directoryWith({ log: content, 'envoy-fapi.yaml': JSON.stringify(smallest()) })
  const named = argv.map((argument) => argument.replace('<dir>', directory))
  const ran = await commandLine(['explain', '--from-log', id, '--log', join(directory, 'log'), ...named])
  return { ...ran, err: ran.err.replace(directory, '<dir>'), lines: ran.out.split('\n') }
}

describe('a decision out of the log', () => {
  test('with its comparisons', async () => {
    const { lines, code } = await explainLog(logLines('debug', elsewhere, mismatch, elsewhere))
    expect([lines[0], code]).toEqual(['DENY 401 proof_method_mismatch', 10])
    const failed = lines.findIndex((line) => line.startsWith('  FAIL'))
    expect(lines.slice(failed, failed + 3)).toEqual([
      '  FAIL     proof htm                RFC 9449 section 4.3 (8)',
      '           found     POST',
      '           expected  GET',
    ])
    expect(lines.filter((line) => line.startsWith('  pass')).length).toBeGreaterThan(10)
    expect(lines).toContain('more       docs/reasons.md#proof_method_mismatch')
  })
  test('without them, and what to do to have them', async () => {
    const { lines, code } = await explainLog(logLines('info', mismatch))
    expect([lines[0], code]).toEqual(['DENY 401 proof_method_mismatch', 10])
    expect(lines).toContain('detail     htm is not the request method')
    expect(lines).toContain('note       single checks are written to the log with log: { level: debug } alone')
    expect(lines.filter((line) => /^ {2}(?:pass|FAIL)/.test(line))).toEqual([])
  })
  test('one that was allowed', async () => {
    const { lines, code } = await explainLog(logLines('debug', allowed))
    expect([lines[0], code]).toEqual(['ALLOW', undefined])
    expect(lines).toContain('client     issuer https://as.example.com, clientId client-1, subject user-1, binding dpop')
  })
  test('by the id that Envoy goes by', async () =>
    expect((await explainLog(logLines('info', mismatch), { id: `r-${ID}` })).code).toBe(10))
  test('the last of several with one id, which a client can choose', async () => {
    const { lines, code } = await explainLog(logLines('info', mismatch, allowed))
    expect([lines[0], code]).toEqual(['ALLOW', undefined])
    expect(lines).toContain('note       2 decisions have this id; this is the last of them')
  })
  test('one that enforcement would have refused', async () => {
    const would = { ok: false, reason: 'proof_missing', detail: 'there is no DPoP field' } as const
    const { lines, code } = await explainLog(logLines('debug', { ...allowed, mode: 'shadow', would }))
    expect([lines[0], code]).toEqual(['ALLOW in shadow, else DENY 401 proof_missing', undefined])
    expect(lines).toContain('detail     there is no DPoP field')
    expect(lines).toContain('more       docs/reasons.md#proof_missing')
  })
  test('what was odd about it', async () => {
    const anomalies = ['replay', 'skew'] as unknown as NonNullable<DecisionRecord['anomalies']>
    const { lines } = await explainLog(logLines('debug', { ...mismatch, anomalies }))
    expect(lines).toContain('odd        replay, skew (docs/anomalies.md)')
  })
  test('a reason of another version is shown as it is', async () => {
    const { lines, code } = await explainLog(
      `${JSON.stringify({ interactionId: ID, decision: 'deny', reason: 'toString' })}\n`,
    )
    expect([lines[0], code]).toEqual(['DENY toString', 10])
  })
})

describe('a decision out of the audit', () => {
  const record = (one: DecisionRecord): string =>
    `{"run":"a","seq":7,"prev":"x",${encodeDecision('2027-01-15T08:00:00.000Z', describeDecision(one)).slice(1)}\n`
  test('alone', async () => {
    const { lines, code } = await explainLog(record(elsewhere) + record(mismatch))
    expect([lines[0], lines[2], code]).toEqual([
      'DENY 401 proof_method_mismatch',
      'time       2027-01-15T08:00:00Z',
      10,
    ])
  })
  test.each<readonly [string, string]>([
    ['in front of it', checksLine(mismatch) + record(mismatch)],
    ['behind it', record(mismatch) + checksLine(elsewhere) + checksLine(mismatch)],
  ])('with the comparisons that stand %s', async (_, content) => {
    for (const id of [ID, `r-${ID}`]) {
      const { lines } = await explainLog(content, { id })
      expect(lines).toContain('  FAIL     proof htm                RFC 9449 section 4.3 (8)')
    }
  })
})

describe('--json is the same, and --config adds places', () => {
  test('whole', async () => {
    const argv = ['--json', '--config', '<dir>/envoy-fapi.yaml']
    const { out } = await explainLog(logLines('debug', mismatch), { argv })
    const told = JSON.parse(out) as Record<string, unknown>
    expect(Object.keys(told)).toEqual(
      'version verdict status reason time interactionId request client route checks detail cause fix docs notes'.split(
        ' ',
      ),
    )
    expect(told).toMatchObject({ version: 1, verdict: 'deny', status: 401, interactionId: ID })
    const checks = told.checks as readonly Record<string, unknown>[]
    expect(checks.at(-1)).toMatchObject({ check: 'proof htm', setBy: { option: 'senderConstraint', written: false } })
  })
})

describe('files that are no log', () => {
  const whole = logLines('info', mismatch)
  test.each<readonly [string, string | Uint8Array]>([
    ['empty', ''],
    ['bytes', Buffer.from(Array.from({ length: 5000 }, (_, index) => index % 256))],
    ['a line that was cut', whole.slice(0, -40)],
    [
      'the id in a text of a client',
      `${JSON.stringify({ interactionId: OTHER, path: ID, decision: 'deny', reason: 'x' })}\n`,
    ],
    ['the id in a list', `${JSON.stringify([{ interactionId: ID, decision: 'deny', reason: 'x' }])}\n`],
    ['no verdict', `${JSON.stringify({ interactionId: ID, decision: 'maybe', reason: 'x' })}\n`],
    ['a line without end', `{"interactionId":"${ID}","decision":"deny","reason":"x","a":"${'y'.repeat(70_000)}"}\n`],
  ])('%s', async (_, content) => {
    const { code, err, out } = await explainLog(content)
    expect([code, out]).toEqual([2, ''])
    expect(err).toMatch(new RegExp(`^<dir>/log: none of \\d+ lines is a decision with the id ${ID}\n$`))
  })
  test('a good line among them is found', async () => {
    const { lines } = await explainLog(`{"x\n\n[]\n${'z'.repeat(200_000)}\n${whole.trimEnd()}`)
    expect(lines[0]).toBe('DENY 401 proof_method_mismatch')
    expect(lines).toContain('note       1 lines were too long to be of the service and were left out')
  })
  test('values of other types, and texts that steer a terminal', async () => {
    const line = {
      ...{
        interactionId: ID,
        decision: 'deny',
        reason: '\u001b[2J',
        time: 7,
        route: ['x'],
        path: 'a\u202eb',
        client: {},
      },
      trace: [7, {}, { check: 'a\nb', result: 'fail', found: '\u0007', clause: 9 }, { check: 'x', result: 'maybe' }],
    }
    const { out, code } = await explainLog(JSON.stringify(line))
    expect(code).toBe(10)
    expect(out).toMatch(/^[\x20-\x7e\n]+$/)
    expect(out).toContain('a\\u000ab')
  })
  test('no file, and no id', async () => {
    expect((await commandLine(['explain', '--from-log', ID, '--log', '/nowhere/log'])).err).toBe(
      '/nowhere/log: there is no such file\n',
    )
    expect((await commandLine(['explain', '--from-log', 'a b', '--log', '/nowhere/log'])).err).toBe(
      '--from-log: this is no id\n',
    )
  })
})
