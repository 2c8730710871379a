import { execFile, execFileSync, spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { onTestFinished } from 'vitest'
import { exitOf, stopProcess } from '../../tools/envoy.ts'
import { connectCheck, outcomeOf } from './lifecycle-grpc.ts'
import { freshRequest, serviceDocument } from './lifecycle-service.ts'
import { goodRequest, serverJwks } from './spine.ts'

/** A directory that others may enter, and how to remove it. */
export function sharedDirectory(): { readonly directory: string; readonly remove: () => void } {
  const directory = mkdtempSync(join(tmpdir(), 'envoy-fapi-packed-'))
  return { directory, remove: () => rmSync(directory, { recursive: true, force: true }) }
}

/** What a clone holds and this tree may have gained by being worked in is left behind. */
const left = /^(node_modules|dist|coverage|\.cache|\.git)$|\.tgz$/

/** A copy of this tree as a clone has it. It gets packages of its own: npm ci would empty ours through a link. */
const copyTree = (to: string): void => cpSync('.', to, { recursive: true, filter: (source) => !left.test(source) })

/** Copies this tree and packs it there as `make package` does; resolves to the tarball. */
export function packTree(tree: string): string {
  copyTree(tree)
  execFileSync('make', ['--silent', 'package'], { cwd: tree, stdio: 'pipe' })
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { readonly version: string }
  return join(tree, 'dist', `envoy-fapi-${version}.tgz`)
}

/** The search path of somebody who has not installed this project: its packages are not on it. */
export const userPath = (process.env.PATH ?? '')
  .split(':')
  .filter((directory) => !directory.includes('node_modules'))
  .join(':')

export interface Ended {
  readonly out: string
  readonly err: string
  readonly code: number | string
}

/** Runs a command to its end as such a user, whose npm takes what it can from its cache. */
export function runAsUser(command: string, args: readonly string[], directory: string): Promise<Ended> {
  const environment = { ...process.env, PATH: userPath, npm_config_prefer_offline: 'true' }
  const { promise, resolve } = Promise.withResolvers<Ended>()
  execFile(command, [...args], { cwd: directory, env: environment }, (error, out, err) => {
    resolve({ out, err, code: error === null ? 0 : typeof error.code === 'number' ? error.code : String(error.code) })
  })
  return promise
}

/** How an installed service is started. */
export interface Starting {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  readonly uid?: number
  readonly gid?: number
}

/** Writes a configuration for loopback and the keys that `tryService` has tokens of. */
export function writeServiceFiles(directory: string): void {
  writeFileSync(join(directory, 'envoy-fapi.yaml'), JSON.stringify(serviceDocument))
  writeFileSync(join(directory, 'jwks.json'), JSON.stringify(serverJwks))
}

/** Starts it, sends a good Check and one without credentials, looks at its health, and stops it as a kubelet does. */
export async function tryService({ command, args, ...options }: Starting) {
  const child = spawn(command, [...args], { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = exitOf(child)
  onTestFinished(() => stopProcess(child, ended))
  const errors = text(child.stderr)
  const listened = Promise.withResolvers<{ readonly check: string; readonly http: readonly string[] }>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    const record = JSON.parse(line)
    if (record.msg === 'ready') listened.resolve(record)
  })
  const listening = await Promise.race([listened.promise, ended])
  if (listening === null || typeof listening !== 'object') throw new Error(`it did not start: ${await errors}`)

  const client = connectCheck(listening.check)
  onTestFinished(() => client.close())
  const outcomes = [
    outcomeOf(await client.ask(freshRequest())),
    outcomeOf(await client.ask(goodRequest({ token: '', proof: null }))),
  ]
  const health = await client.health()
  const { status: ready } = await fetch(`http://${listening.http[0]}/readyz`)
  const metrics = await (await fetch(`http://${listening.http[0]}/metrics`)).text()
  child.kill('SIGTERM')
  return { outcomes, health, ready, metrics, code: await ended, errors: await errors, pid: child.pid }
}
