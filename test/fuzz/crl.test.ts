import { expect, test } from 'vitest'
import type { Crl } from '../../src/verify/x509/crl.ts'
import { indexLists, openList } from '../../src/verify/x509/crl-lists.ts'
import { judgeByCrls } from '../../src/verify/x509/crl-status.ts'
import {
  CDP,
  crlPem,
  entry,
  entryExtensions,
  listExtensions,
  listed,
  listIssuer,
  pointsTo,
  scopes,
  writeList,
} from '../support/crls.ts'
import { NOW } from '../support/ocsp-pki.ts'
import { type Chance, chanceOf } from './chance.ts'

const RUNS = Number(process.env.FUZZ_RUNS ?? 15_000)
const SEED = Number(process.env.FUZZ_SEED ?? 1)

const SERIAL = '00c0ffee'
const revoked = listed(SERIAL, [pointsTo(CDP)])
const others = [listed('01', [pointsTo(CDP)]), listed('4e00')]
const { reason, invalidityDate } = entryExtensions
const entries = [entry('7f', reason(4)), entry(SERIAL, reason(1), invalidityDate), entry('11'.repeat(20))]
const lists = [
  writeList({ revoked: entries }),
  writeList({ revoked: entries, extended: [listExtensions.scope(scopes.at(CDP)), listExtensions.authorityKey] }),
  writeList({ revoked: entries, nextUpdate: null, extended: [listExtensions.unknown(false)] }),
]

/** What bytes say, read as they come from a file or a server. */
function judge(bytes: Buffer, certificate = revoked): string {
  const read = indexLists(bytes)
  const found: readonly Crl[] = (read.ok ? read.value : [])
    .map(openList)
    .flatMap((list) => (list.ok ? [list.value] : []))
  return judgeByCrls(certificate, listIssuer.certificate, found, { maxAge: 86_400 }, NOW).kind
}

const changes: readonly ((bytes: Buffer, chance: Chance) => Buffer)[] = [
  (bytes, { below }) => {
    const at = below(bytes.length)
    bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << below(8)), at)
    return bytes
  },
  (bytes, { below }) => {
    bytes.writeUInt8(below(256), below(bytes.length))
    return bytes
  },
  (bytes, { below }) => bytes.subarray(0, below(bytes.length)),
  (bytes, { below }) => bytes.subarray(below(bytes.length)),
  (bytes, { below, text }) => {
    const at = below(bytes.length)
    return Buffer.concat([bytes.subarray(0, at), Buffer.from(text(12), 'latin1'), bytes.subarray(at)])
  },
  (bytes, { below }) => {
    const [from, to] = [below(bytes.length), below(bytes.length)]
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)])
  },
  (bytes, { below, pick }) => {
    const donor = pick(lists)
    const from = below(donor.length)
    donor.subarray(from, from + below(40)).copy(bytes, below(bytes.length))
    return bytes
  },
]

test('the lists that are changed are good', () => {
  for (const list of lists) {
    expect([judge(list), judge(list, others[0])]).toEqual(['revoked', 'good'])
    expect(judge(Buffer.from(crlPem(list)))).toBe('revoked')
  }
})

test('att-mtls-07 a list that was changed says nothing, and nothing is lost in one that was not', () => {
  const chance = chanceOf(SEED)
  let told = 0
  for (let run = 0; run < RUNS; run += 1) {
    const list = chance.pick(lists)
    let bytes: Buffer = Buffer.from(list)
    for (let more = 1 + chance.below(2); more > 0 && bytes.length > 0; more -= 1)
      bytes = chance.pick(changes)(bytes, chance)
    // What became one of the good lists again is one.
    const same = lists.some((one) => one.equals(bytes))
    const words = [revoked, ...others].map((certificate) => judge(bytes, certificate))
    if (same) expect(words[0]).toBe('revoked')
    else if (words.some((word) => word !== 'unavailable'))
      expect.unreachable(`seed ${SEED}, run ${run}: ${words.join()}`)
    told += same ? 0 : 1
  }
  expect(told).toBeGreaterThan(RUNS * 0.8)
})

test('the text of a PEM list that was changed never says that what is revoked is good', () => {
  const chance = chanceOf(SEED + 1)
  const text = Buffer.from(crlPem(lists[0] ?? Buffer.alloc(0)))
  for (let run = 0; run < RUNS / 10; run += 1)
    expect(judge(chance.pick(changes)(Buffer.from(text), chance))).not.toBe('good')
})
