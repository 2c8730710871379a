import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Answer, send } from '../../demo/client.ts'
import type { Pki } from '../../demo/pki.ts'
import { freePorts } from '../../demo/ports.ts'
import { proven, type Scene, setScene } from '../../demo/scene.ts'
import { API, MTLS, startSetting } from '../../demo/setting.ts'
import { readSeen } from '../../demo/upstream.ts'
import { findEnvoy } from '../../tools/envoy.ts'
import type { Identity } from '../../tools/pki.ts'
import { forgedXfcc } from '../support/forged-xfcc.ts'

const shipped = fileURLToPath(new URL('../../demo/envoy-fapi.yaml', import.meta.url))

/** What an Envoy that may not show certificates in the Check is told instead. */
const sanitizeSet = (bootstrap: string): string =>
  replaceAll(bootstrap, [
    ['"forward_client_cert_details": "SANITIZE"', SANITIZE_SET],
    ['"include_peer_certificate": true', '"include_peer_certificate": false'],
  ])
const SANITIZE_SET =
  '"forward_client_cert_details": "SANITIZE_SET", "set_current_client_cert_details": { "subject": true, "cert": true, "dns": true, "uri": true }'

function replaceAll(text: string, pairs: readonly (readonly [string, string])[]): string {
  return pairs.reduce((changed, [before, after]) => {
    if (!changed.includes(before)) throw new Error(`the bootstrap does not say ${before}`)
    return changed.replaceAll(before, after)
  }, text)
}

const ends: (() => Promise<void> | void)[] = []

/** The demo's setting with another source of client certificates, in front of it an Envoy that is set to match. */
async function start(clientCertificateFrom: string, adapt: (bootstrap: string) => string): Promise<Scene> {
  const directory = mkdtempSync(join(tmpdir(), 'envoy-fapi-e2e-'))
  ends.push(() => rmSync(directory, { recursive: true, force: true }))
  const config = join(directory, 'envoy-fapi.yaml')
  const text = readFileSync(shipped, 'utf8').replace(/^stores: .*$/m, 'stores: { afterRestart: accept }')
  writeFileSync(config, `${text}\nclientCertificateFrom: ${clientCertificateFrom}\n`)
  const ports = await freePorts()
  const setting = await startSetting({ envoy: findEnvoy(() => undefined), ports, directory, config, adapt })
  ends.push(setting.stop)
  return await setScene(setting)
}
afterAll(async () => {
  for (const end of ends.reverse()) await end()
})

interface Attempt {
  readonly certificate: Identity | undefined
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  readonly url?: string
}

/** Sends the certificate-bound token. */
const sendBound = async ({ setting, tokens }: Scene, { certificate, headers = {}, url }: Attempt): Promise<Answer> =>
  await send(setting.edge, {
    url: url ?? `${certificate === undefined ? API : MTLS}/accounts`,
    certificate,
    headers: { authorization: `Bearer ${tokens.mtls}`, ...headers },
  })

const description = ({ headers }: Answer): string => (headers.get('www-authenticate') ?? []).join()

