import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { calculateJwkThumbprint, decodeJwt, decodeProtectedHeader, importJWK, type JWK, jwtVerify } from 'jose'
import { beforeEach, describe, expect, test } from 'vitest'
import { commandLine } from '../../support/command-line.ts'
import { directoryWith } from '../../support/config-files.ts'
import { newServerKey } from '../../support/jwks.ts'
import { certificateDer, certificateThumbprint, pemOf } from '../../support/possession.ts'
import { athOf } from '../../support/proofs.ts'

const MARK = 'development material: never use it in production\n'
let directory = ''
const at = (name: string): string => join(directory, name)
const jwk = (shape: Parameters<typeof newServerKey>[0], members: object = {}): string =>
  JSON.stringify(newServerKey(shape, members).privateJwk)

const files = {
  'as.jwk': jwk('ES256', { kid: 'as-1' }),
  'client.jwk': jwk('EdDSA'),
  'rsa.jwk': jwk('PS256'),
  'public.jwk': JSON.stringify(newServerKey('ES256').jwk),
  'small.jwk': jwk('RSA1024'),
  'p384.jwk': jwk('ES384'),
  'ed448.jwk': jwk('Ed448'),
  'secret.jwk': JSON.stringify({ kty: 'oct', k: 'c2VjcmV0', alg: 'HS256' }),
  'hs256.jwk': jwk('ES256', { alg: 'HS256' }),
  'none.jwk': jwk('ES256', { alg: 'none' }),
  'broken.jwk': JSON.stringify({ kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA', d: 'AA' }),
  'null.jwk': 'null',
  'text.jwk': 'not JSON',
  'client.pem': pemOf(certificateDer),
  'broken.pem': '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
}
beforeEach(() => {
  directory = directoryWith(files)
})

const read = (name: string): JWK => JSON.parse(readFileSync(at(name), 'utf8')) as JWK
const base = [
  'mint',
  'token',
  '--issuer',
  'https://as.example',
  '--audience',
  'https://api.example',
  '--client-id',
  'tpp',
]
const token = (...more: string[]) => commandLine([...base, ...more])

describe('mint token', () => {
  test('RFC 9068: bound to key and certificate, signed, short-lived, marked', async () => {
    const bound = ['--jkt', at('client.jwk'), '--certificate', at('client.pem')]
    const { out, err } = await token('--key', at('as.jwk'), '--scope', 'a b', '--subject', 'user', ...bound)
    expect(err).toBe(MARK)
    const { d: _, ...shown } = read('as.jwk')
    const { payload, protectedHeader } = await jwtVerify(out.trim(), await importJWK(shown, 'ES256'), { typ: 'at+jwt' })
    expect(protectedHeader).toEqual({ alg: 'ES256', typ: 'at+jwt', kid: 'as-1' })
    expect(payload).toMatchObject({
      ...{ iss: 'https://as.example', aud: 'https://api.example', client_id: 'tpp', sub: 'user', scope: 'a b' },
      cnf: { jkt: await calculateJwkThumbprint(read('client.jwk')), 'x5t#S256': certificateThumbprint },
    })
    expect(Number(payload.exp) - Number(payload.iat)).toBe(300)
  })
  test('without more, the subject is the client and there is no scope', async () => {
    const { out } = await token('--key', at('client.jwk'), '--unbound', '--expires-in', '-5')
    const claims = decodeJwt(out)
    expect(claims).toMatchObject({ sub: 'tpp', client_id: 'tpp' })
    expect(Number(claims.exp) - Number(claims.iat)).toBe(-5)
    expect([Object.hasOwn(claims, 'scope'), Object.hasOwn(claims, 'cnf')]).toEqual([false, false])
  })
  test.each([
    ['as.jwk', 'ES256'],
    ['client.jwk', 'EdDSA'],
    ['rsa.jwk', 'PS256'],
  ])('%s signs with %s', async (key, alg) =>
    expect(decodeProtectedHeader((await token('--key', at(key), '--unbound')).out)).toMatchObject({ alg }),
  )
  test('a public key is enough to bind to', async () =>
    expect(decodeJwt((await token('--key', at('as.jwk'), '--jkt', at('public.jwk'))).out).cnf).toEqual({
      jkt: await calculateJwkThumbprint(read('public.jwk')),
    }))
  test('--json', async () =>
    expect(JSON.parse((await token('--key', at('as.jwk'), '--unbound', '--json')).out)).toEqual({
      token: expect.stringMatching(/^ey/),
    }))

  test.each([
    [['--key', 'as.jwk'], 'say what the token is bound to'],
    [['--key', 'as.jwk', '--unbound', '--jkt', 'client.jwk'], '--unbound contradicts --jkt and --certificate'],
    [['--key', 'as.jwk', '--unbound', '--certificate', 'client.pem'], '--unbound contradicts --jkt and --certificate'],
    [['--key', 'as.jwk', '--unbound', '--expires-in', 'soon'], '--expires-in is a whole number of seconds'],
    [['--key', 'as.jwk', '--unbound', '--expires-in', ''], '--expires-in is a whole number of seconds'],
    [['--key', 'as.jwk', '--unbound', '--expires-in', '1.5'], '--expires-in is a whole number of seconds'],
    [['--key', 'no.jwk', '--unbound'], 'cannot be read (ENOENT)'],
    ...['public', 'small', 'p384', 'ed448', 'secret', 'hs256', 'none', 'broken', 'null', 'text'].map(
      (name) => [['--key', `${name}.jwk`, '--unbound'], 'holds no private JWK that signs here'] as const,
    ),
    [['--key', 'as.jwk', '--jkt', 'secret.jwk'], 'holds no public JWK that signs here'],
    [['--key', 'as.jwk', '--certificate', 'broken.pem'], 'holds no PEM certificate'],
    [['--key', 'as.jwk', '--certificate', 'no.pem'], 'cannot be read (ENOENT)'],
    [['--key', 'no/such/as.jwk', '--unbound', '--new-keys'], 'the keys cannot be written (ENOENT)'],
  ] as const)('%j is refused', async (argv, why) => {
    const { out, err, code } = await token(...argv.map((word) => (/\.(?:jwk|pem)$/.test(word) ? at(word) : word)))
    expect(err).toContain(why)
    expect([out, code]).toEqual(['', 2])
  })
})

describe('--new-keys', () => {
  const make = () => token('--key', at('new.jwk'), '--jkt', at('mine.jwk'), '--new-keys')

  test('makes what is not there, for its owner alone, and the key set beside it', async () => {
    const { out, err } = await make()
    expect(err).toBe(
      `made ${at('new.jwk')}, and ${at('new.jwks.json')} for authorizationServers[].keys.file\nmade ${at('mine.jwk')}\n${MARK}`,
    )
    for (const name of ['new.jwk', 'mine.jwk']) expect(statSync(at(name)).mode & 0o777).toBe(0o600)
    const set = JSON.parse(readFileSync(at('new.jwks.json'), 'utf8')) as { readonly keys: readonly [JWK] }
    expect(new Set(Object.keys(set.keys[0]))).toEqual(new Set(['kty', 'crv', 'x', 'y', 'kid', 'alg', 'use']))
    await jwtVerify(out.trim(), await importJWK(set.keys[0], 'ES256'))
  })
  test('leaves what is there as it is', async () => {
    await make()
    const before = readFileSync(at('new.jwk'), 'utf8')
    writeFileSync(at('new.jwks.json'), 'mine')
    expect((await make()).err).toBe(MARK)
    expect([readFileSync(at('new.jwk'), 'utf8'), readFileSync(at('new.jwks.json'), 'utf8')]).toEqual([before, 'mine'])
  })
  test('without it nothing is made', async () => {
    await token('--key', at('new.jwk'), '--unbound')
    expect(existsSync(at('new.jwk'))).toBe(false)
  })
  test('nothing printed holds a private key', async () => {
    const runs = [await make(), await make()]
    const secrets = ['new.jwk', 'mine.jwk'].map((name) => String(read(name).d))
    for (const { out, err } of runs) for (const secret of secrets) expect(out + err).not.toContain(secret)
  })
})

describe('mint proof', () => {
  const proof = (...more: string[]) =>
    commandLine(['mint', 'proof', '--method', 'GET', '--url', 'https://api.example/a?x=1#y', ...more])

  test('RFC 9449 section 4.2, with the public key alone', async () => {
    const { out, err } = await proof('--key', at('client.jwk'), '--token', 'abc', '--nonce', 'n-1')
    expect(err).toBe(MARK)
    const { d, ...shown } = read('client.jwk')
    expect(decodeProtectedHeader(out)).toEqual({ alg: 'EdDSA', typ: 'dpop+jwt', jwk: shown })
    const { payload } = await jwtVerify(out.trim(), await importJWK(shown, 'EdDSA'))
    expect(payload).toMatchObject({ htm: 'GET', htu: 'https://api.example/a', ath: athOf('abc'), nonce: 'n-1' })
    expect(Buffer.from(out.split('.')[0] ?? '', 'base64url').toString()).not.toContain(String(d))
  })
  test('--json', async () =>
    expect(JSON.parse((await proof('--key', at('rsa.jwk'), '--json')).out)).toEqual({ proof: expect.any(String) }))
  test.each(['public.jwk', 'secret.jwk', 'no.jwk'])('%s is refused', async (key) =>
    expect(await proof('--key', at(key))).toMatchObject({ out: '', code: 2 }),
  )
})
