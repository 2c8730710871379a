import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { demoStateFile } from '../../src/cli/demo-state.ts'
import { type Demo, isAlive, runShell, startDemo } from '../support/lifecycle-demo.ts'

/** Numbers at the beginning of lines count the rows of the table. */
const rows = ({ lines }: Demo): readonly string[] => lines.filter((line) => /^[0-9]+ /.test(line))

// Side by side: each of them waits until it is certain which proofs are new.
let once: Demo
let staying: Demo
let interrupted: Demo
let children: readonly number[]

beforeAll(async () => {
  once = startDemo(['--once', '--free-ports'])
  interrupted = startDemo(['--free-ports'])
  staying = startDemo(['--free-ports'])
  expect(await interrupted.says(' DPoP-bound token and a fresh proof ')).toBe(true)
  children = interrupted.children()
  interrupted.interrupt()
  expect(await staying.says('Decisions as they are made:')).toBe(true)
})
afterAll(() => {
  for (const demo of [once, staying, interrupted]) demo.dispose()
})

test('--once: a table of real requests, all as expected, and exit code 0', async () => {
  const { code, err } = await once.ended
  expect(err).toBe('')
  expect(code).toBe(0)
  expect(rows(once).length).toBeGreaterThanOrEqual(16)
  expect(once.lines).toContain(`All ${rows(once).length} requests came out as expected.`)
  expect(once.lines.join('\n')).not.toContain('✗')
  expect(once.lines.find((line) => line.startsWith('Race: '))).toMatch(
    /^Race: 20 proofs, 50 copies .*: exactly one let in/,
  )
  expect(once.lines.join('\n')).toContain('nonce of this replica, taken to the other one')
  expect(once.lines[0]).toMatch(/^Fetches .*needs no root, listens on loopback alone\.$/)
  expect(once.leftovers()).toEqual([])
})

test('Ctrl-C in the middle of the table ends every part', async () => {
  const { code, err } = await interrupted.ended
  expect([code, err]).toEqual([130, ''])
  expect(children.length).toBeGreaterThanOrEqual(2)
  expect(children.filter(isAlive)).toEqual([])
  expect(interrupted.leftovers()).toEqual([])
  expect(rows(interrupted).length).toBeLessThan(16)
})

describe('a demo that stays up', () => {
  /** A command line that it printed, without the comment behind it. */
  const printed = (words: string): string =>
    staying.lines
      .find((line) => line.includes(words))
      ?.replace(/ # .*$/, '')
      .trim() ?? 'false'
  const statusOf = async (line: string): Promise<readonly string[]> => {
    const answer = await runShell(line)
    return [...answer.matchAll(/^HTTP\/[0-9.]+ ([0-9]+)/gm)].map(([, status = '']) => status)
  }

  test('prints a command that gives 200 as often as it is run', async () => {
    const line = printed('mint curl --demo GET /accounts)')
    expect(line).toContain('npx envoy-fapi')
    for (const _ of [1, 2, 3]) expect(await statusOf(line)).toEqual(['200'])
    expect(await staying.says('allow  allowed  GET /accounts')).toBe(true)
  })
  test('prints one whose second use of a proof is refused', async () => {
    const line = printed('--replay')
    for (const _ of [1, 2]) {
      const answer = await runShell(line)
      expect(answer).toMatch(/^HTTP\/[0-9.]+ 401/m)
      expect(answer).toMatch(/^www-authenticate: DPoP .*error="invalid_dpop_proof"/im)
    }
    expect(await staying.says('deny 401  proof_replayed  GET /accounts')).toBe(true)
  })
  test('prints one without the scope', async () => {
    const answer = await runShell(printed('--scope payments'))
    expect(answer).toMatch(/^HTTP\/[0-9.]+ 403/m)
    expect(answer).toMatch(/^www-authenticate: .*error="insufficient_scope"/im)
  })
  test('prints where its readiness is', async () => {
    expect(JSON.parse(await runShell(printed('/readyz')))).toMatchObject({
      status: 'ready',
      fapi: true,
      enforcing: true,
    })
  })
  test('prints a command that checks its configuration', async () => {
    expect(await runShell(printed('config check'))).toContain('fine: 6 routes, profile fapi2-security')
  })
  test('Ctrl-C ends every part, and removes what was written', async () => {
    const parts = staying.children()
    expect(parts.length).toBeGreaterThanOrEqual(2)
    expect(existsSync(demoStateFile())).toBe(true)
    staying.interrupt()
    expect(await staying.ended).toEqual({ code: 0, err: '' })
    expect(parts.filter(isAlive)).toEqual([])
    expect(staying.leftovers()).toEqual([])
    expect(existsSync(demoStateFile())).toBe(false)
    const { promise, resolve } = Promise.withResolvers<string>()
    runShell('npx envoy-fapi mint curl --demo GET /accounts').then(resolve, (error: Error) => resolve(error.message))
    expect(await promise).toContain('no demo is running here; start it with: make demo')
  })
})

test.each(['Fetches ', 'authorization server', 'envoy-fapi  '])('Ctrl-C after "%s" ends every part', async (words) => {
  const demo = startDemo(['--free-ports'])
  onTestFinished(demo.dispose)
  expect(await demo.says(words)).toBe(true)
  const children = demo.children()
  demo.interrupt()
  const { code, err } = await demo.ended
  expect([code, err]).toEqual([130, ''])
  expect(children.filter(isAlive)).toEqual([])
  expect(demo.leftovers()).toEqual([])
})

test('a port that is taken: exit code 2, and how to choose another', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => other.once('listening', resolve))
  onTestFinished(() => void other.close())
  const { port } = other.address() as { readonly port: number }
  const demo = startDemo(['--once', '--check-port', String(port)], { DEMO_EDGE_PORT: '0' })
  onTestFinished(demo.dispose)
  expect(await demo.ended).toEqual({ code: 2, err: expect.stringContaining('"0" is not a port for Envoy') })

  const busy = startDemo(['--once', '--edge-port', String(port)])
  onTestFinished(busy.dispose)
  const { code, err } = await busy.ended
  expect(code).toBe(2)
  expect(err).toBe(
    [
      `port ${port}, meant for Envoy, is taken (perhaps a demo is running already).`,
      'Choose another with DEMO_EDGE_PORT=<port> or --edge-port <port>, or let the demo find free ones: --free-ports.',
      '',
    ].join('\n'),
  )
  expect(busy.leftovers()).toEqual([])
})

test('an option that does not exist: exit code 2', async () => {
  const demo = startDemo(['--twice'])
  onTestFinished(demo.dispose)
  const { code, err } = await demo.ended
  expect([code, err.split('\n')[0]]).toEqual([2, expect.stringContaining("Unknown option '--twice'")])
})
