import { describe, expect, test } from 'vitest'
import { verdict } from '../support/answers.ts'
import { PROOF_TIME } from '../support/proofs.ts'
import { buildTestCheck, goodRequest, mintToken, tokenParts } from '../support/spine.ts'
import { asked, forgeBytes, judge } from '../support/tokens.ts'

const parts = tokenParts()
const HEADER = JSON.stringify(parts.header)
const CLAIMS = JSON.stringify(parts.claims)
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
/** Properly signed, whatever it says. */
const spelled = (header: string | Uint8Array, payload: string | Uint8Array): Promise<string> =>
  asked(forgeBytes(header, payload))
/** One more member in front of the others, as it is written. */
const leading = (text: string, member: string): string => `{${member},${text.slice(1)}`
const trailing = (text: string, member: string): string => `${text.slice(0, -1)},${member}}`

test('the token all of these differ from is good', async () => {
  expect(await spelled(HEADER, CLAIMS)).toBe('allow')
  expect(await spelled(` ${HEADER}\n`, `\t${CLAIMS} `)).toBe('allow')
  expect(await spelled(trailing(HEADER, '"foo":{"bar":[1]}'), trailing(CLAIMS, '"foo":null'))).toBe('allow')
})

describe('RFC 7515 section 4.1.11, RFC 7797 section 7 (JWT-13, JWT-14)', () => {
  test.each([
    '"crit":[]',
    '"crit":["exp"],"exp":1',
    '"crit":["alg"]',
    '"crit":["typ","kid"]',
    '"crit":["b64"]',
    '"crit":["b64"],"b64":true',
    '"crit":["b64"],"b64":false',
    '"crit":["unknown"],"unknown":true',
    '"crit":["http://example.invalid/UNDEFINED"],"http://example.invalid/UNDEFINED":true',
    '"crit":"exp"',
    '"crit":null',
    '"crit":false',
    '"crit":{}',
    '"cr\\u0069t":["exp"]',
    '"b64":false',
    '"b64":true',
    '"b64":null',
    '"\\u00624":0,"b64":0',
  ])('att-jose-12, T-33 %s', async (member) =>
    expect(await spelled(trailing(HEADER, member), CLAIMS)).toBe('token_malformed'),
  )
  test('att-jose-12, T-34 a payload as it stands, signed as RFC 7797 wants it', async () => {
    const header = trailing(HEADER, '"b64":false,"crit":["b64"]')
    const [head, , signature] = forgeBytes(header, CLAIMS).split('.')
    for (const payload of ['$.02', 'a', CLAIMS])
      expect(await judge(`${head}.${payload}.${signature}`)).toMatch(
        /^(token|credentials)_malformed|credentials_repeated$/,
      )
  })
  test('crit in the payload is a claim like others', async () =>
    expect(await spelled(HEADER, trailing(CLAIMS, '"crit":["exp"],"b64":false'))).toBe('allow'))
})

describe('RFC 7515 section 7.1 three segments of base64url (JWT-16)', () => {
  const token = mintToken()
  const [header = '', payload = '', signature = ''] = token.split('.')
  test.each([
    header,
    `${header}.${payload}`,
    `${header}.${payload}.`,
    `${header}..${signature}`,
    `.${payload}.${signature}`,
    '..',
    '...',
    `${token}.`,
    `.${token}`,
    `${token}.${signature}`,
    `${header}.${header}.${payload}.${payload}.${signature}`,
    `${token}.${token}`,
    `${header}.${payload}.${signature}~`,
    `${header}.${payload}+.${signature}`,
    `${header}/.${payload}.${signature}`,
  ])('JWT-16 %s', async (text) => expect(await asked(text)).toBe('token_malformed'))
  test.each([
    `${header}. ${payload}.${signature}`,
    `${header}.${payload}.${signature}\t`,
    `${token}\0`,
    `${token}é`,
    token.replaceAll('.', '\u2024'),
    `"${token}"`,
    JSON.stringify({ payload, protected: header, signature }),
  ])('JWT-16 %j does not even pass as credentials', async (text) => expect(await asked(text)).not.toBe('allow'))
})

describe('RFC 4648 section 3.5 one spelling (JWT-17, V-09)', () => {
  const [header = '', payload = '', signature = ''] = forgeBytes(` ${HEADER}`, CLAIMS).split('.')
  test('V-09, att-jose-13, T-36 of all last characters of the signature only one', async () => {
    const token = mintToken()
    const twins = [...ALPHABET].filter((last) =>
      Buffer.from(token.slice(0, -1) + last, 'base64url').equals(Buffer.from(token, 'base64url')),
    )
    expect(twins).toHaveLength(16)
    for (const last of ALPHABET)
      expect(await asked(token.slice(0, -1) + last)).toBe(last === token.at(-1) ? 'allow' : refusal(last, 15))
  })
  /** Bits that are not zero make it malformed; other bytes a wrong signature. */
  const refusal = (last: string, unused: number): string =>
    (ALPHABET.indexOf(last) & unused) === 0 ? 'token_signature_invalid' : 'token_malformed'
  test.each([
    ['padding after the signature', `${header}.${payload}.${signature}==`],
    ['padding after the payload', `${header}.${payload}=.${signature}`],
    ['padding after the header', `${header}=.${payload}.${signature}`],
    ['a character too many', `${header}.${payload}.${signature}A`],
    ['a character too few', `${header}.${payload}.${signature.slice(0, -1)}`],
    ['the plus of base64', `${header}.${payload}.+${signature.slice(1)}`],
    ['the slash of base64', `${header}.${payload}./${signature.slice(1)}`],
  ])('att-jose-13 %s', async (_, text) => {
    expect(await asked(`${header}.${payload}.${signature}`)).toBe('allow')
    expect(await asked(text)).not.toBe('allow')
  })
  test('T-36 a second spelling is refused also while the first one is remembered', async () => {
    const { ask } = buildTestCheck()
    const token = mintToken()
    const twin = `${token.slice(0, -1)}${ALPHABET[ALPHABET.indexOf(token.at(-1) ?? '') + 1]}`
    expect(verdict(await ask(goodRequest({ token })))).toBe('allow')
    expect(verdict(await ask(goodRequest({ token: twin })))).toBe('token_malformed')
  })
})

