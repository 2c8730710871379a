import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { PresentedCertificate } from '../../src/attributes.ts'
import type { StatusWord } from '../../src/verify/certificate-status.ts'
import { judgeStatus, type PathStatus, type StatusWitness } from '../../src/verify/path-status.ts'
import { readPresentedChain } from '../../src/verify/presented-chain.ts'
import { issue, middle, pemOf, root, sent } from '../support/client-certificates.ts'

const leaf = issue(middle)
const path = [leaf, middle.certificate, root.certificate]

const words: fc.Arbitrary<StatusWord> = fc.oneof(
  fc.integer({ min: 1, max: 1000 }).map((until): StatusWord => ({ kind: 'good', until })),
  fc.constantFrom<StatusWord>(
    { kind: 'revoked', detail: 'r' },
    { kind: 'unknown', detail: 'u' },
    { kind: 'unavailable', detail: 'n' },
  ),
)
const modes = fc.constantFrom('soft' as const, 'hard' as const)
/** For each witness: its mode, what it says of the leaf and of the authority, and whether it takes its time. */
const testimony = fc.array(fc.record({ mode: modes, leaf: words, authority: words, slow: fc.boolean() }), {
  minLength: 1,
  maxLength: 2,
})
type Testimony = typeof testimony extends fc.Arbitrary<infer T> ? T : never

const witnessesOf = (given: Testimony): readonly StatusWitness[] =>
  given.map(({ mode, slow, ...said }, index) => ({
    kind: index === 0 ? 'crl' : 'ocsp',
    mode,
    source: {
      judge: (certificate) => {
        const word = certificate === leaf ? said.leaf : said.authority
        return slow ? Promise.resolve(word) : word
      },
    },
  }))
const judge = async (given: Testimony, scope: 'chain' | 'leaf' = 'chain'): Promise<PathStatus> =>
  await judgeStatus(path, { witnesses: witnessesOf(given), scope }, 0)

/** What the words come to, said once more and without order of evaluation: per certificate, then the worst of them. */
function expected(given: Testimony, about: 'leaf' | 'authority'): PathStatus['kind'] {
  for (const one of given) {
    const { kind } = one[about]
    if (kind === 'good' || kind === 'revoked') return kind
    if (kind === 'unknown' && one.mode === 'hard') return 'unknown'
  }
  return given.some(({ mode }) => mode === 'hard') ? 'unavailable' : 'tolerated'
}
const worst = (...kinds: readonly PathStatus['kind'][]): PathStatus['kind'] | undefined =>
  (['revoked', 'unknown', 'unavailable', 'tolerated', 'good'] as const).find((kind) => kinds.includes(kind))

describe('REV-01, REV-14 the status of a path', () => {
  test('is what the witnesses say, however long they take', async () => {
    await fc.assert(
      fc.asyncProperty(testimony, async (given) => {
        const { kind } = await judge(given)
        expect(kind).toBe(worst(expected(given, 'leaf'), expected(given, 'authority')))
        expect((await judge(given, 'leaf')).kind).toBe(expected(given, 'leaf'))
      }),
      { numRuns: 1000 },
    )
  })
  test('never is good or tolerated where the first word is that it was revoked', async () => {
    await fc.assert(
      fc.asyncProperty(testimony, async ([first, ...others]) => {
        if (!first) return
        for (const about of ['leaf', 'authority'] as const) {
          const { kind } = await judge([{ ...first, [about]: { kind: 'revoked', detail: '' } }, ...others])
          expect(['good', 'tolerated', 'unasked']).not.toContain(kind)
        }
      }),
    )
  })
  test('never is tolerated where a witness is hard', async () => {
    await fc.assert(
      fc.asyncProperty(testimony, async (given) => {
        const { kind } = await judge(given.map((one) => ({ ...one, mode: 'hard' as const })))
        expect(kind).not.toBe('tolerated')
      }),
    )
  })
  test('counts as long as the shortest of its words', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(1000), fc.nat(1000), async (one, other) => {
        const good = (until: number): StatusWord => ({ kind: 'good', until })
        const said = [{ mode: 'hard' as const, slow: false, leaf: good(one), authority: good(other) }]
        expect(await judge(said)).toEqual({ kind: 'good', until: Math.min(one, other) })
      }),
    )
  })
})

describe('X5-01 what comes along with a certificate', () => {
  const chains = fc.array(fc.constantFrom(leaf, middle.certificate, root.certificate), { minLength: 1, maxLength: 16 })
  test('is read certificate by certificate, from either header', () => {
    fc.assert(
      fc.property(chains, (chain) => {
        const read = { ok: true, value: { certificates: chain, unreadable: 0 } }
        expect(readPresentedChain({ kind: 'pem', text: '', chain: sent(...chain) })).toEqual(read)
        const der: PresentedCertificate = { kind: 'der', bytes: leaf.der, chain: chain.map((one) => one.der) }
        expect(readPresentedChain(der)).toEqual(read)
      }),
      { numRuns: 20 },
    )
  })
  test('is read or refused, whatever it is, and never throws', () => {
    const pem = [leaf, middle.certificate].map(pemOf).join('')
    const edit = fc.record({
      at: fc.nat(pem.length),
      removed: fc.nat(40),
      inserted: fc.oneof(fc.string({ maxLength: 8 }), fc.constantFrom('\n', '-----', '%', '=', pem)),
    })
    fc.assert(
      fc.property(edit, fc.boolean(), ({ at, removed, inserted }, encoded) => {
        const text = pem.slice(0, at) + inserted + pem.slice(at + removed)
        if (!text.isWellFormed()) return
        const reading = readPresentedChain({ kind: 'pem', text: '', chain: encoded ? encodeURIComponent(text) : text })
        if (!reading.ok) return
        const plain = text.replaceAll(/[\r\n \t]/g, '')
        for (const { der } of reading.value.certificates) expect(plain).toContain(der.toString('base64'))
        expect(reading.value.certificates.length + reading.value.unreadable).toBeLessThanOrEqual(16)
      }),
      { numRuns: 2000 },
    )
  })
})
