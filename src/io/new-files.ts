import { randomUUID } from 'node:crypto'
import { linkSync, lstatSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Which of these exist, whatever they are: a link that leads nowhere counts. */
export const existing = (directory: string, paths: readonly string[]): readonly string[] =>
  paths.filter((path) => lstatSync(join(directory, path), { throwIfNoEntry: false }) !== undefined)

/**
 * Writes all files or none. Without `replace` a file that appears in the meantime is never overwritten. Throws what the
 * file system says, after everything has been put back.
 */
export function writeAll(
  directory: string,
  files: readonly { readonly path: string; readonly text: string }[],
  replace: boolean,
): void {
  const mark = randomUUID()
  const undo: (() => void)[] = []
  const leftovers: string[] = []
  try {
    const staged = files.map(({ path, text }) => {
      const target = join(directory, path)
      makeFolder(dirname(target), undo)
      const fresh = `${target}.${mark}.new`
      leftovers.push(fresh)
      writeFileSync(fresh, text, { flag: 'wx' })
      return { target, fresh }
    })
    for (const { target, fresh } of staged) {
      if (replace) keepOld(target, `${target}.${mark}.old`, undo, leftovers)
      // Unlike a rename, a link fails where something stands.
      linkSync(fresh, target)
      undo.push(() => rmSync(target))
    }
  } catch (error) {
    remove(leftovers.filter((path) => path.endsWith('.new')))
    for (const step of undo.toReversed()) step()
    throw error
  }
  remove(leftovers)
}

function remove(paths: readonly string[]): void {
  for (const path of paths) rmSync(path, { force: true })
}

/** Makes a folder and those above it; undone, they are gone again. */
function makeFolder(folder: string, undo: (() => void)[]): void {
  const first = mkdirSync(folder, { recursive: true })
  if (first !== undefined) undo.push(() => rmSync(first, { recursive: true }))
}

/** Moves away what stands where a file will be. Only files: a folder in the way is somebody's work. */
function keepOld(target: string, old: string, undo: (() => void)[], leftovers: string[]): void {
  const stat = lstatSync(target, { throwIfNoEntry: false })
  if (stat === undefined) return
  if (stat.isDirectory()) throw Object.assign(new Error(`${target} is a folder`), { code: 'EISDIR', path: target })
  renameSync(target, old)
  undo.push(() => renameSync(old, target))
  leftovers.push(old)
}
