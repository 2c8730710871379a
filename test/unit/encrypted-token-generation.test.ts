import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { buildCheck } from '../../src/check.ts'
import { buildGeneration } from '../../src/generation.ts'
import { loadConfig } from '../../src/io/config-file.ts'
import { buildLog } from '../../src/io/log.ts'
import { timer } from '../../src/io/timer.ts'
import { buildMemory, monotonic } from '../../src/memory.ts'
import { buildMetrics } from '../../src/metrics.ts'
import { verdict } from '../support/answers.ts'
import { directoryWith, smallest } from '../support/config-files.ts'
import { curve, seal, withSegment } from '../support/encrypted.ts'
import { PROOF_TIME } from '../support/proofs.ts'
import { CALL, document, goodRequest, mintToken, serverJwks } from '../support/spine.ts'

/** The Check of a configuration whose server encrypts for one key. */
function buildService() {
  const [server] = document.authorizationServers
  const encrypting = { ...server, keys: { file: 'jwks.json' }, encryption: { keys: ['key.pem'] } }
  const { publicOrigins, routes } = document
  const directory = directoryWith({
    'jwks.json': JSON.stringify(serverJwks),
    'key.pem': curve.ours.key.export({ type: 'pkcs8', format: 'pem' }) as string,
    'c.yaml': JSON.stringify(
      smallest({ publicOrigins, routes, authorizationServers: [encrypting], stores: { afterRestart: 'accept' } }),
    ),
  })
  const file = join(directory, 'c.yaml')
  const loaded = loadConfig(file, {})
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  const [metrics, log, memory] = [buildMetrics(), buildLog('error', { write: () => {} }), buildMemory(loaded.config)]
  const built = buildGeneration(loaded, undefined, {
    ...{ file, environment: {}, memory, metrics, log, observeKeys: () => {} },
  })
  if (!built.ok) throw new Error(built.problem)
  const { rules, sources } = built.value
  const check = buildCheck({
    ...{ rules: () => rules, now: () => PROOF_TIME, monotonic, uuid: randomUUID, timer },
    observe: () => {},
    report: (error) => {
      throw error
    },
  })
  return { check: async (token: string) => verdict(await check(goodRequest({ token }), CALL)), sources }
}

test('JWT-23 a service uses its keys 256 times at the same time and tells the others to come again', async () => {
  const { check } = buildService()
  const sealed = await seal(mintToken(), { key: curve })
  const garbage = Array.from({ length: 300 }, (_, index) =>
    withSegment(sealed, 4, () => Buffer.alloc(16, index).toString('base64url')),
  )
  const verdicts = await Promise.all(garbage.map(check))
  const count = (name: string): number => verdicts.filter((verdict) => verdict === name).length
  expect([count('token_malformed'), count('overload')]).toEqual([256, 44])
})
