import { X509Certificate } from 'node:crypto'
import { afterEach, describe, expect, test } from 'vitest'
import { checkIdentity, fetchJson } from '../../../src/io/fetch.ts'
import { createAuthority, issue } from '../../../tools/pki.ts'
import { authority, json, type Stub, serverIdentity, startStub } from '../../support/stub-servers.ts'

const open: Stub[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((stub) => stub.close()))
})

async function stub(...order: Parameters<typeof startStub>): Promise<Stub> {
  const started = await startStub(...order)
  open.push(started)
  return started
}
const get = (url: string) => fetchJson(url, { ca: [authority.certificate] })

describe('FAPI-NET-03 the server shows who it is', () => {
  const day = 86_400_000
  const since = new Date(Date.now() - 2 * day)
  const name = 'localhost'
  test.each([
    ['self-signed', () => issue(undefined, { name, dns: [name] })],
    ['of an authority that is not trusted', () => serverIdentity({}, createAuthority('other'))],
    ['for another name', () => serverIdentity({ dns: ['other.example'] })],
    ['whose only name is its common name', () => serverIdentity({ name, dns: [], ips: [] })],
    ['whose common name stands beside an address', () => serverIdentity({ name, dns: [] })],
    [
      'whose common name stands beside a URI',
      () => serverIdentity({ name, dns: [], ips: [], uris: ['https://localhost'] }),
    ],
    ['with a wildcard for everything', () => serverIdentity({ dns: ['*'] })],
    ['expired', () => serverIdentity({ notBefore: since, notAfter: new Date(Date.now() - day) })],
    ['not valid yet', () => serverIdentity({ notBefore: new Date(Date.now() + day) })],
    ['for clients', () => serverIdentity({ usage: 'client' })],
  ])('a certificate %s is refused', async (_, make) => {
    const { origin, hits } = await stub(
      json(() => ({})),
      make(),
    )
    const outcome = await get(`${origin}/x`)
    expect(outcome).toEqual({
      ok: false,
      cause: 'tls',
      problem: expect.stringMatching(/\/x: (?:[A-Z_]+|the certificate is not for this host)$/),
    })
    expect(hits).toEqual([])
  })
  test('an address needs to stand in the certificate as an address', async () => {
    const { port, hits } = await stub(
      json(() => ({})),
      serverIdentity({ name: '127.0.0.1', dns: ['127.0.0.1'], ips: [] }),
    )
    expect((await get(`https://127.0.0.1:${port}/x`)).ok).toBe(false)
    expect(hits).toEqual([])
  })
  test('the authority is not trusted unless told', async () => {
    const { origin, hits } = await stub(json(() => ({})))
    expect((await fetchJson(`${origin}/x`)).ok).toBe(false)
    expect(hits).toEqual([])
  })
  test.each([
    ['TLSv1.1', false],
    ['TLSv1.2', true],
    ['TLSv1.3', true],
  ] as const)('FAPI-NET-01 a server that speaks %s: %s', async (version, taken) => {
    const old = { minVersion: 'TLSv1', maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' } as const
    const { origin, hits } = await stub(
      json(() => ({})),
      undefined,
      old,
    )
    expect((await get(`${origin}/x`)).ok).toBe(taken)
    expect(hits).toHaveLength(taken ? 1 : 0)
  })
})

describe('FAPI-NET-03 names of a certificate', () => {
  const accepts = (subject: { dns?: string[]; ips?: string[] }, host: string): boolean => {
    const { certificate } = serverIdentity({ name: host, dns: [], ips: [], ...subject })
    return checkIdentity(host, new X509Certificate(certificate).raw) === undefined
  }
  test.each([
    ['as.bank.example', 'as.bank.example', true],
    ['AS.bank.example', 'as.BANK.example', true],
    ['*.bank.example', 'as.bank.example', true],
    ['a*.bank.example', 'as.bank.example', false],
    ['*s.bank.example', 'as.bank.example', false],
    ['*.bank.example', 'bank.example', false],
    ['*.bank.example', 'a.b.bank.example', false],
    ['as.*.example', 'as.bank.example', false],
    ['*', 'localhost', false],
    ['192.0.2.1', '192.0.2.1', false],
    ['*.0.2.1', '192.0.2.1', false],
    ['bank.example', 'bank.example.other', false],
    ['bank.example', 'notbank.example', false],
  ])('the DNS name %s for %s: %s', (dns, host, expected) => expect(accepts({ dns: [dns] }, host)).toBe(expected))
  test.each([
    ['192.0.2.1', '192.0.2.1', true],
    ['2001:db8::1', '2001:db8:0::1', true],
    ['192.0.2.1', '192.0.2.2', false],
  ])('the address %s for %s: %s', (ip, host, expected) => expect(accepts({ ips: [ip] }, host)).toBe(expected))
})
