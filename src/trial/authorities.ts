import type { Config } from '../config.ts'
import { authoritiesKey } from '../policies/client-certificate.ts'
import type { ClientCertificateOptions } from '../policies/client-certificate-options.ts'
import type { ClientAuthorities } from '../ports.ts'
import type { StatusWord } from '../verify/certificate-status.ts'
import type { StatusWitness } from '../verify/path-status.ts'
import { readCertificateDer } from '../verify/x509/certificate.ts'
import type { Cases } from './cases-schema.ts'
import type { BuiltInAuthority } from './certificate.ts'
import type { CertificateNames } from './certificate-schema.ts'
import type { Holder } from './minting.ts'

type Status = CertificateNames['status']

/**
 * Whom the `clientCertificate` policies of a configuration trust in a trial: the one authority of the built-in clients
 * where they trust any, else these clients themselves. What is said of the status of a certificate is what its client says.
 */
export function buildTrialAuthorities(
  { routes }: Config,
  { clients }: Cases,
  authority: BuiltInAuthority,
  holder: (client: string) => Holder,
): ReadonlyMap<string, ClientAuthorities> {
  const anchor = readCertificateDer(authority.certificate.der)
  if (!anchor.ok) throw new Error(anchor.problem)
  const trusted = Object.entries(clients).filter(([, client]) => client.certificate.trusted)
  const statuses = new Map<string, Status>(
    Object.entries(clients).map(([name, { certificate }]) => [holder(name).certificate.thumbprint, certificate.status]),
  )
  const judge: StatusWitness['source']['judge'] = ({ thumbprint }, _issuer, now) =>
    words[statuses.get(thumbprint) ?? 'good'](now)
  const built = new Map<string, ClientAuthorities>()
  for (const { name, options } of routes.flatMap(({ policies }) => policies)) {
    if (name !== 'clientCertificate') continue
    // Parsed by the very schema this type comes from.
    const settings = options as ClientCertificateOptions
    const { ca, revocation } = settings
    const pins = ca.length > 0 ? [] : trusted.map(([client]) => holder(client).certificate.thumbprint)
    built.set(authoritiesKey(settings), {
      trust: { anchors: ca.length > 0 ? [anchor.value] : [], intermediates: [], pinned: new Set(pins) },
      status: {
        scope: revocation.scope,
        witnesses: revocation.order.flatMap((kind): readonly StatusWitness[] => {
          const mode = revocation[kind]
          return mode === 'off' ? [] : [{ kind, mode, source: { judge } }]
        }),
      },
      generation: () => 0,
      monotonic: () => 0,
      judged: forgetful,
      refused: forgetful,
      tolerated: () => undefined,
    })
  }
  return built
}

/** Every certificate policy that some route asks for: a certificate with all of them is good for each. */
export const policiesOf = ({ routes }: Config): readonly string[] => [
  ...new Set(
    routes.flatMap(({ policies }) =>
      policies.flatMap(({ name, options }) =>
        // Parsed by the very schema this type comes from.
        name === 'clientCertificate' ? (options as ClientCertificateOptions).policies : [],
      ),
    ),
  ),
]

const forgetful = { get: () => undefined, set: () => undefined }

const words: Readonly<Record<Status, (now: number) => StatusWord>> = {
  good: (now) => ({ kind: 'good', until: now + 60 }),
  revoked: () => ({ kind: 'revoked', detail: 'the case says that the certificate was revoked' }),
  unknown: () => ({ kind: 'unknown', detail: 'the case says that the responder does not know the certificate' }),
  unavailable: () => ({ kind: 'unavailable', detail: 'the case says that nobody answers' }),
}
