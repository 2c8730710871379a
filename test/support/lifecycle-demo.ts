import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** `node demo/run.ts` as a process in a group of its own, the way a terminal runs it. */
export interface Demo {
  readonly lines: readonly string[]
  /** Resolves when a line holds the text, or false when the demo ends without. */
  readonly says: (words: string) => Promise<boolean>
  /** Ctrl-C: the whole group gets it. */
  readonly interrupt: () => void
  readonly ended: Promise<{ readonly code: number | null; readonly err: string }>
  /** Its children and theirs, now. */
  readonly children: () => readonly number[]
  /** What it has in its directory for temporary files. */
  readonly leftovers: () => readonly string[]
  /** Ends what is left of it and removes its files. */
  readonly dispose: () => void
}

export function startDemo(words: readonly string[], environment: Readonly<Record<string, string>> = {}): Demo {
  const directory = mkdtempSync(join(tmpdir(), 'envoy-fapi-e2e-'))
  const child = spawn(process.execPath, ['demo/run.ts', ...words], {
    cwd: root,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TMPDIR: directory, ...environment },
  })
  const lines: string[] = []
  const waiting = new Map<string, (said: boolean) => void>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line)
    for (const [words, resolve] of waiting) if (line.includes(words)) resolve(true)
  })
  const ended = Promise.all([text(child.stderr), once(child, 'exit') as Promise<[number | null]>]).then(
    ([err, [code]]) => ({ code, err }),
  )
  return {
    lines,
    says: (words) => {
      const { promise, resolve } = Promise.withResolvers<boolean>()
      waiting.set(words, resolve)
      if (lines.some((line) => line.includes(words))) resolve(true)
      return Promise.race([promise, ended.then(() => false)])
    },
    interrupt: () => signalGroup(child, 'SIGINT'),
    ended,
    children: () => descendants(child.pid ?? 0),
    leftovers: () => readdirSync(directory),
    dispose: () => {
      signalGroup(child, 'SIGKILL')
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

function signalGroup({ pid }: ChildProcess, name: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, name)
  } catch {
    // Nobody is left of the group.
  }
}

function descendants(of: number): readonly number[] {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry)))
    try {
      const [, parent] = /\) \S (\d+) /.exec(readFileSync(`/proc/${name}/stat`, 'latin1')) ?? []
      parents.set(Number(name), Number(parent))
    } catch {
      // It has ended since.
    }
  const found = [of]
  for (const parent of found) for (const [pid, its] of parents) if (its === parent) found.push(pid)
  return found.slice(1)
}

export const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** What a shell in the repository prints for a command line. */
export function runShell(line: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const path = `${dirname(process.execPath)}${delimiter}${process.env.PATH ?? ''}`
  execFile('bash', ['-c', line], { cwd: root, env: { ...process.env, PATH: path } }, (error, out, err) =>
    error ? reject(new Error(`${line}: ${err}`)) : resolve(out),
  )
  return promise
}
