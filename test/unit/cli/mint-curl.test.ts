import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import fc from 'fast-check'
import { decodeJwt } from 'jose'
import { beforeEach, describe, expect, test } from 'vitest'
import { commandLine } from '../../support/command-line.ts'
import { directoryWith } from '../../support/config-files.ts'
import { newServerKey } from '../../support/jwks.ts'
import { athOf } from '../../support/proofs.ts'

const { privateJwk } = newServerKey('ES256')
let key = ''
beforeEach(() => {
  key = join(directoryWith({ 'client.jwk': JSON.stringify(privateJwk) }), 'client.jwk')
})

const URL_ = 'https://api.example/accounts'
const curl = (method: string, url: string, ...more: string[]) =>
  commandLine(['mint', 'curl', '--key', key, method, url, ...more])

/** The words a shell makes of a command line, with a function in the place of curl. */
const words = (line: string): readonly string[] => {
  const script = `curl() { printf '%s\\0' "$@"; }; ${line}`
  const environment = { PATH: '/nowhere', HOME: '/home/somebody', IFS: ' ' }
  const shown = execFileSync('/bin/sh', ['-c', script], { env: environment, encoding: 'utf8' })
  return shown.split('\0').slice(0, -1)
}
const valuesOf = (list: readonly string[], option: string): readonly (string | undefined)[] =>
  list.flatMap((word, index) => (word === option ? [list[index + 1]] : []))

describe('mint curl', () => {
  test('proves what it sends', async () => {
    const { out, err } = await curl(
      'GET',
      `${URL_}?page=2`,
      '--token',
      'abc',
      '--cacert',
      'ca.pem',
      '--connect',
      '127.0.0.1:8443',
    )
    const list = words(out)
    expect(err).toBe('')
    expect(valuesOf(list, '--request')).toEqual(['GET'])
    expect(valuesOf(list, '--url')).toEqual([`${URL_}?page=2`])
    expect(valuesOf(list, '--cacert')).toEqual(['ca.pem'])
    expect(valuesOf(list, '--connect-to')).toEqual(['::127.0.0.1:8443'])
    const [authorization, proof = ''] = valuesOf(list, '--header')
    expect(authorization).toBe('Authorization: DPoP abc')
    expect(decodeJwt(proof.replace('DPoP: ', ''))).toMatchObject({ htm: 'GET', htu: URL_, ath: athOf('abc') })
  })
  test('HEAD waits for no body', async () => {
    const list = words((await curl('HEAD', URL_, '--token', 'abc')).out)
    expect([list.includes('--head'), list.includes('--request')]).toEqual([true, false])
  })
  test('--replay sends the same proof twice', async () => {
    const { out } = await curl('GET', URL_, '--token', 'abc', '--replay')
    const proofs = valuesOf(words(out), '--header').filter((word) => word?.startsWith('DPoP: '))
    expect([proofs.length, new Set(proofs).size]).toEqual([2, 1])
  })
  test('--json gives the command', async () => {
    const { command } = JSON.parse((await curl('GET', URL_, '--token', 'abc', '--json')).out) as {
      readonly command: string
    }
    expect(valuesOf(words(command), '--url')).toEqual([URL_])
  })
  test('never shows the private key', async () =>
    expect((await curl('GET', URL_, '--token', 'abc')).out).not.toContain(String(privateJwk.d)))

  test.each([
    [['GET', URL_], 'mint curl needs --demo, or --key and --token'],
    [['GET', '/accounts', '--token', 'abc'], 'is not an https URL'],
    [['GET', 'http://api.example/', '--token', 'abc'], 'is not an https URL'],
    [['GET', 'file:///etc/passwd', '--token', 'abc'], 'is not an https URL'],
    [['GET', 'https://', '--token', 'abc'], 'is not an https URL'],
    [['get', URL_, '--token', 'abc'], 'get is not a method in capitals'],
    [['GET;id', URL_, '--token', 'abc'], 'is not a method in capitals'],
    [['GET', '/accounts', '--demo', '--token', 'abc'], 'cannot be used with option'],
  ])('%j is refused', async ([method = '', url = '', ...more], why) => {
    const { out, err, code } = await curl(method, url, ...more)
    expect(err).toContain(why)
    expect([out, code]).toEqual(['', 2])
  })
  test('--demo takes paths alone', async () => {
    const { err, code } = await commandLine(['mint', 'curl', '--demo', 'GET', 'accounts'])
    expect([err, code]).toEqual(['accounts is not a path; with --demo the target is one\n', 2])
  })
})

describe('no text gets out of its word', () => {
  const hostile = [
    "'; touch /tmp/owned; '",
    '$(id)',
    '`id`',
    '"; id; "',
    '\\',
    "\\'",
    '\n id \n',
    '-o /etc/passwd',
    '@/etc/passwd',
    '~root',
    '*',
    '!!',
    '#',
    '',
    `$${'{HOME}'}`,
    '\u001b]0;x\u0007',
    'ä\u2028',
  ]
  test.each(hostile)('%j', async (text) => {
    const { out } = await curl('POST', `${URL_}/${text}`, `--token=${text}`, `--data=${text}`, `--cacert=${text}`)
    const list = words(out)
    expect(valuesOf(list, '--url')).toEqual([`${URL_}/${text}`])
    expect(valuesOf(list, '--data-raw')).toEqual([text])
    expect(valuesOf(list, '--cacert')).toEqual([text])
    expect(valuesOf(list, '--header')).toContain(`Authorization: DPoP ${text}`)
  })
  test('nor does any other', async () => {
    const texts = fc.string({ unit: 'binary-ascii', maxLength: 40 }).filter((text) => !text.includes('\0'))
    await fc.assert(
      fc.asyncProperty(texts, async (text) => {
        const list = words((await curl('PUT', URL_, `--token=${text}`, `--data=${text}`)).out)
        expect(valuesOf(list, '--data-raw')).toEqual([text])
        expect(valuesOf(list, '--header')).toContain(`Authorization: DPoP ${text}`)
      }),
      { numRuns: 60 },
    )
  })
})
