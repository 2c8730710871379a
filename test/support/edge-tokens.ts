import { importJWK } from 'jose'
import { fetchToken } from '../../demo/client.ts'
import { API } from '../../demo/setting.ts'
import type { TestEdge } from './edge.ts'

/** A token of the real authorization server, bound to the key of the test's client. */
export async function fetchBoundToken({ setting, key }: TestEdge): Promise<string> {
  const load = async (jwk: typeof key.jwk) => await importJWK(jwk, 'ES256', { extractable: true })
  // The keys of a JWK on P-256 are of the Web Crypto API.
  const pair = { publicKey: await load(key.jwk), privateKey: await load(key.privateJwk) } as CryptoKeyPair
  const source = { issuer: setting.authorizationServer.issuer, ca: setting.edge.ca, resource: API }
  return await fetchToken(source, setting.clients.dpop, 'accounts', pair)
}
