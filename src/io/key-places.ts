import { readFileSync } from 'node:fs'
import type { ServerConfig } from '../config.ts'
import { type KeySet, readKeySet } from '../verify/key-set.ts'
import { own, readJsonObject } from '../verify/strict-json.ts'
import { type Fetched, type FetchFailure, type FetchJson, failed } from './fetch-outcome.ts'
import { fetchMetadata } from './metadata.ts'

/** A usable set, and a text that tells whether anything changed. */
export interface ReadKeys {
  readonly keys: KeySet
  readonly text: string
}

/** Reads the keys of a server from where the configuration says: discovery (RFC 8414), a JWK Set URI or a file. */
export async function obtainKeys({ issuer, keys }: ServerConfig, fetch: FetchJson): Promise<Fetched<ReadKeys>> {
  if ('file' in keys) return readFile(keys.file)
  if ('uri' in keys) return fetchSet(keys.uri, fetch)
  const uri = await discover(issuer, fetch)
  return uri.ok ? fetchSet(uri.value, fetch, issuer) : uri
}

async function fetchSet(uri: string, fetch: FetchJson, namedBy?: string): Promise<Fetched<ReadKeys>> {
  const document = await fetch(uri, namedBy)
  if (!document.ok) return document
  const keys = readKeySet(document.value)
  return keys.ok
    ? { ok: true, value: { keys: keys.value, text: JSON.stringify(document.value) } }
    : failed('empty', keys.problem)
}

function readFile(file: string): Fetched<ReadKeys> {
  const trouble = (problem: string): FetchFailure => failed('file', `${file}: ${problem}`)
  try {
    const bytes = readFileSync(file)
    const document = readJsonObject(bytes, { members: 20_000, depth: 16 })
    if (!document.ok) return trouble(document.problem)
    const keys = readKeySet(document.value)
    return keys.ok
      ? { ok: true, value: { keys: keys.value, text: bytes.toString('latin1') } }
      : failed('empty', keys.problem)
  } catch {
    return trouble('it cannot be read')
  }
}

/** RFC 8414 section 2: the metadata tell where the keys are. */
async function discover(issuer: string, fetch: FetchJson): Promise<Fetched<string>> {
  const metadata = await fetchMetadata(issuer, fetch)
  if (!metadata.ok) return metadata
  const uri = own(metadata.value.members, 'jwks_uri')
  return typeof uri === 'string'
    ? { ok: true, value: uri }
    : failed('metadata', `${metadata.value.url}: there is no jwks_uri`)
}
