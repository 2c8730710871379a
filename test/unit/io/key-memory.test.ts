import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, onTestFinished, test } from 'vitest'
import type { Reading, Report } from '../../support/garbage-reader.ts'
import { serverJwks } from '../../support/spine.ts'
import { authority, startStub } from '../../support/stub-servers.ts'

const MEGABYTE = 1_000_000
const ROUNDS = 30

/** An answer as large as is allowed, and others that are larger, or become so for whoever unpacks them. */
const answers: Readonly<Record<string, readonly [headers: Record<string, string>, body: Buffer]>> = {
  '/limit': [{}, Buffer.from(JSON.stringify({ ...serverJwks, x: 'x'.repeat(500_000) }))],
  '/large': [{}, Buffer.from(`{"keys":[],"x":"${'x'.repeat(10 * MEGABYTE)}"}`)],
  '/bomb': [{ 'content-encoding': 'gzip' }, gzipSync(Buffer.alloc(100 * MEGABYTE, ' '))],
  '/encodings': [{ 'content-encoding': Array(1000).fill('gzip').join() }, Buffer.from('{}')],
}

test('jwks-garbage large answers do not make the process grow', async () => {
  const stub = await startStub((request, response) => {
    const [headers, body] = answers[request.url ?? ''] ?? [{}, Buffer.alloc(0)]
    response.writeHead(200, { 'content-type': 'application/json', ...headers })
    response.end(body)
  })
  onTestFinished(() => stub.close())
  const script = join(import.meta.dirname, '../../support/garbage-reader.ts')
  const child = fork(script, [], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  onTestFinished(() => void child.kill())
  const [honest = '', ...bad] = Object.keys(answers).map((path) => stub.origin + path)
  child.send({ honest, bad, ca: authority.certificate, rounds: ROUNDS } satisfies Reading)
  const [report] = (await once(child, 'message')) as [Report]
  expect(report).toMatchObject({ loaded: ROUNDS, failed: 3 * ROUNDS })
  // A single answer read to its end takes more.
  expect(report.growth).toBeLessThan(20 * MEGABYTE)
})
