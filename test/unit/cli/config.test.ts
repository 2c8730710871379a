import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { loadConfig } from '../../../src/io/config-file.ts'
import { commandLine } from '../../support/command-line.ts'
import { directoryWith, environment, fixtures } from '../../support/config-files.ts'

const good = (name: string): string => join(fixtures, 'good', `${name}.yaml`)
const bad = (name: string): string => join(fixtures, 'bad', `${name}.yaml`)

describe('config check', () => {
  test('says what each route demands, and ends with 0', async () => {
    const { out, err, code } = await commandLine(['config', 'check', good('large')], environment)
    expect(out).toBe(
      [
        'balances  resource  GET /accounts/{id}/balances  fapiHeaders → accessToken → senderConstraint → scopes',
        'pay       resource  POST /payments  fapiHeaders → accessToken → senderConstraint → scopes',
        'health    open      GET,HEAD,POST,PUT,PATCH,DELETE /health  fapiHeaders',
        'late      resource  GET,HEAD,POST,PUT,PATCH,DELETE /late  accessToken → senderConstraint → fapiHeaders',
        'consents  resource  GET,HEAD,POST,PUT,PATCH,DELETE /consents/{consentId}  fapiHeaders → accessToken → senderConstraint → scopes',
        'rest      resource  GET,OPTIONS /rest/**  fapiHeaders → accessToken → senderConstraint → scopes',
        'note: route health is open: nothing is checked',
        'note: stores.afterRestart accept: a proof used before a restart may pass again',
        'fine: 6 routes, profile fapi2-security',
        '',
      ].join('\n'),
    )
    expect([err, code]).toEqual(['', undefined])
  })
  test('FAPI-RS-06 says what is not FAPI and every exception', async () => {
    const { out } = await commandLine(['config', 'check', good('compat')])
    expect(out.match(/^note: .*$/gm)).toEqual([
      'note: profile compat: this is not FAPI 2.0',
      'note: route old makes an exception: bearerTokens',
      'note: route old makes an exception: tokenTypeJwt',
      'note: route old makes an exception: longLivedTokens',
      'note: route old makes an exception: noRevocation',
      'note: route older makes an exception: bearerTokens',
      'note: route mixed makes an exception: rs256',
      'note: route mixed makes an exception: claimMapping',
      'note: listen.insecureCheck: whoever reaches the Check port may ask it',
    ])
  })
  test('lists every problem in the order of the file, and ends with 2', async () => {
    const { out, err, code } = await commandLine(['config', 'check', bad('everything-at-once')])
    const lines = err.trimEnd().split('\n')
    const name = relative('.', bad('everything-at-once'))
    expect([out, code]).toEqual(['', 2])
    expect(lines.at(-1)).toBe('10 problems, nothing was started or changed')
    expect(lines).toHaveLength(11)
    const places = lines.slice(0, -1).map((line) => line.replace(`${name}:`, '').split(':', 2).map(Number))
    expect(places).toEqual(places.toSorted(([a = 0, b = 0], [c = 0, d = 0]) => a - c || b - d))
  })
  test('keeps the problems of one file together', async () => {
    const { err } = await commandLine(['config', 'check', bad('include-wrong')])
    const files = err.match(/[^/\n]+\.yaml(?=:\d)/g) ?? []
    expect(files).toEqual(['include-wrong.yaml', 'forbidden-keys.yaml', 'forbidden-keys.yaml', 'broken.yaml'])
  })
  test('one problem is not called problems', async () =>
    expect((await commandLine(['config', 'check', bad('replicas')])).err).toContain('\n1 problem, nothing'))
  test('--json says the same for machines', async () => {
    const fine = await commandLine(['config', 'check', good('smallest'), '--json'])
    const policies = ['accessToken', 'senderConstraint', 'scopes']
    expect(JSON.parse(fine.out)).toMatchObject({
      ok: true,
      profile: 'fapi2-security',
      routes: [{ name: 'all', policies }],
    })
    const refused = await commandLine(['config', 'check', bad('replicas'), '--json'])
    expect(JSON.parse(refused.out)).toMatchObject({
      ok: false,
      problems: [{ file: bad('replicas'), line: 6, column: 1, key: 'replicas' }],
    })
    expect([refused.err, refused.code]).toEqual(['', 2])
  })
  test.each(['check', 'expand', 'headers'])('config %s ends with 2 when there is no such file', async (command) => {
    const { err, code } = await commandLine(['config', command, 'no-such.yaml'])
    expect([err.split('\n')[0], code]).toEqual(['no-such.yaml:1:1: there is no such file', 2])
  })
})

