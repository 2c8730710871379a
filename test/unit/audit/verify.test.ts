import { describe, expect, test } from 'vitest'
import { encodeNotice, hashLine } from '../../../src/audit/chain.ts'
import { Ledger } from '../../../src/audit/ledger.ts'
import { buildAuditKey, buildRun, firstBad, TIME, verifyLines } from '../../support/audit.ts'

const key = buildAuditKey()
const stranger = buildAuditKey()
const lines = buildRun({ run: 'a', count: 20, key })
const unsigned = buildRun({ run: 'a', count: 20 })
const [, second = '', third = ''] = lines
const at = (index: number): string => lines[index] ?? ''
const hashOf = (line: string | undefined): string => hashLine(line ?? '')
/** Another last character, whatever it was. */
const flip = (text: string): string => `${text.slice(0, -1)}${text.endsWith('A') ? 'B' : 'A'}`
const edit = (line: string): string => line.replace('"decision":"', '"decision":"x')

describe('what nobody has touched', () => {
  test('a signed run is proven to its end', () => {
    const report = verifyLines([lines], { keys: [key.known] })
    expect(report).toMatchObject({ records: 26, findings: [], notes: [] })
    expect(report.runs).toEqual([
      { run: 'a', first: 1, last: 26, closed: true, key: expect.objectContaining({ id: key.known.id }), proven: 26 },
    ])
    expect(report.head).toBe(`26:${hashOf(lines.at(-1))}`)
  })
  test('an unsigned run hangs together and proves no more', () =>
    expect(verifyLines([unsigned])).toMatchObject({
      findings: [],
      runs: [{ last: 22, closed: true, proven: undefined }],
    }))
  test('a run that was killed is not closed, and proven to its last checkpoint', () => {
    const killed = buildRun({ run: 'a', count: 13, key, closed: false })
    expect(verifyLines([killed]).runs).toMatchObject([{ last: 16, closed: false, proven: 13 }])
  })
  test('the next run in a file names the last line of the one before', () => {
    const next = buildRun({ run: 'b', count: 3, key, after: hashOf(lines.at(-1)) })
    expect(verifyLines([[...lines, ...next]])).toMatchObject({
      findings: [],
      notes: [],
      runs: [{ run: 'a' }, { run: 'b' }],
    })
    expect(verifyLines([lines, next])).toMatchObject({ findings: [], notes: [] })
  })
  test('a run in a new file that names nothing is told, for it may hide one that is gone', () => {
    const next = buildRun({ run: 'b', count: 3, key })
    expect(verifyLines([lines, next])).toMatchObject({
      findings: [],
      notes: ['file-2: nothing links its beginning to record 26 of run a'],
    })
    expect(firstBad(verifyLines([[...lines, ...next]]))).toBe('file-1:27 inserted')
  })
})

const forged = (() => {
  const ledger = new Ledger({ run: 'a', version: '1', config: 'c' }, undefined)
  ledger.commit({ line: '', position: { run: 'a', seq: 5, hash: hashOf(at(4)) } })
  const plan = ledger.plan()
  return plan.place({ record: encodeNotice(TIME, { msg: 'audit dropped', decisions: 1 }), signed: false }).line
})()

