import { describe, expect, test } from 'vitest'
import { readPresentedChain } from '../../../src/verify/presented-chain.ts'
import { issue, middle, root, sent } from '../../support/client-certificates.ts'

const leaf = issue(middle)
const pem = (chain: string) => readPresentedChain({ kind: 'pem', text: sent(leaf), chain })

describe('X5-01 the chain that came along', () => {
  test('is empty where none came', () => {
    const nothing = { ok: true, value: { certificates: [], unreadable: 0 } }
    expect(readPresentedChain({ kind: 'pem', text: sent(leaf) })).toEqual(nothing)
    expect(readPresentedChain({ kind: 'der', bytes: leaf.der })).toEqual(nothing)
    expect(readPresentedChain({ kind: 'thumbprint', hex: 'ab' })).toEqual(nothing)
  })
  test('is not read when it is longer than any header', () => {
    expect(pem(`${sent(middle.certificate)}${'%0A'.repeat(20_500)}`)).toMatchObject({
      problem: 'the chain is too long',
    })
    expect(pem(`${sent(middle.certificate)}${'%0A'.repeat(10_000)}`).ok).toBe(true)
  })
  test.each([
    ['', 'it holds no CERTIFICATE block'],
    ['%E0%A4%A', 'not percent-encoded'],
    [
      encodeURIComponent('-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n'),
      'something else than CERTIFICATE',
    ],
    [sent(middle.certificate).slice(0, -40), 'does not end'],
  ])('is refused when it is no list of certificates: %#', (chain, problem) =>
    expect(pem(chain)).toMatchObject({ ok: false, problem: expect.stringContaining(problem) }),
  )
  test('tells how many of it nobody can read', () => {
    const cut = { der: root.certificate.der.subarray(0, -1) }
    expect(pem(sent(middle.certificate, cut, cut))).toMatchObject({ ok: true, value: { unreadable: 2 } })
  })
})
