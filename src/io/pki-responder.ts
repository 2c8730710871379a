import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { type Authorities, type PkiState, readAuthority } from '../mint/pki.ts'
import { answerOcsp, type ResponderKnowledge } from '../mint/revocation.ts'
import { type Reading, read, unreadable } from '../verify/reading.ts'
import { readBounded } from './bounded-file.ts'
import { readPki } from './pki-directory.ts'

/** Bytes of a question. */
const MAX_QUESTION = 16_384
const MAX_LIST = 16_777_216
const MAX_CONNECTIONS = 64
/** Milliseconds for one question. */
const TIMEOUT = 5000

/** A responder of a development PKI: OCSP by POST and GET at `/`, lists at `/crl/NAME.crl`. */
export interface PkiResponder {
  readonly url: string
  readonly close: () => Promise<void>
}

/** Listens on loopback. What was revoked is read anew for each question. */
export async function startPkiResponder(
  directory: string,
  port: number,
  now: () => number,
  tell: (line: string) => void,
): Promise<Reading<PkiResponder>> {
  const known = readPki(directory)
  if (!known.ok) return known
  const server = createServer((request, response) => {
    respond(directory, now, request, response, tell).catch(() => response.destroy())
  })
  server.maxConnections = MAX_CONNECTIONS
  server.requestTimeout = TIMEOUT
  server.headersTimeout = TIMEOUT
  const problem = await listen(server, port)
  if (problem !== undefined) return unreadable(`127.0.0.1:${port}: ${problem}`)
  const address = server.address()
  const at = typeof address === 'object' && address ? address.port : port
  return read({
    url: `http://127.0.0.1:${at}`,
    close: () => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  })
}

const listen = (server: Server, port: number): Promise<string | undefined> =>
  new Promise((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'it cannot be used'))
    server.listen(port, '127.0.0.1', () => resolve(undefined))
  })

async function respond(
  directory: string,
  now: () => number,
  request: IncomingMessage,
  response: ServerResponse,
  tell: (line: string) => void,
): Promise<void> {
  const { method = '', url = '' } = request
  const list = /^\/crl\/(root|intermediate|stranger)\.crl$/.exec(url)
  if (method === 'GET' && list) {
    const file = readBounded(join(directory, 'crl', `${list[1]}.crl`), MAX_LIST)
    tell(`GET ${url} ${file.ok ? 200 : 404}`)
    return file.ok ? answer(response, 200, 'application/pkix-crl', file.value) : answer(response, 404)
  }
  const question = method === 'POST' ? await bodyOf(request) : questionIn(method, url)
  if (!question) return answer(response, method === 'POST' || method === 'GET' ? 400 : 405)
  const known = readKnowledge(directory)
  const said = known.ok ? answerOcsp(question, known.value, now()) : known
  tell(`${method} OCSP ${said.ok ? 'answered' : said.problem}`)
  return said.ok ? answer(response, 200, 'application/ocsp-response', said.value) : answer(response, 400)
}

function answer(response: ServerResponse, status: number, type = 'text/plain', body: Buffer = Buffer.of()): void {
  response.writeHead(status, { 'content-type': type, 'content-length': body.length }).end(body)
}

/** RFC 6960 appendix A.1: the base64 of the question, percent-encoded, is the path. */
function questionIn(method: string, url: string): Buffer | undefined {
  if (method !== 'GET' || url.length > MAX_QUESTION || url.length < 2) return undefined
  try {
    return Buffer.from(decodeURIComponent(url.slice(1)), 'base64')
  } catch {
    return undefined
  }
}

async function bodyOf(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_QUESTION) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** What the directory says now. */
function readKnowledge(directory: string): Reading<readonly ResponderKnowledge[]> {
  const pki = readPki(directory)
  if (!pki.ok) return pki
  const { state, authorities } = pki.value
  const delegate = readDelegate(directory)
  return read(
    (['root', 'intermediate', 'stranger'] as const).map((name) =>
      knowledgeOf(name, state, authorities, name === 'intermediate' ? delegate : undefined),
    ),
  )
}

function readDelegate(directory: string): ResponderKnowledge['delegate'] {
  const [certificate, key] = ['ocsp.pem', 'ocsp.key'].map((name) => readBounded(join(directory, name), MAX_QUESTION))
  if (!certificate?.ok || !key?.ok) return undefined
  return readAuthority(certificate.value.toString('latin1'), key.value.toString('latin1'))
}

const knowledgeOf = (
  name: keyof Authorities,
  { issued, revoked }: PkiState,
  authorities: Authorities,
  delegate: ResponderKnowledge['delegate'],
): ResponderKnowledge => ({
  authority: authorities[name],
  delegate,
  issued: new Set(issued.filter(({ issuer }) => issuer === name).map(({ serial }) => serial)),
  revoked: revoked.filter(({ issuer, by }) => issuer === name && by !== 'crl'),
})
