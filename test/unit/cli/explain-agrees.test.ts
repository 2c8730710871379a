import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { stringify } from 'yaml'
import { pemOf, root } from '../../support/client-certificates.ts'
import { commandLine } from '../../support/command-line.ts'
import { directoryWith } from '../../support/config-files.ts'
import { jsonForm, type RefusalCase, refusalCases } from '../../support/explain.ts'
import { PROOF_TIME } from '../../support/proofs.ts'
import type { SpineOptions } from '../../support/spine.ts'
import { buildTestCheck, document, goodRequest, serverJwks } from '../../support/spine.ts'

/** What needs another world than a file can say: a store that has used the proof, a server that is asked. */
const needsPorts = ({ keys, replays, introspection, revocations, authorities }: SpineOptions): boolean =>
  [keys, replays, introspection, revocations, authorities?.status].some((port) => port !== undefined)

interface Comparable extends Pick<RefusalCase, 'request' | 'options'> {
  readonly reason: RefusalCase['reason'] | 'allowed'
}

const comparable: readonly Comparable[] = [
  { reason: 'allowed', request: () => goodRequest() },
  ...refusalCases.filter(({ options = {} }) => !needsPorts(options)),
]

/** The verdict of the service itself, and that of `explain` on the very same request. */
async function bothVerdicts({ request, options = {} }: Comparable) {
  const wire = request()
  const { ask, records } = buildTestCheck(options)
  await ask(wire)
  const decision = records[0]?.decision
  const authorizationServers = document.authorizationServers.map((one) => ({ ...one, keys: { file: 'jwks.json' } }))
  const directory = directoryWith({
    'envoy-fapi.yaml': stringify({
      ...(options.document ?? document),
      authorizationServers,
      nonces: { secrets: ['o9lq0aX2v7Jt3mWkYp4Zc8dRfGhB1nTe'] },
    }),
    'jwks.json': JSON.stringify(serverJwks),
    'unread.pem': pemOf(root.certificate),
    captured: jsonForm(wire),
  })
  const inside = (name: string): string => join(directory, name)
  const argv = ['--config', inside('envoy-fapi.yaml'), '--request', inside('captured'), '--at', String(PROOF_TIME)]
  const { out, err, code } = await commandLine(['explain', ...argv, '--json'])
  const explained = code === 2 ? err : (JSON.parse(out) as { readonly reason: string }).reason
  return { served: decision && (decision.ok ? 'allowed' : decision.reason), explained, code }
}

test('there is a case for nearly every reason', () => expect(comparable.length).toBeGreaterThan(45))

test.each(comparable)('explain decides as the service: $reason', async (one) => {
  const { served, explained, code } = await bothVerdicts(one)
  expect([served, explained, code]).toEqual([one.reason, one.reason, one.reason === 'allowed' ? undefined : 10])
})

test('whoever else listens at the admin port writes nothing to the terminal', async () => {
  const body = JSON.stringify({ message: '\u001b[2Jforged\nALLOW' })
  const server = createServer((_, response) => void response.writeHead(500).end(body)).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const admin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const environment = { ENVOY_FAPI_ADMIN_TOKEN: 'Kq3vX9mWb2Lr7TzYc5Nf8PdHs1GjRuEo' }
  const { err, code } = await commandLine(['explain', '--last', '--admin', admin], environment)
  expect([err, code]).toEqual([`${admin}: it answers 500: \\u001b[2Jforged\\u000aALLOW\n`, 2])
})
