import { readFileSync } from 'node:fs'
import { type ChainRules, findChain } from '../../src/verify/certificate-chain.ts'
import { type Certificate, readCertificateDer } from '../../src/verify/x509/certificate.ts'

export const vectorsOf = (path: string): unknown =>
  JSON.parse(readFileSync(new URL(`../vectors/x509/${path}`, import.meta.url), 'utf8'))

/** Base64 of DER, as the files of the vectors hold it. */
export interface PathVector {
  readonly leaf: string
  readonly intermediates: readonly string[]
  readonly anchors: readonly string[]
}

/** The path that is found; undefined when none is, or when the leaf or an anchor cannot be read. */
export function pathOfVector(
  { leaf, intermediates, anchors }: PathVector,
  rules: ChainRules,
  now: number,
): readonly Certificate[] | undefined {
  const [first] = certificatesOf([leaf])
  const trusted = certificatesOf(anchors)
  if (!first || trusted.length < anchors.length) return undefined
  const store = { anchors: trusted, intermediates: [], pinned: new Set<string>() }
  const chain = findChain(first, certificatesOf(intermediates), store, rules, now)
  return chain.ok ? chain.path : undefined
}

/** Those that can be read: one that cannot is of no use in a path. */
export function certificatesOf(texts: readonly string[]): readonly Certificate[] {
  return texts.flatMap((text) => {
    const reading = readCertificateDer(Buffer.from(text, 'base64'))
    return reading.ok ? [reading.value] : []
  })
}
