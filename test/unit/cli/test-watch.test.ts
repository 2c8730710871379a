import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, onTestFinished, test } from 'vitest'
import { exitOf, stopProcess } from '../../../tools/envoy.ts'
import { directoryWith } from '../../support/config-files.ts'
import { configuration } from '../../support/policy-tests.ts'

const document = (status: number): string =>
  JSON.stringify({ cases: [{ name: 'it', request: 'GET /team', expect: { status } }] })
const route = (scope: string): string => JSON.stringify({ routes: [{ name: 'team', path: '/team', scopes: [scope] }] })

/** A watching process in a folder of its own, and the next sum it prints. */
function watching() {
  const config = { ...configuration, routes: configuration.routes.slice(0, 1), include: ['team.yaml'] }
  const folder = directoryWith({
    'c.yaml': JSON.stringify(config),
    'team.yaml': route('accounts'),
    't.yaml': document(200),
  })
  const argv = ['src/main.ts', 'test', '--watch', '--config', join(folder, 'c.yaml'), join(folder, 't.yaml')]
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = exitOf(child)
  onTestFinished(() => stopProcess(child, ended))
  const waiting: ((line: string) => void)[] = []
  const seen: string[] = []
  const tell = (line: string): void => {
    if (!/passed|no case was run/.test(line)) return
    const next = waiting.shift()
    if (next) next(line)
    else seen.push(line)
  }
  createInterface({ input: child.stdout }).on('line', tell)
  createInterface({ input: child.stderr }).on('line', tell)
  const sum = (): Promise<string> => {
    const line = seen.shift()
    return line === undefined ? new Promise((resolve) => void waiting.push(resolve)) : Promise.resolve(line)
  }
  return { child, ended, sum, write: (name: string, text: string) => writeFileSync(join(folder, name), text) }
}

test('--watch runs again when the cases, the configuration or what it includes change, and ends when it is told', async () => {
  const { child, ended, sum, write } = watching()
  expect(await sum()).toBe('1 passed, 0 failed')
  write('t.yaml', document(403))
  expect(await sum()).toBe('0 passed, 1 failed')
  write('t.yaml', 'cases: [')
  expect(await sum()).toMatch(/no case was run$/)
  write('t.yaml', document(403))
  expect(await sum()).toBe('0 passed, 1 failed')
  write('team.yaml', 'routes: []')
  expect(await sum()).toBe('1 passed, 0 failed')
  write('c.yaml', '{}')
  expect(await sum()).toMatch(/no case was run$/)
  child.kill('SIGINT')
  expect(await ended).toBe(2)
})

test('the exit code is that of the last run', async () => {
  const { child, ended, sum } = watching()
  expect(await sum()).toBe('1 passed, 0 failed')
  child.kill('SIGTERM')
  expect(await ended).toBe(0)
})
