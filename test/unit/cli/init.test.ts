import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { commandLine } from '../../support/command-line.ts'
import { directoryWith } from '../../support/config-files.ts'
import { init, initIn, required } from '../../support/init.ts'

describe('what is refused, with the flag and what to do', () => {
  test.each([
    [['--origin', 'http://shop.acme.test'], '--origin "http://shop.acme.test": clients have to come over TLS'],
    [
      ['--origin', 'https://shop.acme.test/api'],
      '--origin "https://shop.acme.test/api": it is not https://host[:port]',
    ],
    [['--origin', 'https://shop.acme.test/'], 'without path, query and slash at the end'],
    [['--origin', 'https://*.acme.test'], 'a wildcard selects no public origin: write one host name'],
    [['--origin', 'https://192.0.2.1'], 'clients name no address in their TLS handshake'],
    [['--origin', 'https://[::1]'], 'clients name no address in their TLS handshake'],
    [['--origin', 'https://a_b.acme.test'], 'that is no host name'],
    [['--origin', 'https://user@shop.acme.test'], 'it is not an absolute https URI'],
    [['--origin', ''], '--origin "": it is not https://host[:port]'],
    [['--issuer', 'http://login.acme.test'], '--issuer "http://login.acme.test": keys from an unauthenticated server'],
    [['--issuer', 'https://login.acme.test?x'], 'an issuer has neither query nor fragment'],
    [
      ['--issuer', 'login'],
      '--issuer "login": it is not an absolute https URI: write it exactly as the claim iss has it',
    ],
    [['--path', 'accounts'], '--path "accounts": a path template starts with /: write a path like /accounts/**'],
    [['--path', '/a*'], '--path "/a*": {name} stands for a whole segment'],
    [['--scope', 'a"b'], '--scope "a\\"b": scopes are words of ASCII'],
    [['--scope', 'a  b'], 'apart by one blank'],
    [['--scope', `\${HOME}`], '--scope "$'],
    [['--for', 'nginx'], '--for "nginx": say one of envoy, sidecar, istio, envoy-gateway'],
    [['--binding', 'none'], '--binding "none": say one of dpop, mtls, both'],
    [['--upstream', 'localhost'], '--upstream "localhost": write host:port'],
    [['--upstream', 'localhost:70000'], '--upstream "localhost:70000": write host:port'],
    [['--upstream', 'localhost:0'], '--upstream "localhost:0": write host:port'],
    [['--upstream', 'a b:1'], '--upstream "a b:1": write host:port'],
    [['--for', 'sidecar', '--upstream', 'api:8080'], 'the API stands in the same pod'],
    [['--for', 'istio', '--upstream', 'api:8080'], 'write the Service as name.namespace:port'],
    [['--for', 'envoy-gateway', '--upstream', 'a.b:8080'], 'write the Service in the namespace fapi as name:port'],
    [['--for', 'istio', '--dev'], '--dev is for a machine of your own'],
    [['--binding', 'mtls', '--dev'], '--dev makes tokens that are bound to a key'],
  ])('%j', async (flags, message) => {
    const { code, out, err, files } = await init(flags)
    expect({ code, out, files }).toEqual({ code: 2, out: '', files: {} })
    expect(err).toContain(message)
  })
  test('all problems are told at once', async () => {
    const { err } = await init(['--origin', 'x', '--issuer', 'y', '--for', 'z'])
    expect(err.match(/^--(origin|issuer|for) /gm)).toEqual(['--for ', '--origin ', '--issuer '])
  })
  test('nobody is there to be asked', async () => {
    const { code, err } = await initIn(directoryWith({}), [])
    expect(code).toBe(2)
    expect(err).toBe(
      '--origin is missing: the URL your clients call, https://host[:port], like --origin https://api.bank.example\n' +
        '--issuer is missing: the issuer of their access tokens (iss), like --issuer https://as.bank.example\n',
    )
  })
  test.each([[['--nonsense']], [['a', 'b']], [['--origin']]])('garbage: %j', async (argv) => {
    expect(await commandLine(['init', ...argv])).toMatchObject({ code: 2, out: '' })
  })
  test('as JSON', async () => {
    const { code, out, err } = await init(['--origin', 'x', '--json'])
    expect({ code, err, parsed: JSON.parse(out) }).toMatchObject({
      code: 2,
      err: '',
      parsed: { ok: false, problems: [expect.stringContaining('--origin "x"')] },
    })
  })
})

