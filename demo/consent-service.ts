import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { LRUCache } from 'lru-cache'
import type { Identity } from '../tools/pki.ts'
import { close, listen } from './authorization-server.ts'

/** A consent as the service tells of it (demo/consent-service.yaml). */
export interface Consent {
  readonly consentId: string
  readonly state: 'ACTIVE' | 'AWAITING' | 'REJECTED' | 'REVOKED' | 'EXPIRED' | 'CONSUMED'
  readonly issuer: string
  readonly clientId: string
  readonly subject: string
  readonly permissions: readonly string[]
  readonly accounts?: readonly string[]
  /** Seconds since the epoch. */
  readonly expiresAt?: number
}

/** A small reference: consents in memory, asked over mutual TLS, used up in one step. */
export interface ConsentService {
  readonly origin: string
  /** Keeps a consent, in the place of an older one of its id. */
  readonly put: (consent: Consent) => void
  readonly revoke: (id: string) => void
  /** Consents it was asked for or told to use up, oldest first. */
  readonly asked: () => readonly string[]
  /** From now on answers in another way; undefined: as it should. */
  readonly misbehave: (instead: Handler | undefined) => void
  readonly stop: () => Promise<void>
  /** Listens again after a stop, with what it knew. */
  readonly start: () => Promise<void>
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void

const PATH = /^\/consents\/([^/?]{1,768})(\/consume)?$/

export async function startConsentService(tls: Identity, clientCa: string, port = 0): Promise<ConsentService> {
  const consents = new LRUCache<string, Consent>({ max: 10_000 })
  const keys = new LRUCache<string, string>({ max: 10_000 })
  const asked: string[] = []
  let instead: Handler | undefined

  const use = (consent: Consent, key: string | undefined): Consent | undefined => {
    const { consentId, state } = consent
    if (key === undefined) return undefined
    if (state === 'CONSUMED') return keys.get(consentId) === key ? consent : undefined
    if (state !== 'ACTIVE') return undefined
    const used = { ...consent, state: 'CONSUMED' } as const
    consents.set(consentId, used)
    keys.set(consentId, key)
    return used
  }
  /** Status and, where there is one, the consent. */
  const judge = ({ url = '', method = '', headers }: IncomingMessage): readonly [status: number, body?: Consent] => {
    const [, name, consume] = PATH.exec(url) ?? []
    if (name === undefined) return [404]
    if (method !== (consume === undefined ? 'GET' : 'POST')) return [405]
    asked.push(`${method} ${name}`)
    if (asked.length > 10_000) asked.shift()
    const id = decode(name)
    const consent = id === undefined ? undefined : consents.get(id)
    if (!consent) return [404]
    if (consume === undefined) return [200, consent]
    const key = headers['x-idempotency-key']
    const used = use(consent, typeof key === 'string' && key !== '' ? key : undefined)
    return used ? [200, used] : [409]
  }
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const [status, body] = judge(request)
    response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
    response.end(body && JSON.stringify(body))
  }
  const server = createServer(
    {
      ...{ cert: tls.certificate, key: tls.key, minVersion: 'TLSv1.2' },
      ...{ ca: clientCa, requestCert: true, rejectUnauthorized: true },
    },
    (request, response) => {
      request.resume()
      request.on('end', () => (instead ?? answer)(request, response))
    },
  )
  server.on('tlsClientError', () => undefined)
  await listen(server, port)
  const { port: bound } = server.address() as AddressInfo
  return {
    origin: `https://localhost:${bound}`,
    put: (consent) => void consents.set(consent.consentId, consent),
    revoke(id) {
      const consent = consents.get(id)
      if (consent) consents.set(id, { ...consent, state: 'REVOKED' })
    },
    asked: () => [...asked],
    misbehave(handler) {
      instead = handler
    },
    stop: () => close(server),
    start: () => listen(server, bound),
  }
}

function decode(name: string): string | undefined {
  try {
    return decodeURIComponent(name)
  } catch {
    return undefined
  }
}
