import { createHash, X509Certificate } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Call } from '../../src/wire.ts'
import { createAuthority, type Identity, issue, type Subject } from '../../tools/pki.ts'
import { type Connecting, outcomeOf } from './lifecycle-grpc.ts'
import { denial, startTestServer, temporaryDirectory } from './lifecycle-server.ts'

/** The name that the service's certificate carries. */
const NAME = 'envoy-fapi.internal'
export const ENVOY = 'spiffe://bank.example/envoy'

export const internal = createAuthority('Internal CA')
export const stranger = createAuthority('Another CA')
export const serviceIdentity = (authority = internal): Identity =>
  issue(authority, { name: 'envoy-fapi', dns: [NAME], usage: 'server' })
const service = serviceIdentity()

/** A caller's certificate; issued by itself with `null`. */
export const peer = (subject: Partial<Subject>, authority: Identity | null = internal): Identity =>
  issue(authority ?? undefined, { name: 'envoy', usage: 'client', ...subject })

/** Caller with this certificate, or with none, who trusts the service's authority. */
export const as = (identity: Identity | undefined, ca = internal): Connecting => ({
  tls: { ca: ca.certificate, name: NAME, identity },
})

export const fingerprintOf = ({ certificate }: Identity): string =>
  `sha256:${createHash('sha256').update(new X509Certificate(certificate).raw).digest('hex')}`

/** Files of `listen.tls` in a directory, and how to write them anew. */
export function tlsFiles(directory: string) {
  const at = (name: string): string => join(directory, name)
  const files = { certificate: at('tls.crt'), key: at('tls.key'), clientCa: at('ca.crt') }
  const write = ({ certificate, key }: Identity, ca: Identity = internal): void => {
    writeFileSync(files.certificate, certificate)
    writeFileSync(files.key, key)
    writeFileSync(files.clientCa, ca.certificate)
  }
  write(service)
  return { files, write, service }
}

/** A server with mutual TLS that notes who asked. */
export async function startPinned(peers: readonly string[] | undefined, withClientCa = true) {
  const { files, write, service } = tlsFiles(temporaryDirectory())
  const asked: string[] = []
  const { clientCa, ...own } = files
  const started = await startTestServer({
    listen: { tls: { ...own, ...(withClientCa && { clientCa }), ...(peers && { peers: [...peers] }) } },
    check: (_request, { peer: name }: Call) => {
      asked.push(name)
      return denial('route_unknown')
    },
  })
  const ask = async (identity: Identity | undefined, ca?: Identity): Promise<string> =>
    outcomeOf(await started.connect(as(identity, ca)).ask({}, { deadline: 5000 }))
  return { ...started, ask, asked, files, write, service }
}

/** What a server of `startPinned` answers whoever may ask. */
export const ANSWERED = 'route_unknown'

/** The certificate of a pinned Envoy. */
export const envoy = peer({ uris: [ENVOY] })
