import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { describeDecision } from '../../../src/audit/record.ts'
import type { DecisionRecord } from '../../../src/check.ts'
import { answers } from '../../../src/denial.ts'
import { buildLog } from '../../../src/io/log.ts'
import { type Entry, readLine } from '../../../src/report/entry.ts'
import { Counting, type Filter } from '../../../src/report/report.ts'
import { safe, spellReport } from '../../../src/report/spell.ts'
import { readTime } from '../../../src/report/time.ts'
import { commandLine, type Ran } from '../../support/command-line.ts'
import { directoryWith } from '../../support/config-files.ts'
import { buildTestCheck, document, goodRequest, mintToken } from '../../support/spine.ts'

const AT = '2026-11-24T12:00:00.000Z'

/** A line as the service writes it, except for what is told. */
const line = (difference: object = {}): string =>
  JSON.stringify({
    ...{ level: 'info', time: AT, route: 'accounts', client: '192.0.2.0', clientId: 'tpp-1' },
    ...{ decision: 'deny', reason: 'proof_replayed', msg: 'decision' },
    ...difference,
  })
const allowed = (difference: object = {}) => line({ decision: 'allow', reason: 'allowed', ...difference })
const would = (reason: string, difference: object = {}) => allowed({ mode: 'shadow', would: reason, ...difference })

async function report(content: string | readonly string[], ...options: readonly string[]): Promise<Ran> {
  const text = typeof content === 'string' ? content : `${content.join('\n')}\n`
  const file = join(directoryWith({ 'audit.jsonl': text }), 'audit.jsonl')
  const ran = await commandLine(['report', file, ...options])
  return { ...ran, err: ran.err.replaceAll(file, 'FILE'), out: ran.out.replaceAll(file, 'FILE') }
}

describe('the questions it is for', () => {
  const lines = [
    would('proof_missing', { route: 'payments', clientId: 'tpp-2' }),
    would('proof_missing', { route: 'payments', clientId: 'tpp-2', time: '2026-11-25T08:00:00.000Z' }),
    allowed({ mode: 'shadow', clientId: 'tpp-2' }),
    line({ time: '2026-11-24T23:59:59.999Z' }),
    line({ time: '2026-11-25T00:00:00.000Z' }),
    allowed(),
    line({ clientId: undefined, reason: 'credentials_missing' }),
  ]
  test('which clients break if I enforce on Monday?', async () => {
    const { out, code } = await report(lines)
    expect(code).toBe(1)
    expect(out).toMatchInlineSnapshot(`
      "7 decisions of 3 clients, 2026-11-24T12:00:00Z to 2026-11-25T08:00:00Z

      would be refused (mode: shadow)
        tpp-2: proof_missing on payments, 2 of 3 (66 %), 2026-11-24T12:00:00Z to 2026-11-25T08:00:00Z
          tell the client: Send a DPoP field with a new proof with every request.

      refused
        tpp-1: proof_replayed on accounts, 2 of 3 (66 %), 2026-11-24T23:59:59Z to 2026-11-25T00:00:00Z
          tell the client: Make a new proof, with a new jti, for every request and for every retry.
        nobody known, from 192.0.2.0: credentials_missing on accounts, 1 of 1 (100 %), 2026-11-24T12:00:00Z to 2026-11-24T12:00:00Z
          tell the client: Send the access token: Authorization: DPoP with a DPoP proof, or Authorization: Bearer over mutual TLS.
      "
    `)
  })
  test('who was denied for replay on the 24th?', async () => {
    const options = ['--reason', 'proof_replayed', '--since', '2026-11-24', '--until', '2026-11-25', '--json']
    const { out, code } = await report(lines, ...options)
    expect(code).toBe(1)
    expect(JSON.parse(out)).toMatchObject({
      ok: false,
      decisions: 5,
      rows: [{ client: 'tpp-1', known: true, reason: 'proof_replayed', mode: 'enforce', count: 1, of: 2, share: 0.5 }],
      unread: { broken: 0 },
    })
  })
  test.each([
    ['--route', 'payments', 1],
    ['--route', 'other', 0],
    ['--client', 'tpp-1', 1],
    ['--client', '192.0.2.0', 0],
    ['--reason', 'token_expired', 0],
    ['--since', '2026-11-26', 0],
  ])('only %s %s: code %i', async (option, value, expected) => {
    expect((await report(lines, option, value)).code ?? 0).toBe(expected)
  })
})