describe('config expand', () => {
  test.each(['smallest', 'large', 'compat'])(
    '%s: what it prints is a configuration that says the same',
    async (name) => {
      const { out } = await commandLine(['config', 'expand', good(name)], environment)
      const again = join(directoryWith({ 'expanded.yaml': out }), 'expanded.yaml')
      // Secrets are left to the environment.
      const variables = {
        NONCE_SECRET_1: 'kq0Jv1m7cXn2PzY5hR8tLw3sGd6fBa9eUi4oQxZyTjE',
        OTLP_X_API_KEY: 'collector-key-1',
      }
      for (const secret of Object.values(variables)) expect(out).not.toContain(secret)
      const [before, after] = [loadConfig(good(name), environment), loadConfig(again, variables)]
      if (!before.ok || !after.ok) throw new Error(JSON.stringify(after))
      // Where policies are written differs, and nothing else.
      const bare = (value: unknown): unknown =>
        JSON.parse(JSON.stringify(value, (key, item) => (key === 'at' ? 0 : key === 'under' ? undefined : item)))
      expect(bare(after.config)).toEqual(bare(before.config))
      expect((await commandLine(['config', 'expand', again], variables)).out).toBe(out)
    },
  )
  test('writes durations with their unit, kinds, and every default', async () => {
    const { out } = await commandLine(['config', 'expand', good('smallest')])
    expect(parse(out)).toMatchObject({
      limits: { drain: '10s' },
      authorizationServers: [{ revocation: { shortLived: '10m' } }],
      routes: [{ kind: 'resource', accessToken: { leeway: '5s' }, senderConstraint: { dpop: { maxAge: '1m' } } }],
    })
  })
  test('--json prints the same as JSON', async () => {
    const { out } = await commandLine(['config', 'expand', good('large')], environment)
    const json = await commandLine(['config', 'expand', good('large'), '--json'], environment)
    expect(JSON.parse(json.out)).toEqual(parse(out))
  })
})

describe('config schema', () => {
  test('is the published file, with or without --json', async () => {
    const published = readFileSync('schema/envoy-fapi.schema.json', 'utf8')
    expect((await commandLine(['config', 'schema'])).out).toBe(published)
    expect((await commandLine(['config', 'schema', '--json'])).out).toBe(published)
  })
})

describe('config headers', () => {
  test('prints the rules for Envoy, custom names included', async () => {
    const { out } = await commandLine(['config', 'headers', good('large')], environment)
    expect(parse(out)).toEqual({
      decoder_header_mutation_rules: {
        disallow_all: true,
        allow_expression: {
          regex:
            '^(x[-_.]authz[-_.][-_.a-z0-9]*|x[-_.]user|client[-_.]cert([-_.]chain)?|x-fapi-interaction-id|authorization|dpop)$',
        },
        disallow_is_error: true,
      },
      early_header_mutation: {
        remove_on_match: {
          key_matcher: { safe_regex: { regex: 'x[-_.]authz[-_.].*|x[-_.]user|client[-_.]cert([-_.]chain)?' } },
        },
      },
    })
  })
  test('--json gives the two expressions', async () => {
    const { out } = await commandLine(['config', 'headers', good('smallest'), '--json'])
    expect(Object.keys(JSON.parse(out) as object)).toEqual(['allowExpression', 'earlyStrip'])
  })
})
