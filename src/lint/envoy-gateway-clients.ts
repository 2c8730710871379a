import { fits, messages } from './envoy-parts.ts'
import { type Manifests, ofKind, type Rule } from './rule.ts'
import { at, inside, items, present, type Spot, textOf } from './spot.ts'

const traffic = (manifests: Manifests): readonly Spot[] =>
  ofKind(manifests, 'ClientTrafficPolicy').map((policy) => at(policy, 'spec'))

const validations = (manifests: Manifests): readonly Spot[] =>
  traffic(manifests)
    .map((spec) => at(spec, 'tls', 'clientValidation'))
    .filter(present)

const isOn = ({ value }: Spot): boolean => value === true

const tellsPeer = ({ envoy }: Manifests): boolean =>
  messages(envoy, 'ExtAuthz').some((filter) => at(filter, 'include_peer_certificate').value === true)

const NAMES = ['x-authz-issuer', 'x-authz-subject', 'x-authz-client-id', 'x-authz-scope', 'x-authz-binding']
const STRIPPED = [...NAMES, 'x-authz-thumbprint', 'x-authz-acr', 'x-envoy-auth-failure-mode-allowed']

/** Whether a string matcher of Envoy Gateway takes a text. */
export function takes(match: Spot, text: string): boolean {
  const value = textOf(at(match, 'value'))
  switch (textOf(at(match, 'type'))) {
    case 'RegularExpression':
      return value.startsWith('(?i)') ? fits(value.slice(4).toLowerCase(), text.toLowerCase()) : fits(value, text)
    case 'Prefix':
      return value !== '' && text.startsWith(value)
    case 'Suffix':
      return value !== '' && text.endsWith(value)
    default:
      return value === text
  }
}

/** Whether early header settings take a header of this name away. */
const strips = (early: Spot, name: string): boolean =>
  items(at(early, 'remove')).some((removed) => textOf(removed).toLowerCase() === name) ||
  items(at(early, 'removeOnMatch')).some((match) => takes(match, name))

/**
 * How Envoy Gateway meets clients. What it sets well by itself (normalized paths, no resumption, no underscores) is told
 * only when undone.
 */
export const gatewayClientRules: readonly Rule[] = [
  {
    id: 'GL-07',
    severity: 'error',
    title: 'X-Forwarded-Client-Cert of the client is passed on',
    why: 'A client writes the header itself and is whoever it likes.',
    fix: '`xForwardedClientCert: { mode: SanitizeSet, certDetailsToAdd: [Cert] }`',
    find: (manifests) =>
      traffic(manifests)
        .map((spec) => at(spec, 'headers', 'xForwardedClientCert', 'mode'))
        .filter((mode) => ['ForwardOnly', 'AlwaysForwardOnly', 'AppendForward'].includes(textOf(mode))),
  },
  {
    id: 'GL-08',
    severity: 'warning',
    title: 'the certificate does not reach the service',
    why: 'Envoy asks for a client certificate and tells us nothing of it: tokens bound to certificates are refused.',
    fix: '`xForwardedClientCert: { mode: SanitizeSet, certDetailsToAdd: [Cert] }`, or an EnvoyPatchPolicy with `include_peer_certificate: true`',
    find: (manifests) =>
      traffic(manifests)
        .filter((spec) => present(at(spec, 'tls', 'clientValidation')) && !tellsPeer(manifests))
        .map((spec) => at(spec, 'headers', 'xForwardedClientCert'))
        .filter((xfcc) => {
          const details = items(at(xfcc, 'certDetailsToAdd')).map(textOf)
          const mode = textOf(at(xfcc, 'mode'))
          return (
            (mode === '' || mode === 'Sanitize' || mode === 'SanitizeSet') &&
            !(mode === 'SanitizeSet' && details.includes('Cert'))
          )
        }),
  },
  {
    id: 'GL-09',
    severity: 'error',
    title: 'escaped or doubled slashes are taken',
    why: '`/open%2f..%2faccounts` and `//accounts` are checked as one path and may be served as another.',
    fix: '`path: { escapedSlashesAction: RejectRequest }`, no `disableMergeSlashes`',
    find: (manifests) =>
      traffic(manifests).flatMap((spec) => [
        ...[at(spec, 'path', 'escapedSlashesAction')].filter(({ value }) => value !== 'RejectRequest'),
        ...[at(spec, 'path', 'disableMergeSlashes')].filter(isOn),
      ]),
  },
  {
    id: 'GL-10',
    severity: 'warning',
    title: 'clients may send identity headers',
    why: 'The service removes them on every allow; only an early strip also keeps them from other filters and from routing.',
    fix: `\`headers.earlyRequestHeaders\`: in \`removeOnMatch\` the expression that \`envoy-fapi config headers FILE\` prints, in \`remove\` x-envoy-auth-failure-mode-allowed; where \`removeOnMatch\` is not known, every name in \`remove\`: ${STRIPPED.join(', ')}`,
    find: (manifests) =>
      traffic(manifests)
        .map((spec) => at(spec, 'headers', 'earlyRequestHeaders'))
        .filter((early) => !STRIPPED.every((name) => strips(early, name)))
        .map((early) => at(early, 'remove')),
  },
  {
    id: 'GL-11',
    severity: 'error',
    title: 'certificates that failed the check are taken',
    why: 'Nothing in the check tells a verified certificate from another.',
    fix: '`mode: RequireAndVerify` or `VerifyIfGiven`, no `allowExpiredCertificate`; in a Gateway no `AllowInsecureFallback`',
    find: (manifests) => [
      ...validations(manifests).flatMap((one) => [
        ...[at(one, 'mode')].filter(
          (mode) => present(mode) && !['RequireAndVerify', 'VerifyIfGiven'].includes(textOf(mode)),
        ),
        ...[at(one, 'allowExpiredCertificate')].filter(isOn),
      ]),
      ...ofKind(manifests, 'Gateway')
        .flatMap((gateway) => inside(at(gateway, 'spec')))
        .filter(({ value }) => value === 'AllowInsecureFallback'),
    ],
  },
  {
    id: 'GL-12',
    severity: 'error',
    title: 'client certificates are asked for and no authority is named',
    why: 'Without an authority nothing is checked: whoever makes a certificate comes in.',
    fix: '`clientValidation.caCertificateRefs`',
    find: (manifests) =>
      validations(manifests)
        .map((one) => at(one, 'caCertificateRefs'))
        .filter((refs) => items(refs).length === 0),
  },
  {
    id: 'GL-13',
    severity: 'warning',
    title: 'TLS sessions are resumed',
    why: 'A resumed session shows a certificate without checking it again: revocation and expiry wait.',
    fix: 'no `tls.session.resumption`',
    find: (manifests) =>
      traffic(manifests)
        .map((spec) => at(spec, 'tls', 'session', 'resumption'))
        .filter(present),
  },
  {
    id: 'GL-14',
    severity: 'warning',
    title: 'underscores in header names are taken',
    why: 'Many upstreams read `x_authz_subject` as `x-authz-subject`.',
    fix: 'no `withUnderscoresAction: Allow`',
    find: (manifests) =>
      traffic(manifests)
        .map((spec) => at(spec, 'headers', 'withUnderscoresAction'))
        .filter(({ value }) => value === 'Allow'),
  },
]
