import { type Reading, read, unreadable } from '../verify/reading.ts'
import { type JsonObject, own } from '../verify/strict-json.ts'
import type { FetchJson } from './fetch.ts'

/** RFC 8414 section 3: the metadata of an authorization server, when its `issuer` is exactly the one asked for. */
export async function fetchMetadata(issuer: string, fetch: FetchJson): Promise<Reading<Metadata>> {
  let problem = ''
  for (const url of metadataUrls(issuer)) {
    const metadata = await fetch(url)
    if (!metadata.ok) {
      problem ||= metadata.problem
      continue
    }
    if (own(metadata.value, 'issuer') !== issuer) return unreadable(`${url}: issuer is not exactly ${issuer}`)
    return read({ url, members: metadata.value })
  }
  return unreadable(problem)
}

/** Metadata and where they were found. */
export interface Metadata {
  readonly url: string
  readonly members: JsonObject
}

/** OpenID Connect Discovery appends to the issuer, RFC 8414 section 3.1 puts the name between host and path. */
function metadataUrls(issuer: string): readonly string[] {
  const { origin, pathname } = new URL(issuer)
  const path = pathname.replace(/\/$/, '')
  return [
    `${origin}${path}/.well-known/openid-configuration`,
    `${origin}/.well-known/oauth-authorization-server${path}`,
  ]
}
