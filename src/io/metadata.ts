import { type JsonObject, own } from '../verify/strict-json.ts'
import { type Fetched, type FetchFailure, type FetchJson, failed } from './fetch-outcome.ts'

/** RFC 8414 section 3: the metadata of an authorization server, when its `issuer` is exactly the one asked for. */
export async function fetchMetadata(issuer: string, fetch: FetchJson): Promise<Fetched<Metadata>> {
  let first: FetchFailure | undefined
  for (const url of metadataUrls(issuer)) {
    const metadata = await fetch(url)
    if (!metadata.ok) {
      first ??= metadata
      continue
    }
    if (own(metadata.value, 'issuer') !== issuer) return failed('issuer', `${url}: issuer is not exactly ${issuer}`)
    return { ok: true, value: { url, members: metadata.value } }
  }
  return first ?? failed('other', `${issuer}: there is no place for metadata`)
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
