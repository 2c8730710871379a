import { describe, expect, onTestFinished, test } from 'vitest'
import { findFree } from '../../../demo/ports.ts'
import type { Config } from '../../../src/config.ts'
import { openHttpPorts } from '../../../src/io/http-ports.ts'
import { buildMetrics } from '../../../src/metrics.ts'

const TOKEN = 'Zm9yIG9wZXJhdG9ycyBvZiB0aGUgdGVzdCBhbG9uZQ'
const action = { method: 'POST', path: '/act', handle: () => ({ status: 200, body: {} }) } as const
const plain = { check: '127.0.0.1:0', insecureCheck: false, meshTls: false, admin: '127.0.0.1:0' }
const access = { adminAccess: { tokens: [TOKEN] } }

/** The ports of these settings: where they are, and what each answers to the action and to `/readyz`. */
async function open(listen: Config['listen']) {
  const status = () => ({ ready: true, body: {} })
  const opened = await openHttpPorts(
    listen,
    { registry: buildMetrics().registry, status, beforeScrape: () => undefined },
    { actions: [action], tokens: () => listen.adminAccess?.tokens, monotonic: () => 0, observe: () => undefined },
  )
  if (!opened.ok) throw new Error(opened.problem)
  onTestFinished(async () => {
    for (const port of opened.value) await port.close()
  })
  return await Promise.all(
    opened.value.map(async ({ address }) => {
      const headers = { authorization: `Bearer ${TOKEN}` }
      const acted = await fetch(`http://${address}/act`, { method: 'POST', headers })
      return [acted.status, (await fetch(`http://${address}/readyz`)).status]
    }),
  )
}

describe('who can reach operator actions', () => {
  test.each<readonly [string, Config['listen'], readonly (readonly [number, number])[]]>([
    ['nobody, unless there is a token for them', plain, [[404, 200]]],
    ['the admin port, which is the only one', { ...plain, ...access }, [[200, 200]]],
    ['no port for metrics', { ...plain, metrics: '127.0.0.1:0' }, [[404, 200]]],
    [
      'the admin port, and never the one for metrics',
      { ...plain, ...access, metrics: '127.0.0.1:0' },
      [
        [404, 200],
        [200, 200],
      ],
    ],
  ])('%s', async (_, listen, answers) => expect(await open(listen)).toEqual(answers))
})

test('a port that is taken is told, and the other one is not kept', async () => {
  const [port = 0] = await findFree(1)
  const listen = { ...plain, ...access, metrics: `127.0.0.1:${port}`, admin: `127.0.0.1:${port}` }
  await expect(open(listen)).rejects.toThrow(/^listen\.admin: 127\.0\.0\.1:[0-9]+ is in use/)
  expect(await open({ ...plain, metrics: `127.0.0.1:${port}` })).toEqual([[404, 200]])
})
