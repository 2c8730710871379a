import { execFile, spawn } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { run } from '../../../src/cli/main.ts'
import { productVersion } from '../../../src/io/http.ts'
import { commandLine } from '../../support/command-line.ts'
import { fixtures } from '../../support/config-files.ts'

const broken = join(fixtures, 'bad/everything-at-once.yaml')

describe('usage', () => {
  test.each([
    [['cofnig'], 'unknown command', 'Did you mean config?'],
    [['config', 'chek', 'x.yaml'], 'unknown command', 'Did you mean check?'],
    [['mint', 'tokne'], 'unknown command', 'Did you mean token?'],
    [['config', 'check', 'x.yaml', '--jsn'], 'unknown option', 'Did you mean --json?'],
    [['config', 'check'], 'missing required argument', 'file'],
    [['serve'], 'required option', '--config'],
    [['mint', 'proof', '--key', 'x'], 'required option', '--method'],
    [['config', 'check', 'x.yaml', 'y.yaml'], 'too many arguments', 'check'],
  ])('%j: 2, and what was meant', async (argv, what, hint) => {
    const { out, err, code } = await commandLine(argv)
    expect(err).toContain(what)
    expect(err).toContain(hint)
    expect([out, code]).toEqual(['', 2])
  })
  test.each([[[]], [['config']], [['mint']]])('%j shows how it is used, and ends with 2', async (argv) => {
    const { err, code } = await commandLine(argv)
    expect([err.includes('Usage:'), code]).toEqual([true, 2])
  })
  test('--version', async () =>
    expect(await commandLine(['--version'])).toEqual({ out: `${productVersion()}\n`, err: '', code: 0 }))

  test.each([
    [],
    ['init'],
    ['serve'],
    ['config'],
    ['config', 'check'],
    ['config', 'expand'],
    ['config', 'headers'],
    ['config', 'schema'],
    ['mint'],
    ['mint', 'token'],
    ['mint', 'proof'],
    ['mint', 'curl'],
  ])('--help of %s %s has an example', async (...argv) => {
    const { out, code } = await commandLine([...argv.filter((word) => typeof word === 'string'), '--help'])
    expect(out).toMatch(/\nExample:\n {2}.*envoy-fapi /)
    expect(code).toBe(0)
  })
})

describe('faults', () => {
  test('one of ours ends with 3 and its stack', async () => {
    let [err, code] = ['', 0]
    const out = (): never => {
      throw new Error('the terminal burns')
    }
    await run(['config', 'schema'], {
      out,
      err: (text) => {
        err += text
      },
      backlog: () => 0,
      environment: {},
      exit: (next) => {
        code = next
      },
    })
    expect([err.split('\n')[0], code]).toEqual(['Error: the terminal burns', 3])
    expect(err).toContain('    at ')
  })
})

describe('serve', () => {
  test('with a broken configuration ends with 2 and the whole list', async () => {
    const { out, err, code } = await commandLine(['serve', '--config', broken])
    expect(err).toContain('10 problems, nothing was started or changed')
    expect(err).toBe((await commandLine(['config', 'check', broken])).err)
    expect([out, code]).toEqual(['', 2])
  })
})

describe('as a process', () => {
  const node = promisify(execFile)
  test('exit codes reach the shell', async () => {
    const { stdout } = await node(process.execPath, ['src/main.ts', '--version'])
    expect(stdout).toBe(`${productVersion()}\n`)
    await expect(node(process.execPath, ['src/main.ts', 'serve', '-c', broken])).rejects.toMatchObject({ code: 2 })
    await expect(node(process.execPath, ['src/main.ts', 'cofnig'])).rejects.toMatchObject({ code: 2 })
  })
  test('a reader that has seen enough is no fault', async () => {
    const child = spawn(process.execPath, ['src/main.ts', 'config', 'schema'], { stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout.destroy()
    let err = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text
    })
    const { promise, resolve } = Promise.withResolvers<number | null>()
    child.on('close', resolve)
    expect([await promise, err]).toEqual([0, ''])
  })
})
