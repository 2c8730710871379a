import { createHmac, createPublicKey, randomUUID } from 'node:crypto'
import { otherKey } from '../support/spine.ts'
import type { Chance } from './chance.ts'
import type { Draft, Half, Mutation } from './draft.ts'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** Changes of any JWS; the same list serves tokens and proofs. */
export function jwsMutations(what: 'token' | 'proof', claim: string): readonly Mutation[] {
  const half = (draft: Draft): Half => draft[what]
  const fits = (draft: Draft): boolean => what === 'token' || draft.kind !== 'mtls'
  const mutation = (
    effect: Mutation['effect'],
    name: string,
    change: (half: Half, chance: Chance) => void,
  ): Mutation => ({
    name: `${what} ${name}`,
    effect,
    fits,
    apply: (draft, chance) => change(half(draft), chance),
  })
  const breaks = (name: string, change: (half: Half, chance: Chance) => void) => mutation('breaks', name, change)
  const harmless = (name: string, change: (half: Half, chance: Chance) => void) => mutation('harmless', name, change)
  const compact = (name: string, change: (parts: string[], chance: Chance) => string) =>
    breaks(`compact: ${name}`, (target, chance) => {
      target.compact = (text) => change(text.split('.'), chance)
    })
  return [
    breaks('alg', ({ header }, chance) => {
      header.alg = chance.pick([
        'none',
        'None',
        'nOnE',
        'HS256',
        'es256',
        'ES384',
        'ES256K',
        'RS1',
        '',
        'ES256 ',
        0,
        null,
        ['ES256'],
        { alg: 'ES256' },
      ])
    }),
    breaks('alg absent', ({ header }) => void delete header.alg),
    breaks('HMAC with the public key', (target) => {
      target.header.alg = 'HS256'
      target.compact = (text) => {
        const input = text.slice(0, text.lastIndexOf('.'))
        const secret = createPublicKey(target.key.privateKey).export({ type: 'spki', format: 'pem' })
        return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
      }
    }),
    breaks('typ', ({ header }, chance) => {
      header.typ = chance.pick([
        'JWT',
        'jwt',
        '',
        'at+jwt ',
        'at+jw',
        'dpop+jwts',
        'application/',
        'application/jwt',
        0,
        null,
        ['at+jwt'],
        ['dpop+jwt'],
      ])
    }),
    breaks('typ absent', ({ header }) => void delete header.typ),
    breaks('typ of the other kind', ({ header }) => {
      header.typ = what === 'token' ? 'dpop+jwt' : 'at+jwt'
    }),
    harmless('typ in other case', ({ header }, chance) => {
      const typ = String(header.typ)
      header.typ = chance.pick([typ.toUpperCase(), `application/${typ}`, `Application/${typ.toUpperCase()}`])
    }),
    breaks('crit or b64', ({ header }, chance) => {
      Object.assign(header, chance.pick([{ crit: ['b64'], b64: false }, { crit: [] }, { crit: null }, { b64: true }]))
    }),
    breaks('signed by another key', (target) => {
      target.header.alg = 'EdDSA'
      target.key = otherKey
    }),
    breaks('unsigned payload', (target) => {
      target.compact = (text) => {
        const [header, , mac] = text.split('.')
        const claims = Buffer.from(JSON.stringify({ ...target.claims, added: 1 })).toString('base64url')
        return `${header}.${claims}.${mac}`
      }
    }),
    harmless('unknown members', ({ header, claims }, chance) => {
      header[`x-${chance.below(10)}`] = chance.text(20)
      claims[`x-${chance.below(10)}`] = chance.pick([null, 1e308, [], {}, 'é', '__proto__', { a: [{ b: true }] }])
    }),
    harmless('members of the object prototype', (target, chance) => {
      const name = chance.pick(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])
      target.claimsText = (json) => `{"${name}":{"${claim}":"x"},${json.slice(1)}`
    }),
    harmless('order of members', (target) => {
      target.claims = Object.fromEntries(Object.entries(target.claims).reverse())
      target.header = Object.fromEntries(Object.entries(target.header).reverse())
    }),
    harmless('white space', (target) => {
      target.claimsText = (json) => ` ${JSON.stringify(JSON.parse(json), undefined, '\t')}\r\n`
    }),
    harmless('a member name in escapes', (target) => {
      target.claimsText = (json) => json.replace(`"${claim}":`, `"${escaped(claim)}":`)
    }),
    breaks('duplicate member', (target, chance) => {
      target.claimsText = (json) => {
        const name = chance.pick([claim, 'jti', 'iat', escaped(claim), escaped('jti')])
        const value = JSON.stringify(chance.pick([target.claims[claim], 'x', null]))
        return chance.coin(0.5) ? `{"${name}":${value},${json.slice(1)}` : `${json.slice(0, -1)},"${name}":${value}}`
      }
    }),
    breaks('duplicate header member', (target, chance) => {
      target.headerText = (json) => `{"${chance.pick(['alg', 'typ', '\\u0061lg'])}":"none",${json.slice(1)}`
    }),
    breaks('payload that is no object', (target, chance) => {
      target.claimsText = (json) =>
        chance.pick([
          `[${json}]`,
          'null',
          '""',
          '1',
          '',
          `${json}${json}`,
          `${json},`,
          `\ufeff${json}`,
          json.slice(0, -1),
        ])
    }),
    breaks('header that is no object', (target, chance) => {
      target.headerText = (json) =>
        chance.pick([`[${json}]`, 'null', '', `${json}0`, `\ufeff${json}`, json.slice(1), `/**/${json}`])
    }),
    breaks('depth, size and numbers without end', (target, chance) => {
      const deep = `${'['.repeat(17)}${']'.repeat(17)}`
      const wide = `[${Array.from({ length: 257 }, () => '0').join()}]`
      target.claimsText = (json) => `{"x":${chance.pick([deep, wide, '1e400', '-1e999'])},${json.slice(1)}`
    }),
    breaks('jti', ({ claims }, chance) => {
      claims.jti = chance.pick(['', 0, null, [randomUUID()], {}, true, undefined])
    }),
    breaks('iat', ({ claims }, chance) => {
      claims.iat = chance.pick([
        '1800000000',
        null,
        -1,
        true,
        [1_800_000_000],
        1_800_000_011,
        1_800_000_000_000,
        undefined,
        2 ** 41,
      ])
    }),
    breaks('nbf', ({ claims }, chance) => {
      claims.nbf = chance.pick([1_800_000_012, '0', null, -1, {}, 1e300])
    }),
    harmless('nbf in the past', ({ claims }) => void Object.assign(claims, { nbf: 1_799_999_000 })),
    compact('a segment less', (parts, chance) => parts.toSpliced(chance.below(3), 1).join('.')),
    compact('a segment more', (parts, chance) =>
      parts.toSpliced(chance.below(4), 0, chance.pick(['', 'e30', 'AA'])).join('.'),
    ),
    compact('empty segment', (parts, chance) => parts.with(chance.below(3), '').join('.')),
    compact('segments swapped', ([a = '', b = '', c = ''], chance) =>
      chance.pick([`${b}.${a}.${c}`, `${a}.${c}.${b}`, `${c}.${b}.${a}`]),
    ),
    compact('one character', (parts, chance) => flip(parts, chance)),
    compact('unused bits of the end', (parts, chance) => {
      const index = chance.pick([0, 1, 2, 2, 2])
      return parts.with(index, otherEnding(parts[index] ?? '')).join('.')
    }),
    compact('padding', (parts, chance) =>
      chance.pick([`${parts.join('.')}=`, parts.map((part) => `${part}=`).join('.')]),
    ),
    compact('foreign characters', (parts, chance) => {
      const text = parts.join('.')
      // Not in front: another blank between scheme and token is allowed.
      const at = 1 + chance.below(text.length - 1)
      return text.slice(0, at) + chance.pick(['\n', '\0', '\xff', '+/', '%2E', ' ', '\u007f', '!']) + text.slice(at)
    }),
    compact('cut short', (parts, chance) => parts.join('.').slice(0, chance.below(parts.join('.').length))),
    compact(
      'DER signature',
      ([header, claims, mac = '']) => `${header}.${claims}.${der(Buffer.from(mac, 'base64url')).toString('base64url')}`,
    ),
    compact(
      'longer or empty signature',
      ([header, claims, mac], chance) =>
        `${header}.${claims}.${chance.pick([`${mac}AAAA`, 'AAAA', 'A'.repeat(86), `AA${mac}`])}`,
    ),
    harmless('the other signature of the pair', (target) => {
      if (target.header.alg === 'ES256') target.compact = (text) => mirrored(text)
    }),
  ]
}

