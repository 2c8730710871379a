import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { type HeaderRules, headerRules } from '../../src/envoy-header-rules.ts'
import { document } from '../support/spine.ts'

function rulesFor(identity: object = {}, difference: object = {}): HeaderRules {
  const reading = readConfig({ ...document, identity, ...difference })
  if (!reading.ok) throw new Error(JSON.stringify(reading.problems))
  return headerRules(reading.config)
}
/** Envoy wants the whole name to match a `safe_regex`, and gives it in lower case. */
const strips = (rules: HeaderRules, name: string): boolean => new RegExp(`^(?:${rules.earlyStrip})$`).test(name)
const allows = (rules: HeaderRules, name: string): boolean => new RegExp(rules.allowExpression).test(name)

const ours = ['x-authz-subject', 'x-authz-issuer', 'x-authz-client-id', 'x-authz-acr', 'x-authz-anything']
const aliases = ['x_authz_subject', 'x.authz.subject', 'x-authz_subject', 'x_authz-client.id', 'x-authz-']

describe('att-header-01 the closed set of names', () => {
  const rules = rulesFor()
  test.each([...ours, ...aliases])('%s is ours: taken from clients, and may be set', (name) => {
    expect([strips(rules, name), allows(rules, name)]).toEqual([true, true])
  })
  test.each(['x-authz', 'xx-authz-subject', 'x-authzoo', 'accept', 'x-user', ''])('%j is not', (name) => {
    expect([strips(rules, name), allows(rules, name)]).toEqual([false, false])
  })
  test('the token, the proof and the interaction id may be changed and reach us', () => {
    for (const name of ['authorization', 'dpop', 'x-fapi-interaction-id'])
      expect([strips(rules, name), allows(rules, name)]).toEqual([false, true])
  })
  test.each([':path', ':authority', ':method', 'host', 'cookie', 'content-length', 'x-forwarded-for', 'x-envoy-x'])(
    'no rule lets us touch %s',
    (name) => expect(allows(rules, name)).toBe(false),
  )
  test('a name with odd characters is stripped all the same', () => {
    for (const name of ['x-authz-subject!', 'x-authz-a+b', "x_authz_'"]) expect(strips(rules, name)).toBe(true)
  })
})

describe('MTLS-09 the fields of RFC 9440', () => {
  const fields = ['client-cert', 'client-cert-chain', 'client_cert', 'client.cert_chain']
  const proxied = { source: 'client-cert', clientCert: { trustedProxies: ['10.0.0.0/8'] } }
  const rules = rulesFor()
  test.each(fields)('%s is taken from clients, and may be removed', (name) =>
    expect([strips(rules, name), allows(rules, name)]).toEqual([true, true]),
  )
  test.each(fields)('%s reaches us where it is the source of certificates', (name) => {
    const open = rulesFor({}, { clientCertificateFrom: proxied })
    expect([strips(open, name), allows(open, name)]).toEqual([false, true])
  })
  test.each(['client-certificate', 'x-client-cert', 'clientcert', 'client-cert-chain-x', 'x-forwarded-client-cert'])(
    '%s is not ours to touch',
    (name) => expect([strips(rules, name), allows(rules, name)]).toEqual([false, false]),
  )
})

describe('names an operator chose', () => {
  const rules = rulesFor({ headers: { subject: 'x-user-id', acr: 'x-authz-level' } })
  test('are ours in every spelling, besides the x-authz- names', () => {
    for (const name of ['x-user-id', 'x_user_id', 'x.user-id', 'x-authz-level', ...ours])
      expect([name, strips(rules, name), allows(rules, name)]).toEqual([name, true, true])
    for (const name of ['x-user-idx', 'x-user', 'x+user-id', 'xxuserxid'])
      expect([name, strips(rules, name), allows(rules, name)]).toEqual([name, false, false])
  })
  test('none that our answers need can be chosen', () => {
    for (const name of ['authorization', 'dpop', 'host', 'x-fapi-interaction-id', 'x-forwarded-for', 'cookie'])
      expect(readConfig({ ...document, identity: { headers: { subject: name } } })).toMatchObject({
        ok: false,
        problems: [{ path: ['identity', 'headers', 'subject'] }],
      })
  })
})

describe('the bootstraps we ship say the same', () => {
  const { allowExpression, earlyStrip } = rulesFor()
  test.each(['envoy/hardened.yaml', 'envoy/minimal.yaml'])('%s takes our names from clients', (path) => {
    expect(readFileSync(path, 'utf8')).toContain(`regex: "${earlyStrip}"`)
  })
  test('envoy/hardened.yaml lets the service change these names and no other', () => {
    expect(readFileSync('envoy/hardened.yaml', 'utf8')).toContain(`regex: "${allowExpression}"`)
  })
})
