import { describe, expect, test } from 'vitest'
import type { Attributes } from '../../src/attributes.ts'
import { type CertificateSource, takeCertificate } from '../../src/client-certificate.ts'
import { readXfcc } from '../../src/verify/xfcc.ts'
import { element, GATEWAY, gatewayElement, hexOf } from '../support/forwarded.ts'
import { certificate, certificateDer, routedRequest, shownAs } from '../support/possession.ts'

const { attributes } = routedRequest(undefined)
const taken = (source: CertificateSource, difference: Partial<Attributes>) => {
  const result = takeCertificate({ ...attributes, ...difference }, source)
  return result.ok ? result.value : result.reason
}
const lines = (...values: readonly string[]) => ({ headers: new Map([['x-forwarded-client-cert', values]]) })
const trustedProxies = [{ kind: 'principal', principal: GATEWAY }] as const
const hop = { kind: 'xfccOfPreviousHop', hops: 1, trustedProxies, acceptHashOnly: false } as const

describe('MTLS-06 what a source hands on, before anything in it is looked at', () => {
  test('the connection', () => {
    expect(taken({ kind: 'connection' }, { certificate: shownAs('x') })).toEqual(shownAs('x'))
    expect(taken({ kind: 'none' }, { certificate: shownAs('x') })).toBeUndefined()
  })
  test('x-forwarded-client-cert of this Envoy, with what has to agree with it', () =>
    expect(taken({ kind: 'xfccOfThisEnvoy' }, { ...lines(element()), principal: 'CN=a' })).toEqual({
      ...shownAs(certificate),
      forwarded: { hash: hexOf(certificateDer), principal: 'CN=a' },
    }))
  test('of a previous hop, in one line or in two', () => {
    for (const values of [[`${element()},${gatewayElement}`], [element(), gatewayElement]])
      expect(taken(hop, { ...lines(...values), principal: GATEWAY })).toMatchObject(shownAs(certificate))
  })
  test('T-52, att-mtls-02 lines are one list, whichever of them is looked at first', () => {
    expect(taken({ kind: 'xfccOfThisEnvoy' }, lines(element(), element()))).toMatchObject({ kind: 'unusable' })
    expect(taken(hop, { ...lines(element(), element(), gatewayElement), principal: GATEWAY })).toMatchObject({
      kind: 'unusable',
    })
  })
})

describe('MTLS-10 the limits of a header', () => {
  const elements = (count: number) => readXfcc(Array.from({ length: count }, () => 'Hash=a').join())
  const pairs = (count: number) => readXfcc(Array.from({ length: count }, () => 'DNS=a').join(';'))
  const characters = (count: number) => readXfcc(`DNS=${'a'.repeat(count - 4)}`)
  test.each([
    ['elements', elements, 8],
    ['pairs', pairs, 256],
    ['characters', characters, 61_440],
  ] as const)('%s', (_, make, most) => {
    expect(make(most).ok).toBe(true)
    expect(make(most + 1).ok).toBe(false)
  })
  test('what is absent and what is empty are the same', () =>
    expect(readXfcc('By=;Hash=;Cert="";URI=,By=x')).toEqual({
      ok: true,
      value: [
        { hash: undefined, certificate: undefined, lastUri: undefined },
        { hash: undefined, certificate: undefined, lastUri: undefined },
      ],
    }))
})
