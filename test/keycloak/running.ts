import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SignJWT } from 'jose'
import { type Client, dpopHeaders } from '../../demo/client.ts'
import { type Pki, writePki } from '../../demo/pki.ts'
import { findFree } from '../../demo/ports.ts'
import { buildCleanup } from '../../demo/setting.ts'
import { findKeycloak, type RunningKeycloak, startKeycloak } from '../../tools/keycloak.ts'
import { bankRealm, type RealmClient, signingKey } from './realm.ts'

/** Keycloak with the realm of the tests, and what an administrator can do there. */
export interface Bank {
  readonly issuer: string
  readonly pki: Pki
  /** Takes back a token of the client (RFC 7009); Keycloak wants a proof of its key for that. */
  readonly revoke: (client: Client, token: string, key: CryptoKeyPair) => Promise<void>
  /** Makes a new key that signs from now on. */
  readonly addKey: () => Promise<void>
  /** Takes back every signing key but the newest. */
  readonly withdrawKeys: () => Promise<void>
  readonly stop: () => Promise<void>
}

interface Component {
  readonly name: string
  readonly providerId: string
  readonly config: Readonly<Record<string, readonly string[]>>
}

export async function startBank(audience: string, clients: readonly RealmClient[]): Promise<Bank> {
  const directory = mkdtempSync(join(tmpdir(), 'envoy-fapi-keycloak-'))
  const cleanup = buildCleanup()
  cleanup.add(() => Promise.resolve(rmSync(directory, { recursive: true, force: true })))
  try {
    const pki = writePki(join(directory, 'pki'))
    const [port = 0] = await findFree(1)
    const { certificate: ca } = pki.authority
    const keycloak = await startKeycloak({
      keycloak: findKeycloak((line) => process.stderr.write(`${line}\n`)),
      port,
      certificate: join(pki.directory, 'as.pem'),
      key: join(pki.directory, 'as.key'),
      clientCa: join(pki.directory, 'client-ca.pem'),
      realm: bankRealm(audience, clients),
      password: randomBytes(18).toString('base64url'),
      log: join(directory, 'keycloak.log'),
      answers: async (url) => (await call(ca, url).catch(() => undefined))?.status === 200,
      spawned: cleanup.add,
    })
    let keys = 1
    return {
      issuer: keycloak.issuer,
      pki,
      revoke: (client, token, key) => revoke(keycloak.issuer, ca, client, token, key),
      addKey: async () => {
        keys += 1
        const key = { ...signingKey(`key-${keys}`, 100 + keys), providerType: 'org.keycloak.keys.KeyProvider' }
        await administer(keycloak, ca, 'POST', 'components', key)
      },
      withdrawKeys: async () => {
        const type = 'components?type=org.keycloak.keys.KeyProvider'
        const all = JSON.parse(await administer(keycloak, ca, 'GET', type)) as readonly (Component & { id: string })[]
        for (const { id, ...one } of all.filter(({ providerId }) => providerId === 'rsa-generated'))
          if (one.name !== `key-${keys}`) await administer(keycloak, ca, 'DELETE', `components/${id}`)
      },
      stop: cleanup.run,
    }
  } catch (error) {
    await cleanup.run()
    throw error
  }
}

async function revoke(issuer: string, ca: string, client: Client, token: string, key: CryptoKeyPair): Promise<void> {
  const { id } = client
  const assertion = await new SignJWT({ iss: id, sub: id, aud: issuer, jti: randomUUID() })
    .setProtectedHeader({ alg: 'ES256', kid: 'client-1' })
    .setIssuedAt()
    .setExpirationTime('30s')
    .sign(client.key.privateKey)
  const type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
  const url = `${issuer}/protocol/openid-connect/revoke`
  const { dpop } = await dpopHeaders(token, key, 'POST', url)
  const { status, text } = await call(ca, url, {
    method: 'POST',
    headers: { dpop, 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ token, client_assertion_type: type, client_assertion: assertion }).toString(),
  })
  if (status !== 200) throw new Error(`the token was not taken back: ${status} ${text}`)
}

/** One call of the administration interface of the realm. */
async function administer(keycloak: RunningKeycloak, ca: string, method: string, path: string, body?: object) {
  const { origin, admin, issuer } = keycloak
  const form = { grant_type: 'password', client_id: 'admin-cli', username: admin.user, password: admin.password }
  const granted = await call(ca, `${origin}/realms/master/protocol/openid-connect/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(form).toString(),
  })
  const { access_token: token } = JSON.parse(granted.text) as { readonly access_token?: string }
  const answer = await call(ca, `${issuer.replace('/realms/', '/admin/realms/')}/${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  })
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status}`)
  return answer.text
}

interface Calling {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

function call(ca: string, url: string, { method = 'GET', headers = {}, body }: Calling = {}) {
  const { promise, resolve, reject } = Promise.withResolvers<{ readonly status: number; readonly text: string }>()
  const sent = request(url, { method, headers, ca, agent: false, timeout: 20_000 }, (response) => {
    const chunks: Buffer[] = []
    response.on('data', (chunk: Buffer) => chunks.push(chunk))
    response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }))
  })
  sent.on('timeout', () => sent.destroy(new Error('no answer')))
  sent.on('error', reject)
  sent.end(body)
  return promise
}
