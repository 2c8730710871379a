import { globSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { sameText } from '../../src/verify/dpop-proof.ts'

describe('att-ops-06, T-80 thumbprints and hashes are compared in constant time', () => {
  const sources = globSync('src/{verify,policies}/*.ts').sort()
  test('the sources are where this test looks for them', () => expect(sources).toContain('src/verify/binding.ts'))
  const secret = /^(?:.*\.)?(?:ath|jkt|x5tS256|thumbprint|certificateThumbprint|presented)$/
  test.each(sources)('%s', (path) => {
    const text = readFileSync(path, 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, '')
    const compared = [...text.matchAll(/((?:typeof )?[\w.?!]+)\s*[!=]==?\s*([\w.?!'"]+)/g)]
    const wrong = compared.filter(
      ([, left = '', right = '']) => (secret.test(left) || secret.test(right)) && ![left, right].includes('undefined'),
    )
    expect(wrong.map(([match]) => match)).toEqual([])
  })
  test('by a comparison that looks at all of it', () => {
    expect(sameText.toString()).toMatch(/a\.length === b\.length && .*timingSafeEqual/)
    for (const [left, right] of [
      ['', ''],
      ['abc', 'abc'],
      ['ä', 'ä'],
    ] as const)
      expect(sameText(left, right)).toBe(true)
    for (const [left, right] of [
      ['abc', 'abd'],
      ['abc', 'ab'],
      ['', 'a'],
      ['a', '\u0161'],
      ['é', 'e\u0301'],
    ] as const)
      expect(sameText(left, right)).toBe(false)
  })
})
