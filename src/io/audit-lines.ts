import { type Reading, read, unreadable } from '../verify/reading.ts'
import { readLines } from './lines.ts'

/** Bytes of one line that are kept; a longer one is no record. */
const MAX_LINE = 65_536

/** Hands over a file line by line with the length of each. A line that is too long comes empty. */
export async function scanLines(
  file: string,
  take: (line: Uint8Array, length: number) => void,
): Promise<Reading<undefined>> {
  try {
    for await (const { content, length } of readLines(file, MAX_LINE)) take(content ?? NOTHING, length)
    return read(undefined)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return unreadable(code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${code ?? 'unknown error'})`)
  }
}

const NOTHING = new Uint8Array()
