import { open, stat } from 'node:fs/promises'
import { MAX_CRL } from '../verify/x509/crl.ts'
import type { CrlShelf } from './crl-shelf.ts'
import type { Fetched } from './fetch-outcome.ts'
import { failed } from './fetch-outcome.ts'

/** A file or a URL where lists lie, and how it fares. Monotonic seconds. */
export interface CrlPlace {
  /** For words: without the query of a URL. */
  readonly source: string
  readonly at: { readonly file: string } | { readonly url: string }
  /** Named by a certificate only: nobody looks after it when nobody asks. */
  readonly found: boolean
  readonly shelf: CrlShelf
  loading: Promise<void> | undefined
  /** Whether the first look has ended. */
  looked: boolean
  /** No look before. */
  restsUntil: number
  /** What went wrong last; undefined when nothing did. */
  problem: string | undefined
  /** What tells one state of a file from another. */
  stamp: string
  used: boolean
  callOff: () => void
}

export function placeOf(at: CrlPlace['at'], found: boolean, shelf: CrlShelf): CrlPlace {
  const source = 'file' in at ? at.file : sourceOf(at.url)
  const idle = { loading: undefined, looked: false, restsUntil: 0, problem: undefined, stamp: '', used: false }
  return { source, at, found, shelf, ...idle, callOff: () => undefined }
}

function sourceOf(url: string): string {
  const { origin, pathname } = new URL(url)
  return origin + pathname
}

/** Bytes of a file: a list in PEM takes a third more than its DER. */
const MAX_FILE = Math.ceil(MAX_CRL * 1.4)

/** What tells whether a file has changed, a mounted ConfigMap that was swapped included. */
export async function stampOf(file: string): Promise<string> {
  try {
    const { ino, size, mtimeMs, ctimeMs } = await stat(file)
    return [ino, size, mtimeMs, ctimeMs].join(' ')
  } catch {
    return 'absent'
  }
}

/** A whole file, read without stopping other work. */
export async function readWholeFile(file: string): Promise<Fetched> {
  try {
    const handle = await open(file, 'r')
    try {
      const { size } = await handle.stat()
      if (size > MAX_FILE) return failed('size', `it is larger than ${MAX_FILE} bytes`)
      const bytes = Buffer.from(new ArrayBuffer(size))
      const { bytesRead } = await handle.read(bytes, 0, size, 0)
      return bytesRead === size ? { ok: true, value: bytes } : failed('file', 'it changes while it is read')
    } finally {
      await handle.close()
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return failed(
      'file',
      code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${code ?? 'unknown error'})`,
    )
  }
}