describe('what stands there already', () => {
  const mine = { 'envoy-fapi.yaml': 'mine\n' }
  test('is never overwritten, and nothing else is written', async () => {
    const { code, err, files, folder } = await init([], mine)
    expect({ code, files }).toEqual({ code: 2, files: mine })
    expect(err).toBe(`${folder}/envoy-fapi.yaml exists\nnothing was written: --force replaces them\n`)
  })
  test('is replaced when that is wanted, and leaves nothing behind', async () => {
    const { code, files } = await init(['--force'], { ...mine, other: 'kept' })
    expect({ code, names: Object.keys(files), other: files.other }).toEqual({
      code: undefined,
      names: ['envoy-fapi-tests.yaml', 'envoy-fapi.yaml', 'envoy.yaml', 'other'],
      other: 'kept',
    })
    expect(files['envoy-fapi.yaml']).not.toBe('mine\n')
  })
  test('a link that leads nowhere counts', async () => {
    const folder = directoryWith({})
    symlinkSync('/nowhere/at/all', join(folder, 'envoy.yaml'))
    expect(await initIn(folder, required)).toMatchObject({ code: 2, err: expect.stringContaining('envoy.yaml exists') })
  })
  test('a folder in the way of the last file: even with --force everything is as before', async () => {
    const folder = directoryWith(mine)
    mkdirSync(join(folder, 'envoy.yaml'))
    const { code, err, files } = await initIn(folder, [...required, '--force'])
    expect({ code, files }).toEqual({ code: 2, files: mine })
    expect(err).toContain('nothing was written: ')
  })
  test('a file where a folder is needed: nothing is written', async () => {
    const { code, files } = await init(['--for', 'istio'], { 'k8s/istio': 'a file' })
    expect({ code, files }).toEqual({ code: 2, files: { 'k8s/istio': 'a file' } })
  })
})

describe('where somebody can be asked', () => {
  /** Answers in turn, and what was asked. */
  const typing = (...answers: (string | undefined)[]) => {
    const asked: string[] = []
    return {
      asked,
      ask: (question: string) => {
        asked.push(question)
        return Promise.resolve(answers.shift())
      },
    }
  }

  test('every flag that was not given is a question with a proposal', async () => {
    const { ask, asked } = typing('', 'https://shop.acme.test', '', '', '', '', '')
    const { code, files } = await initIn(directoryWith({}), [], ask)
    expect(code).toBeUndefined()
    expect(asked.map((question) => / \[(.*)\]: $/.exec(question)?.[1])).toEqual([
      'envoy',
      'https://api.bank.example',
      'https://as.bank.example',
      '/**',
      'accounts',
      'dpop',
      '127.0.0.1:8080',
    ])
    expect(files['envoy-fapi.yaml']).toMatch(
      /- https:\/\/shop\.acme\.test\n[\s\S]*issuer: https:\/\/as\.bank\.example\n/,
    )
  })
  test('a flag is not asked for, and proposals follow the answers', async () => {
    const { ask, asked } = typing('https://shop.acme.test', '', '', '', '', '')
    await initIn(directoryWith({}), ['--for', 'istio'], ask)
    expect(asked.length).toBe(6)
    expect(asked.at(-1)).toBe('where your API is [accounts.accounts:8080]: ')
  })
  test('a wrong answer is told and asked again', async () => {
    const { ask, asked } = typing('', 'http://shop.acme.test', 'https://shop.acme.test', '', '', '', '', '')
    const { code, err } = await initIn(directoryWith({}), [], ask)
    expect({ code, err, times: asked.filter((one) => one.includes('clients call')).length }).toEqual({
      code: undefined,
      err: 'clients have to come over TLS: write https://\n',
      times: 2,
    })
  })
  test('who leaves gets nothing', async () => {
    const { code, err, files } = await initIn(directoryWith({}), [], typing('envoy', undefined).ask)
    expect({ code, err, files }).toEqual({ code: 2, err: 'nothing was written\n', files: {} })
  })
  test('nothing is asked when the required flags are there, or for JSON', async () => {
    const { ask, asked } = typing()
    expect((await initIn(directoryWith({}), required, ask)).code).toBeUndefined()
    expect((await initIn(directoryWith({}), ['--json'], ask)).code).toBe(2)
    expect(asked).toEqual([])
  })
})

test('--json lists what was written and what to do', async () => {
  const { out, folder } = await init(['--json'])
  expect(JSON.parse(out)).toMatchObject({
    ok: true,
    files: [`${folder}/envoy-fapi.yaml`, `${folder}/envoy-fapi-tests.yaml`, `${folder}/envoy.yaml`],
    steps: expect.arrayContaining([{ title: expect.any(String), commands: expect.any(Array) }]),
  })
})
