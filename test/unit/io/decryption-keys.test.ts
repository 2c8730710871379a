import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { readRecipients } from '../../../src/io/decryption-keys.ts'
import { directoryWith, loadText, smallest } from '../../support/config-files.ts'

const curve = (namedCurve: string): KeyObject => generateKeyPairSync('ec', { namedCurve }).privateKey
const rsa = (modulusLength: number): KeyObject => generateKeyPairSync('rsa', { modulusLength }).privateKey

/** What is made of that key as the only one of a server. */
function read(key: KeyObject) {
  const text = key.export({ type: 'pkcs8', format: 'pem' }) as string
  const file = `${directoryWith({ 'key.pem': text })}/key.pem`
  const server = { name: 'as', issuer: 'https://as.example.com', encryption: { keys: [file], required: false } }
  const loaded = loadText(JSON.stringify(smallest({ authorizationServers: [server] })))
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  const recipients = readRecipients(loaded.config)
  if (!recipients.ok) return recipients.problem
  const recipient = recipients.value.get('as')
  const [one] = recipient?.keys ?? []
  expect(recipient).toMatchObject({ issuer: 'https://as.example.com', required: false })
  return [one?.shape, one?.modulus, one?.kid]
}

describe('JWT-23 which keys tokens may be encrypted for', () => {
  test.each<[string, () => KeyObject, unknown]>([
    ['P-256', () => curve('P-256'), ['P-256', undefined, undefined]],
    ['X25519', () => generateKeyPairSync('x25519').privateKey, ['X25519', undefined, undefined]],
    ['RSA of 2048 bits', () => rsa(2048), ['RSA', 256, undefined]],
    ['RSA of 3072 bits', () => rsa(3072), ['RSA', 384, undefined]],
  ])('%s', (_, make, expected) => expect(read(make())).toEqual(expected))
  test.each<[string, () => KeyObject]>([
    ['RSA of 1024 bits', () => rsa(1024)],
    ['P-384', () => curve('P-384')],
    ['secp256k1', () => curve('secp256k1')],
    ['Ed25519', () => generateKeyPairSync('ed25519').privateKey],
    ['RSA for signatures alone', () => generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).privateKey],
  ])('not %s', (_, make) =>
    expect(read(make())).toMatch(/neither on P-256 nor X25519 nor an RSA key of 2048 to 4096 bits/),
  )
})

describe('JWT-23 a key tells whose tokens it opens', () => {
  /** What is said of those keys of two servers, written to a file each. */
  const readTwo = (first: readonly KeyObject[], second: readonly KeyObject[]) => {
    const texts = [...first, ...second].map((key) => key.export({ type: 'pkcs8', format: 'pem' }) as string)
    const directory = directoryWith(Object.fromEntries(texts.map((text, index) => [`${index}.pem`, text])))
    const files = texts.map((_, index) => `${directory}/${index}.pem`)
    const server = (name: string, keys: readonly string[]) => ({
      ...{ name, issuer: `https://${name}.example.com`, encryption: { keys } },
    })
    const authorizationServers = [server('as', files.slice(0, first.length)), server('bs', files.slice(first.length))]
    const loaded = loadText(JSON.stringify(smallest({ authorizationServers })))
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
    const recipients = readRecipients(loaded.config)
    return recipients.ok ? [...recipients.value.keys()] : recipients.problem
  }
  const [one, other] = [curve('P-256'), curve('P-256')]
  test('two servers with a key each', () => expect(readTwo([one], [other])).toEqual(['as', 'bs']))
  test('the same key in files of two servers', () =>
    expect(readTwo([one], [other, one])).toMatch(
      /^authorizationServers\[1\]\.encryption\.keys\[1\]: .*2\.pem: the key is named for as already; each key opens the tokens of one server$/,
    ))
  test('the same key in two files of one server', () => expect(readTwo([one, one], [other])).toEqual(['as', 'bs']))
})
