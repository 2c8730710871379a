import type { DenyReason } from '../../src/denial.ts'
import type { StatusWord } from '../../src/verify/certificate-status.ts'
import type { Certificate } from '../../src/verify/x509/certificate.ts'
import { asking, issue, oracle, root, sent, trusting, witness } from './client-certificates.ts'
import { extensions } from './ocsp-pki.ts'
import { PROOF_TIME } from './proofs.ts'
import type { Order, SpineOptions } from './spine.ts'

/** A request that is refused for what is wrong with the certificate of its client. */
interface CertificateRefusal {
  readonly reason: DenyReason
  /** The check that fails. */
  readonly check: string
  readonly order: Order
  readonly options: SpineOptions
}

const client = issue(root)
const refusal = (
  reason: DenyReason,
  check: string,
  certificate: Certificate | undefined,
  options: SpineOptions = {},
): CertificateRefusal => ({
  reason,
  check,
  order: certificate ? { certificate: sent(certificate) } : {},
  options: { document: asking(), ...options, authorities: { trust: trusting(root), ...options.authorities } },
})
const under = (word: StatusWord): SpineOptions => ({
  authorities: {
    status: { scope: 'chain', witnesses: [witness('ocsp', 'hard', oracle({ [client.serial]: word }).source)] },
  },
})

/** One for each reason there is. */
export const certificateRefusals: readonly CertificateRefusal[] = [
  refusal('client_certificate_missing', 'certificate shown', undefined),
  { ...refusal('client_certificate_unusable', 'certificate read', undefined), order: { certificate: 'x' } },
  refusal('client_certificate_untrusted', 'certificate path', issue(undefined)),
  refusal('client_certificate_expired', 'certificate validity', issue(root, { notAfter: PROOF_TIME - 1 })),
  refusal(
    'client_certificate_purpose_refused',
    'certificate purpose',
    issue(root, { extensions: [extensions.digitalSignature] }),
  ),
  refusal('client_certificate_refused', 'certificate lists', client, {
    document: asking({ deny: { subjects: [{ CN: 'client-1' }] } }),
  }),
  refusal('client_certificate_role_missing', 'certificate roles', client, { document: asking({ roles: ['PSP_AI'] }) }),
  refusal('client_certificate_revoked', 'certificate status', client, under({ kind: 'revoked', detail: 'revoked' })),
  refusal('client_certificate_status_unknown', 'certificate status', client, under({ kind: 'unknown', detail: 'new' })),
  refusal(
    'certificate_status_unavailable',
    'certificate status',
    client,
    under({ kind: 'unavailable', detail: 'off' }),
  ),
  refusal('client_certificate_mismatch', 'certificate client', client, {
    document: asking({}, { certificateClient: { attribute: 'O' } }),
  }),
]