const escaped = (name: string): string =>
  [...name].map((character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')

function flip(parts: readonly string[], chance: Chance): string {
  const index = chance.below(3)
  const part = parts[index] ?? ''
  const at = chance.below(part.length)
  const others = [...ALPHABET].filter((character) => character !== part[at])
  return parts.with(index, part.slice(0, at) + chance.pick(others) + part.slice(at + 1)).join('.')
}

/** The next spelling of the same bytes where there is one, else one character more. */
function otherEnding(part: string): string {
  if (part.length % 4 === 0) return `${part}A`
  const last = ALPHABET.indexOf(part.at(-1) ?? 'A')
  return part.slice(0, -1) + ALPHABET[last ^ 1]
}

/** ECDSA: with (r, s) also (r, n − s) verifies. Whoever has seen a signature can write the other. */
function mirrored(text: string): string {
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
  const [header, claims, mac = ''] = text.split('.')
  const bytes = Buffer.from(mac, 'base64url')
  const s = order - BigInt(`0x${bytes.subarray(32).toString('hex')}`)
  const other = Buffer.from(s.toString(16).padStart(64, '0'), 'hex')
  return `${header}.${claims}.${Buffer.concat([bytes.subarray(0, 32), other]).toString('base64url')}`
}

function der(raw: Buffer): Buffer {
  const integer = (bytes: Buffer): Buffer => {
    const body = (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), bytes]) : bytes
    return Buffer.concat([Buffer.of(2, body.length), body])
  }
  const body = Buffer.concat([integer(raw.subarray(0, 32)), integer(raw.subarray(32))])
  return Buffer.concat([Buffer.of(0x30, body.length), body])
}
