import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { buildAuditKey, buildRun } from '../../support/audit.ts'
import { commandLine } from '../../support/command-line.ts'

const key = buildAuditKey()
const lines = buildRun({ run: 'a', count: 20, key })

/** Files of these names, and a command line beside them. */
function place(files: Readonly<Record<string, string | Buffer>>) {
  const directory = mkdtempSync(join(tmpdir(), 'audit-cli-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content)
  const at = (name: string): string => join(directory, name)
  const run = async (...argv: readonly string[]) => {
    const ran = await commandLine(['audit', ...argv.map((one) => (one in files || one === 'gone' ? at(one) : one))])
    return { code: ran.code, text: (ran.out + ran.err).replaceAll(`${directory}/`, '') }
  }
  return { run }
}
const text = (all: readonly string[]): string => all.map((line) => `${line}\n`).join('')

describe('audit verify', () => {
  test('nothing wrong: what is proven, by which key, and the head; exit 0', async () => {
    const { run } = place({ 'a.jsonl': text(lines), 'a.pem': key.publicPem })
    const { code, text: said } = await run('verify', 'a.jsonl', '--key', 'a.pem')
    expect(code).toBeUndefined()
    expect(said.split('\n')).toEqual([
      `run a: records 1 to 26, content and order proven to 26 by key ${key.known.id}; closed`,
      expect.stringMatching(/^head 26:[\w-]{43}$/),
      'fine: 26 records, 1 run',
      '',
    ])
  })
  test.each([
    [
      'unsigned',
      buildRun({ run: 'a', count: 3 }),
      'not signed: whoever can write to the file can make it anew; closed',
    ],
    [
      'killed early',
      buildRun({ run: 'a', count: 2, key, closed: false }),
      'no signature yet; not closed: records after 3 may be missing',
    ],
    ['without --key', lines, ', which the file names itself (see --key); closed'],
  ])('what is not proven is said: %s', async (_, some, said) => {
    const { run } = place({ 'a.jsonl': text(some) })
    const told = await run('verify', 'a.jsonl')
    expect([told.code, told.text]).toEqual([undefined, expect.stringContaining(said)])
  })
  test('findings with their place, exit 1; the same as JSON', async () => {
    const { run } = place({ 'a.jsonl': text(lines.toSpliced(9, 1)) })
    const told = await run('verify', 'a.jsonl')
    expect([told.code, told.text.split('\n')[0]]).toEqual([
      1,
      'a.jsonl:10: removed: record 11 of run a: record 10 is missing before it',
    ])
    const json = await run('verify', 'a.jsonl', '--json')
    expect(JSON.parse(json.text)).toMatchObject({ ok: false, findings: [{ line: 10, kind: 'removed', seq: 11 }] })
    expect(json.code).toBe(1)
  })
  test('--head finds a cut end that nothing else shows', async () => {
    const { run } = place({ 'a.jsonl': text(lines), 'cut.jsonl': text(lines.slice(0, 20)) })
    const head = (await run('head', 'a.jsonl')).text.trim()
    expect((await run('verify', 'a.jsonl', '--head', head)).code).toBeUndefined()
    expect((await run('verify', 'cut.jsonl')).code).toBeUndefined()
    expect((await run('verify', 'cut.jsonl', '--head', head)).code).toBe(1)
  })
  test('--mixed passes over the other lines of a log', async () => {
    const log = lines.flatMap((line) => ['{"level":"info","msg":"ready"}', line])
    const { run } = place({ 'log.txt': text(log) })
    expect((await run('verify', 'log.txt', '--mixed')).code).toBeUndefined()
    expect((await run('verify', 'log.txt')).code).toBe(1)
  })
  test.each([
    ['a file that is not there', ['verify', 'gone'], 'gone: there is no such file\n'],
    ['an empty file', ['verify', 'empty'], 'empty: no audit record stands there\n'],
    ['a file of other things', ['verify', 'noise'], 'noise: no audit record stands there\n'],
    ['a head that is none', ['verify', 'a.jsonl', '--head', '12'], '--head is SEQ:HASH, as `audit head` prints it\n'],
    [
      'a private key',
      ['verify', 'a.jsonl', '--key', 'private'],
      'private: it holds no public key on Ed25519, as PEM\n',
    ],
    ['a key file that is not there', ['verify', 'a.jsonl', '--key', 'gone'], 'gone: there is no such file\n'],
    ['no record to print', ['head', 'noise'], 'noise: no audit record stands there\n'],
  ])('exit 2: %s', async (_, argv, said) => {
    const noise = Buffer.concat([Buffer.from([0, 255, 10, 10]), Buffer.alloc(200_000, 'x'), Buffer.from('\n{"a":1}')])
    const { run } = place({ 'a.jsonl': text(lines), empty: '', noise, private: key.pem })
    expect(await run(...argv)).toEqual({ code: 2, text: said })
  })
})

describe('audit-tamper 100,000 decisions', () => {
  const many = buildRun({ run: 'a', count: 100_000, key })
  const middle = 60_001
  const at = (index: number): string => many[index] ?? ''
  test.each([
    ['untouched', many, undefined, 'run a: records 1 to 120002'],
    [
      'edited',
      many.with(middle, at(middle).replace('"time":"2026', '"time":"2027')),
      1,
      `a.jsonl:${middle + 1}: edited`,
    ],
    ['removed', many.toSpliced(middle, 1), 1, `a.jsonl:${middle + 1}: removed`],
    [
      'reordered',
      many.with(middle, at(middle + 1)).with(middle + 1, at(middle)),
      1,
      `a.jsonl:${middle + 1}: reordered`,
    ],
  ])('%s', async (_, tampered, code, first) => {
    const { run } = place({ 'a.jsonl': text(tampered) })
    const told = await run('verify', 'a.jsonl')
    expect([told.code, told.text.split('\n')[0]?.startsWith(first)]).toEqual([code, true])
  })
})
