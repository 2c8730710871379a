import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { Trace } from '../../src/trace.ts'
import { isVerifiedProof, type ProofInput, verifyDpopProof } from '../../src/verify/dpop-proof.ts'
import { admitJwk } from '../../src/verify/jwk.ts'
import {
  athOf,
  buildClientKey,
  type ClientKey,
  type Difference,
  forgeProof,
  forgeText,
  keyMemory,
  mintProof,
  PROOF_TIME,
  proofInput,
  proofRules,
  TARGET,
  TOKEN,
} from '../support/proofs.ts'

const read = (path: string): unknown => JSON.parse(readFileSync(new URL(`../vectors/${path}`, import.meta.url), 'utf8'))
const vector = read('rfc9449-proof.json') as Record<
  'method' | 'target' | 'token' | 'ath' | 'thumbprint' | 'jti',
  string
> & {
  readonly issuedAt: number
  readonly proof: string
}

let es256: ClientKey
let ps256: ClientKey
let ed25519: ClientKey
let smallRsa: ClientKey
beforeAll(async () => {
  es256 = await buildClientKey('ES256')
  ps256 = await buildClientKey('PS256')
  ed25519 = await buildClientKey('EdDSA')
  smallRsa = await buildClientKey('PS256', 1024)
})

const judge = (proof: string | readonly string[] | undefined, more: Partial<ProofInput> = {}): string => {
  const result = verifyDpopProof(proofInput(proof, more))
  return result.ok ? 'ok' : result.reason
}
const claims = (difference: Difference['claims']): string => judge(forgeProof(es256, { claims: difference ?? {} }))
const header = (difference: Difference['header']): string => judge(forgeProof(es256, { header: difference ?? {} }))

describe('RFC 9449 section 7.1, the printed proof (V-01)', () => {
  const at = (now: number, proof = vector.proof) =>
    verifyDpopProof(proofInput(proof, { method: vector.method, target: vector.target, token: vector.token, now }))

  test('V-01 holds at 1562262620', () => {
    const result = at(1562262620)
    expect(result).toMatchObject({
      ok: true,
      value: { jti: vector.jti, issuedAt: vector.issuedAt, target: vector.target },
    })
    expect(athOf(vector.token)).toBe(vector.ath)
    expect(result.ok && isVerifiedProof(result.value)).toBe(true)
    expect(isVerifiedProof({ ...(result.ok ? result.value : {}) })).toBe(false)
  })
  test('V-02 its key has the printed thumbprint', () =>
    expect(at(1562262620)).toMatchObject({ value: { thumbprint: vector.thumbprint } }))
  test('V-01 is refused today', () => expect(at(PROOF_TIME)).toMatchObject({ reason: 'proof_expired' }))
  test('V-09 a second spelling of the signature is refused', () => {
    const twin = `${vector.proof.slice(0, -1)}B`
    expect(Buffer.from(twin.slice(-86), 'base64url')).toEqual(Buffer.from(vector.proof.slice(-86), 'base64url'))
    expect(at(1562262620, twin)).toMatchObject({ reason: 'proof_malformed' })
  })
})

describe('RFC 7638 thumbprints (DPOP-32, V-02, V-03, V-04)', () => {
  const rows = read('thumbprints.json') as readonly {
    source: string
    jwk: Record<string, unknown>
    thumbprint: string
  }[]
  test.each(rows)('$source', ({ jwk, thumbprint }) =>
    expect(admitJwk(jwk, 'proof')).toMatchObject({ ok: true, value: { thumbprint } }),
  )
  test('T-14 extra members and their order change nothing', () => {
    const { jwk, thumbprint } = es256
    const mixed = { kid: '1', y: jwk.y, x: jwk.x, use: 'sig', kty: 'EC', crv: 'P-256', extra: [1] }
    expect(admitJwk(mixed, 'proof')).toMatchObject({ value: { thumbprint } })
  })
})

