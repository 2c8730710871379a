import type { AddressInfo, Socket } from 'node:net'
import { join } from 'node:path'
import type { TlsOptions } from 'node:tls'
import { createServer } from 'node:tls'
import { describe, expect, onTestFinished, test } from 'vitest'
import { sendRaw } from '../../../src/io/doctor-through.ts'
import { commandLine } from '../../support/command-line.ts'
import { directoryWith, smallest } from '../../support/config-files.ts'
import { authority, serverIdentity } from '../../support/stub-servers.ts'

/** A TLS server that answers bytes as the test says. */
async function startRaw(speak: (socket: Socket) => void, options: TlsOptions = {}) {
  const { certificate, key } = serverIdentity({})
  const server = createServer({ cert: certificate, key, ...options }, (socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => speak(socket))
  })
  server.on('tlsClientError', () => undefined)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  return { host: '127.0.0.1', port, serverName: 'localhost', ca: authority.certificate }
}

const REQUEST = 'GET / HTTP/1.1\r\nhost: localhost\r\n\r\n'

describe('what a hostile server answers', () => {
  test.each<readonly [string, (socket: Socket) => void, object]>([
    ['an answer', (socket) => socket.write('HTTP/1.1 401 No\r\nA: 1\r\na: 2\r\n\r\n'), { status: 401 }],
    ['no HTTP', (socket) => socket.end('\x1b[2J\x07'), { status: 0, error: 'no HTTP/1 answer' }],
    ['half a head', (socket) => socket.end('HTTP/1.1 200 OK\r\na: b'), { status: 0, error: 'no HTTP/1 answer' }],
    ['a status that is none', (socket) => socket.end('HTTP/1.1 2000 OK\r\n\r\n'), { status: 0 }],
    [
      'a head without end',
      (socket) => void socket.write(`HTTP/1.1 200 OK\r\na: ${'x'.repeat(200_000)}`),
      { status: 0, error: 'its head is too large' },
    ],
    ['nothing', (socket) => socket.end(), { status: 0, error: 'the connection was closed' }],
    ['silence', () => undefined, { status: 0, error: 'no whole answer in time' }],
  ])('%s', async (_, speak, expected) => expect(await sendRaw(await startRaw(speak), REQUEST)).toMatchObject(expected))
  test('lines of the same name are kept apart', async () => {
    const door = await startRaw((socket) => socket.write('HTTP/1.1 401 No\r\nA: 1\r\na: 2\r\n\r\n'))
    expect([...(await sendRaw(door, REQUEST)).headers]).toEqual([['a', ['1', '2']]])
  })
  test.each([
    ['an authority nobody named', { ca: undefined }, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ['another name', { serverName: 'api.bank.example' }, 'the certificate is not for this host'],
  ])('a certificate by %s: nothing is sent', async (_, difference, error) => {
    let heard = 0
    const door = await startRaw(() => {
      heard += 1
    })
    expect([await sendRaw({ ...door, ...difference }, REQUEST), heard]).toMatchObject([{ status: 0, error }, 0])
  })
})

test('a server that lets everything in, in TLS of any age: every kind of finding, readable', async () => {
  const door = await startRaw((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'), {
    minVersion: 'TLSv1',
    ciphers: 'DEFAULT@SECLEVEL=0',
  })
  const directory = directoryWith({
    'a.yaml': JSON.stringify(
      smallest({
        routes: [
          { name: 'open', path: '/o', open: true },
          { path: '/**', scopes: ['a'] },
        ],
      }),
    ),
    'ca.pem': authority.certificate,
  })
  const words = [
    '--config',
    join(directory, 'a.yaml'),
    '--through',
    'https://localhost',
    '--cacert',
    join(directory, 'ca.pem'),
  ]
  const { out, code } = await commandLine(['doctor', ...words, '--connect', `127.0.0.1:${door.port}`])
  expect(code).toBe(1)
  const ids = new Set([...out.matchAll(/^(?:problem|warning|untested) +(DT-\d\d)/gm)].map(([, id]) => id))
  expect(ids).toEqual(new Set(['DT-02', 'DT-05', 'DT-06', 'DT-07', 'DT-08', 'DT-10', 'DT-11', 'DT-12', 'DT-13']))
  expect(out).toContain('(lint: EL-06, EL-20, EL-21, EL-22)')
  expect(out).toMatch(/\nproblems: \d+, warnings: 3, tried: \d+\n$/)
  expect(out).not.toMatch(/[^\n\x20-\x7e]/)
})
