import { connect } from 'node:http2'
import { request as httpsRequest } from 'node:https'
import * as oauth from 'oauth4webapi'
import type { Identity } from '../tools/pki.ts'

/** An HTTP answer as the client got it. */
export interface Answer {
  readonly status: number
  /** Header lines by lower-case name. */
  readonly headers: ReadonlyMap<string, readonly string[]>
  readonly body: string
}

/** A request as it goes over the wire; a header with several values is sent as several lines. */
export interface Sending {
  readonly method?: string
  readonly url: string
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  readonly body?: string
  readonly certificate?: Identity | undefined
  readonly http2?: boolean
}

/** How to reach the Envoy in front of the API: names are resolved to loopback, certificates are verified. */
export interface Edge {
  readonly port: number
  readonly ca: string
}

/** Sends one request through Envoy, ten seconds at the most. */
export const send = (edge: Edge, sending: Sending): Promise<Answer> =>
  sending.http2 ? sendHttp2(edge, sending) : sendHttp1(edge, sending)

/** Path and query exactly as written: no URL parser may tidy up what a thief sends. */
function split(url: string): { readonly host: string; readonly path: string } {
  const [, host = '', path = '/'] = /^https:\/\/([^/?]+)(.*)$/.exec(url) ?? []
  return { host, path: path === '' ? '/' : path }
}

function sendHttp1(
  { port, ca }: Edge,
  { method = 'GET', url, headers = {}, body, certificate }: Sending,
): Promise<Answer> {
  const { host, path } = split(url)
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const call = httpsRequest(
    {
      host: '127.0.0.1',
      port,
      servername: host.replace(/:[0-9]+$/, ''),
      ca,
      method,
      path,
      agent: false,
      timeout: 10_000,
      headers: { host, ...(headers as Record<string, string | string[]>) },
      ...(certificate && { cert: certificate.certificate, key: certificate.key }),
    },
    (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        const lines = new Map<string, string[]>()
        for (const [name, values] of Object.entries(response.headersDistinct)) lines.set(name, [...(values ?? [])])
        resolve({ status: response.statusCode ?? 0, headers: lines, body: Buffer.concat(chunks).toString() })
      })
      response.on('error', reject)
    },
  )
  call.on('timeout', () => call.destroy(new Error('no answer in time')))
  call.on('error', reject)
  call.end(body)
  return promise
}

function sendHttp2(
  { port, ca }: Edge,
  { method = 'GET', url, headers = {}, body, certificate }: Sending,
): Promise<Answer> {
  const { host, path } = split(url)
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const session = connect(`https://127.0.0.1:${port}`, {
    servername: host,
    ca,
    ...(certificate && { cert: certificate.certificate, key: certificate.key }),
  })
  session.on('error', reject)
  session.setTimeout(10_000, () => session.destroy(new Error('no answer in time')))
  const stream = session.request({
    ':method': method,
    ':path': path,
    ':authority': host,
    ':scheme': 'https',
    ...(headers as Record<string, string | string[]>),
  })
  const chunks: Buffer[] = []
  const lines = new Map<string, string[]>()
  let status = 0
  stream.on('response', (received) => {
    status = received[':status'] ?? 0
    for (const [name, value] of Object.entries(received))
      lines.set(name, Array.isArray(value) ? value : [String(value)])
  })
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  stream.on('error', reject)
  stream.on('end', () => {
    session.close()
    resolve({ status, headers: lines, body: Buffer.concat(chunks).toString() })
  })
  stream.end(body)
  return promise.finally(() => session.close())
}

/** A client of the authorization server. All it knows about OAuth and DPoP is oauth4webapi's. */
export interface Client {
  readonly id: string
  readonly key: CryptoKeyPair
  readonly certificate: Identity | undefined
}

/** Where tokens come from and what they are for. */
export interface TokenSource {
  readonly issuer: string
  /** PEM of the authority that the authorization server's certificate is checked against. */
  readonly ca: string
  readonly resource: string
}