describe('the field (DPOP-01 … DPOP-04)', () => {
  test('DPOP-01 one field is taken', async () => expect(judge(await mintProof(es256))).toBe('ok'))
  test('DPOP-01, ENV-01, ENV-02, T-01 more than one is not', async () => {
    const [one, two] = [await mintProof(es256), await mintProof(es256)]
    for (const lines of [
      [one, two],
      [one, one],
      [`${one},${two}`],
      [`,${one}`],
      [`${one},`],
      [`${one}, ${one}`],
      ['', one],
    ])
      expect(judge(lines)).toBe('proof_repeated')
  })
  test('DPOP-03, T-12 a missing field is never nothing to check', () => {
    expect(judge(undefined)).toBe('proof_missing')
    expect(judge([])).toBe('proof_missing')
  })
  test('DPOP-04 anything but one compact JWS in canonical base64url is malformed', async () => {
    const proof = await mintProof(es256)
    const [head = '', body = '', mac = ''] = proof.split('.')
    const json = JSON.stringify({ protected: head, payload: body, signature: mac })
    const others = ['', ' ', `${head}.${body}`, `${proof}.${mac}`, `${proof}..`, `${head}..${mac}`, `.${body}.${mac}`]
    const spellings = [
      `${proof}=`,
      `${head}=.${body}.${mac}`,
      `${proof}\n`,
      ` ${proof}`,
      `${head}. ${body}.${mac}`,
      json,
    ]
    const foreign = [
      proof.replace('.', '\u2024'),
      `${proof.slice(0, -1)}+`,
      `${proof}\xff`,
      proof.replaceAll('.', '%2E'),
    ]
    for (const line of [...others, ...spellings, ...foreign])
      expect(judge(line), line).toMatch(/^proof_(malformed|repeated)$/)
  })
  test('DPOP-16 an encrypted proof is malformed', async () => {
    const proof = await mintProof(es256)
    expect(judge(`${proof}.AAAA.AAAA`)).toBe('proof_malformed')
  })
  test('T-38 the size is bounded before anything is read', async () => {
    const [fits, large] = await Promise.all(
      [1000, 4096].map((size) => mintProof(es256, { claims: { pad: 'x'.repeat(size) } })),
    )
    expect(judge(fits)).toBe('ok')
    expect(judge(large)).toBe('proof_malformed')
    expect(judge(large, { rules: { ...proofRules, maxHeaderBytes: 16_384 } })).toBe('ok')
  })
})

