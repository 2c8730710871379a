import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { postBytes } from '../../src/io/fetch-bytes.ts'
import { buildOcsp } from '../../src/io/ocsp.ts'
import { writeOcspRequest } from '../../src/verify/x509/ocsp-request.ts'
import { type KeyKind, startOpensslResponder } from '../support/openssl-responder.ts'

const wall = (): number => Date.now() / 1000

describe.each<KeyKind>(['ec', 'rsa', 'pss'])('the responder of OpenSSL with keys of type %s', (kind) => {
  let openssl: Awaited<ReturnType<typeof startOpensslResponder>>
  beforeAll(async () => {
    openssl = await startOpensslResponder(kind)
  })
  afterAll(() => openssl.close())

  const ask = async (name: string, digest: 'sha1' | 'sha256' = 'sha1') => {
    const { responder } = openssl
    const ocsp = buildOcsp(
      { responder, hosts: [], maxAge: 3600, wait: 20, requireNonce: true, digest },
      { post: postBytes, wall, monotonic: () => performance.now() / 1000, observe: () => undefined },
    )
    const word = await ocsp.judge(openssl.certificate(name), openssl.certificate('ca'), wall())
    ocsp.close()
    return word
  }

  test.each(['ca', 'responder'])(
    'REV-10 REV-14 says what is good, revoked, on hold and unknown, signed by %s',
    async (by) => {
      openssl.answerAs(by, '-nmin', '10')
      expect(await ask('good')).toMatchObject({ kind: 'good', until: expect.any(Number) })
      expect(await ask('revoked')).toMatchObject({
        kind: 'revoked',
        detail: expect.stringMatching(/ 1002 .*\(keyCompromise\)/),
      })
      expect(await ask('hold')).toMatchObject({ kind: 'revoked', detail: expect.stringMatching(/\(certificateHold\)/) })
      expect(await ask('stranger')).toMatchObject({ kind: 'unknown' })
    },
  )
  test('REV-09 REV-10 REV-12 names certificates by SHA-256, itself by its key, and no next time', async () => {
    openssl.answerAs('ca', '-resp_key_id')
    expect(await ask('good', 'sha256')).toMatchObject({ kind: 'good' })
  })
  test('T-63 att-mtls-07 is not believed without being appointed, or with SHA-1, or with a broken signature', async () => {
    openssl.answerAs('good')
    expect(await ask('good')).toMatchObject({ detail: expect.stringMatching(/: the delegate may not sign answers$/) })
    openssl.answerAs('ca', '-rmd', 'sha1')
    expect(await ask('good')).toMatchObject({
      kind: 'unavailable',
      detail: expect.stringMatching(/weak|internalError/),
    })
    openssl.answerAs('ca', '-badsig')
    expect(await ask('good')).toMatchObject({ kind: 'unavailable' })
  })
  test('REV-09 REV-15 reads our question as we mean it', () => {
    const question = { certificate: openssl.certificate('good'), issuer: openssl.certificate('ca') }
    const text = openssl.print(writeOcspRequest({ ...question, nonce: Buffer.alloc(32, 7) }, 'sha256'))
    expect(text).toMatch(/Hash Algorithm: sha256[\s\S]*Serial Number: 1001[\s\S]*OCSP Nonce: \s+0420(07){32}/)
    expect(openssl.print(writeOcspRequest(question, 'sha1'))).toMatch(/Hash Algorithm: sha1(?![\s\S]*Nonce)/)
  })
})
