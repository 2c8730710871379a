import { randomUUID } from 'node:crypto'
import { athOf } from '../support/proofs.ts'
import { clientKey, otherKey } from '../support/spine.ts'
import type { Mutation } from './draft.ts'
import { ISSUED, odd, set } from './members.ts'

const jwkVariants: readonly unknown[] = [
  ...odd,
  { ...clientKey.privateJwk },
  { ...clientKey.jwk, d: '' },
  { ...clientKey.jwk, k: 'AA' },
  { ...clientKey.jwk, kty: 'ec' },
  { ...clientKey.jwk, crv: 'P-384' },
  { ...clientKey.jwk, crv: 'secp256k1' },
  { ...clientKey.jwk, y: clientKey.jwk.x },
  { ...clientKey.jwk, y: undefined },
  { ...clientKey.jwk, x: `${clientKey.jwk.x}=` },
  { ...clientKey.jwk, x: `AA${clientKey.jwk.x}` },
  { ...clientKey.jwk, use: 'enc' },
  { ...clientKey.jwk, key_ops: ['sign'] },
  { ...clientKey.jwk, alg: 'PS256' },
  { ...clientKey.jwk, alg: 'none' },
  { ...otherKey.jwk },
  { kty: 'oct', k: 'AAAA' },
  { kty: 'RSA', n: 'AQAB', e: 'AQAB' },
  [clientKey.jwk],
  JSON.stringify(clientKey.jwk),
]

/** Members of the proof, signed again by the client. */
export const proofMutations: readonly Mutation[] = [
  set('breaks', 'proof', 'header', 'jwk', jwkVariants),
  set('harmless', 'proof', 'header', 'jwk', [
    { ...clientKey.jwk, kid: 'x', use: 'sig', alg: 'ES256', key_ops: ['verify'], ext: true, unknown: [1] },
    Object.fromEntries(Object.entries(clientKey.jwk).reverse()),
  ]),
  set('breaks', 'proof', 'claims', 'htm', [...odd, 'get', 'GET ', 'POST', ['GET'], 'HEAD']),
  set('breaks', 'proof', 'claims', 'htu', [
    ...odd,
    'http://api.example.com/accounts',
    'https://api.example.com',
    '/accounts',
    'https://api.example.com.evil.example/accounts',
    'https://user@api.example.com/accounts',
    'https://api.example.com:8443/accounts',
    'https:\\\\api.example.com/accounts',
    'https://mtls.example.com:8443/accounts',
    'javascript:alert(1)',
    'https://api.example.com/%2Faccounts',
  ]),
  {
    name: 'proof htu, a little beside',
    effect: 'breaks',
    fits: ({ kind }) => kind !== 'mtls',
    apply: ({ proof }, chance) => {
      const htu = String(proof.claims.htu)
      const [, path = ''] = /^https:\/\/[^/]+(\/.*)$/.exec(htu) ?? []
      proof.claims.htu = chance.pick([
        `${htu}/`,
        `${htu}x`,
        htu.slice(0, -1),
        ` ${htu}`,
        `${htu} `,
        htu.replace(path, path.toUpperCase()),
        htu.replace(path, `/${path}`),
        htu.replace(path, path.replace('/', '%2F')),
        [htu],
        `${htu}\n`,
        htu.replace('https', 'wss'),
        `${htu}%00`,
        `${htu};x=1`,
      ])
    },
  },
  {
    name: 'proof htu, another spelling of the same',
    effect: 'harmless',
    fits: ({ kind }) => kind !== 'mtls',
    apply: ({ proof }, chance) => {
      const htu = String(proof.claims.htu)
      proof.claims.htu = chance.pick([
        `${htu}?a=b`,
        `${htu}#x`,
        `${htu}?a#b`,
        htu.replace('https', 'HTTPS'),
        htu.replace('api.example.com', 'API.example.COM'),
        htu.replace('.com', '.com:443'),
        htu.replace('.com', '.com:'),
        htu.replace(/(?<=\.com\/)./, (letter) => `%${letter.charCodeAt(0).toString(16)}`),
        htu.replace('.com/', '.com/x/../'),
      ])
    },
  },
  set('breaks', 'proof', 'claims', 'ath', [...odd, athOf('another'), athOf(''), 'x'.repeat(43)]),
  {
    name: 'proof ath, made of something else',
    effect: 'breaks',
    fits: ({ kind }) => kind !== 'mtls',
    apply: (draft, chance) => {
      draft.ath = chance.pick<(token: string) => string>([
        (token) => athOf(`DPoP ${token}`),
        (token) => athOf(`${token} `),
        (token) => athOf(token.toLowerCase()),
        (token) => `${athOf(token)}=`,
        (token) => athOf(token).toLowerCase(),
        (token) => Buffer.from(athOf(token), 'base64url').toString('hex'),
        (token) => athOf(token.split('.')[1] ?? ''),
      ])
    },
  },
  set('breaks', 'proof', 'claims', 'iat', [
    ISSUED - 62,
    ISSUED + 12,
    `${ISSUED}`,
    null,
    undefined,
    ISSUED * 1000,
    -ISSUED,
  ]),
  set('harmless', 'proof', 'claims', 'iat', [ISSUED - 60, ISSUED + 10, ISSUED - 0.5]),
  set('breaks', 'proof', 'claims', 'exp', [ISSUED, ISSUED - 1, '9999999999', null, {}, -1]),
  set('harmless', 'proof', 'claims', 'exp', [ISSUED + 1, ISSUED + 3600]),
  set('breaks', 'proof', 'claims', 'jti', ['a'.repeat(257)]),
  {
    name: 'proof jti, as long as may be',
    effect: 'harmless',
    apply: ({ proof }) => void Object.assign(proof.claims, { jti: randomUUID().padEnd(256, 'x') }),
  },
  {
    name: 'proof of another key, good in itself',
    effect: 'breaks',
    fits: ({ kind }) => kind !== 'mtls',
    apply: ({ proof }) => {
      proof.key = otherKey
      Object.assign(proof.header, { alg: 'EdDSA', jwk: otherKey.jwk })
    },
  },
]