describe('the JOSE header (DPOP-05 … DPOP-14)', () => {
  test.each(['dpop+jwt', 'DPoP+JWT', 'application/dpop+jwt', 'Application/DPOP+jwt'])(
    'DPOP-05, T-41 typ %s is taken',
    (typ) => expect(header({ typ })).toBe('ok'),
  )
  test('DPOP-05 any other typ is not', () => {
    const near = ['dpop+jwt+wrongyousee', ' dpop+jwt', 'dpop+jwt ', 'text/dpop+jwt', 'application/application/dpop+jwt']
    for (const typ of [undefined, 'JWT', 'at+jwt', '', 1, null, ['dpop+jwt'], ...near])
      expect(header({ typ })).toBe('proof_type_refused')
  })

  test('DPOP-06 ES256, PS256, EdDSA and Ed25519 are taken', async () => {
    const full = { ...ed25519, algorithm: 'Ed25519' as const }
    for (const key of [es256, ps256, ed25519, full]) expect(judge(await mintProof(key)), key.algorithm).toBe('ok')
  })
  test.each(['none', 'None', 'nOnE', 'HS256', 'RS256', 'ES384', 'ES256K', 'es256', 'PS384', 'Ed448', ''])(
    'DPOP-06, T-29 alg %j is not',
    (alg) => expect(header({ alg })).toBe('proof_algorithm_refused'),
  )
  test('DPOP-06 an alg that is not text is malformed', () => {
    for (const alg of [undefined, null, 256, ['ES256']]) expect(header({ alg, alg2: 'ES256' })).toBe('proof_malformed')
  })
  test('DPOP-06 the allow-list of the route decides', () => {
    const rules = { ...proofRules, algorithms: ['PS256'] }
    expect(judge(forgeProof(es256), { rules })).toBe('proof_algorithm_refused')
    expect(judge(forgeProof(ps256), { rules })).toBe('ok')
  })
  test('DPOP-06 RS256 by an RSA key is refused although the signature would hold', async () =>
    expect(judge(await mintProof(ps256, { header: { alg: 'RS256' } }))).toBe('proof_algorithm_refused'))

  test('DPOP-07 jwk is a JSON object', () => {
    for (const jwk of [undefined, 'jwk', [], null, 7, {}]) expect(header({ jwk })).toBe('proof_key_refused')
  })
  test('DPOP-08 private members are refused, even empty', () => {
    expect(header({ jwk: es256.privateJwk })).toBe('proof_key_refused')
    for (const name of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'])
      for (const value of ['', null, 'AQAB'])
        expect(header({ jwk: { ...es256.jwk, [name]: value } })).toBe('proof_key_refused')
  })
  test('DPOP-09 alg has to fit the key', () => {
    expect(judge(forgeProof(es256, { header: { alg: 'PS256' } }))).toBe('proof_key_refused')
    expect(judge(forgeProof(es256, { header: { alg: 'EdDSA' } }))).toBe('proof_key_refused')
    expect(judge(forgeProof(ed25519, { header: { alg: 'ES256' } }))).toBe('proof_key_refused')
    expect(judge(forgeProof(ps256, { header: { alg: 'Ed25519' } }))).toBe('proof_key_refused')
  })
  test.each([
    { kty: 'oct', k: 'AAAA' },
    { kty: 'EC', crv: 'P-384' },
    { kty: 'EC', crv: 'secp256k1' },
    { kty: 'OKP', crv: 'X25519' },
    { kty: 'OKP', crv: 'Ed448' },
    { kty: 'ec' },
    { kty: undefined },
  ])('DPOP-09, dpop-09 the key %j is refused', (difference) =>
    expect(header({ jwk: { ...es256.jwk, ...difference } })).toBe('proof_key_refused'),
  )
  test('DPOP-10, dpop-08 RSA keys of other sizes and exponents are refused before import', () => {
    const odd = (bytes: number): string => Buffer.alloc(bytes, 0xff).toString('base64url')
    const even = Buffer.from(odd(256), 'base64url').fill(0xfe, 255).toString('base64url')
    const rules = { ...proofRules, maxHeaderBytes: 16_384 }
    const wrongExponents = [{ e: 'AQ' }, { e: 'Aw' }, { e: odd(375) }]
    const wrongModuli = [{ n: odd(2048) }, { n: odd(255) }, { n: odd(513) }, { n: even }, { n: 7 }]
    expect(judge(forgeProof(smallRsa))).toBe('proof_key_refused')
    for (const wrong of [...wrongExponents, ...wrongModuli]) {
      const proof = forgeProof(ps256, { header: { jwk: { ...ps256.jwk, ...wrong } } })
      expect(judge(proof, { rules })).toBe('proof_key_refused')
    }
  })
  test('DPOP-11 points off the curve and coordinates of another length are refused', () => {
    const short = Buffer.from(es256.jwk.x ?? '', 'base64url')
      .subarray(1)
      .toString('base64url')
    for (const x of [short, `${es256.jwk.x}A`, 'A'.repeat(43), es256.jwk.y, ''])
      expect(header({ jwk: { ...es256.jwk, x } })).toBe('proof_key_refused')
  })
  test('DPOP-12 use, key_ops and alg of the key may be absent or right', () => {
    expect(header({ jwk: { ...es256.jwk, use: 'sig', key_ops: ['verify'], alg: 'ES256' } })).toBe('ok')
    for (const wrong of [{ use: 'enc' }, { key_ops: ['sign'] }, { key_ops: 'verify' }, { alg: 'PS256' }, { alg: 7 }])
      expect(header({ jwk: { ...es256.jwk, ...wrong } })).toBe('proof_key_refused')
  })
  test('DPOP-13, T-33, T-34 crit and b64 are refused', () => {
    for (const member of [{ crit: ['b64'] }, { crit: [] }, { crit: ['exp'], exp: 1 }, { b64: false }, { b64: true }])
      expect(header(member)).toBe('proof_malformed')
  })
  test('DPOP-14 other members are ignored and never followed', () =>
    expect(header({ tx_id: 123, kid: 'x', jku: 'http://127.0.0.1/', x5u: 'http://127.0.0.1/', x5c: ['AA=='] })).toBe(
      'ok',
    ))
})

describe('the signature (DPOP-15)', () => {
  const flip = (proof: string): string => {
    const [head, body, mac = ''] = proof.split('.')
    const bytes = Buffer.from(mac, 'base64url')
    bytes[10] = (bytes[10] ?? 0) ^ 1
    return `${head}.${body}.${bytes.toString('base64url')}`
  }
  test('one bit less is refused, for every algorithm', () => {
    for (const key of [es256, ps256, ed25519]) expect(judge(flip(forgeProof(key)))).toBe('proof_signature_invalid')
  })
  test('another key is refused', async () => {
    const other = await buildClientKey()
    expect(judge(forgeProof(other, { header: { jwk: es256.jwk } }))).toBe('proof_signature_invalid')
  })
  test('T-61 DER, zeros and other lengths are refused', () => {
    const unsigned = forgeProof(es256).split('.').slice(0, 2).join('.')
    const der = Buffer.concat([Buffer.from('3044022000', 'hex'), Buffer.alloc(65, 1)])
    for (const mac of [Buffer.alloc(64), der, Buffer.alloc(63, 1), Buffer.alloc(65, 1), Buffer.alloc(1)])
      expect(judge(`${unsigned}.${mac.toString('base64url')}`)).toBe('proof_signature_invalid')
  })
  test('a remembered key serves its own thumbprint alone, and only after it has verified something', async () => {
    const keys = keyMemory()
    expect(judge(flip(forgeProof(es256)), { keys })).toBe('proof_signature_invalid')
    expect(keys.kept.size).toBe(0)
    for (const key of [es256, ps256, ed25519, es256, ps256, ed25519])
      expect(judge(forgeProof(key), { keys })).toBe('ok')
    expect(new Set(keys.kept.keys())).toEqual(new Set([es256, ps256, ed25519].map(({ thumbprint }) => thumbprint)))
    const other = await buildClientKey()
    expect(judge(forgeProof(other, { header: { jwk: es256.jwk } }), { keys })).toBe('proof_signature_invalid')
    expect(judge(forgeProof(es256, { header: { jwk: { ...es256.jwk, alg: 'PS256' } } }), { keys })).toBe(
      'proof_key_refused',
    )
  })
})

describe('the claims (DPOP-17 … DPOP-33)', () => {
  test('DPOP-17, T-35 the payload is one JSON object without repeated members', () => {
    const head = JSON.stringify({ typ: 'dpop+jwt', alg: 'ES256', jwk: es256.jwk })
    const body = { jti: 'x', htm: 'GET', htu: TARGET, iat: PROOF_TIME, ath: athOf(TOKEN) }
    expect(judge(forgeText(es256, head, JSON.stringify(body)))).toBe('ok')
    const twice = JSON.stringify(body).replace('{', '{"htu":"https://evil.example/",')
    for (const text of ['[]', '"x"', 'null', '', '{', twice, `${JSON.stringify(body)} x`])
      expect(judge(forgeText(es256, head, text))).toBe('proof_malformed')
  })
  test('DPOP-18, DPOP-19 jti is a string of 1 to 256 characters', () => {
    for (const jti of ['x', 'x'.repeat(256), 'ünïcode', '__proto__']) expect(claims({ jti })).toBe('ok')
    for (const jti of [undefined, '', 7, {}, null, ['x'], 'x'.repeat(257)])
      expect(claims({ jti })).toBe('proof_claims_invalid')
  })
  test('DPOP-20 htm is the request method, with case', () => {
    for (const htm of ['PUT', 'get', 'GET ', '', undefined, null, ['GET']])
      expect(claims({ htm })).toBe('proof_method_mismatch')
  })
  test('DPOP-21 a HEAD request needs a proof for HEAD', () => {
    expect(judge(forgeProof(es256, { claims: { htm: 'HEAD' } }), { method: 'HEAD' })).toBe('ok')
    expect(judge(forgeProof(es256), { method: 'HEAD' })).toBe('proof_method_mismatch')
  })
  test('DPOP-22 htu is the request URI', () => {
    for (const htu of [undefined, null, [TARGET], {}, '', '/accounts', `${TARGET}/1`, 'https://evil.example/accounts'])
      expect(claims({ htu })).toBe('proof_target_mismatch')
  })
  test('DPOP-23, DPOP-24, T-09 query, fragment, case of scheme and host, and the default port do not matter', () => {
    for (const htu of [`${TARGET}?x#y`, `${TARGET}?a=b`, `${TARGET}#f`, 'HTTPS://API.EXAMPLE.COM:443/accounts'])
      expect(claims({ htu })).toBe('ok')
    expect(claims({ htu: 'https://api.example.com:8443/accounts' })).toBe('proof_target_mismatch')
  })
  test('DPOP-25, T-22 iat is a JSON number of seconds', () => {
    for (const iat of [PROOF_TIME, PROOF_TIME + 0.9, PROOF_TIME - 0.5]) expect(claims({ iat })).toBe('ok')
    for (const iat of [undefined, `${PROOF_TIME}`, -1, null, true, [PROOF_TIME], PROOF_TIME * 1000])
      expect(claims({ iat })).toBe('proof_claims_invalid')
    const head = JSON.stringify({ typ: 'dpop+jwt', alg: 'ES256', jwk: es256.jwk })
    const body = (iat: string) => `{"jti":"x","htm":"GET","htu":"${TARGET}","iat":${iat},"ath":"${athOf(TOKEN)}"}`
    expect(judge(forgeText(es256, head, body('1.8e9')))).toBe('ok')
    expect(judge(forgeText(es256, head, body('1e400')))).toBe('proof_malformed')
  })
  test('DPOP-25 a fraction of iat is cut off', () => {
    const result = verifyDpopProof(proofInput(forgeProof(es256, { claims: { iat: PROOF_TIME + 0.9 } })))
    expect(result).toMatchObject({ value: { issuedAt: PROOF_TIME } })
  })
  test.each([-60, -10, 0, 8, 10])('DPOP-26, T-23 an iat %i s from now is taken', (offset) =>
    expect(claims({ iat: PROOF_TIME + offset })).toBe('ok'),
  )
  test.each([-3600, -61, 11, 61, 3600])('DPOP-26, T-23 an iat %i s from now is not', (offset) =>
    expect(claims({ iat: PROOF_TIME + offset })).toBe('proof_expired'),
  )
  test('DPOP-26 the window of the route decides', () => {
    const rules = { ...proofRules, maxAge: 300, futureTolerance: 60 }
    for (const offset of [-300, 60])
      expect(judge(forgeProof(es256, { claims: { iat: PROOF_TIME + offset } }), { rules })).toBe('ok')
    for (const offset of [-301, 61])
      expect(judge(forgeProof(es256, { claims: { iat: PROOF_TIME + offset } }), { rules })).toBe('proof_expired')
  })
  test('DPOP-28 exp and nbf count when they are there', () => {
    expect(claims({ nbf: PROOF_TIME, exp: PROOF_TIME + 300 })).toBe('ok')
    expect(claims({ exp: PROOF_TIME - 3600 })).toBe('proof_expired')
    expect(claims({ exp: PROOF_TIME })).toBe('proof_expired')
    expect(claims({ nbf: PROOF_TIME + 3600 })).toBe('proof_expired')
    for (const wrong of [{ exp: 'x' }, { exp: null }, { nbf: '1' }, { nbf: -1 }])
      expect(claims(wrong)).toBe('proof_claims_invalid')
  })
  test('DPOP-29, T-15 ath is the hash of the token in its one spelling', () => {
    const ath = athOf(TOKEN)
    const hex = Buffer.from(ath, 'base64url').toString('hex')
    for (const wrong of [undefined, null, '', `${ath}=`, hex, ath.toLowerCase(), athOf(`${TOKEN}x`), [ath], ` ${ath}`])
      expect(claims({ ath: wrong })).toBe('proof_token_mismatch')
  })
  test('DPOP-29 a character outside ASCII that shares its low byte is another character', () => {
    const ath = athOf(TOKEN)
    const twin = String.fromCharCode(ath.charCodeAt(0) + 0x100) + ath.slice(1)
    expect(claims({ ath: twin })).toBe('proof_token_mismatch')
  })
  test('DPOP-30, T-16 ath is over the token exactly as sent', () => {
    for (const other of [
      TOKEN.toLowerCase(),
      `DPoP ${TOKEN}`,
      `${TOKEN} `,
      decodeURIComponent(TOKEN).trimEnd().slice(1),
    ])
      expect(claims({ ath: athOf(other) })).toBe('proof_token_mismatch')
    expect(judge(forgeProof(es256, { claims: { ath: athOf('opaque') } }), { token: 'opaque' })).toBe('ok')
  })
  test('DPOP-33 other claims are ignored', () => expect(claims({ tx_id_key: 'x', nonce: 'x', sub: 7 })).toBe('ok'))
})

describe('order (ERR-12)', () => {
  test('field → header → claims → signature → time', () => {
    const late = { iat: PROOF_TIME - 3600 }
    const unsigned = (difference: Difference): string =>
      `${forgeProof(es256, difference).split('.').slice(0, 2).join('.')}.${'A'.repeat(86)}`
    expect(judge(unsigned({ header: { typ: 'JWT', alg: 'none' }, claims: { htm: 'PUT', ...late } }))).toBe(
      'proof_type_refused',
    )
    expect(judge(unsigned({ header: { alg: 'none' }, claims: { htm: 'PUT', ...late } }))).toBe(
      'proof_algorithm_refused',
    )
    expect(judge(unsigned({ claims: { htm: 'PUT', ...late } }))).toBe('proof_method_mismatch')
    expect(judge(unsigned({ claims: late }))).toBe('proof_signature_invalid')
    expect(judge(forgeProof(es256, { claims: late }))).toBe('proof_expired')
  })
  test('every comparison leaves its trace, and no secret does', () => {
    const trace = new Trace()
    const proof = forgeProof(es256)
    verifyDpopProof(proofInput(proof, { trace }))
    expect(trace.entries.every(({ result }) => result === 'pass')).toBe(true)
    const text = JSON.stringify(trace.entries)
    for (const secret of [TOKEN, proof, athOf(TOKEN), es256.jwk.x ?? '']) expect(text).not.toContain(secret)
  })
})