test('one name given by two authorization servers is two clients', async () => {
  const [one, other] = ['https://as.example', 'https://other.example']
  const { out } = await report([line({ issuer: one }), line({ issuer: other }), line({ issuer: other })])
  expect(out).toContain('3 decisions of 2 clients')
  expect(out).toMatch(/^ {2}tpp-1 of https:\/\/other\.example: .* 2 of 2 /m)
  expect(out).toMatch(/^ {2}tpp-1 of https:\/\/as\.example: .* 1 of 1 /m)
})

test('nothing refused: fine, code 0', async () => {
  const { out, code } = await report([allowed(), allowed({ mode: 'shadow' })])
  expect([code, out]).toEqual([undefined, expect.stringContaining('fine: nothing was refused or would be')])
})

test('a fault of ours is told to whoever runs the service; a nonce that nobody could have to nobody', async () => {
  const { out } = await report([would('replay_unavailable'), would('nonce_missing'), would('made_up_later')])
  expect(out).not.toContain('tell the client')
  expect(out).toContain('do: Nothing yet: clients are given nonces by refusals')
  expect(out).toContain('made_up_later on accounts')
})

describe('it reads what the service writes', () => {
  const routes = document.routes.map((route) => (route.name === 'accounts' ? { ...route, mode: 'shadow' } : route))
  const decide = async (): Promise<readonly DecisionRecord[]> => {
    const { ask, records } = buildTestCheck({ document: { ...document, routes } })
    await ask(goodRequest({ token: mintToken({ claims: { scope: 'none' } }) }))
    await ask(goodRequest({ path: '/dpop', proof: null }))
    await ask(goodRequest())
    return records
  }
  const read = (text: string): Partial<Entry> | string => {
    const one = readLine(text)
    return one.kind === 'decision' ? { ...one.entry, time: 0 } : one.kind
  }
  const expected = [
    { clientId: 'client-1', route: 'accounts', reason: 'scope_insufficient', mode: 'shadow' },
    { clientId: 'client-1', route: 'dpop', reason: 'proof_missing', mode: 'enforce' },
    { clientId: 'client-1', route: 'accounts', reason: undefined, mode: 'shadow' },
  ]
  test('log lines, the others passed over', async () => {
    const lines: string[] = []
    const log = buildLog('info', { write: (text) => void lines.push(text) })
    for (const record of await decide()) log.decision(record)
    log.event('info', 'ready', {})
    expect(lines.map(read)).toMatchObject([...expected, 'other'])
  })
  test('audit records', async () => {
    const lines = (await decide()).map((record) =>
      JSON.stringify({ time: AT, msg: 'decision', ...describeDecision(record), seq: 1, hash: 'x' }),
    )
    expect(lines.map(read)).toMatchObject(expected)
  })
})

