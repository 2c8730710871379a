import { constants } from 'node:fs'
import { type FileHandle, link, open, readdir, rename, stat, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { readRecord } from '../audit/verify-record.ts'

/** Which file it is, whatever it is called, and how long. */
interface FileState {
  readonly id: string
  readonly size: number
}

/** A file that grows at its end. */
export interface AuditHandle {
  /** Returns how many of the bytes have been taken. */
  readonly append: (bytes: Uint8Array) => Promise<number>
  readonly sync: () => Promise<void>
  readonly state: () => Promise<FileState>
  /** Up to so many of its last bytes. */
  readonly tail: (most: number) => Promise<Uint8Array>
  readonly close: () => Promise<void>
}

/** What the audit asks of the file system. */
export interface AuditDisk {
  /** Opens a file, or makes an empty one that nobody else may read. */
  readonly open: (path: string) => Promise<AuditHandle>
  /** The file of that name; undefined when there is none. */
  readonly look: (path: string) => Promise<FileState | undefined>
  /** Gives a file another name, never one that is taken. */
  readonly rename: (path: string, to: string) => Promise<void>
  /** Files that begin with that name and a dot, sorted. */
  readonly beside: (path: string) => Promise<readonly string[]>
  readonly remove: (path: string) => Promise<void>
}

export const disk: AuditDisk = {
  open: async (path) => {
    // Non-blocking, so that a pipe without a reader is found out instead of waited for.
    const flags = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK
    const handle = await open(path, flags, 0o600)
    try {
      if (!(await handle.stat()).isFile()) throw new Error('it is not a regular file')
      await syncDirectory(dirname(path))
      return wrap(handle)
    } catch (error) {
      await handle.close()
      throw error
    }
  },
  look: async (path) => {
    try {
      return stateOf(await stat(path, { bigint: true }))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  },
  rename: async (path, to) => {
    try {
      await link(path, to)
      await unlink(path)
    } catch (error) {
      if (!withoutLinks.has((error as NodeJS.ErrnoException).code ?? '') || (await disk.look(to))) throw error
      await rename(path, to)
    }
    await syncDirectory(dirname(path))
  },
  beside: async (path) => {
    const names = await readdir(dirname(path))
    return names
      .filter((name) => name.startsWith(`${basename(path)}.`))
      .sort()
      .map((name) => join(dirname(path), name))
  },
  remove: unlink,
}

/** How file systems that know no hard links say so. */
const withoutLinks: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])

const stateOf = ({ dev, ino, size }: { dev: bigint; ino: bigint; size: bigint }): FileState => ({
  id: `${dev}:${ino}`,
  size: Number(size),
})

const wrap = (handle: FileHandle): AuditHandle => ({
  append: async (bytes) => (await handle.write(bytes)).bytesWritten,
  sync: () => handle.datasync(),
  state: async () => stateOf(await handle.stat({ bigint: true })),
  tail: async (most) => {
    const { size } = await handle.stat()
    const length = Math.min(size, most)
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(length), 0, length, size - length)
    return buffer.subarray(0, bytesRead)
  },
  close: () => handle.close(),
})

/** Without this the name of a new file may be gone after a crash, and the records with it. */
async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** How a file ends. */
export interface FileEnd {
  /** Its last record; undefined when there is none. */
  readonly last: { readonly run: string; readonly seq: number; readonly hash: string } | undefined
  /** Bytes of what stands behind it and is no record, without line ends: writes that were cut off. */
  readonly torn: number
  /** It does not end with a whole line. */
  readonly midLine: boolean
  /** There is more before what was looked at. */
  readonly more: boolean
}

/** Enough for the last record and for what dozens of cut-off writes may have left behind it. */
const TAIL = 262_144

export async function readEnd(handle: AuditHandle): Promise<FileEnd> {
  const bytes = Buffer.from(await handle.tail(TAIL))
  const midLine = bytes.length > 0 && bytes.at(-1) !== LINE_END
  let torn = 0
  for (let end = midLine ? bytes.length : bytes.length - 1; end > 0; ) {
    const begin = bytes.lastIndexOf(LINE_END, end - 1) + 1
    const line = bytes.subarray(begin, end)
    const last = readRecord(line)
    if (last) return { last, torn, midLine, more: false }
    torn += line.length
    end = begin - 1
  }
  return { last: undefined, torn, midLine, more: bytes.length === TAIL }
}

const LINE_END = 0x0a
