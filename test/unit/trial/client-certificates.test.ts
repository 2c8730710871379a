import { describe, expect, test } from 'vitest'
import { configuration, tryCases } from '../../support/policy-tests.ts'

const subject = { O: 'Good Fintech', organizationIdentifier: 'PSDGB-FCA-123456' }
const routes = [
  { name: 'plain', path: '/plain', clientCertificate: { ca: 'nowhere.pem' } },
  { name: 'policy', path: '/policy', clientCertificate: { ca: 'nowhere.pem', policies: ['0.4.0.194112.1.4'] } },
  {
    name: 'policy-too',
    path: '/too',
    clientCertificate: { ca: 'nowhere.pem', policies: ['2.16.840.1.5', '1.3.6.1.4'] },
  },
  { name: 'pinned', path: '/pinned', clientCertificate: { pinned: ['a'.repeat(64)] } },
  { name: 'roles', path: '/roles', clientCertificate: { ca: 'nowhere.pem', roles: ['PSP_AI'], qwac: true } },
  { name: 'listed', path: '/listed', clientCertificate: { ca: 'nowhere.pem', allow: { subjects: [subject] } } },
  {
    name: 'hard',
    path: '/hard',
    clientCertificate: { ca: 'nowhere.pem', revocation: { ocsp: 'hard', responder: 'http://ocsp.bank.example' } },
  },
  {
    name: 'soft',
    path: '/soft',
    clientCertificate: { ca: 'nowhere.pem', revocation: { crl: 'soft', urls: ['http://crl.bank.example/ca.crl'] } },
  },
  {
    name: 'own',
    path: '/own',
    clientCertificate: { ca: 'nowhere.pem' },
    certificateClient: { clients: { good: { O: 'Good Fintech' } } },
  },
]
const config = { ...configuration, routes }
const clients = {
  good: { certificate: { subject, roles: ['PSP_AI', 'PSP_PI'] } },
  plain: {},
  lax: { certificate: { policies: ['0.4.0.194112.1.0'] } },
  bare: { certificate: { policies: [] } },
  stranger: { certificate: { trusted: false } },
  server: { certificate: { eku: 'serverAuth' } },
  revoked: { certificate: { status: 'revoked' } },
  unknown: { certificate: { status: 'unknown' } },
  dark: { certificate: { status: 'unavailable' } },
}

describe('a route that asks for a client certificate is tried without files and network', () => {
  test.each([
    ['good', 'GET /plain', 'allowed'],
    ['good', 'GET /pinned', 'allowed'],
    ['good', 'GET /policy', 'allowed'],
    ['good', 'GET /too', 'allowed'],
    ['lax', 'GET /policy', 'client_certificate_untrusted'],
    ['bare', 'GET /policy', 'client_certificate_untrusted'],
    ['bare', 'GET /plain', 'allowed'],
    ['good', 'GET /roles', 'allowed'],
    ['good', 'GET /listed', 'allowed'],
    ['good', 'GET /hard', 'allowed'],
    ['good', 'GET /own', 'allowed'],
    ['dark', 'GET /soft', 'allowed'],
    ['revoked', 'GET /plain', 'allowed'],
    ['stranger', 'GET /plain', 'client_certificate_untrusted'],
    ['stranger', 'GET /pinned', 'client_certificate_untrusted'],
    ['server', 'GET /plain', 'client_certificate_purpose_refused'],
    ['plain', 'GET /roles', 'client_certificate_role_missing'],
    ['plain', 'GET /listed', 'client_certificate_refused'],
    ['plain', 'GET /own', 'client_certificate_mismatch'],
    ['revoked', 'GET /hard', 'client_certificate_revoked'],
    ['revoked', 'GET /soft', 'client_certificate_revoked'],
    ['unknown', 'GET /hard', 'client_certificate_status_unknown'],
    ['dark', 'GET /hard', 'certificate_status_unavailable'],
  ])('%s %s: %s', async (client, request, reason) => {
    const expect_ = reason === 'allowed' ? { status: 200 } : { reason }
    const { out, code } = await tryCases(
      { clients, cases: [{ name: 'one', client, request, expect: expect_ }] },
      { config },
    )
    expect(out).toMatch(/1 passed, 0 failed/)
    expect(code).toBe(0)
  })
  test('without one, with one that has ended, and with what the upstream is told', async () => {
    const identity = {
      'x-authz-certificate-subject': 'CN=good,organizationIdentifier=PSDGB-FCA-123456,O=Good Fintech',
      'x-authz-certificate-roles': 'PSP_PI PSP_AI',
    }
    const cases = [
      { name: 'none', request: 'GET /plain', certificate: 'none', expect: { reason: 'client_certificate_missing' } },
      { name: 'ended', request: 'GET /plain', at: '+2d', expect: { reason: 'client_certificate_expired' } },
      { name: 'told', request: 'GET /plain', expect: { status: 200, headers: identity } },
    ]
    const { out } = await tryCases({ clients, cases }, { config })
    expect(out).toMatch(/3 passed, 0 failed/)
  })
})

test.each(['Bogus', 'SN', '1.2.x'])('an attribute %s that nobody knows is told, not left out', async (attribute) => {
  const clients_ = { one: { certificate: { subject: { [attribute]: 'x' } } } }
  const cases = [{ name: 'one', request: 'GET /plain', expect: { status: 200 } }]
  const { code, err } = await tryCases({ clients: clients_, cases }, { config })
  expect(err).toContain(`"${attribute}" is no attribute that is known here; write its dotted OID`)
  expect(code).toBe(2)
})
