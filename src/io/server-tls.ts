import { createHash, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import { ServerCredentials, type ServerUnaryCall } from '@grpc/grpc-js'
import type { Config } from '../config.ts'
import { type Reading, read, unreadable } from '../verify/reading.ts'
import { readAuthorities } from './authorities.ts'
import { ciphers } from './ciphers.ts'

type TlsOptions = NonNullable<Config['listen']['tls']>
/** What a secure context is made of. */
type Material = SecureContextOptions & { readonly cert: Buffer }
type AuthContext = ReturnType<ServerUnaryCall<unknown, unknown>['getAuthContext']>

/** TLS of the Check port: credentials that can be renewed, and who may ask. */
export interface ServerTls {
  readonly credentials: ServerCredentials
  readonly pinned: boolean
  /** The pinned name the peer's certificate carries; undefined when it carries none. */
  readonly identify: (context: AuthContext) => string | undefined
  /** When the certificate in use ends to be valid, seconds since the epoch. */
  readonly expiry: () => number
  /** Reads the files again. Broken files change nothing; what is wrong with them is returned. */
  readonly reload: () => string | undefined
}

/** Names remembered by certificate fingerprint; an Envoy fleet shares a handful. */
const MAX_KNOWN = 1024

export function buildTls(options: TlsOptions): Reading<ServerTls> {
  const material = readMaterial(options)
  if (!material.ok) return material
  const credentials = new RenewableCredentials(material.value)
  const peers = new Set(options.peers ?? [])
  const known = new Map<string, string | undefined>()
  let expiry = endOf(material.value)
  return read({
    credentials,
    expiry: () => expiry,
    pinned: peers.size > 0,
    identify: (context) => {
      const raw = context.sslPeerCertificate?.raw
      if (!raw) return undefined
      const fingerprint = createHash('sha256').update(raw).digest('hex')
      if (known.has(fingerprint)) return known.get(fingerprint)
      const name = namesOf(raw, fingerprint).find((candidate) => peers.has(candidate))
      if (known.size >= MAX_KNOWN) known.clear()
      known.set(fingerprint, name)
      return name
    },
    reload: () => {
      const renewed = readMaterial(options)
      if (!renewed.ok) return renewed.problem
      credentials.renew(renewed.value)
      expiry = endOf(renewed.value)
      return undefined
    },
  })
}

/** A caller that says nothing is cut off after this time, milliseconds; it would hold up the end of the process. */
const HANDSHAKE_TIMEOUT = 3000

/** grpc-js hands new material to live servers only through a subclass of its credentials. */
class RenewableCredentials extends ServerCredentials {
  constructor(material: Material) {
    const mutual = material.ca !== undefined
    const handshake = { requestCert: mutual, rejectUnauthorized: mutual, handshakeTimeout: HANDSHAKE_TIMEOUT }
    super({ ...handshake, minVersion: 'TLSv1.2', ciphers }, material)
  }

  renew(material: Material): void {
    this.updateSecureContextOptions(material)
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other
  }
}

const endOf = ({ cert }: Material): number => new X509Certificate(cert).validToDate.getTime() / 1000

function readMaterial({ certificate, key, clientCa }: TlsOptions): Reading<Material> {
  const authorities = clientCa === undefined ? read(undefined) : readAuthorities(clientCa)
  if (!authorities.ok) return unreadable(`clientCa ${authorities.problem}`)
  try {
    const material = {
      cert: readFileSync(certificate),
      key: readFileSync(key),
      ...(authorities.value !== undefined && { ca: authorities.value }),
    }
    // Throws when key and certificate do not belong together, before anything depends on them.
    createSecureContext(material)
    return read(material)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unreadable'
    return unreadable(`certificate ${certificate} and key ${key} cannot be used (${code})`)
  }
}

/**
 * URI and DNS names of a certificate and its fingerprint as `sha256:…`. Node quotes a name that holds anything unusual;
 * quoted ones are left out, so no name can pretend to be two.
 */
function namesOf(raw: Buffer, fingerprint: string): readonly string[] {
  const text = new X509Certificate(raw).subjectAltName ?? ''
  const names = [...text.matchAll(/(?:^|, )(?:URI|DNS):([^",]+)(?=, |$)/g)].map(([, name = '']) => name)
  return [...names, `sha256:${fingerprint}`]
}
