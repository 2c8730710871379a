import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { importJWK, SignJWT } from 'jose'
import { refuseUsage } from './key-files.ts'
import type { Terminal } from './main.ts'
import type { CurlRequest } from './mint.ts'
import { mintProof, type SigningKey } from './minting.ts'

/** What a running demo leaves behind for `mint curl --demo`, readable by its user alone. */
export interface DemoState {
  readonly api: string
  readonly connect: string
  readonly cacert: string
  readonly issuer: string
  readonly tokenEndpoint: string
  readonly clientId: string
  readonly resource: string
  /** Asked for when the command line names none. */
  readonly scope: string
  readonly key: SigningKey
}

/** Where the demo keeps its state, beside the product's own files. */
export const demoStateFile = (): string =>
  join(fileURLToPath(new URL('../..', import.meta.url)), '.cache', 'demo', 'state.json')

/** A fresh token of the running demo and everything curl needs to use it. */
export async function demoRequest(
  path: string,
  scope: string | undefined,
  terminal: Terminal,
): Promise<CurlRequest | undefined> {
  if (!path.startsWith('/')) return refuseUsage(terminal, `${path} is not a path; with --demo the target is one`)
  let state: DemoState
  try {
    state = JSON.parse(readFileSync(demoStateFile(), 'utf8')) as DemoState
  } catch {
    return refuseUsage(terminal, 'no demo is running here; start it with: make demo')
  }
  try {
    const token = await fetchToken(state, scope ?? state.scope)
    return { url: state.api + path, token, key: state.key, cacert: state.cacert, connect: state.connect }
  } catch (error) {
    return refuseUsage(
      terminal,
      `the demo gave no token (${error instanceof Error ? error.message : 'unknown error'}); is it still running?`,
    )
  }
}

/** client_credentials with private_key_jwt and DPoP (RFC 6749 section 4.4, RFC 7523, RFC 9449 section 5). */
async function fetchToken(state: DemoState, scope: string): Promise<string> {
  const now = Date.now() / 1000
  const assertion = await new SignJWT({ jti: crypto.randomUUID() })
    .setProtectedHeader({ alg: 'ES256' })
    .setIssuer(state.clientId)
    .setSubject(state.clientId)
    .setAudience(state.issuer)
    .setIssuedAt()
    .setExpirationTime('1m')
    .sign(await importJWK(state.key, 'ES256'))
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    scope,
    resource: state.resource,
    client_id: state.clientId,
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: assertion,
  })
  const proof = await mintProof({ key: state.key, method: 'POST', url: state.tokenEndpoint, now })
  const answer = await post(state.tokenEndpoint, form.toString(), proof, readFileSync(state.cacert, 'utf8'))
  const { access_token: token, error } = JSON.parse(answer) as {
    readonly access_token?: string
    readonly error?: string
  }
  if (typeof token !== 'string') throw new Error(error ?? 'no access_token in the answer')
  return token
}

/** One POST with a time and a size limit. */
function post(url: string, body: string, proof: string, ca: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const headers = { 'content-type': 'application/x-www-form-urlencoded', dpop: proof }
  const call = request(url, { method: 'POST', ca, headers, timeout: 5000 }, (response) => {
    let text = ''
    response.setEncoding('utf8')
    response.on('data', (chunk: string) => {
      text += chunk
      if (text.length > 65_536) call.destroy(new Error('the answer is too large'))
    })
    response.on('end', () => resolve(text))
  })
  call.on('timeout', () => call.destroy(new Error('no answer in time')))
  call.on('error', reject)
  call.end(body)
  return promise
}
