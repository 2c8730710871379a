import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { verdict } from '../support/answers.ts'
import { commandLine } from '../support/command-line.ts'
import { directoryWith, loadText } from '../support/config-files.ts'
import { buildTestCheck, document, goodRequest, ISSUER, mintToken, ORIGIN, otherKey } from '../support/spine.ts'

const origin = 'publicOrigins: [https://api.bank.example]\n'
const routes = 'routes:\n  - { path: /** }\n'
const servers = (server: string): string => `authorizationServers:\n  - ${server}\n`

/** Whether the service would start, and what it says when it does not. */
async function start(text: string) {
  const file = join(directoryWith({ 'envoy-fapi.yaml': text }), 'envoy-fapi.yaml')
  const { err, code } = await commandLine(['serve', '--config', file])
  return {
    code,
    told: err
      .replaceAll(/^.*?envoy-fapi\.yaml:/gm, '')
      .split('\n')
      .slice(0, -2),
  }
}

describe('conf-unsafe, att-jose-15 without issuer, audience and algorithms nothing starts', () => {
  const fine = '{ issuer: https://as.bank.example, audiences: [https://api.bank.example], algorithms: [ES256] }'
  test('with them it would', () => expect(loadText(origin + servers(fine) + routes).ok).toBe(true))

  test.each<[string, string, string]>([
    ['no authorization server', '', '1:1: authorizationServers: authorizationServers is required'],
    [
      'an empty list of them',
      'authorizationServers: []\n',
      '2:1: authorizationServers: expected a list of at least 1 item',
    ],
    ['no issuer', servers('{ name: bank }'), '3:5: authorizationServers[0].issuer: issuer is required'],
    ['an empty issuer', servers("{ issuer: '' }"), 'issuer: expected a text that is not empty, found ""'],
    ['nothing as issuer', servers('{ issuer: }'), 'issuer: expected a text, found nothing'],
    ['a list of issuers', servers('{ issuer: [https://a.example] }'), 'issuer: expected a text, found a list'],
    ['any issuer', servers("{ issuer: '*' }"), 'issuer: expected an https URL without query'],
    [
      'an issuer over http',
      servers("{ issuer: 'http://as.bank.example' }"),
      'issuer: expected an https URL without query',
    ],
    [
      'no audience',
      servers('{ issuer: https://as.bank.example, audiences: [] }'),
      'audiences: expected a list of at least 1 item',
    ],
    [
      'an empty audience',
      servers("{ issuer: https://as.bank.example, audiences: [''] }"),
      'audiences[0]: expected a text that is not empty',
    ],
    [
      'nothing as audience',
      servers('{ issuer: https://as.bank.example, audiences: }'),
      'audiences: expected a list, found nothing',
    ],
    [
      'no algorithm',
      servers('{ issuer: https://as.bank.example, algorithms: [] }'),
      'algorithms: expected a list of at least 1 item',
    ],
    ...['none', 'HS256', 'RS256', 'RS1', 'ES256K', 'es256', ''].map((algorithm): [string, string, string] => [
      `the algorithm ${JSON.stringify(algorithm)}`,
      servers(`{ issuer: https://as.bank.example, algorithms: [ES256, '${algorithm}'] }`),
      'algorithms[1]: expected PS256 | ES256 | EdDSA | Ed25519, found',
    ]),
  ])('%s', async (_name, server, expected) => {
    const { code, told } = await start(origin + server + routes)
    expect(code).toBe(2)
    expect(told).toEqual([expect.stringContaining(expected)])
  })
  test('no public origin, from which the audience would come', async () =>
    expect(await start(servers('{ issuer: https://as.bank.example }') + routes)).toEqual({
      code: 2,
      told: ['1:1: publicOrigins: publicOrigins is required'],
    }))
})

