import { execFileSync, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { exitOf, stopProcess, waitForPort } from './envoy.ts'

/** A running Redis on loopback that keeps nothing on disk. */
export interface RunningRedis {
  readonly url: string
  readonly pid: number
  /** Ends the process we started, and no other. */
  readonly stop: () => Promise<void>
  /** The same at once, as in a crash. */
  readonly kill: () => Promise<void>
  readonly signal: (name: NodeJS.Signals) => void
}

/** The redis-server on PATH, version 7 or newer. */
export function findRedis(): string | undefined {
  try {
    const text = execFileSync('redis-server', ['--version'], { encoding: 'utf8', timeout: 10_000 })
    return Number(/\bv=([0-9]+)\./.exec(text)?.[1] ?? 0) >= 7 ? 'redis-server' : undefined
  } catch {
    return undefined
  }
}

/** Starts Redis and resolves when it accepts connections. `directory` is where it would write, were it told to. */
export async function startRedis(options: {
  readonly redis: string
  readonly port: number
  readonly directory: string
  readonly log: string
  /** Further words of the command line; they win over ours. */
  readonly more?: readonly string[]
  readonly spawned?: (stop: () => Promise<void>) => void
}): Promise<RunningRedis> {
  const { redis, port, directory } = options
  const settings = {
    port,
    bind: '127.0.0.1',
    dir: directory,
    save: '',
    appendonly: 'no',
    'maxmemory-policy': 'noeviction',
    'repl-diskless-sync-delay': '0',
  }
  const words = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)])
  const sink = openSync(options.log, 'a', 0o600)
  const child = spawn(redis, [...words, ...(options.more ?? [])], { stdio: ['ignore', sink, sink] })
  closeSync(sink)
  const ended = exitOf(child)
  const stop = (): Promise<void> => stopProcess(child, ended)
  options.spawned?.(stop)
  const started = await Promise.race([waitForPort(port, 10_000), ended.then(() => false)])
  if (!started || child.pid === undefined) {
    await stop()
    throw new Error(`Redis did not start; see ${options.log}`)
  }
  return {
    url: `redis://127.0.0.1:${port}`,
    pid: child.pid,
    stop,
    kill: async () => {
      child.kill('SIGKILL')
      await ended
    },
    signal: (name) => void child.kill(name),
  }
}
