import { writeFileSync } from 'node:fs'
import { connect as connectTls } from 'node:tls'
import { describe, expect, test } from 'vitest'
import { startServer } from '../../src/server.ts'
import type { Identity } from '../../tools/pki.ts'
import { outcomeOf } from '../support/lifecycle-grpc.ts'
import {
  ANSWERED,
  as,
  ENVOY,
  envoy,
  internal,
  peer,
  serviceIdentity,
  startPinned,
  stranger,
  tlsFiles,
} from '../support/lifecycle-peers.ts'
import { serverParts, temporaryDirectory } from '../support/lifecycle-server.ts'

describe('certificates that are renewed', () => {
  /** Serial number of the certificate the port shows to a new connection. */
  const shown = (address: string, identity: Identity, ca: readonly Identity[]): Promise<string> => {
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    const [host = '', port] = address.split(':')
    const socket = connectTls({
      host,
      port: Number(port),
      servername: 'envoy-fapi.internal',
      ca: ca.map(({ certificate }) => certificate),
      cert: identity.certificate,
      key: identity.key,
      ALPNProtocols: ['h2'],
    })
    socket.once('secureConnect', () => resolve(socket.getPeerX509Certificate()?.fingerprint256 ?? ''))
    socket.once('error', reject)
    return promise.finally(() => socket.destroy())
  }

  test('new connections get the new one, old connections go on', async () => {
    const { server, connect, write } = await startPinned([ENVOY])
    const old = connect(as(envoy))
    expect(outcomeOf(await old.ask({}))).toBe(ANSWERED)
    const before = await shown(server.address, envoy, [internal])
    write(serviceIdentity())
    expect(await shown(server.address, envoy, [internal])).toBe(before)
    server.reloadTls()
    const after = await shown(server.address, envoy, [internal])
    expect(after).not.toBe(before)
    expect(outcomeOf(await old.ask({}))).toBe(ANSWERED)
    expect(await shown(server.address, envoy, [internal])).toBe(after)
  })

  test('a new authority for callers counts at once: the old one no more', async () => {
    const { server, ask, write } = await startPinned([ENVOY])
    const renewed = peer({ uris: [ENVOY] }, stranger)
    expect([await ask(envoy), await ask(renewed)]).toEqual([ANSWERED, 'UNAVAILABLE'])
    write(serviceIdentity(), stranger)
    server.reloadTls()
    expect([await ask(envoy), await ask(renewed)]).toEqual(['UNAVAILABLE', ANSWERED])
  })

  test('a TLS session of the old authority cannot be resumed', async () => {
    const { server, write } = await startPinned([ENVOY])
    const [host = '', port] = server.address.split(':')
    const common = {
      host,
      port: Number(port),
      servername: 'envoy-fapi.internal',
      ca: internal.certificate,
      cert: envoy.certificate,
      key: envoy.key,
      ALPNProtocols: ['h2'],
    }
    const session = await new Promise<Buffer>((resolve, reject) => {
      const socket = connectTls(common)
      socket.once('session', (ticket) => {
        resolve(ticket)
        socket.destroy()
      })
      socket.once('error', reject)
      socket.resume()
    })
    const resume = (): Promise<string> => {
      const { promise, resolve } = Promise.withResolvers<string>()
      const socket = connectTls({ ...common, session })
      socket.once('secureConnect', () => resolve(socket.isSessionReused() ? 'resumed' : 'new'))
      socket.once('error', () => resolve('refused'))
      return promise.finally(() => socket.destroy())
    }
    expect(await resume()).toBe('resumed')
    write(serviceIdentity(), stranger)
    server.reloadTls()
    expect(await resume()).not.toBe('resumed')
  })

  test.each([
    ['a certificate that is none', 'certificate', 'no certificate'],
    ['an empty key', 'key', ''],
    ["another certificate's key", 'key', serviceIdentity().key],
    ['an authority that is none', 'clientCa', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'],
    ['no authority at all', 'clientCa', ''],
    ['a second authority that is cut short', 'clientCa', internal.certificate + stranger.certificate.slice(0, 300)],
    ['a key in place of an authority', 'clientCa', internal.key],
  ] as const)('%s changes nothing, and mending it does', async (_, name, content) => {
    const { server, ask, files, write } = await startPinned([ENVOY])
    const before = await shown(server.address, envoy, [internal])
    writeFileSync(files[name], content)
    const problem = server.reloadTls()
    expect(problem).toContain(files[name])
    expect(problem).not.toContain('\n')
    expect(await shown(server.address, envoy, [internal])).toBe(before)
    expect(await ask(envoy)).toBe(ANSWERED)
    write(serviceIdentity())
    expect(server.reloadTls()).toBeUndefined()
    expect(await shown(server.address, envoy, [internal])).not.toBe(before)
  })

  test('a server whose certificate cannot be used does not start, and says so without showing it', async () => {
    const { files } = tlsFiles(temporaryDirectory())
    writeFileSync(files.key, 'secret of the key file')
    const started = await startServer(serverParts({ listen: { tls: files } }).parts)
    expect(started.ok ? '' : started.problem).toMatch(
      /^listen\.tls: certificate .*tls\.crt and key .*tls\.key cannot be used \(/,
    )
    expect(JSON.stringify(started)).not.toContain('secret')
  })
})
