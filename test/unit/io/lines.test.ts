import { Buffer } from 'node:buffer'
import { appendFileSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readLines } from '../../../src/io/lines.ts'
import { directoryWith } from '../../support/config-files.ts'

/** The lines of a file as texts; undefined for one that is too long. */
async function scan(file: string): Promise<readonly (string | undefined)[]> {
  const found: (string | undefined)[] = []
  for await (const { number, text } of readLines(file, 65_536)) {
    expect(number).toBe(found.length + 1)
    found.push(text)
  }
  return found
}

const linesOf = (content: string | Uint8Array) => scan(join(directoryWith({ lines: content }), 'lines'))

test.each<readonly [string, string, readonly (string | undefined)[]]>([
  ['nothing', '', []],
  ['one line', 'a\n', ['a']],
  ['a last line without its end', 'a\nb', ['a', 'b']],
  ['empty lines', '\n\na\n', ['', '', 'a']],
  ['a line of the longest length', `${'x'.repeat(65_536)}\nb`, ['x'.repeat(65_536), 'b']],
  ['one byte more', `${'x'.repeat(65_537)}\nb`, [undefined, 'b']],
  ['a long last line', 'x'.repeat(65_537), [undefined]],
])('%s', async (_, content, expected) => expect(await linesOf(content)).toEqual(expected))

test('a character of several bytes that lies on the border of two pieces stays whole', async () => {
  const line = `${'x'.repeat(65_530)}é`
  expect(await linesOf(`12345\n${line.slice(5)}\n${line}\nb`)).toEqual(['12345', line.slice(5), line, 'b'])
})

test('bytes that are no text are replaced', async () =>
  expect(await linesOf(Buffer.from([0x61, 0xff, 0x0a]))).toEqual(['a\ufffd']))

test('a line without end is passed over in bounded memory', async () => {
  const file = join(directoryWith({ lines: '' }), 'lines')
  // Zero bytes that take no room on the disk.
  truncateSync(file, 400_000_000)
  appendFileSync(file, '\nb\n')
  const before = process.memoryUsage().arrayBuffers
  let most = 0
  const watch = setInterval(() => {
    most = Math.max(most, process.memoryUsage().arrayBuffers - before)
  }, 5)
  const found = await scan(file)
  clearInterval(watch)
  expect(found).toEqual([undefined, 'b'])
  expect(most).toBeLessThan(200_000_000)
})

test('whatever lines there are, they are the ones that were written', () =>
  fc.assert(
    fc.asyncProperty(fc.array(fc.string({ maxLength: 30 }).map((text) => text.replaceAll('\n', ''))), async (lines) => {
      expect(await linesOf(lines.map((line) => `${line}\n`).join(''))).toEqual(lines)
    }),
    { numRuns: 50 },
  ))