describe('audit-tamper, att-ops-05 the first bad position is named', () => {
  test.each([
    ['one record edited', lines.with(9, edit(at(9))), 'file-1:10 edited'],
    ['two neighbours edited', lines.with(9, edit(at(9))).with(10, edit(at(10))), 'file-1:11 edited'],
    ['the hash of the line before edited', lines.with(9, at(9).replace(/"prev":"./, flip)), 'file-1:10 edited'],
    ['a number raised', lines.with(9, at(9).replace('"seq":10', '"seq":90')), 'file-1:10 edited'],
    ['a number lowered', lines.with(9, at(9).replace('"seq":10', '"seq":3')), 'file-1:10 edited'],
    ['the run edited', lines.with(9, at(9).replace('"run":"a"', '"run":"b"')), 'file-1:10 edited'],
    ['a record made unreadable', lines.with(9, at(9).slice(1)), 'file-1:10 edited'],
    ['the opening edited', lines.with(0, at(0).replace('1.0.0', '1.0.1')), 'file-1:1 edited'],
    ['one record removed', lines.toSpliced(9, 1), 'file-1:10 removed'],
    ['several removed', lines.toSpliced(9, 4), 'file-1:10 removed'],
    ['the opening removed', lines.slice(1), 'file-1:1 removed'],
    ['two swapped', lines.with(9, at(10)).with(10, at(9)), 'file-1:10 reordered'],
    ['one moved far down', lines.toSpliced(9, 1).toSpliced(20, 0, at(9)), 'file-1:10 reordered'],
    ['one repeated', lines.toSpliced(9, 0, at(8)), 'file-1:10 inserted'],
    ['one repeated far down', lines.toSpliced(20, 0, at(8)), 'file-1:21 inserted'],
    ['a record made up', lines.toSpliced(5, 0, forged), 'file-1:6 inserted'],
    ['a line that is no record', lines.toSpliced(9, 0, 'nonsense'), 'file-1:10 inserted'],
    ['an empty line', lines.toSpliced(9, 0, ''), 'file-1:10 inserted'],
    ['something behind the end', [...lines, buildBehind()], 'file-1:27 inserted'],
    ['a signature edited', lines.with(6, at(6).replace(/"signature":"./, flip)), 'file-1:7 signature'],
    [
      'a run that ends early and goes on',
      [...lines.slice(0, 9), ...buildRun({ run: 'b', count: 1, key })],
      'file-1:10 inserted',
    ],
    [
      'a run within a run',
      lines.toSpliced(9, 0, ...buildRun({ run: 'b', count: 1, key, after: hashOf(at(8)) })),
      'file-1:13 removed',
    ],
  ])('%s', (_, tampered, expected) => expect(firstBad(verifyLines([tampered]))).toBe(expected))

  test('everything made anew from an edited record on is betrayed by the next signature', () => {
    const made = remake(lines, 9, edit(at(9)))
    const report = verifyLines([made])
    expect(firstBad(report)).toBe('file-1:13 signature')
    expect(report.runs).toMatchObject([{ proven: 7 }])
  })
  test('without a key it is not betrayed: that is what the key is for', () =>
    expect(verifyLines([remake(unsigned, 9, edit(unsigned[9] ?? ''))]).findings).toEqual([]))
  test('a good signature behind something bad proves nothing', () => {
    for (const bad of [lines.toSpliced(9, 1), lines.toSpliced(9, 0, at(8)), lines.with(9, edit(at(9)))])
      expect(verifyLines([bad]).runs).toMatchObject([{ proven: 7 }])
    const [last = ''] = lines.slice(12)
    expect(verifyLines([[...lines.slice(0, 11), edit(at(11)), last]]).runs).toMatchObject([{ proven: 7 }])
  })
  test('a run that stands there twice is a copy, also in a file of its own', () => {
    const next = buildRun({ run: 'b', count: 3, key })
    expect(firstBad(verifyLines([lines, lines]))).toBe('file-2:1 inserted')
    expect(firstBad(verifyLines([lines, next, lines]))).toBe('file-3:1 inserted')
  })
  test('behind the last checkpoint nothing is proven, and that is said', () => {
    const killed = buildRun({ run: 'a', count: 13, key, closed: false })
    const report = verifyLines([remake(killed, 14, edit(killed[14] ?? ''))])
    expect(report).toMatchObject({ findings: [], runs: [{ last: 16, proven: 13, closed: false }] })
  })
  test('a cut end shows against a head kept elsewhere, and only there', () => {
    const head = `26:${hashOf(lines.at(-1))}`
    const cut = lines.slice(0, 20)
    expect(verifyLines([lines], { head }).findings).toEqual([])
    expect(verifyLines([cut])).toMatchObject({ findings: [], runs: [{ closed: false, last: 20, proven: 19 }] })
    expect(verifyLines([cut], { head }).findings).toMatchObject([{ kind: 'head' }])
    expect(verifyLines([lines], { head: `25:${hashOf(lines.at(-1))}` }).findings).toMatchObject([{ kind: 'head' }])
  })
})

function buildBehind(): string {
  const ledger = new Ledger({ run: 'a', version: '1', config: 'c' }, undefined)
  ledger.commit({ line: '', position: { run: 'a', seq: 26, hash: hashOf(lines.at(-1)) } })
  return ledger.plan().place({ record: encodeNotice(TIME, { msg: 'audit dropped', decisions: 1 }), signed: false }).line
}

/** The lines with one replaced and every hash behind it put right; signatures stay as they are. */
function remake(all: readonly string[], index: number, line: string): readonly string[] {
  const made = [...all.slice(0, index), line]
  for (const next of all.slice(index + 1)) made.push(next.replace(/"prev":"[^"]*"/, `"prev":"${hashOf(made.at(-1))}"`))
  return made
}

describe('keys', () => {
  test('a run signed with another key is a finding when the key is known', () => {
    expect(verifyLines([lines], { keys: [stranger.known] }).findings).toMatchObject([{ kind: 'key', line: 1 }])
    expect(verifyLines([lines], { keys: [stranger.known, key.known] }).findings).toEqual([])
  })
  test('an unsigned run is a finding when a key is asked for', () =>
    expect(verifyLines([unsigned], { keys: [key.known] }).findings).toMatchObject([{ kind: 'key', line: 1 }]))
  test('a checkpoint of a signed run has to be signed', () => {
    const bare = at(6).replace(/,"signature":"[^"]*"/, '')
    expect(verifyLines([[...lines.slice(0, 6), bare]]).findings).toMatchObject([{ kind: 'signature', line: 7 }])
  })
  test('a signature in a run that names no key proves nothing', () => {
    const nameless = buildRun({ run: 'a', count: 5 }).slice(0, 6)
    const ledger = new Ledger({ run: 'a', version: '1', config: 'c', key: stranger }, undefined)
    ledger.commit({ line: '', position: { run: 'a', seq: 6, hash: hashOf(nameless.at(-1)) } })
    const { line } = ledger.plan().place({ record: encodeNotice(TIME, { msg: 'audit checkpoint' }), signed: true })
    expect(verifyLines([[...nameless, line]]).findings).toMatchObject([{ kind: 'key', line: 7 }])
  })
  test('the signature of one record does not fit another', () => {
    const [signature = ''] = /"signature":"[^"]*"/.exec(at(6)) ?? []
    const moved = at(12).replace(/"signature":"[^"]*"/, signature)
    expect(verifyLines([[...lines.slice(0, 12), moved]]).findings).toMatchObject([{ kind: 'signature', line: 13 }])
  })
})

describe('writes that were cut off', () => {
  const torn = at(9).slice(0, 100)
  const reopened = (bytes: number, after = at(8)) => {
    const ledger = new Ledger({ run: 'b', version: '1', config: 'c' }, hashOf(after))
    return ledger.plan({ kind: 'opened', time: TIME, torn: bytes }).links.map(({ line }) => line)
  }
  test('at the end of the last file they are noted', () =>
    expect(verifyLines([[...lines.slice(0, 9), torn]])).toMatchObject({
      findings: [],
      notes: ['file-1:10: no record follows what stands here: a write was cut off, or is under way'],
    }))
  test('the next record accounts for them, also in another file and when there are several', () => {
    expect(verifyLines([[...lines.slice(0, 9), torn, ...reopened(100)]])).toMatchObject({
      findings: [],
      notes: ['file-1:10: 100 bytes of a write that was cut off, as the next record tells'],
    })
    expect(verifyLines([[...lines.slice(0, 9), torn], reopened(100)]).findings).toEqual([])
    expect(verifyLines([[...lines.slice(0, 9), torn, torn, ...reopened(200)]]).findings).toEqual([])
  })
  test('at the end of a file that nothing is linked to they are noted', () => {
    const next = buildRun({ run: 'b', count: 3, key })
    expect(verifyLines([[...lines.slice(0, 9), torn], next])).toMatchObject({
      findings: [],
      notes: [
        'file-1:10: no record that is linked to it follows: a write was cut off',
        'file-2: nothing links its beginning to record 9 of run a',
      ],
    })
    expect(firstBad(verifyLines([[...lines.slice(0, 9), torn, ...next]]))).toBe('file-1:10 inserted')
  })
  test('other bytes than it accounts for are a finding', () => {
    expect(firstBad(verifyLines([[...lines.slice(0, 9), torn, ...reopened(99)]]))).toBe('file-1:10 inserted')
    expect(firstBad(verifyLines([[...lines.slice(0, 9), ...reopened(100)]]))).toBe('file-1:10 removed')
    expect(firstBad(verifyLines([[...lines.slice(0, 9), torn, ...lines.slice(9)]]))).toBe('file-1:10 inserted')
  })
})

describe('hostile files', () => {
  test('a line that is too long is none of ours', () => {
    const long = Buffer.from(second, 'latin1')
    const report = verifyLines([lines.slice(0, 1)])
    expect(report.findings).toEqual([])
    expect(verifyLines([[at(0), 'x'.repeat(long.length), third]]).findings[0]).toMatchObject({
      line: 2,
      kind: 'edited',
    })
  })
  test('findings, notes and runs are bounded', () => {
    const mess = Array.from({ length: 1000 }, (_, index) => buildRun({ run: `r${index}`, count: 0 })).flat()
    const report = verifyLines(mess.map((line) => [line]))
    expect([report.findings.length <= 100, report.notes.length, report.runs.length]).toEqual([true, 100, 100])
  })
})
