import type { Config } from './config.ts'
import { isLocal } from './config-checks.ts'
import type { Problem } from './problems.ts'

/** Where Envoy is configured by somebody else's generator, with or without the patches of `k8s/envoy-gateway/patched`. */
export const platforms = ['envoy-gateway', 'envoy-gateway-patched'] as const
export type Platform = (typeof platforms)[number]

/** Something of Envoy's that the service can use or that protects it, and what becomes of it behind Envoy Gateway. */
export interface Capability {
  readonly what: string
  /** What holds with the settings of Envoy Gateway alone. */
  readonly plain: string
  /** What an EnvoyPatchPolicy makes of it. */
  readonly patched: string
  /** What of a configuration cannot work there; none when every configuration can live with it. */
  readonly refuse?: (config: Config, platform: Platform) => readonly Problem[]
}

export const capabilities: readonly Capability[] = [
  {
    what: 'the client certificate inside the Check (`clientCertificateFrom: { source: connection }`)',
    plain: 'never; take `{ source: xfcc, xfcc: { writtenBy: thisEnvoy } }`, or `none`',
    patched: '`include_peer_certificate`',
    refuse: ({ clientCertificateFrom: { source } }, platform) =>
      platform === 'envoy-gateway' && source === 'connection'
        ? [
            {
              path: ['clientCertificateFrom', 'source'],
              message:
                'Envoy Gateway never sends the certificate of a connection: take { source: xfcc, xfcc: { writtenBy: thisEnvoy } } with xForwardedClientCert SanitizeSet and Cert, or source: none where no token is bound to a certificate',
            },
          ]
        : [],
  },
  {
    what: '`x-forwarded-client-cert` of this Envoy (`clientCertificateFrom: { source: xfcc, xfcc: { writtenBy: thisEnvoy } }`)',
    plain:
      '`xForwardedClientCert: { mode: SanitizeSet, certDetailsToAdd: [Cert] }`; `[Cert, Chain]` where `clientCertificate` needs intermediates that clients send',
    patched:
      'never: the header is removed, since the certificate comes inside the Check; take `{ source: connection }`',
    refuse: ({ clientCertificateFrom: { source, xfcc } }, platform) =>
      platform === 'envoy-gateway-patched' && source === 'xfcc' && xfcc?.writtenBy === 'thisEnvoy'
        ? [
            {
              path: ['clientCertificateFrom', 'source'],
              message:
                'the patched manifests remove x-forwarded-client-cert, so each token that is bound to a certificate would be refused: take source: connection',
            },
          ]
        : [],
  },
  {
    what: 'a Check port on loopback or on a socket (`listen.check`)',
    plain: 'never: Envoy runs in pods of its own',
    patched: 'the same',
    refuse: ({ listen: { check } }) =>
      isLocal(check)
        ? [
            {
              path: ['listen', 'check'],
              message: `Envoy Gateway runs Envoy in pods of its own, which do not reach ${check}: take 0.0.0.0:9191 with listen.tls, clientCa and peers`,
            },
          ]
        : [],
  },
  {
    what: 'a lock behind the check that lets only `decision: allow` pass',
    plain:
      'no: a SecurityPolicy for a route without `mergeType` takes the check away from that route, and nothing notices',
    patched: 'an RBAC filter before the router; the check is on for every route, whatever policies it has',
  },
  {
    what: 'a closed set of headers that the answer may change',
    plain: 'no: Envoy believes the service',
    patched: '`decoder_header_mutation_rules`, `validate_mutations`',
  },
  {
    what: 'each header line by itself',
    plain:
      'no: repeated lines arrive joined by commas, and bytes that are not UTF-8 altered; such tokens and proofs are refused either way',
    patched: '`encode_raw_headers`',
  },
  {
    what: 'the scheme of the connection, whatever the client writes',
    plain:
      'no: what the client writes goes on to the upstream; the service compares with `publicOrigins` and not with it',
    patched: '`scheme_header_transformation`',
  },
  {
    what: 'bodies as bytes',
    plain: 'no: as text only, so none is sent; a token in a form body is not noticed, and not used either',
    patched: '`pack_as_bytes` and `bodyToExtAuth`, 64 KiB',
  },
]

/** What of a configuration cannot work on a platform. */
export const checkPlatform = (config: Config, platform: Platform): readonly Problem[] =>
  capabilities.flatMap(({ refuse }) => refuse?.(config, platform) ?? [])

/** What a platform leaves open, or expects beside this configuration, for whoever checks it. */
export const platformNotes = ({ listen }: Pick<Config, 'listen'>, platform: Platform): readonly string[] => [
  platform === 'envoy-gateway'
    ? 'platform envoy-gateway: there is no second lock; a SecurityPolicy for a route takes the check away from it'
    : 'platform envoy-gateway-patched: EnvoyPatchPolicy has to be enabled, and its status has to be Programmed: True',
  // A mesh between both pods can do what TLS does, but not together with it: each request would then be answered 503.
  ...(listen.tls
    ? []
    : [
        `platform ${platform}: listen.meshTls: BackendTLSPolicy of k8s/envoy-gateway speaks TLS to the Check port; leave it out where a mesh does that, or set listen.tls with clientCa and peers`,
      ]),
]
