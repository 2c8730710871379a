import { once } from 'node:events'
import { appendFileSync, renameSync, writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { API } from '../../demo/setting.ts'
import type { Identity } from '../../tools/pki.ts'
import { authority, clientExtensions, type Details, derOf, newKeysOf, type Party, party } from './chains.ts'
import { pemOf } from './client-certificates.ts'
import { crlPem, entry, writeList } from './crls.ts'
import { startTestEdge, type TestEdge, withSettings } from './edge.ts'
import { extension, extensions, type Holder, hex } from './ocsp-pki.ts'

export const now = Math.floor(Date.now() / 1000)
const valid = { notBefore: now - 86_400, notAfter: now + 86_400 }
const signsBoth = extension('0603551d0f', hex('03020106'), true)

/** An authority that signs certificates and lists, valid today. */
export const certifier = (name: string, issuer?: Party, details: Details = {}): Party =>
  authority(name, issuer, { ...valid, extensions: [extensions.authority, signsBoth], ...details })

/** What a client shows: a certificate that is valid today unless told, the rest of its path behind it if wanted, and its key. */
export function shown(issuer: Party | undefined, details: Details = {}, along: readonly Party[] = []) {
  const made = party('client', issuer, { ...valid, extensions: clientExtensions, ...details })
  const identity: Identity = {
    certificate: [made, ...along].map(({ certificate }) => pemOf(certificate)).join(''),
    key: made.keys.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
  }
  return { ...made, identity }
}

/** The same, also when it is one that we do not read. */
export function shownAnyhow(issuer: Party, details: Details) {
  const keys = newKeysOf('p256')
  const der = derOf('client', issuer, { ...valid, ...details }, keys)
  const key = keys.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
  return { der, identity: { certificate: pemOf({ der }), key } }
}

export const holderOf = ({ certificate, keys }: Party): Holder => ({ certificate, key: keys.privateKey })

/** A list of revoked serial numbers, valid for an hour unless told. */
export const revocationList = (by: Party, serials: readonly string[], until = now + 3600): string =>
  crlPem(
    writeList({
      ...{ thisUpdate: now - 600, nextUpdate: until, by: holderOf(by) },
      revoked: serials.map((serial) => entry(serial)),
      // Each list is newer than those before it.
      extended: [extension('0603551d14', hex(`0204${(0x1000_0000 + serials.length).toString(16)}`))],
    }),
  )

/** Puts a file there all at once, as whoever delivers lists should. */
export function replaceFile(file: string, text: string): void {
  writeFileSync(`${file}.new`, text)
  renameSync(`${file}.new`, file)
}

/**
 * A real Envoy that trusts these authorities for clients and passes on what clients send along, and the service behind it
 * with these routes.
 */
export const startCertificateEdge = (
  trusted: string,
  routes: readonly object[],
  files: Readonly<Record<string, string>>,
  adapt: (bootstrap: string) => string = (bootstrap) => bootstrap,
): Promise<TestEdge> =>
  startTestEdge({
    files,
    document: {
      clientCertificateFrom: { source: 'xfcc', xfcc: { writtenBy: 'thisEnvoy' } },
      routes,
    },
    adapt: (bootstrap) => {
      const file = /"filename":\s*"([^"]*client-ca\.pem)"/.exec(bootstrap)?.[1]
      if (file === undefined) throw new Error('the bootstrap names no client-ca.pem')
      appendFileSync(file, trusted)
      return adapt(
        withSettings({ forward_client_cert_details: () => 'SANITIZE_SET' })(bootstrap).replaceAll(
          '"forward_client_cert_details":"SANITIZE_SET"',
          '"forward_client_cert_details":"SANITIZE_SET","set_current_client_cert_details":{"cert":true,"chain":true,"subject":true,"uri":true,"dns":true}',
        ),
      )
    },
  })

/** A client that keeps its one connection to Envoy open. */
export function openConnection(edge: TestEdge, { certificate: cert, key }: Identity) {
  const { port, ca } = edge.setting.edge
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const ports = new Set<number | undefined>()
  const ask = async (path: string): Promise<number | undefined> => {
    const { headers } = edge.good({ path })
    const servername = new URL(API).host
    const call = request({
      ...{ agent, host: '127.0.0.1', port, servername, ca, cert, key, path, timeout: 10_000 },
      headers: { host: servername, ...(headers as Record<string, string>) },
    })
    call.end()
    const [response] = (await once(call, 'response')) as [IncomingMessage]
    ports.add(response.socket.localPort)
    await buffer(response)
    return response.statusCode
  }
  return { ask, connections: () => ports.size, close: () => agent.destroy() }
}

export const besides = (edge: TestEdge, name: string): string => join(edge.directory, name)
