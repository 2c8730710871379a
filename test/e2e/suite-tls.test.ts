import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { issue } from '../../tools/pki.ts'
import { startTestEdge, type TestEdge } from '../support/edge.ts'
import { type Handshake, shakeHands } from '../support/edge-raw.ts'

let edge: TestEdge

beforeAll(async () => {
  edge = await startTestEdge()
})
afterAll(() => edge.stop())

/** Offers only this version of TLS, with every suite this Node has. */
const offer = (version: 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3', ciphers = 'ALL:@SECLEVEL=0'): Promise<Handshake> =>
  shakeHands(edge, { minVersion: version, maxVersion: version, ciphers })

describe('suite: FAPI-NET-01, FAPI-NET-02: versions of TLS', () => {
  test.each(['TLSv1', 'TLSv1.1'] as const)('%s is refused', async (version) => {
    expect(await offer(version)).toMatchObject({ error: expect.stringMatching(/_ALERT_PROTOCOL_VERSION$/) })
  })
  test.each(['TLSv1.2', 'TLSv1.3'] as const)('%s is spoken', async (version) => {
    expect(await offer(version)).toMatchObject({ protocol: version })
  })
  test('1.3 comes first', async () => {
    expect(await shakeHands(edge, { minVersion: 'TLSv1.2' })).toMatchObject({ protocol: 'TLSv1.3' })
  })
})

describe('suite: FAPI-NET-02: suites of TLS 1.2', () => {
  test.each(['ECDHE-RSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES256-GCM-SHA384'])('%s is taken', async (suite) => {
    expect(await offer('TLSv1.2', suite)).toMatchObject({ protocol: 'TLSv1.2', cipher: suite })
  })
  test.each([
    'ECDHE-RSA-CHACHA20-POLY1305',
    'ECDHE-RSA-AES128-SHA256',
    'ECDHE-RSA-AES256-SHA384',
    'ECDHE-RSA-AES128-SHA',
    'DHE-RSA-AES128-GCM-SHA256',
    'DHE-RSA-AES256-GCM-SHA384',
    'AES128-GCM-SHA256',
    'AES256-GCM-SHA384',
    'AES128-SHA',
  ])('%s is refused', async (suite) => {
    const { error } = await offer('TLSv1.2', `${suite}:@SECLEVEL=0`)
    expect(error).toMatch(/HANDSHAKE_FAILURE$/)
  })
})

describe('client certificates', () => {
  const day = 86_400_000
  test.each([
    ['MTLS-02: none where one is needed', () => undefined, /_ALERT_CERTIFICATE_REQUIRED$/],
    [
      'one that has expired',
      () => edge.certify({ notBefore: new Date(Date.now() - 2 * day), notAfter: new Date(Date.now() - day) }),
      /_ALERT_CERTIFICATE_EXPIRED$/,
    ],
    ['one signed by itself', () => issue(undefined, { name: 'tpp', usage: 'client' }), /_ALERT_UNKNOWN_CA$/],
    [
      'one by the authority of the servers',
      () => issue(edge.setting.pki.authority, { name: 'tpp', usage: 'client' }),
      /_ALERT_UNKNOWN_CA$/,
    ],
    ['one for servers', () => edge.certify({ usage: 'server' }), /_ALERT_UNSUPPORTED_CERTIFICATE$/],
  ])('%s is refused by TLS', async (_, make, error) => {
    const told = await shakeHands(edge, { identity: make(), servername: 'mtls.bank.example' })
    expect(told.error).toMatch(error)
  })
  test('a good one is taken, and on api.bank.example one may do without, but not with a bad one', async () => {
    expect(
      (await shakeHands(edge, { identity: edge.certify({}), servername: 'mtls.bank.example' })).error,
    ).toBeUndefined()
    expect((await shakeHands(edge)).error).toBeUndefined()
    const identity = issue(undefined, { name: 'tpp', usage: 'client' })
    expect((await shakeHands(edge, { identity })).error).toMatch(/_ALERT_UNKNOWN_CA$/)
  })
  test('a name that is not served gets no handshake', async () => {
    expect((await shakeHands(edge, { servername: 'other.example', checkServerIdentity: () => undefined })).error).toBe(
      'ECONNRESET',
    )
  })
})

describe('MTLS-14: a session is never resumed, so every connection shows its certificate anew', () => {
  test.each(['TLSv1.2', 'TLSv1.3'] as const)('%s', async (version) => {
    const connecting = { minVersion: version, maxVersion: version, identity: edge.certify({}) }
    const before = await shakeHands(edge, connecting)
    expect(before.protocol).toBe(version)
    for (const session of before.sessions)
      expect(await shakeHands(edge, { ...connecting, session })).toMatchObject({ protocol: version, reused: false })
  })
})
