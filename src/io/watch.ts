import { createHash } from 'node:crypto'
import { type FSWatcher, readFileSync, watch } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Calls back when the content of any of the files has changed and then stood still: a file that is being written is not
 * taken for a new one. Directories are watched, because a watch on a file dies with the first ConfigMap swap or rename;
 * a slow poll catches what the system forgets to tell. Times in milliseconds.
 */
export function watchFiles(
  files: () => readonly string[],
  onChange: () => void | Promise<void>,
  { debounce = 200, poll = 30_000 }: { readonly debounce?: number; readonly poll?: number } = {},
): { readonly close: () => void } {
  const watchers = new Map<string, FSWatcher>()
  let seen = digests(files())
  let moving: Digests | undefined
  let pending: NodeJS.Timeout | undefined
  let closed = false

  const look = (): void => {
    pending = undefined
    const now = digests(files())
    if (isSame(now, seen)) moving = undefined
    else if (moving && isSame(now, moving)) {
      moving = undefined
      // What was there before the files were read counts, so that a change since then is found at the next look.
      seen = now
      void Promise.resolve(onChange()).then(() => {
        if (closed || seen !== now) return
        // Files that the change named for the first time are looked at now.
        seen = new Map(files().map((file) => [file, now.get(file) ?? digest(file)]))
        attach()
      })
    } else {
      moving = now
      soon()
    }
    attach()
  }
  const soon = (): void => {
    pending ??= setTimeout(look, debounce).unref()
  }
  const attach = (): void => {
    // A mounted ConfigMap swaps the directory its links lead to; the link's own directory tells.
    const wanted = new Set(files().map(dirname))
    for (const [directory, watcher] of watchers)
      if (!wanted.has(directory)) {
        watcher.close()
        watchers.delete(directory)
      }
    for (const directory of wanted) {
      if (watchers.has(directory)) continue
      try {
        const watcher = watch(directory, { persistent: false }, soon)
        watcher.on('error', () => {
          watcher.close()
          watchers.delete(directory)
        })
        watchers.set(directory, watcher)
      } catch {
        // The directory does not exist now; the poll tries again.
      }
    }
  }
  attach()
  const timer = setInterval(look, poll).unref()
  return {
    close: () => {
      closed = true
      clearInterval(timer)
      clearTimeout(pending)
      for (const watcher of watchers.values()) watcher.close()
    },
  }
}

/** Hashes of contents by file. */
type Digests = ReadonlyMap<string, string>

const digests = (files: readonly string[]): Digests => new Map(files.map((file) => [file, digest(file)]))

/** A file that cannot be read counts as its absence. */
function digest(file: string): string {
  try {
    return createHash('sha256').update(readFileSync(file)).digest('hex')
  } catch {
    return 'absent'
  }
}

const isSame = (one: Digests, other: Digests): boolean =>
  one.size === other.size && [...one].every(([file, content]) => other.get(file) === content)

/**
 * Starts the work, never twice at once: what asks for it meanwhile is served once more afterwards. Resolves when all that
 * was asked for is done.
 */
export function oneAtATime(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined
  let again = false
  const go = async (): Promise<void> => {
    try {
      do {
        again = false
        await work()
      } while (asked())
    } finally {
      running = undefined
    }
  }
  const asked = (): boolean => again
  return () => {
    again = running !== undefined
    running ??= go()
    return running
  }
}