describe('hostile files', () => {
  test.each([
    ['no file', ['report', '/nowhere/audit.jsonl'], '/nowhere/audit.jsonl: it cannot be read (ENOENT)\n'],
    ['a directory', ['report', '/tmp'], '/tmp: it cannot be read (EISDIR)\n'],
  ])('%s: code 2 and the place', async (_, argv, err) => {
    expect(await commandLine(argv)).toEqual({ out: '', err, code: 2 })
  })
  test.each<readonly [string, string, string]>([
    ['nothing', '', 'FILE: there are no decisions in it; they are logged at level info\n'],
    ['other lines alone', '{"msg":"ready"}\n', 'FILE: there are no decisions in it; they are logged at level info\n'],
    [
      'no JSON',
      '\n{"half\nrest',
      'FILE:2: no line can be read; expected log lines of the service, or its audit file\n',
    ],
    [
      'one endless line',
      'x'.repeat(300_000),
      'FILE:1: no line can be read; expected log lines of the service, or its audit file\n',
    ],
    [
      'zero bytes',
      '\0'.repeat(5000),
      'FILE:1: no line can be read; expected log lines of the service, or its audit file\n',
    ],
  ])('%s: code 2 and the place', async (_, content, err) => {
    expect(await report(content)).toEqual({ out: '', err, code: 2 })
  })
  test.each([
    ['not JSON', '{"msg":"decision",'],
    ['longer than 64 KiB', line({ path: 'x'.repeat(66_000) })],
    ['no time', line({ time: undefined })],
    ['a time that is none', line({ time: '2026-13-45T99:00:00Z' })],
    ['a decision that is none', line({ decision: 'perhaps' })],
    ['a denial without reason', line({ reason: 7 })],
    ['a client longer than any the service writes', line({ clientId: 'x'.repeat(261) })],
    ['a route longer than any', line({ route: 'x'.repeat(261) })],
    ['a list', '[]'],
    ['deeply nested', '['.repeat(60_000)],
    ['bytes that are no text', '\x80\xff\xfe'],
  ])('a line that is %s is counted, and the others are read', async (_, broken) => {
    const { out, code } = await report([allowed(), broken, line()])
    expect(code).toBe(1)
    expect(out).toContain('2 decisions of 1 client,')
    expect(out).toContain('note: 1 line could not be read, the first at FILE:2')
  })
  test('a line of exactly 64 KiB is read', async () => {
    const padded = line({ path: 'x'.repeat(65_536 - line({ path: '' }).length) })
    expect(Buffer.byteLength(padded)).toBe(65_536)
    expect((await report([padded])).code).toBe(1)
  })
  test('what a client named itself moves no cursor, in neither form', async () => {
    const evil = '\u001b[2J\u009b31m\u202e\nrefused\u0007\u2028\ud800'
    const lines = [line({ clientId: evil, route: evil }), line({ clientId: undefined, client: evil, reason: evil })]
    const [text, json] = [await report(lines), await report(lines, '--json')]
    for (const { out } of [text, json]) expect(out).toMatch(/^[\x20-\x7e\n]+$/)
    expect(text.out.split('\n').filter((one) => one === 'refused')).toHaveLength(1)
    expect(JSON.parse(json.out)).toMatchObject({ rows: [{ client: evil }, { client: evil }] })
  })
  test('members called __proto__ change nothing', async () => {
    const { out } = await report([line({}).replace('{', '{"__proto__":{"mode":"shadow","would":"x"},')])
    expect(out).not.toContain('would be refused')
  })
  test('so many clients and reasons that they are only counted', () => {
    const counting = new Counting({})
    const entry: Entry = { time: 0, clientId: 'x', network: 'n', route: 'r', reason: 'a', mode: 'shadow' }
    for (let index = 0; index < 12_000; index += 1) counting.add({ ...entry, clientId: `c${index}` })
    for (let index = 0; index < 150; index += 1) counting.add({ ...entry, clientId: 'c0', route: `r${index}` })
    const { rows, clients, others, decisions } = counting.report()
    expect([decisions, clients, rows.length, others]).toEqual([12_150, 10_000, 10_099, { shadow: 2051, enforce: 0 }])
    expect(spellReport(counting.report(), { broken: 0, first: undefined })).toContain('and 2051 more')
  })
})

describe('options that mean nothing: code 2', () => {
  test.each([
    [
      '--since',
      '2027-02-30',
      '--since: expected today, yesterday, 24h, a date, or a time with its zone, found 2027-02-30\n',
    ],
    ['--since', 'monday', '--since: expected today, yesterday, 24h, a date, or a time with its zone, found monday\n'],
    ['--until', '2026-11-24T08:00', expect.stringContaining('--until: expected')],
    ['--reason', 'proof_replaid', '--reason: there is no reason proof_replaid; did you mean proof_replayed?\n'],
  ])('%s %s', async (option, value, err) => {
    expect(await report([line()], option, value)).toEqual({ out: '', err, code: 2 })
  })
})