describe('RFC 7515 section 4, RFC 7519 section 4 (JWT-18)', () => {
  test.each([
    [leading(HEADER, '"alg":"none"'), CLAIMS],
    [trailing(HEADER, '"alg":"none"'), CLAIMS],
    [trailing(HEADER, '"alg":"ES256"'), CLAIMS],
    [trailing(HEADER, '"\\u0061lg":"none"'), CLAIMS],
    [trailing(HEADER, '"ty\\u0070":"JWT"'), CLAIMS],
    [trailing(HEADER, '"x":{"y":1,"\\u0079":2}'), CLAIMS],
    [HEADER, leading(CLAIMS, '"sub":"admin"')],
    [HEADER, trailing(CLAIMS, '"sub":"admin"')],
    [HEADER, trailing(CLAIMS, '"s\\u0075b":"admin"')],
    [HEADER, trailing(CLAIMS, '"iss":"https://as.example.com"')],
    [HEADER, trailing(CLAIMS, `"exp":${PROOF_TIME + 1000}`)],
    [HEADER, trailing(CLAIMS, '"x":[{"y":{"z":1,"z":1}}]')],
    [HEADER, CLAIMS.replace('"jkt":', '"jkt":"AAAA","jkt":')],
    [HEADER, CLAIMS.replace('"jkt":', '"j\\u006bt":"AAAA","jkt":')],
  ])('JWT-18, att-jose-13, T-35 a member twice: %s %s', async (header, payload) =>
    expect(await spelled(header, payload)).toBe('token_malformed'),
  )
  const bytes = (text: string): Buffer => Buffer.from(text)
  test.each<[string, string | Uint8Array, string | Uint8Array]>([
    ['a byte-order mark before the payload', HEADER, `\ufeff${CLAIMS}`],
    ['a byte-order mark before the header', `\ufeff${HEADER}`, CLAIMS],
    ['UTF-16', HEADER, Buffer.from(CLAIMS, 'utf16le')],
    ['a byte that is not UTF-8', HEADER, Buffer.concat([bytes(CLAIMS.slice(0, -2)), Buffer.of(0xff), bytes('"}')])],
    [
      'an overlong byte',
      HEADER,
      Buffer.concat([bytes('{"x":"'), Buffer.of(0xc0, 0xaf), bytes(`",${CLAIMS.slice(1)}`)]),
    ],
    [
      'half a pair',
      HEADER,
      Buffer.concat([bytes('{"x":"'), Buffer.of(0xed, 0xa0, 0x80), bytes(`",${CLAIMS.slice(1)}`)]),
    ],
    ['Latin-1', Buffer.from(trailing(HEADER, '"x":"é"'), 'latin1'), CLAIMS],
    ['a list', HEADER, `[${CLAIMS}]`],
    ['a text', HEADER, JSON.stringify(CLAIMS)],
    ['null', HEADER, 'null'],
    ['two objects', HEADER, `${CLAIMS}${CLAIMS}`],
    ['a comment', HEADER, `/**/${CLAIMS}`],
    ['a comma at the end', HEADER, `${CLAIMS.slice(0, -1)},}`],
    ['single quotes', HEADER, CLAIMS.replaceAll('"', "'")],
    ['the header as a list', `[${HEADER}]`, CLAIMS],
  ])('JWT-18, att-jose-13 %s', async (_, header, payload) =>
    expect(await spelled(header, payload)).toBe('token_malformed'),
  )
  const deep = (levels: number) => trailing(CLAIMS, `"x":${'['.repeat(levels)}${']'.repeat(levels)}`)
  const wide = (more: number) => trailing(CLAIMS, Array.from({ length: more }, (_, each) => `"m${each}":0`).join())
  test('JWT-18 16 levels and 256 members', async () => {
    const own = Object.keys(parts.claims).length + Object.keys(parts.claims.cnf).length
    expect([await spelled(HEADER, deep(15)), await spelled(HEADER, deep(16))]).toEqual(['allow', 'token_malformed'])
    expect([await spelled(HEADER, wide(256 - own)), await spelled(HEADER, wide(257 - own))]).toEqual([
      'allow',
      'token_malformed',
    ])
  })
  test.each(['1e400', '-1e400', '1e999999'])('JWT-18, T-22 a claim of %s', async (number) =>
    expect(await spelled(HEADER, trailing(CLAIMS, `"x":${number}`))).toBe('token_malformed'),
  )
  test('a token of 8 kB is read, a longer one is not', async () => {
    const padded = (length: number) => mintToken({ claims: { pad: 'x'.repeat(length) } })
    const limit = { short: 'allow', long: 'header_too_large' }
    expect({ short: await asked(padded(4000)), long: await asked(padded(8192)) }).toEqual(limit)
  })
})