describe('att-dos-07 YAML bombs end with a message and soon', () => {
  const levels = (width: number): string => {
    const names = [...'abcdefghi']
    const line = (name: string, index: number): string =>
      `${name}: &${name} [${Array(width)
        .fill(index === 0 ? 'x' : `*${names[index - 1]}`)
        .join(', ')}]\n`
    return names.map(line).join('')
  }
  test.each<[string, string, string]>([
    ['a thousand million values from 90 aliases', levels(10), 'its aliases expand to too much'],
    [
      'more aliases than anybody writes',
      `a: &a x\nb: [${Array(101).fill('*a').join(', ')}]\n`,
      'more than 100 aliases',
    ],
    ['an alias inside itself', 'a: &a [*a, *a]\n', 'stands inside what it stands for'],
    ['an alias inside itself, further down', 'a: &a { b: { c: [*a] } }\n', 'stands inside what it stands for'],
    ['a chain of merges', 'a: &a { x: 1 }\nb: &b { <<: *a }\nc: { <<: [*a, *b] }\n', 'merge keys are not taken'],
    ['a merge by an older YAML', '%YAML 1.1\n---\na: &a { x: 1 }\nb: { <<: *a }\n', 'merge keys are not taken'],
    ['lists in lists', `a: ${'['.repeat(100_000)}`, ''],
    ['maps in maps', `a: ${'{ a: '.repeat(20_000)}`, ''],
    ['lists in lists, closed', `a: ${'['.repeat(500)}${']'.repeat(500)}`, 'nested too deeply'],
    [
      'a block in a block',
      Array.from({ length: 400 }, (_, index) => `${' '.repeat(index)}a:\n`).join(''),
      'nested too deeply',
    ],
    ['a large file', `a: ${'x'.repeat(2_000_000)}`, 'it is larger than 1 MiB'],
    ['many keys', Array.from({ length: 20_000 }, (_, index) => `key${index}: 1\n`).join(''), 'unknown key "key0"'],
    ['a key that is another object', '__proto__: { open: true }\n', 'this key is not taken'],
  ])('%s', (_name, text, expected) => {
    const loaded = loadText(text)
    expect(loaded.ok).toBe(false)
    if (!loaded.ok) expect(loaded.problems.map(({ message }) => message).join('\n')).toContain(expected)
  })
})

describe('att-jose-16 issuers lend each other nothing', () => {
  const elsewhere = 'https://elsewhere.example'
  const asked = {
    ...document,
    authorizationServers: [
      ...document.authorizationServers,
      { name: 'other', issuer: 'https://other.example.com', audiences: [elsewhere], keys: { file: 'unread.json' } },
    ],
    routes: [{ path: '/accounts', accessToken: { audiences: [ORIGIN, elsewhere] } }],
  }
  const ask = async (claims: object): Promise<string> =>
    verdict(await buildTestCheck({ document: asked }).ask(goodRequest({ token: mintToken({ claims: { ...claims } }) })))
  test.each([
    [ISSUER, ORIGIN, 'allow'],
    ['https://other.example.com', elsewhere, 'allow'],
    [ISSUER, elsewhere, 'token_audience_mismatch'],
    ['https://other.example.com', ORIGIN, 'token_audience_mismatch'],
    ['https://third.example.com', ORIGIN, 'token_issuer_unknown'],
  ])('a token of %s for %s: %s', async (iss, aud, expected) => expect(await ask({ iss, aud })).toBe(expected))
  test('a key nobody published signs for nobody', async () => {
    const token = mintToken({}, otherKey)
    expect(verdict(await buildTestCheck({ document: asked }).ask(goodRequest({ token })))).toBe(
      'token_signature_invalid',
    )
  })
})

describe('AZ-03 every scope the configuration names is asked for', () => {
  const ask = async (pipeline: readonly unknown[], keys: object, scope: string): Promise<string> => {
    const routed = { ...document, pipelines: { p: pipeline }, routes: [{ path: '/accounts', pipeline: 'p', ...keys }] }
    return verdict(
      await buildTestCheck({ document: routed }).ask(goodRequest({ token: mintToken({ claims: { scope } }) })),
    )
  }
  const base = ['accessToken', 'senderConstraint']
  test.each([
    [{ scopes: ['a'] }, { scopes: { any: ['b', 'c'] } }, 'a b', 'allow'],
    [{ scopes: ['a'] }, { scopes: { any: ['b', 'c'] } }, 'b', 'scope_insufficient'],
    [{ scopes: ['a'] }, { scopes: { any: ['b', 'c'] } }, 'a', 'scope_insufficient'],
    [{ scopes: { methods: { GET: ['g'] } } }, { scopes: ['a'] }, 'a g', 'allow'],
    [{ scopes: { methods: { GET: ['g'] } } }, { scopes: ['a'] }, 'a', 'scope_insufficient'],
  ])('pipeline %j, route %j, token %s: %s', async (entry, keys, scope, expected) =>
    expect(await ask([...base, entry], keys, scope)).toBe(expected),
  )
})
