import { createReadStream } from 'node:fs'

/** A line of a file, counted from 1. Content and text are undefined when it is too long to be looked at. */
export interface NumberedLine {
  readonly number: number
  /** Bytes without the end, looked at or not. */
  readonly length: number
  readonly content: Buffer | undefined
  readonly text: string | undefined
}

const NEWLINE = 0x0a

/**
 * The lines of a file one after the other, without holding more than one and one piece of the file. A line of more than
 * `most` bytes is passed over, whatever is in it. Throws what the file system says when the file cannot be read.
 */
export async function* readLines(file: string, most: number): AsyncGenerator<NumberedLine> {
  let number = 1
  let held: Buffer[] = []
  let size = 0
  const take = (piece: Buffer): void => {
    size += piece.length
    if (size <= most) held.push(piece)
    else held = []
  }
  const end = (): NumberedLine => {
    const content = size > most ? undefined : Buffer.concat(held)
    const line = {
      ...{ number, length: size, content },
      get text() {
        return content?.toString('utf8')
      },
    }
    held = []
    size = 0
    number += 1
    return line
  }
  for await (const chunk of createReadStream(file, { highWaterMark: 65_536 })) {
    const piece = chunk as Buffer
    let from = 0
    for (let at = piece.indexOf(NEWLINE); at >= 0; at = piece.indexOf(NEWLINE, from)) {
      take(piece.subarray(from, at))
      yield end()
      from = at + 1
    }
    take(piece.subarray(from))
  }
  if (size > 0) yield end()
}
