import { createPrivateKey, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { isObject, type JsonObject } from '../verify/strict-json.ts'

/** A private key out of a file, and the members of its JWK when it was written as one. */
export interface PrivateKeyFile {
  readonly key: KeyObject
  readonly jwk: JsonObject | undefined
}

/** Reads a private key, PEM or JWK; undefined when there is none that can be read. */
export function readPrivateKey(file: string): PrivateKeyFile | undefined {
  try {
    const text = readFileSync(file, 'utf8')
    if (!text.trimStart().startsWith('{')) return { key: createPrivateKey(text), jwk: undefined }
    const jwk: unknown = JSON.parse(text)
    return isObject(jwk) ? { key: createPrivateKey({ key: jwk, format: 'jwk' }), jwk } : undefined
  } catch {
    return undefined
  }
}
