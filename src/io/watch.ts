import { createHash } from 'node:crypto'
import { type FSWatcher, readFileSync, watch } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Calls back when the content of any of the files changes. Directories are watched, because a watch on a file dies with
 * the first ConfigMap swap or rename; a slow poll catches what the system forgets to tell. Times in milliseconds.
 */
export function watchFiles(
  files: () => readonly string[],
  onChange: () => void,
  { debounce = 200, poll = 30_000 }: { readonly debounce?: number; readonly poll?: number } = {},
): { readonly close: () => void } {
  const watchers = new Map<string, FSWatcher>()
  let seen = digest(files())
  let pending: NodeJS.Timeout | undefined

  const look = (): void => {
    pending = undefined
    const now = digest(files())
    if (now !== seen) {
      seen = now
      onChange()
      // The change may have named other files.
      seen = digest(files())
    }
    attach()
  }
  const soon = (): void => {
    pending ??= setTimeout(look, debounce)
    pending.unref()
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
  const timer = setInterval(look, poll)
  timer.unref()
  return {
    close: () => {
      clearInterval(timer)
      clearTimeout(pending)
      for (const watcher of watchers.values()) watcher.close()
    },
  }
}

/** One hash over all contents; a file that cannot be read counts as its absence. */
function digest(files: readonly string[]): string {
  const hash = createHash('sha256')
  for (const file of files) {
    hash.update(file)
    try {
      hash.update(readFileSync(file))
    } catch {
      hash.update('\0absent')
    }
  }
  return hash.digest('hex')
}