test.each([
  ['today', '2026-11-25T00:00:00Z'],
  ['yesterday', '2026-11-24T00:00:00Z'],
  ['24h', '2026-11-24T15:30:00Z'],
  ['30m', '2026-11-25T15:00:00Z'],
  ['7d', '2026-11-18T15:30:00Z'],
  ['2026-11-20', '2026-11-20T00:00:00Z'],
  ['2026-11-20T08:00:00+01:00', '2026-11-20T07:00:00Z'],
])('a time: %s', (text, meant) =>
  expect(readTime(text, Date.parse('2026-11-25T15:30:00Z') / 1000)).toBe(Date.parse(meant) / 1000),
)

describe('whatever comes', () => {
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('tpp-1', 'proof_missing', 'accounts', AT))
  const record = fc.dictionary(
    fc.constantFrom('time', 'msg', 'decision', 'mode', 'would', 'reason', 'clientId', 'client', 'route', '__proto__'),
    fc.oneof(text, fc.constantFrom('decision', 'allow', 'deny', 'shadow', AT), fc.jsonValue()),
  )
  const filter: Filter = {}
  test('no line makes the reader throw, and what it reads can be printed', () =>
    fc.assert(
      fc.property(
        fc.oneof(
          fc.json(),
          text,
          record.map((value) => JSON.stringify(value)),
        ),
        (content) => {
          const one = readLine(content)
          if (one.kind !== 'decision') return
          const counting = new Counting(filter)
          counting.add(one.entry)
          expect(spellReport(counting.report(), { broken: 0, first: undefined })).toMatch(/^[\x20-\x7e\n]+$/)
        },
      ),
      { numRuns: 500 },
    ))
  test('every refusal is in a row or among the others, and no row has more than its client', () =>
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            time: fc.integer({ min: 0, max: 2 ** 31 }),
            clientId: fc.option(fc.constantFrom('a', 'b', 'c'), { nil: undefined }),
            network: fc.constantFrom('n', 'a'),
            route: fc.constantFrom('r', 's'),
            reason: fc.option(fc.constantFrom('x', 'y'), { nil: undefined }),
            mode: fc.constantFrom('shadow' as const, 'enforce' as const),
          }),
        ),
        (entries) => {
          const counting = new Counting({})
          for (const entry of entries) counting.add(entry)
          const { rows, others } = counting.report()
          const told = rows.reduce((sum, row) => sum + row.count, others.shadow + others.enforce)
          expect(told).toBe(entries.filter((entry) => entry.reason !== undefined).length)
          for (const row of rows) {
            expect(row.count).toBeLessThanOrEqual(row.of)
            expect(row.first).toBeLessThanOrEqual(row.last)
          }
        },
      ),
    ))
  test('what is made safe is told apart from what it was made of', () =>
    fc.assert(
      fc.property(text, text, (one, other) => {
        expect(safe(one) === safe(other)).toBe(one === other)
      }),
    ))
})

test('every reason has its advice', async () => {
  const { out } = await report(Object.keys(answers).map((reason) => line({ reason })))
  const counts = [/^ {2}tpp-1: /gm, /^ {4}(?:tell the client|do): \S/gm].map((pattern) => out.match(pattern)?.length)
  expect(counts).toEqual([Object.keys(answers).length, Object.keys(answers).length])
})

test('two big files are read line by line', async () => {
  const directory = directoryWith({})
  const file = join(directory, 'audit.jsonl')
  writeFileSync(file, `${line()}\n`.repeat(20_000))
  const { out } = await commandLine(['report', file, file])
  expect(out).toContain('40000 decisions of 1 client')
})
