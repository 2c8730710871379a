import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { exitOf, stopProcess } from '../tools/envoy.ts'

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))

/** A line of the service's log, as far as the demo and the tests read it. */
export interface LogRecord {
  readonly msg: string
  readonly level?: string
  readonly interactionId?: string
  readonly decision?: string
  readonly reason?: string
  readonly detail?: string
  readonly mode?: string
  readonly would?: string
  readonly anomalies?: readonly string[]
  readonly route?: string
  readonly method?: string
  readonly path?: string
  readonly status?: number
  /** Beginning of the hash of the configuration. */
  readonly config?: string
  readonly problems?: readonly { readonly line?: number; readonly key?: string; readonly message: string }[]
}

/** The service as a child process. */
export interface ServiceProcess {
  readonly pid: number
  /** The log record of a decision, waiting up to two seconds for it. */
  readonly decision: (interactionId: string) => Promise<LogRecord | undefined>
  /** Its last lines on standard output. */
  readonly lines: () => readonly string[]
  readonly stop: () => Promise<void>
  readonly kill: () => Promise<void>
  readonly signal: (name: NodeJS.Signals) => void
  readonly ended: Promise<number | null>
}

/** How the service is run. */
export interface ServiceOptions {
  readonly config: string
  readonly environment: Readonly<Record<string, string>>
  /** File for what it writes to standard error. */
  readonly errors: string
  /** Told of every log record. */
  readonly follow?: ((record: LogRecord) => void) | undefined
  /** Gets the way to stop it as soon as there is a process. */
  readonly spawned?: (stop: () => Promise<void>) => void
}

/** Log lines, and decisions by interaction id, kept for looking up. */
const KEPT = 20_000

/** Starts `envoy-fapi serve` with this Node, resolves when it says that it is ready. */
export async function startServiceProcess(options: ServiceOptions): Promise<ServiceProcess> {
  const sink = openSync(options.errors, 'a', 0o600)
  const child = spawn(process.execPath, [main, 'serve', '--config', options.config], {
    stdio: ['ignore', 'pipe', sink],
    env: { ...process.env, ...options.environment },
  })
  closeSync(sink)
  const ended = exitOf(child)
  const stop = (): Promise<void> => stopProcess(child, ended)
  options.spawned?.(stop)

  const ready = Promise.withResolvers<boolean>()
  const log = keepLog()
  // A pipe was asked for above.
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
    const record = log.add(line)
    if (record?.msg === 'ready') ready.resolve(true)
    if (record) options.follow?.(record)
  })
  const started = await Promise.race([ready.promise, ended.then(() => false)])
  if (!started || child.pid === undefined) throw new Error(`the service did not start; see ${options.errors}`)
  return {
    pid: child.pid,
    lines: () => log.lines,
    decision: log.decision,
    stop,
    kill: async () => {
      child.kill('SIGKILL')
      await ended
    },
    signal: (name) => void child.kill(name),
    ended,
  }
}

function keepLog() {
  const lines: string[] = []
  const decisions = new Map<string, LogRecord>()
  return {
    lines,
    add(line: string): LogRecord | undefined {
      lines.push(line)
      if (lines.length > KEPT) lines.shift()
      const record = readRecord(line)
      if (record?.msg === 'decision' && record.interactionId !== undefined) decisions.set(record.interactionId, record)
      const [oldest] = decisions.size > KEPT ? decisions.keys() : []
      if (oldest !== undefined) decisions.delete(oldest)
      return record
    },
    /** The answer can be here before the log line has come through the pipe. */
    async decision(id: string): Promise<LogRecord | undefined> {
      for (let tries = 0; tries < 100 && !decisions.has(id); tries += 1)
        await new Promise((resolve) => setTimeout(resolve, 20))
      return decisions.get(id)
    },
  }
}

function readRecord(line: string): LogRecord | undefined {
  try {
    return JSON.parse(line) as LogRecord
  } catch {
    return undefined
  }
}
