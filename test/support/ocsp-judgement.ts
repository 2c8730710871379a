import { judgeOcspResponse } from '../../src/verify/x509/ocsp.ts'
import { client, issuer, NOW } from './ocsp-pki.ts'

export const NONCE = Buffer.alloc(32, 7)
const rules = { maxAge: 7200, requireNonce: false }

export const judge = (der: Buffer, difference: Partial<typeof rules> = {}, now = NOW) =>
  judgeOcspResponse(
    der,
    { certificate: client, issuer: issuer.certificate, nonce: NONCE },
    { ...rules, ...difference },
    now,
  )
/** The status, or what is wrong. */
export const said = (...order: Parameters<typeof judge>): string => {
  const judged = judge(...order)
  return judged.ok ? judged.value.status.kind : judged.problem
}
