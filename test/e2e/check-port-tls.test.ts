import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { outcomeOf } from '../support/lifecycle-grpc.ts'
import { as, ENVOY, envoy, internal, peer, serviceIdentity, stranger, tlsFiles } from '../support/lifecycle-peers.ts'
import { temporaryDirectory } from '../support/lifecycle-server.ts'
import { freshRequest, serviceDocument, startTestService } from '../support/lifecycle-service.ts'

async function startPinned() {
  const { files, write } = tlsFiles(temporaryDirectory())
  const listen = { ...serviceDocument.listen, tls: { ...files, peers: [ENVOY] } }
  const service = await startTestService({ ...serviceDocument, listen })
  const ask = async (identity: Parameters<typeof as>[0], ca = internal): Promise<string> => {
    const client = service.connect(as(identity, ca))
    const outcome = outcomeOf(await client.ask(freshRequest(), { deadline: 5000 }))
    client.close()
    return outcome
  }
  return { ...service, files, write, ask, service }
}

test('att-ops-08: the process answers the pinned Envoy and nobody else, and counts the others', async () => {
  const { ask, metric } = await startPinned()
  expect(await ask(envoy)).toBe('allow')
  expect(await ask(peer({ uris: ['spiffe://bank.example/other'] }))).toBe('PERMISSION_DENIED')
  expect(await ask(undefined)).toBe('UNAVAILABLE')
  expect(await ask(peer({ uris: [ENVOY] }, stranger))).toBe('UNAVAILABLE')
  expect(await metric('envoy_fapi_peers_refused_total')).toBe(1)
  expect(await metric('envoy_fapi_checks_total{route="accounts",decision="allow",reason="allowed"}')).toBe(1)
})

test('a renewed certificate is used without a restart, and files that cannot be used change nothing', async () => {
  const { ask, write, files, service, directory } = await startPinned()
  const old = service.connect(as(envoy))
  expect(outcomeOf(await old.ask(freshRequest()))).toBe('allow')

  // Signed by another authority, so that only who trusts that one can connect any more.
  write(serviceIdentity(stranger))
  await vi.waitFor(async () => expect(await ask(envoy, stranger)).toBe('allow'), 10_000)
  expect(await ask(envoy)).toBe('UNAVAILABLE')
  expect(outcomeOf(await old.ask(freshRequest()))).toBe('allow')

  const reloads = (): number => service.records.filter(({ msg }) => msg.startsWith('configuration')).length
  const before = reloads()
  writeFileSync(files.certificate, 'half a certif')
  await vi.waitFor(() => expect(reloads()).toBeGreaterThan(before), 10_000)
  expect(await ask(envoy, stranger)).toBe('allow')
  expect(readFileSync(join(directory, 'errors.log'), 'utf8')).toBe('')

  write(serviceIdentity())
  await vi.waitFor(async () => expect(await ask(envoy)).toBe('allow'), 10_000)
})