describe('ENV-14, MTLS-06, MTLS-10 a real Envoy with SANITIZE_SET and no certificate in the Check', () => {
  let scene: Scene
  let pki: Pki
  beforeAll(async () => {
    scene = await start('{ source: xfcc, xfcc: { writtenBy: thisEnvoy } }', sanitizeSet)
    pki = scene.setting.pki
  })
  const attempt = (order: Attempt): Promise<Answer> => sendBound(scene, order)

  test('the client with its certificate', async () => {
    const { status, body } = await attempt({ certificate: pki.client })
    expect(status).toBe(200)
    expect(new Map(readSeen(body)?.headers).get('x-authz-binding')).toBe('mtls')
  })
  test('a DPoP client without a certificate', async () => {
    const { status } = await send(scene.setting.edge, { url: `${API}/accounts`, headers: await proven(scene) })
    expect(status).toBe(200)
  })
  test('another certificate', async () => {
    const answer = await attempt({ certificate: pki.otherClient })
    expect(answer.status).toBe(401)
    expect(description(answer)).toContain('bound to another client certificate')
  })
  test.each([
    ['as it is', (value: string) => value],
    ['twice', (value: string) => [value, value]],
    ['with an element behind it', (value: string) => `${value},By=x`],
    ['with an open quote', (value: string) => `${value};Subject="`],
  ])('T-50, att-mtls-01 another certificate and a forged header, %s', async (_, spell) => {
    const headers = { 'x-forwarded-client-cert': spell(forgedXfcc(pki.client)) }
    const answer = await attempt({ certificate: pki.otherClient, headers })
    expect(answer.status).toBe(401)
    expect(description(answer)).toContain('bound to another client certificate')
    // The honest client is not harmed by what it sends.
    expect((await attempt({ certificate: pki.client, headers })).status).toBe(200)
  })
  test('T-50 no certificate and a forged header', async () => {
    const headers = { 'x-forwarded-client-cert': forgedXfcc(pki.client) }
    const answer = await attempt({ certificate: undefined, headers, url: `${API}/accounts` })
    expect(answer.status).toBe(401)
    expect(description(answer)).toContain('is bound to a client certificate')
  })
  test('MTLS-09 Client-Cert is neither believed nor passed on', async () => {
    const der = new X509Certificate(pki.client.certificate).raw.toString('base64')
    const headers = { 'client-cert': `:${der}:`, 'client-cert-chain': `:${der}:`, 'client.cert': 'x' }
    expect((await attempt({ certificate: pki.otherClient, headers })).status).toBe(401)
    const { status, body } = await attempt({ certificate: pki.client, headers })
    expect(status).toBe(200)
    const names = readSeen(body)?.headers.map(([name]) => name)
    expect(names).toContain('x-forwarded-client-cert')
    expect(names?.filter((name) => name.startsWith('client'))).toEqual([])
  })
})

describe('MTLS-06, MTLS-08 a proxy in front that writes Client-Cert', () => {
  /** The field has to reach us: the early removal is what `config headers` prints for this source. */
  const letThrough = (bootstrap: string): string => replaceAll(bootstrap, [['|client[-_.]cert([-_.]chain)?"', '"']])
  let trusting: Scene
  let strict: Scene
  beforeAll(async () => {
    const from = (proxies: string) => `{ source: client-cert, clientCert: { trustedProxies: [${proxies}] } }`
    trusting = await start(from('127.0.0.1'), letThrough)
    strict = await start(from('10.0.0.0/8'), letThrough)
  })
  const fieldOf = ({ certificate }: Identity): string => `:${new X509Certificate(certificate).raw.toString('base64')}:`

  test('the certificate it tells is the client, and the field ends here', async () => {
    const { client, otherClient } = trusting.setting.pki
    const headers = { 'client-cert': fieldOf(client), 'client-cert-chain': fieldOf(otherClient) }
    const { status, body } = await sendBound(trusting, { certificate: undefined, headers })
    expect(status).toBe(200)
    const names = readSeen(body)?.headers.map(([name]) => name)
    expect(names).toContain('x-authz-binding')
    expect(names?.filter((name) => name.startsWith('client'))).toEqual([])
  })
  test('another one is not, and a broken field is 400 client_certificate_malformed', async () => {
    const { otherClient, client } = trusting.setting.pki
    const answer = async (value: string | readonly string[]) =>
      (await sendBound(trusting, { certificate: undefined, headers: { 'client-cert': value } })).status
    expect(await answer(fieldOf(otherClient))).toBe(401)
    expect(await answer([fieldOf(client), fieldOf(client)])).toBe(400)
    expect(await answer('garbage')).toBe(400)
  })
  test('MTLS-07, T-50 from anybody who is not a proxy it says nothing', async () => {
    const headers = { 'client-cert': fieldOf(strict.setting.pki.client) }
    const answer = await sendBound(strict, { certificate: undefined, headers })
    expect(answer.status).toBe(401)
    expect(description(answer)).toContain('is bound to a client certificate')
    // Nor is the connection asked instead.
    expect((await sendBound(strict, { certificate: strict.setting.pki.client })).status).toBe(401)
  })
})
