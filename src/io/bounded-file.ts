import { closeSync, openSync, readSync } from 'node:fs'
import { type Reading, read, unreadable } from '../verify/reading.ts'

const MEBIBYTE = 1_048_576

/** A file of at most so many bytes, also when it is a pipe or grows meanwhile. */
export function readBounded(file: string, most: number): Reading<Buffer> {
  let descriptor: number | undefined
  try {
    descriptor = openSync(file, 'r')
    const chunks: Buffer[] = []
    for (let size = 0; size <= most; ) {
      const chunk = Buffer.alloc(Math.min(65_536, most + 1 - size))
      const taken = readSync(descriptor, chunk)
      if (taken === 0) return read(Buffer.concat(chunks))
      chunks.push(chunk.subarray(0, taken))
      size += taken
    }
    const size = most >= MEBIBYTE ? `${most / MEBIBYTE} MiB` : `${most / 1024} KiB`
    return unreadable(`it is larger than ${size}`)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return unreadable(code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${code ?? 'unknown error'})`)
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
}
