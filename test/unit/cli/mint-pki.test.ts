import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { readState } from '../../../src/io/pki-directory.ts'
import { commandLine } from '../../support/command-line.ts'

const folder = mkdtempSync(join(tmpdir(), 'mint-pki-'))
afterAll(() => rmSync(folder, { recursive: true }))
const fresh = (): string => mkdtempSync(join(folder, 'pki-'))
const made = async (...flags: readonly string[]): Promise<string> => {
  const out = fresh()
  const { code, err } = await commandLine(['mint', 'pki', '--out', out, ...flags])
  expect([code, err]).toEqual([undefined, 'development material: never use it in production\n'])
  return out
}
const EMPTY = JSON.stringify({ development: true, keyType: 'ec', issued: [], revoked: [], listNumber: 0 })
const stateOf = (directory: string) => {
  const state = readState(directory)
  if (!state.ok) throw new Error(state.problem)
  return state.value
}

describe('mint pki', () => {
  test('says what it made, for people and for machines', async () => {
    const out = fresh()
    const told = await commandLine(['mint', 'pki', '--out', out])
    expect(told.out).toMatch(/clients\/tpp\.pem +a payment service \(PSP_AI, PSP_PI\)/)
    for (const [, path = ''] of told.out.matchAll(/^ {2}(\S+\.pem)/gm)) expect(existsSync(join(out, path))).toBe(true)
    const json = await commandLine(['mint', 'pki', '--out', fresh(), '--json'])
    expect(JSON.parse(json.out)).toMatchObject({ files: expect.arrayContaining(['root.pem', 'clients/tpp.key']) })
  })
  test('touches no directory of somebody else, and its own only when told', async () => {
    const taken = fresh()
    writeFileSync(join(taken, 'thesis.txt'), 'work')
    const refused = await commandLine(['mint', 'pki', '--out', taken, '--force'])
    expect([refused.code, refused.err]).toEqual([2, `${taken} holds other files; nothing was written\n`])
    const own = await made()
    const before = readFileSync(join(own, 'root.pem'), 'utf8')
    expect((await commandLine(['mint', 'pki', '--out', own])).err).toMatch(/--force replaces it/)
    expect(readFileSync(join(own, 'root.pem'), 'utf8')).toBe(before)
    expect((await commandLine(['mint', 'pki', '--out', own, '--force'])).code).toBeUndefined()
    expect(readFileSync(join(own, 'root.pem'), 'utf8')).not.toBe(before)
  })
  test.each([
    [['--days', '0'], /--days is a whole number/],
    [['--days', 'x'], /--days is a whole number/],
    [['--status-url', 'https://x.example/y'], /--status-url is http/],
    [['--key-type', 'dsa'], /key-type/],
    [['--host', '999'], /--host 999 is no host name/],
    [['--host', 'a b'], /--host a b is no host name/],
  ])('refuses %j', async (flags, message) => {
    const out = join(folder, 'never')
    const { code, err } = await commandLine(['mint', 'pki', '--out', out, ...flags])
    expect(code).toBe(2)
    expect(err).toMatch(message)
    expect(existsSync(out)).toBe(false)
  })
})

describe('mint certificate', () => {
  test('issues one more, once', async () => {
    const out = await made()
    const order = [
      'mint',
      'certificate',
      out,
      'fintech',
      '--role',
      'PSP_AI',
      '--role',
      'PSP_IC',
      '--dns',
      'a.example',
      '--dns',
      'b.example',
    ]
    const { code, out: told } = await commandLine(order)
    expect(code).toBeUndefined()
    expect(told.split('\n')).toContain(join(out, 'clients/fintech.pem'))
    expect(stateOf(out).issued.at(-1)).toMatchObject({ name: 'fintech', issuer: 'intermediate' })
    expect((await commandLine(order)).err).toMatch(/there is a certificate named fintech already/)
  })
  test.each([
    [['Big Name'], /lower case letters/],
    [['../x'], /lower case letters/],
    [['x', '--role', 'PSP_XX'], /--role is one of PSP_AS/],
    [['x', '--days', '99999'], /--days/],
    [['x', '--dns', 'a b'], /--dns is a host name/],
    [['x', '--uri', 'none'], /--uri an absolute URI/],
  ])('refuses %j', async (flags, message) => {
    const { code, err } = await commandLine(['mint', 'certificate', await made(), ...flags])
    expect(code).toBe(2)
    expect(err).toMatch(message)
  })
})

describe('mint revoke, mint crl', () => {
  test('revoke, and write newer lists', async () => {
    const out = await made()
    const list = (): string => readFileSync(join(out, 'crl/intermediate.crl'), 'utf8')
    const [before, number] = [list(), stateOf(out).listNumber]
    expect((await commandLine(['mint', 'revoke', out, 'plain', '--by', 'crl'])).out).toBe('plain is revoked\n')
    expect(list()).not.toBe(before)
    expect(stateOf(out)).toMatchObject({ listNumber: number + 1 })
    expect(stateOf(out).revoked.map(({ by }) => by)).toEqual(['both', 'crl'])
    expect((await commandLine(['mint', 'crl', out])).out).toContain(join(out, 'crl/root.crl'))
    expect(stateOf(out).listNumber).toBe(number + 2)
  })
  test.each([
    ['nobody', /there is no certificate named nobody/],
    ['self-signed', /signed by itself/],
  ])('refuse %s', async (name, message) => {
    const { code, err } = await commandLine(['mint', 'revoke', await made(), name])
    expect([code, err]).toEqual([2, expect.stringMatching(message)])
  })
})

test.each([['certificate', 'x'], ['revoke', 'x'], ['crl'], ['responder']])(
  'mint %s needs a directory that mint pki made',
  async (command, ...more) => {
    for (const [content, message] of [
      [undefined, /is no development PKI/],
      ['{}', /is no development PKI/],
      ['{"development":true}', /is no development PKI/],
      [EMPTY, /root\.pem: there is no such file/],
    ] as const) {
      const directory = fresh()
      if (content !== undefined) writeFileSync(join(directory, 'pki.json'), content)
      const { code, err } = await commandLine(['mint', command, directory, ...more])
      expect([code, err]).toEqual([2, expect.stringMatching(message)])
    }
  },
)
test('mint responder needs a port', async () => {
  const { code, err } = await commandLine(['mint', 'responder', fresh(), '--port', 'http'])
  expect([code, err]).toEqual([2, '--port is a number from 0 to 65535\n'])
})