/** Fetches an access token: DPoP-bound with a key, certificate-bound with the client's certificate, else plain. */
export async function fetchToken(
  { issuer, ca, resource }: TokenSource,
  client: Client,
  scope: string,
  dpopKey?: CryptoKeyPair,
): Promise<string> {
  const hook = { [oauth.customFetch]: directFetch(ca, client.certificate) }
  const url = new URL(issuer)
  const server = await oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, hook))
  const metadata: oauth.Client = { client_id: client.id }
  // FAPI 2.0 wants the issuer as the only audience, as a string.
  const authentication = oauth.PrivateKeyJwt(client.key.privateKey, {
    [oauth.modifyAssertion]: (_header, payload) => {
      payload.aud = issuer
    },
  })
  const response = await oauth.clientCredentialsGrantRequest(
    server,
    metadata,
    authentication,
    new URLSearchParams({ scope, resource }),
    { ...hook, ...(dpopKey && { DPoP: oauth.DPoP(metadata, dpopKey) }) },
  )
  return (await oauth.processClientCredentialsResponse(server, metadata, response)).access_token
}

/** The headers oauth4webapi would send with a DPoP-bound token; nothing is sent. `skew`: seconds its clock is ahead. */
export async function dpopHeaders(
  token: string,
  key: CryptoKeyPair,
  method: string,
  url: string,
  skew = 0,
): Promise<{ readonly authorization: string; readonly dpop: string }> {
  const metadata: oauth.Client = { client_id: 'demo', [oauth.clockSkew]: skew }
  const captured = new Map<string, string>()
  await oauth.protectedResourceRequest(token, method, new URL(url), undefined, undefined, {
    DPoP: oauth.DPoP(metadata, key),
    [oauth.customFetch]: (_url, { headers }) => {
      for (const [name, value] of Object.entries(headers)) captured.set(name.toLowerCase(), value)
      return Promise.resolve(new Response())
    },
  })
  return { authorization: captured.get('authorization') ?? '', dpop: captured.get('dpop') ?? '' }
}

/**
 * A request as oauth4webapi makes it: when the API asks for a nonce, the library repeats it with that nonce. Each try
 * goes to the next edge.
 */
export async function sendWithDpop(
  edges: readonly Edge[],
  token: string,
  key: CryptoKeyPair,
  { method = 'GET', url, body }: Pick<Sending, 'method' | 'url' | 'body'>,
): Promise<readonly Answer[]> {
  const answers: Answer[] = []
  const metadata: oauth.Client = { client_id: 'demo' }
  const DPoP = oauth.DPoP(metadata, key)
  const attempt = () =>
    oauth.protectedResourceRequest(token, method, new URL(url), undefined, body, {
      DPoP,
      [oauth.customFetch]: async (_url, { headers }) => {
        const edge = edges[answers.length % edges.length]
        if (!edge) throw new Error('there is no edge')
        const answer = await send(edge, { method, url, headers, ...(body !== undefined && { body }) })
        answers.push(answer)
        const lines = [...answer.headers].flatMap(([name, values]) =>
          values.map((value): [string, string] => [name, value]),
        )
        return new Response(answer.body, { status: answer.status, headers: lines })
      },
    })
  await attempt().catch((error: unknown) => {
    if (!oauth.isDPoPNonceError(error)) throw error
    return attempt()
  })
  return answers
}

/** fetch() with a private CA and a client certificate, as the library wants it. */
function directFetch(ca: string, certificate: Identity | undefined) {
  return async (
    url: string,
    { method, headers, body }: { method: string; headers: Record<string, string>; body?: unknown },
  ): Promise<Response> => {
    const { promise, resolve, reject } = Promise.withResolvers<Response>()
    const call = httpsRequest(
      url,
      {
        method,
        headers,
        ca,
        agent: false,
        timeout: 10_000,
        ...(certificate && { cert: certificate.certificate, key: certificate.key }),
      },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () => {
          const lines = Object.entries(response.headers).map(([name, value]): [string, string] => [name, String(value)])
          resolve(new Response(Buffer.concat(chunks), { status: response.statusCode ?? 500, headers: lines }))
        })
      },
    )
    call.on('error', reject)
    call.end(body === undefined ? undefined : String(body))
    return await promise
  }
}
