import { z } from 'zod'
import { deny, ok } from '../denial.ts'
import { policyKind } from '../policy.ts'
import { type ClientRule, compileClientRule } from '../verify/certificate-client.ts'

const text = z.string().min(1).max(1024)

const options = z.strictObject({
  /** The attribute of the subject that is the client_id: a short name or a dotted OID. */
  attribute: text.optional(),
  /** Attributes that the subject has to have, by client_id. */
  clients: z.record(text, z.record(text, text)).optional(),
})

export type CertificateClientOptions = z.output<typeof options>

/** The certificate belongs to the client that the token was issued to (RFC 8705 section 2.1.2). */
export const certificateClient = policyKind({
  options,
  needs: ['token', 'certificate'],
  yields: [],
  create: (settings) => {
    const rule = clientRuleOf(settings)
    const matches = rule && compileClientRule(rule)
    if (!matches?.ok) throw new Error(matches ? matches.problem : 'neither attribute nor clients is set')
    return ({ trace }, { token, certificate }) => {
      const problem = matches.value(certificate.name, token.clientId)
      if (trace.holds('certificate client', 'RFC 8705 section 2.1.2', problem === undefined)) return ok({})
      return deny('client_certificate_mismatch', problem ?? '')
    }
  },
})

/** Undefined unless exactly one way of telling is set. */
export function clientRuleOf({ attribute, clients }: CertificateClientOptions): ClientRule | undefined {
  if (attribute !== undefined) return clients === undefined ? { attribute } : undefined
  return clients && { clients }
}
