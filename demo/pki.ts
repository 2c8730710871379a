import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createAuthority, type Identity, issue } from '../tools/pki.ts'

/** A fresh PKI in a directory, under the file names that the shipped bootstraps and demo/envoy-fapi.yaml use. */
export interface Pki {
  readonly directory: string
  /** Issuer of the servers that clients see: Envoy and the authorization server. */
  readonly authority: Identity
  readonly authorizationServer: Identity
  readonly consents: Identity
  /** Issuer of what runs between our own parts. */
  readonly internal: Identity
  readonly client: Identity
  readonly otherClient: Identity
}

/** Makes authorities and certificates for one run: servers, clients, and what runs between Envoy and the service. */
export function writePki(directory: string): Pki {
  const authority = createAuthority('Server CA')
  const clients = createAuthority('Client CA')
  const internal = createAuthority('Internal CA')
  const server = issue(authority, {
    name: 'api.bank.example',
    dns: ['api.bank.example', 'mtls.bank.example'],
    usage: 'server',
  })
  const as = issue(authority, { name: 'as', dns: ['localhost'], ips: ['127.0.0.1'], usage: 'server' })
  const consents = issue(authority, { name: 'consents', dns: ['localhost'], ips: ['127.0.0.1'], usage: 'server' })
  const asker = issue(internal, { name: 'envoy-fapi', dns: ['envoy-fapi.internal'], usage: 'client' })
  const service = issue(internal, { name: 'envoy-fapi', dns: ['envoy-fapi.internal'], usage: 'server' })
  const envoy = issue(internal, { name: 'envoy', uris: ['spiffe://bank.example/envoy'], usage: 'client' })
  const client = issue(clients, { name: 'tpp-mtls', dns: ['tpp-mtls.example'], usage: 'client' })
  const otherClient = issue(clients, { name: 'tpp-other', dns: ['tpp-other.example'], usage: 'client' })

  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const identities = { server, as, 'consent-client': asker, service, envoy, client, 'other-client': otherClient }
  for (const [name, { certificate, key }] of Object.entries(identities)) {
    writeFileSync(join(directory, `${name}.pem`), certificate)
    writeFileSync(join(directory, `${name}.key`), key, { mode: 0o600 })
  }
  writeFileSync(join(directory, 'ca.pem'), authority.certificate)
  writeFileSync(join(directory, 'client-ca.pem'), clients.certificate)
  writeFileSync(join(directory, 'service-ca.pem'), internal.certificate)
  return { directory, authority, authorizationServer: as, consents, internal, client, otherClient }
}
