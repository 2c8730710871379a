import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { claimSocket } from '../../../src/io/socket.ts'
import { startServer } from '../../../src/server.ts'
import { outcomeOf } from '../../support/lifecycle-grpc.ts'
import { serverParts, startTestServer, temporaryDirectory } from '../../support/lifecycle-server.ts'

const socketPath = (): string => join(temporaryDirectory(), 'check.sock')

/** A socket file whose process is gone. */
async function leaveStale(path: string): Promise<void> {
  const server = createServer().listen(`${path}.then`)
  await once(server, 'listening')
  // A closing server removes the file under the name it knows.
  renameSync(`${path}.then`, path)
  server.close()
  await once(server, 'close')
  expect(lstatSync(path).isSocket()).toBe(true)
}

/** Somebody else's socket, somebody else being a process of its own that can be held. */
async function startOther(path: string): Promise<ChildProcess> {
  const script = `require('net').createServer(() => {}).listen({ path: process.argv[1], backlog: 1 }, () => console.log('up'))`
  const child = spawn(process.execPath, ['-e', script, path], { stdio: ['ignore', 'pipe', 'ignore'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  return child
}

test('the server listens on a socket that its group may use and nobody else, and takes it away again', async () => {
  const path = socketPath()
  const { server, connect: join } = await startTestServer({ listen: { check: `unix:${path}` } })
  expect(server.address).toBe(`unix:${path}`)
  expect(statSync(path).mode & 0o777).toBe(0o660)
  expect(outcomeOf(await join().ask({}))).toBe('route_unknown')
  await server.drain(0)
  expect(existsSync(path)).toBe(false)
})

test('a socket that a dead process left is replaced', async () => {
  const path = socketPath()
  await leaveStale(path)
  const { connect: join } = await startTestServer({ listen: { check: `unix:${path}` } })
  expect(outcomeOf(await join().ask({}))).toBe('route_unknown')
})

test('a socket somebody listens on is left alone, and the start is refused in words', async () => {
  const path = socketPath()
  const first = await startTestServer({ listen: { check: `unix:${path}` } })
  const second = await startServer(serverParts({ listen: { check: `unix:${path}` } }).parts)
  expect(second).toEqual({ ok: false, problem: `listen.check: ${path} is in use by another process` })
  expect(outcomeOf(await first.connect().ask({}))).toBe('route_unknown')
})

test('a socket whose owner has no time to accept is left alone', async () => {
  const path = socketPath()
  const other = await startOther(path)
  other.kill('SIGSTOP')
  const waiting: Socket[] = []
  onTestFinished(() => {
    for (const socket of waiting) socket.destroy()
  })
  // Until the queue of the other process is full.
  for (let full = false; !full; ) {
    const socket = connect(path)
    waiting.push(socket)
    const failed = once(socket, 'error').then(() => true)
    full = await Promise.race([failed, once(socket, 'connect').then(() => false)])
  }
  expect(await claimSocket(path)).toEqual({ ok: false, problem: `${path} is in use by another process` })
  expect(lstatSync(path).isSocket()).toBe(true)
})

test.each([
  ['a file', (path: string) => writeFileSync(path, 'precious')],
  ['an empty file', (path: string) => writeFileSync(path, '')],
  ['a directory', (path: string) => mkdirSync(path)],
  ['a link that leads nowhere', (path: string) => symlinkSync('/nowhere', path)],
])('%s in its place is never removed', async (_, put) => {
  const path = socketPath()
  put(path)
  const before = lstatSync(path)
  const started = await startServer(serverParts({ listen: { check: `unix:${path}` } }).parts)
  expect(started).toEqual({ ok: false, problem: `listen.check: ${path} exists and is not a socket` })
  expect(lstatSync(path).ino).toBe(before.ino)
  if (before.isFile()) expect(readFileSync(path, 'utf8').length).toBe(before.size)
})

test('a link to a stale socket is not followed', async () => {
  const path = socketPath()
  await leaveStale(`${path}.real`)
  symlinkSync(`${path}.real`, path)
  expect((await claimSocket(path)).ok).toBe(false)
  expect(existsSync(`${path}.real`)).toBe(true)
})

test('a directory that does not exist is named', async () => {
  const directory = join(temporaryDirectory(), 'missing')
  const started = await startServer(serverParts({ listen: { check: `unix:${directory}/check.sock` } }).parts)
  expect(started).toEqual({ ok: false, problem: `listen.check: ${directory} does not exist; create it` })
})
