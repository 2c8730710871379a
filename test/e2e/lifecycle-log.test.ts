import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { freePorts } from '../../demo/ports.ts'
import { waitForPort } from '../../tools/envoy.ts'
import { connectCheck, outcomeOf } from '../support/lifecycle-grpc.ts'
import { temporaryDirectory } from '../support/lifecycle-server.ts'
import { checkRequest } from '../support/requests.ts'
import { serverJwks } from '../support/spine.ts'

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const long = 'x'.repeat(250)

/** A service whose log nobody reads. */
async function startUnread() {
  const directory = temporaryDirectory()
  const { check, metrics } = await freePorts()
  writeFileSync(join(directory, 'jwks.json'), JSON.stringify(serverJwks))
  const config = join(directory, 'envoy-fapi.yaml')
  const document = {
    listen: { check: `127.0.0.1:${check}`, admin: `127.0.0.1:${metrics}` },
    stores: { afterRestart: 'accept' },
    publicOrigins: ['https://api.example.com'],
    authorizationServers: [{ issuer: 'https://as.example.com', keys: { file: 'jwks.json' } }],
    routes: [{ path: '/accounts', scopes: ['accounts'] }],
  }
  writeFileSync(config, JSON.stringify(document))
  const child = spawn(process.execPath, ['--max-old-space-size=128', main, 'serve', '--config', config], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  child.stdout.pause()
  expect(await waitForPort(check, 20_000)).toBe(true)
  const client = connectCheck(`127.0.0.1:${check}`)
  onTestFinished(() => client.close())
  const ask = async () =>
    outcomeOf(await client.ask(checkRequest({ path: `/${long}`, headers: [['x-request-id', long]] })))
  return { child, ask }
}

test('att-dos-08, audit-sink-slow, I6: while nobody reads the records their backlog is bounded, nothing is decided, and it ends all the same', async () => {
  const { child, ask } = await startUnread()
  const outcomes = new Set<string>()
  for (let round = 0; round < 400 && !outcomes.has('audit_unavailable'); round += 1)
    for (const outcome of await Promise.all(Array.from({ length: 100 }, ask))) outcomes.add(outcome)
  expect(outcomes).toEqual(new Set(['audit_unavailable', 'route_unknown']))

  child.stdout.resume()
  const later = async (): Promise<string> => {
    for (let tries = 0; tries < 100; tries += 1) {
      const outcome = await ask()
      if (outcome !== 'audit_unavailable') return outcome
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    return 'audit_unavailable'
  }
  expect(await later()).toBe('route_unknown')

  child.stdout.pause()
  child.kill('SIGTERM')
  expect(await once(child, 'exit')).toEqual([0, null])
})
