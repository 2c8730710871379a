import { generateKeyPairSync } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { onTestFinished } from 'vitest'
import type { ServerConfig } from '../../src/config.ts'
import { readClientAuthentication } from '../../src/io/client-authentication.ts'
import { fetchJson, postForm } from '../../src/io/fetch.ts'
import { buildIntrospector, type IntrospectionEvent, type IntrospectionOptions } from '../../src/io/introspection.ts'
import type { KeySource } from '../../src/ports.ts'
import { stillClock } from './clock.ts'
import { directoryWith } from './config-files.ts'
import { serverWith } from './key-sources.ts'
import { type ClientKey, forgeText, PROOF_TIME } from './proofs.ts'
import { boundTo, keySource, ORIGIN, serverKey } from './spine.ts'
import { authority, startStub } from './stub-servers.ts'

/** Our name at the authorization server. */
export const CLIENT = 'accounts-api'
/** No JWT and nothing like it. */
export const OPAQUE = 'mF_9.B5f-4.1JqM~opaque'
export const ISSUER = 'https://as.example.com'

/** What a server says of a good token at PROOF_TIME; undefined takes a member away. */
export const activeAnswer = (difference: object = {}): Record<string, unknown> => ({
  active: true,
  iss: ISSUER,
  sub: 'user-1',
  client_id: 'client-1',
  aud: ORIGIN,
  scope: 'accounts',
  iat: PROOF_TIME - 10,
  exp: PROOF_TIME + 290,
  token_type: 'DPoP',
  cnf: boundTo.dpop,
  ...difference,
})

/** A signed answer that differs as told; undefined takes a member away. */
export const signedAnswer = (
  answer: unknown,
  { claims, header }: { readonly claims?: object; readonly header?: object } = {},
  key: ClientKey = serverKey,
): string =>
  forgeText(
    key,
    JSON.stringify({ typ: 'token-introspection+jwt', alg: key.algorithm, kid: 'as-1', ...header }),
    JSON.stringify({ iss: ISSUER, aud: CLIENT, iat: PROOF_TIME, token_introspection: answer, ...claims }),
  )

const options = (difference: Partial<IntrospectionOptions> = {}): IntrospectionOptions => ({
  clientId: CLIENT,
  key: 'unread.pem',
  signed: false,
  cache: 10,
  negativeCache: 5,
  timeout: 0.5,
  required: [],
  ...difference,
})

/** The configuration of the authorization server of the test documents, when it is asked about tokens. */
const askedServer = (difference: Partial<IntrospectionOptions> = {}): ServerConfig => ({
  ...serverWith({ file: 'unread.json' }, ISSUER),
  revocation: { shortLived: 600, introspection: options(difference) },
})

export const clientPem = (): string =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }) as string

/** A form that a stub was sent, and how it came. */
export interface Asked {
  readonly form: URLSearchParams
  readonly request: IncomingMessage
}

export type Answering = (asked: Asked, response: ServerResponse) => void

/** Answers with a document, of that type. */
export const say =
  (make: () => unknown, type = 'application/json'): Answering =>
  (_, response) => {
    const body = make()
    response.writeHead(200, { 'content-type': type })
    response.end(typeof body === 'string' ? body : JSON.stringify(body))
  }

export const active = say(() => activeAnswer())
export const inactive = say(() => ({ active: false }))

/** Says that a good token is active, under another status. */
export const status =
  (code: number, headers: Record<string, string> = {}): Answering =>
  (_, response) => {
    response.writeHead(code, { 'content-type': 'application/json', ...headers })
    response.end(JSON.stringify(activeAnswer()))
  }

export const SIGNED = 'application/token-introspection+jwt'

interface Meeting {
  readonly options?: Partial<IntrospectionOptions>
  readonly keys?: KeySource
  readonly stub?: readonly [identity?: Parameters<typeof startStub>[1], settings?: Parameters<typeof startStub>[2]]
  readonly certificate?: { readonly certificate: string; readonly key: string }
  /** Where to ask; the stub's `/introspect` unless told. */
  readonly endpoint?: (origin: string) => string | undefined
  readonly issuer?: (origin: string) => string
}

/** An introspector of ours and the real https server it asks; both end with the test. */
export async function meet(answering: Answering, meeting: Meeting = {}) {
  const asked: Asked[] = []
  let answer = answering
  const stub = await startStub(
    (request, response) => {
      void text(request).then((body) => {
        const one = { form: new URLSearchParams(body), request }
        asked.push(one)
        answer(one, response)
      })
    },
    ...(meeting.stub ?? []),
  )
  onTestFinished(stub.close)
  const directory = directoryWith({
    'key.pem': meeting.certificate?.key ?? clientPem(),
    'certificate.pem': meeting.certificate?.certificate ?? '',
  })
  const endpoint = meeting.endpoint ? meeting.endpoint(stub.origin) : `${stub.origin}/introspect`
  const configured = options({
    key: `${directory}/key.pem`,
    ...(meeting.certificate && { certificate: `${directory}/certificate.pem` }),
    ...(endpoint !== undefined && { endpoint }),
    ...meeting.options,
  })
  const server = { ...askedServer(), issuer: meeting.issuer?.(stub.origin) ?? ISSUER }
  const client = readClientAuthentication(configured, server.issuer)
  if (!client.ok) throw new Error(client.problem)
  const events: IntrospectionEvent[] = []
  const { monotonic, pass } = stillClock()
  const trust = { ca: [authority.certificate] }
  const introspector = buildIntrospector(server, configured, {
    post: (url, call) => postForm(url, { ...call, ...trust }),
    fetch: (url) => fetchJson(url, trust),
    keys: meeting.keys ?? keySource(),
    client: client.value,
    wall: () => PROOF_TIME,
    monotonic,
    observe: (event) => events.push(event),
  })
  const change = (to: Answering): void => {
    answer = to
  }
  const ask = async (token = OPAQUE, client = '192.0.2.1'): Promise<string> =>
    (await introspector.ask(token, client)).kind
  return { introspector, ask, asked, stub, events, pass, change }
}
