import { request } from 'node:https'
import type { ConnectionOptions } from 'node:tls'
import type { Document } from '../doctor/published.ts'

/** How long the document may take, milliseconds, and how large it may be, bytes. */
const PATIENCE = 5000
const MAX_DOCUMENT = 65_536

/** Fetches a document through the deployed Envoy as a client would. Never throws. */
export function fetchPublished(connection: ConnectionOptions, url: string): Promise<Document> {
  const { promise, resolve } = Promise.withResolvers<Document>()
  const fail = (error: string): void => resolve({ status: 0, contentType: undefined, body: Buffer.of(), error })
  const { host, pathname } = new URL(url)
  const headers = { host, accept: 'application/json', 'user-agent': 'envoy-fapi-doctor' }
  const call = request({ ...connection, path: pathname, headers, agent: false }, (response) => {
    const chunks: Buffer[] = []
    let size = 0
    response.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      size += chunk.length
      if (size > MAX_DOCUMENT) call.destroy(new Error('it is too large'))
    })
    response.on('end', () => {
      const { statusCode: status = 0, headers: received } = response
      resolve({ status, contentType: received['content-type'], body: Buffer.concat(chunks) })
    })
    response.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message))
  })
  const timer = setTimeout(() => call.destroy(new Error('no whole answer in time')), PATIENCE)
  call.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message))
  call.end()
  return promise.finally(() => clearTimeout(timer))
}
