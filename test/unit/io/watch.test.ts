import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { oneAtATime, watchFiles } from '../../../src/io/watch.ts'
import { temporaryDirectory } from '../../support/lifecycle-server.ts'

/** Watches files of a new directory and counts changes; looks often, so that nobody has to wait. */
function startWatch(names: readonly string[], more: { readonly poll?: number; readonly onChange?: () => void } = {}) {
  const directory = temporaryDirectory()
  const at = (name: string): string => join(directory, name)
  const calls = { count: 0 }
  const start = (): void => {
    const watcher = watchFiles(
      () => names.map(at),
      () => {
        calls.count += 1
        more.onChange?.()
      },
      { debounce: 10, poll: more.poll ?? 60_000 },
    )
    onTestFinished(() => watcher.close())
  }
  const expectCalls = (count: number): Promise<void> => vi.waitFor(() => expect(calls.count).toBe(count), 5000)
  return { at, directory, start, calls, expectCalls }
}

test.each([
  ['is written anew', (file: string) => writeFileSync(file, 'two')],
  ['grows', (file: string) => writeFileSync(file, ' and more', { flag: 'a' })],
  ['is emptied', (file: string) => writeFileSync(file, '')],
  ['is removed', (file: string) => rmSync(file)],
  [
    'is replaced by a rename',
    (file: string) => {
      writeFileSync(`${file}~`, 'two')
      renameSync(`${file}~`, file)
    },
  ],
])('a file that %s is told once', async (_, change) => {
  const { at, start, calls, expectCalls } = startWatch(['a.yaml', 'b.yaml'])
  writeFileSync(at('a.yaml'), 'one')
  writeFileSync(at('b.yaml'), 'one')
  start()
  change(at('a.yaml'))
  await expectCalls(1)
  // The next change is the next call, so the first was told once.
  writeFileSync(at('b.yaml'), 'three')
  await expectCalls(2)
  expect(calls.count).toBe(2)
})

test('a file that is touched, or written with the same content, is no change', async () => {
  const { at, start, expectCalls } = startWatch(['a.yaml', 'b.yaml'])
  writeFileSync(at('a.yaml'), 'one')
  start()
  writeFileSync(at('a.yaml'), 'one')
  writeFileSync(at('other'), 'not watched')
  writeFileSync(at('b.yaml'), 'appears')
  await expectCalls(1)
})

test('a file that goes and comes back is told both times, also after the rename of its directory', async () => {
  const { at, start, expectCalls } = startWatch(['d/a.yaml'], { poll: 20 })
  mkdirSync(at('d'))
  writeFileSync(at('d/a.yaml'), 'one')
  start()
  renameSync(at('d'), at('e'))
  await expectCalls(1)
  mkdirSync(at('d'))
  writeFileSync(at('d/a.yaml'), 'one')
  await expectCalls(2)
  writeFileSync(at('d/a.yaml'), 'two')
  await expectCalls(3)
})

test('conf-partial: the swap of a mounted ConfigMap is told once, and the one after it as well', async () => {
  const { at, directory, start, expectCalls } = startWatch(['a.yaml'])
  const swap = (version: string): void => {
    mkdirSync(at(`..${version}`))
    writeFileSync(at(`..${version}/a.yaml`), version)
    symlinkSync(`..${version}`, at('..data_tmp'))
    renameSync(at('..data_tmp'), at('..data'))
  }
  swap('one')
  symlinkSync('..data/a.yaml', join(directory, 'a.yaml'))
  start()
  swap('two')
  rmSync(at('..one'), { recursive: true })
  await expectCalls(1)
  swap('three')
  await expectCalls(2)
})

test('conf-partial: a file that is being written is not told before it stands still', async () => {
  const { at, start, calls, expectCalls } = startWatch(['a.yaml'])
  writeFileSync(at('a.yaml'), 'one')
  start()
  let size = 0
  // Every look finds another content.
  const writer = setInterval(() => {
    size += 1
    writeFileSync(at('a.yaml'), 'x', { flag: 'a' })
  }, 1)
  onTestFinished(() => clearInterval(writer))
  await vi.waitFor(() => expect(size).toBeGreaterThan(50), 5000)
  expect(calls.count).toBe(0)
  clearInterval(writer)
  await expectCalls(1)
})

test('a change while the last one is being read is not lost', async () => {
  const contents = ['three', 'four']
  const watch = startWatch(['a.yaml'], {
    // Somebody writes just after the service has read its files.
    onChange: () => {
      const next = contents.shift()
      if (next !== undefined) writeFileSync(watch.at('a.yaml'), next)
    },
  })
  writeFileSync(watch.at('a.yaml'), 'one')
  watch.start()
  writeFileSync(watch.at('a.yaml'), 'two')
  await watch.expectCalls(3)
})

test('files that a change names for the first time are watched from then on', async () => {
  const names = ['a.yaml']
  const watch = startWatch(names, {
    onChange: () => {
      if (!names.includes('d/b.yaml')) names.push('d/b.yaml')
    },
  })
  writeFileSync(watch.at('a.yaml'), 'one')
  mkdirSync(watch.at('d'))
  writeFileSync(watch.at('d/b.yaml'), 'one')
  watch.start()
  writeFileSync(watch.at('a.yaml'), 'two')
  await watch.expectCalls(1)
  writeFileSync(watch.at('d/b.yaml'), 'two')
  await watch.expectCalls(2)
})

test('after close nothing is told', async () => {
  const directory = temporaryDirectory()
  const file = join(directory, 'a.yaml')
  const told: string[] = []
  const watch = (name: string) =>
    watchFiles(
      () => [file],
      () => void told.push(name),
      { debounce: 10, poll: 20 },
    )
  watch('closed').close()
  const open = watch('open')
  onTestFinished(() => open.close())
  writeFileSync(file, 'two')
  await vi.waitFor(() => expect(told).toEqual(['open']))
})

test('work that is asked for while it runs runs once more, never beside itself', async () => {
  const ends: (() => void)[] = []
  const work = oneAtATime(() => {
    const { promise, resolve } = Promise.withResolvers<void>()
    ends.push(resolve)
    return promise
  })
  for (let count = 0; count < 3; count += 1) void work()
  expect(ends).toHaveLength(1)
  ends[0]?.()
  await vi.waitFor(() => expect(ends).toHaveLength(2))
  ends[1]?.()
  await new Promise((resolve) => setImmediate(resolve))
  expect(ends).toHaveLength(2)
  void work()
  expect(ends).toHaveLength(3)
})
