import { expect, test } from 'vitest'
import { readOcspResponse } from '../../src/verify/x509/ocsp-response.ts'
import { judge, NONCE } from '../support/ocsp-judgement.ts'
import { clientWith, delegateWith, extensions, issuer, NOW } from '../support/ocsp-pki.ts'
import { byKey, type ResponseContent, response, single, status } from '../support/ocsp-responses.ts'
import { type Chance, chanceOf } from './chance.ts'

const RUNS = Number(process.env.FUZZ_RUNS ?? 15_000)
const SEED = Number(process.env.FUZZ_SEED ?? 1)

const delegate = delegateWith()
const clientOnly = delegateWith([extensions.clientAuth])
const contents: readonly ResponseContent[] = [
  {},
  { nonce: NONCE, responder: byKey(issuer) },
  { signer: delegate },
  { signer: clientOnly },
  { status: status.revoked(1) },
  { status: status.unknown, digest: 'sha256' },
  { responses: [single({ certificate: clientWith('0b') }), single({ status: status.revoked() })] },
  { nextUpdate: NOW - 61 },
  { nonce: Buffer.alloc(32, 8) },
]
const seeds = contents.map((content) => response(content))
/** Seeds that say good and count. */
const GOOD = [0, 1, 2]

const kindOf = (der: Buffer): string => {
  const judged = judge(der)
  return judged.ok ? judged.value.status.kind : 'none'
}

type Mutation = (der: Buffer, chance: Chance) => Buffer

const at = (der: Buffer, chance: Chance): number => chance.below(der.length)
const mutations: readonly Mutation[] = [
  // A bit.
  (der, chance) => {
    const changed = Buffer.from(der)
    const index = at(der, chance)
    changed.writeUInt8(changed.readUInt8(index) ^ (1 << chance.below(8)), index)
    return changed
  },
  // A byte that means something in DER.
  (der, chance) => {
    const changed = Buffer.from(der)
    changed.writeUInt8(chance.pick([0x00, 0x05, 0x30, 0x80, 0x82, 0xa0, 0xa1, 0xa2, 0xff]), at(der, chance))
    return changed
  },
  // A piece less, a piece twice, a piece of another answer.
  (der, chance) => {
    const from = at(der, chance)
    return Buffer.concat([der.subarray(0, from), der.subarray(from + 1 + chance.below(40))])
  },
  (der, chance) => {
    const from = at(der, chance)
    return Buffer.concat([der.subarray(0, from + 1 + chance.below(40)), der.subarray(from)])
  },
  (der, chance) => {
    const other = chance.pick(seeds)
    return Buffer.concat([der.subarray(0, at(der, chance)), other.subarray(at(other, chance))])
  },
  // Revoked or unknown to good, or to it.
  (der, chance) => {
    const [from, to] = chance.pick([
      ['8200', '8000'],
      ['a111', '8011'],
      ['0a0100', '0a0103'],
    ] as const)
    return Buffer.from(der.toString('hex').replace(from, to), 'hex')
  },
]

test('what is changed says what it should', () =>
  expect(seeds.map(kindOf)).toEqual([
    ...['good', 'good', 'good', 'none', 'revoked', 'unknown', 'revoked', 'none', 'none'],
  ]))

test(`att-jose-07 ${RUNS} changed answers: none is an exception, and none is good that was not signed as such`, () => {
  const chance = chanceOf(SEED)
  let counted = 0
  for (let run = 0; run < RUNS; run += 1) {
    let der = chance.pick(seeds)
    for (let times = 1 + chance.below(3); times > 0 && der.length > 0; times -= 1)
      der = chance.pick(mutations)(der, chance)
    const kind = kindOf(der)
    if (kind === 'none') continue
    counted += 1
    // Some of it nobody signs: the certificates that come along, and what one change did and another undid.
    const origins = seeds.filter((seed) => der.includes(signedPart(seed)))
    expect(origins.map(kindOf)).toContain(kind)
    if (kind === 'good') expect(origins.some((seed) => GOOD.includes(seeds.indexOf(seed)))).toBe(true)
  }
  expect(counted).toBeGreaterThan(0)
})

/** The bytes under the signature. */
function signedPart(der: Buffer): Buffer {
  const answer = readOcspResponse(der)
  return answer.ok && answer.value.kind === 'response' ? answer.value.response.signed : Buffer.of()
}
