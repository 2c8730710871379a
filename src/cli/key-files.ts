import { createPrivateKey, createPublicKey, type JsonWebKey, X509Certificate } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose'
import type { Terminal } from './main.ts'
import type { SigningKey } from './minting.ts'

/** Says what is wrong with the command line and sets exit code 2. */
export function refuseUsage(terminal: Terminal, message: string): undefined {
  terminal.err(`${message}\n`)
  terminal.exit(2)
  return undefined
}

/** The JWK in a file, with its private part unless told; undefined when it cannot be used, and then the user has been told. */
export function readKey(
  file: string,
  terminal: Terminal,
  part: 'private' | 'public' = 'private',
): SigningKey | undefined {
  const text = readText(file, terminal)
  if (text === undefined) return undefined
  try {
    const jwk = JSON.parse(text) as SigningKey
    if (isUsable(jwk, part)) return jwk
  } catch {
    // Told below, like every other content that is not such a key.
  }
  return refuseUsage(terminal, `${file} holds no ${part} JWK that signs here (EC P-256, Ed25519 or RSA from 2048 bits)`)
}

/** Algorithms by key type; without `alg` the first is used. */
const algorithms: ReadonlyMap<string, readonly string[]> = new Map([
  ['EC', ['ES256']],
  ['OKP', ['EdDSA', 'Ed25519']],
  ['RSA', ['PS256', 'RS256']],
])

function isUsable(jwk: SigningKey, part: 'private' | 'public'): boolean {
  const fitting = algorithms.get(jwk.kty)
  if (!fitting?.includes(jwk.alg ?? fitting[0] ?? '')) return false
  const input = { key: jwk as JsonWebKey, format: 'jwk' } as const
  const key = part === 'private' ? createPrivateKey(input) : createPublicKey(input)
  const { modulusLength = 2048 } = key.asymmetricKeyDetails ?? {}
  return modulusLength >= 2048 && (jwk.kty === 'RSA' || jwk.crv === 'P-256' || jwk.crv === 'Ed25519')
}

/** The PEM certificate in a file; undefined when there is none, and then the user has been told. */
export function readCertificate(file: string, terminal: Terminal): string | undefined {
  const text = readText(file, terminal)
  if (text === undefined) return undefined
  try {
    new X509Certificate(text)
    return text
  } catch {
    return refuseUsage(terminal, `${file} holds no PEM certificate`)
  }
}

/** The content of a file; undefined when it cannot be read, and then the user has been told. */
function readText(file: string, terminal: Terminal): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    return refuseUsage(terminal, `${file} cannot be read (${codeOf(error)})`)
  }
}

/**
 * Makes the key files that do not exist: ES256, readable by their owner alone. Beside `--key` stands the key set that a
 * configuration names with `keys: { file: … }`. False when a file cannot be written.
 */
export async function makeMissingKeys(
  { key, jkt }: { readonly key: string; readonly jkt?: string },
  terminal: Terminal,
): Promise<boolean> {
  try {
    if (!existsSync(key)) {
      const keySet = `${key.replace(/\.[^./]+$/, '')}.jwks.json`
      const { d: _private, ...shown } = await makeKey(key)
      writeFileSync(keySet, `${JSON.stringify({ keys: [shown] }, undefined, 2)}\n`)
      terminal.err(`made ${key}, and ${keySet} for authorizationServers[].keys.file\n`)
    }
    if (jkt !== undefined && !existsSync(jkt)) {
      await makeKey(jkt)
      terminal.err(`made ${jkt}\n`)
    }
    return true
  } catch (error) {
    refuseUsage(terminal, `the keys cannot be written (${codeOf(error)})`)
    return false
  }
}

async function makeKey(file: string): Promise<SigningKey> {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true })
  const jwk = await exportJWK(privateKey)
  const key = { ...jwk, kty: 'EC', kid: await calculateJwkThumbprint(jwk), alg: 'ES256', use: 'sig' }
  writeFileSync(file, `${JSON.stringify(key, undefined, 2)}\n`, { mode: 0o600, flag: 'wx' })
  return key
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? 'unknown error'
