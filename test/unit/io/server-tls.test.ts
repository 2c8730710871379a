import { once } from 'node:events'
import { connect as connectTls } from 'node:tls'
import { describe, expect, test } from 'vitest'
import { outcomeOf } from '../../support/lifecycle-grpc.ts'
import {
  ANSWERED,
  ENVOY,
  envoy,
  fingerprintOf,
  internal,
  peer,
  startPinned,
  stranger,
} from '../../support/lifecycle-peers.ts'

describe('att-ops-08: who may ask', () => {
  const byDns = peer({ dns: ['edge.bank.example'] })
  const plain = peer({})
  test.each([
    ['a URI name', envoy, [ENVOY], ENVOY],
    ['a DNS name', byDns, ['edge.bank.example'], 'edge.bank.example'],
    ['a fingerprint', plain, [fingerprintOf(plain)], fingerprintOf(plain)],
    ['the second of two names', peer({ dns: ['other'], uris: [ENVOY] }), ['nobody', ENVOY], ENVOY],
  ] as const)('a peer pinned by %s is answered, and named', async (_, identity, peers, name) => {
    const { ask, asked, events } = await startPinned(peers)
    expect(await ask(identity)).toBe(ANSWERED)
    expect(asked).toEqual([name])
    expect(events).toEqual([])
  })

  test.each([
    ['with another URI name', peer({ uris: ['spiffe://bank.example/envoy2'] })],
    ['with a name that only begins like it', peer({ uris: [`${ENVOY}/sub`] })],
    ['in another case', peer({ uris: ['spiffe://bank.example/Envoy'] })],
    ['with the name as common name only', peer({ name: ENVOY })],
    ['with the name as DNS name of another form', peer({ dns: ['*.bank.example'] })],
    ['with a DNS name that spells a URI entry', peer({ dns: [`a, URI:${ENVOY}`] })],
    ['with a URI name that spells two entries', peer({ uris: [`urn:a, URI:${ENVOY}`] })],
    ['with a URI name that spells three entries', peer({ uris: [`urn:a, URI:${ENVOY}, DNS:b`] })],
    ['with a DNS name that spells three entries', peer({ dns: [`a, URI:${ENVOY}, DNS:edge.bank.example, DNS:b`] })],
    ['with quotes in its name', peer({ uris: [`urn:a", URI:${ENVOY}, DNS:"b`] })],
    ['without any name', plain],
  ])('a peer of our authority %s is not', async (_, identity) => {
    const { ask, asked, events } = await startPinned([ENVOY, 'edge.bank.example', `sha256:${'0'.repeat(64)}`])
    expect(await ask(identity)).toBe('PERMISSION_DENIED')
    // The second time it is known, and still not answered.
    expect(await ask(identity)).toBe('PERMISSION_DENIED')
    expect(asked).toEqual([])
    expect(events).toEqual(['unpinned', 'unpinned'])
  })

  test.each([
    ['without a certificate', undefined],
    ['of another authority, with the right name', peer({ uris: [ENVOY] }, stranger)],
    ['that signed for itself', peer({ uris: [ENVOY] }, null)],
    ['whose certificate has ended', peer({ uris: [ENVOY], notAfter: new Date(Date.now() - 60_000) })],
    ['whose certificate is for servers', peer({ uris: [ENVOY], usage: 'server' })],
  ])('a caller %s gets no connection', async (_, identity) => {
    const { ask, asked } = await startPinned([ENVOY])
    expect(await ask(identity)).toBe('UNAVAILABLE')
    expect(await ask(envoy)).toBe(ANSWERED)
    expect(asked).toEqual([ENVOY])
  })

  test('a caller without TLS gets no connection', async () => {
    const { connect, asked } = await startPinned([ENVOY])
    expect(outcomeOf(await connect().ask({}, { deadline: 5000 }))).toBe('UNAVAILABLE')
    expect(asked).toEqual([])
  })

  test('TLS 1.1 is not spoken, TLS 1.2 is', async () => {
    const { server } = await startPinned([ENVOY])
    const version = (maxVersion: 'TLSv1.1' | 'TLSv1.2'): Promise<string | null> => {
      const { promise, resolve } = Promise.withResolvers<string | null>()
      const [host = '', port] = server.address.split(':')
      const socket = connectTls({
        host,
        port: Number(port),
        ca: internal.certificate,
        cert: envoy.certificate,
        key: envoy.key,
        servername: 'envoy-fapi.internal',
        minVersion: 'TLSv1',
        maxVersion,
        ciphers: 'DEFAULT@SECLEVEL=0',
        ALPNProtocols: ['h2'],
      })
      socket.once('secureConnect', () => resolve(socket.getProtocol()))
      socket.once('error', () => resolve(null))
      return promise.finally(() => socket.destroy())
    }
    expect(await version('TLSv1.1')).toBeNull()
    expect(await version('TLSv1.2')).toBe('TLSv1.2')
  })

  test('a caller that does not speak HTTP/2 is let go, and holds up no end', async () => {
    const { server } = await startPinned([ENVOY])
    const [host = '', port] = server.address.split(':')
    const identity = {
      cert: envoy.certificate,
      key: envoy.key,
      ca: internal.certificate,
      servername: 'envoy-fapi.internal',
    }
    const socket = connectTls({ host, port: Number(port), ...identity })
    await once(socket, 'secureConnect')
    // Nobody will read this.
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
    const closed = once(socket.resume(), 'end')
    // Longer than the test may take: the drain must not need its grace.
    await server.drain(600)
    await closed
    socket.destroy()
  }, 8000)

  test('without pinned peers, whoever the authority signed for is answered; without an authority, anybody', async () => {
    const signed = await startPinned(undefined)
    expect(await signed.ask(plain)).toBe(ANSWERED)
    expect(await signed.ask(undefined)).toBe('UNAVAILABLE')
    const open = await startPinned(undefined, false)
    expect(await open.ask(undefined)).toBe(ANSWERED)
    expect(open.asked).toEqual(['local'])
  })
})
