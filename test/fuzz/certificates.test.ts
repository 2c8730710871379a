import { expect, test } from 'vitest'
import { findChain } from '../../src/verify/certificate-chain.ts'
import { readCertificateDer } from '../../src/verify/x509/certificate.ts'
import { writeElement } from '../../src/verify/x509/der-writer.ts'
import { readPem } from '../../src/verify/x509/pem.ts'
import { authority, clientExtensions, clientOf, type Kind, rules } from '../support/chains.ts'
import { extension, NOW, sequence } from '../support/ocsp-pki.ts'
import { mutateDer } from './certificate-mutations.ts'
import { chanceOf } from './chance.ts'

const RUNS = Number(process.env.FUZZ_RUNS ?? 20_000)
const SEED = Number(process.env.FUZZ_SEED ?? 1)

const names = extension('0603551d11', sequence(writeElement(0x82, Buffer.from('a.example'))))
const chains = (['rsa', 'pss', 'p256', 'p384', 'p521', 'ed25519'] as const satisfies readonly Kind[]).map((kind) => {
  const root = authority(`Root ${kind}`, undefined, { kind })
  const middle = authority(`Middle ${kind}`, root, { kind })
  const leaf = clientOf(middle, { kind, extensions: [...clientExtensions, names] })
  return {
    store: { anchors: [root.certificate], intermediates: [], pinned: new Set<string>() },
    middle: middle.certificate,
    leaf,
  }
})
const all = chains.flatMap(({ leaf, middle, store }) => [leaf.der, middle.der, ...store.anchors.map(({ der }) => der)])

test('X5-01, X5-13 no mutated certificate throws, and none is believed that is not the one that was signed', () => {
  const chance = chanceOf(SEED)
  let readable = 0
  let believed = 0
  for (let run = 0; run < RUNS; run += 1) {
    const { store, middle, leaf } = chance.pick(chains)
    const original = chance.pick([leaf, middle])
    const der = mutateDer(original.der, all, chance)
    const reading = readCertificateDer(der)
    readPem(chance.coin(0.1) ? der.toString('latin1') : '', 'CERTIFICATE', 4)
    if (!reading.ok) continue
    readable += 1
    const [first, second] = original === leaf ? [reading.value, middle] : [leaf, reading.value]
    const chain = findChain(first, [second], store, rules, NOW)
    if (!chain.ok) continue
    believed += 1
    if (!all.some((known) => known.equals(der)))
      expect.unreachable(`seed ${SEED}, run ${run}: ${der.toString('base64')}`)
  }
  // The mutations are worth something only when some of them pass the reader, and some change nothing.
  expect(readable).toBeGreaterThan(RUNS / 50)
  expect(believed).toBeLessThan(readable)
})
