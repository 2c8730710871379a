import { z } from 'zod'
import { adminAccess } from './config-admin.ts'
import { audit } from './config-audit.ts'
import { encryption } from './config-encryption.ts'
import { logging } from './config-log.ts'
import { keys, outbound } from './config-outbound.ts'
import { resourceMetadata } from './config-resource-metadata.ts'
import { denyList } from './config-revocation.ts'
import { modeOptions } from './config-shadow.ts'
import { statusList } from './config-status-lists.ts'
import { stores } from './config-stores.ts'
import { tracing } from './config-tracing.ts'
import { duration } from './durations.ts'
import { identityFacts } from './identity.ts'
import { type PolicyName, policies, standardOrder } from './policies/registry.ts'
import { MAX_ELEMENTS } from './verify/xfcc.ts'

const text = z.string().min(1)

/** `host:port`, `[v6]:port` or `unix:/path`. */
const address = z
  .string()
  .regex(/^(?:unix:\/.+|(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):[0-9]{1,5})$/, {
    error: 'host:port, [v6]:port or unix:/path',
  })
  .refine((text) => text.startsWith('unix:') || !(Number(/[0-9]+$/.exec(text)?.[0]) > 65_535), {
    error: 'a port up to 65535',
  })

const listen = z.strictObject({
  check: address.default('127.0.0.1:9191'),
  tls: z
    .strictObject({
      certificate: text,
      key: text,
      clientCa: text.optional(),
      /** URI or DNS names, or `sha256:` fingerprints, of the Envoys that may ask. */
      peers: z.array(text).min(1).optional(),
    })
    .optional(),
  insecureCheck: z.boolean().default(false),
  meshTls: z.boolean().default(false),
  metrics: address.optional(),
  admin: address.default('127.0.0.1:9192'),
  /** Who may change things through `admin`: a bearer token each. */
  adminAccess: adminAccess.optional(),
})

const publicOrigin = z.union([
  text,
  z.strictObject({
    origin: text,
    hosts: z.array(text).default([]),
    pathPrefix: z
      .string()
      .regex(/^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~!$&'()*+,=:@-]+)*$/, {
        error: 'a path like /open-banking, without dot segments and without a slash at its end',
      })
      .default(''),
  }),
])

const shortName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, { error: 'a short name of letters, digits, . _ -' })

/** How the authorization server is asked about tokens (RFC 7662), and how long its answers are believed. */
const introspection = z.strictObject({
  /** Absent: `introspection_endpoint` of the server's metadata. */
  endpoint: text.optional(),
  /** Our name there. */
  clientId: text,
  /** Private key, PEM or JWK: signs client assertions (private_key_jwt), or belongs to the certificate (mutual TLS). */
  key: text,
  certificate: text.optional(),
  /** Only signed answers are taken (RFC 9701). */
  signed: z.boolean().default(false),
  cache: duration(0, 30).prefault('10s'),
  negativeCache: duration(0, 5).prefault('5s'),
  timeout: duration(0.05, 1).prefault('1s'),
  /** Members that an answer has to have besides aud, client_id and exp. */
  required: z.array(z.enum(['iss', 'sub', 'iat', 'jti', 'scope', 'token_type'])).default([]),
})

const authorizationServer = z.strictObject({
  name: shortName.optional(),
  issuer: text,
  audiences: z.array(text).min(1).optional(),
  keys: keys.prefault({ discovery: true }),
  algorithms: z
    .array(z.enum(['PS256', 'ES256', 'EdDSA', 'Ed25519']))
    .min(1)
    .default(['PS256', 'ES256', 'EdDSA', 'Ed25519']),
  revocation: z
    .strictObject({
      shortLived: duration(1, 3600).prefault('10m'),
      introspection: introspection.optional(),
      statusList: statusList.optional(),
      denyList: denyList.optional(),
    })
    .prefault({}),
  encryption: encryption.optional(),
})

const headerName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,63}$/, { error: 'a header name in lower case: letters, digits, -' })

const identity = z.strictObject({
  headers: z
    .union([
      z.array(z.enum(identityFacts)),
      z.strictObject(Object.fromEntries(identityFacts.map((fact) => [fact, headerName.optional()]))),
    ])
    .optional(),
  token: z.enum(['strip', 'forward']).default('strip'),
  proof: z.enum(['strip', 'forward']).default('strip'),
  encoding: z.enum(['plain', 'percent']).default('plain'),
  /** A signed JWT about the same facts, for upstreams that believe no plain header. */
  assertion: z
    .strictObject({
      /** A private key on P-256 or Ed25519, PEM or JWK. */
      key: text,
      issuer: text,
      audience: text,
      lifetime: duration(1, 30).prefault('30s'),
    })
    .optional(),
})

const policyOptions = {
  fapiHeaders: policies.fapiHeaders.options.optional(),
  clientCertificate: policies.clientCertificate.options.optional(),
  accessToken: policies.accessToken.options.optional(),
  senderConstraint: policies.senderConstraint.options.optional(),
  certificateClient: policies.certificateClient.options.optional(),
  scopes: policies.scopes.options.optional(),
  authorizationDetails: policies.authorizationDetails.options.optional(),
  stepUp: policies.stepUp.options.optional(),
  claims: policies.claims.options.optional(),
  consent: policies.consent.options.optional(),
} satisfies Record<PolicyName, z.ZodType>

const policyEntry = z.union([
  z.enum(standardOrder),
  z
    .strictObject(policyOptions)
    .refine((entry) => Object.keys(entry).length === 1, { error: 'one policy per list item' }),
])

const method = z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** Exceptions of `profile: compat`; each loosens exactly one check on its route. */
const exceptionNames = [
  'bearerTokens',
  'rs256',
  'tokenTypeJwt',
  'longLivedTokens',
  'claimMapping',
  'noRevocation',
] as const

const route = z.strictObject({
  name: shortName.optional(),
  hosts: z.array(text).min(1).optional(),
  methods: z.array(method).min(1).optional(),
  path: text,
  open: z.boolean().default(false),
  kind: z.enum(['resource', 'open', 'bearer']).optional(),
  exceptions: z.array(z.enum(exceptionNames)).default([]),
  pipeline: text.optional(),
  ...modeOptions,
  ...policyOptions,
})

const policyList = z.array(policyEntry).min(1)

/** The policies in order, alone or beside a mode. */
const pipelines = z.record(text, z.union([policyList, z.strictObject({ ...modeOptions, policies: policyList })]))

/** Addresses and ranges, or principals as Envoy writes them. */
const trustedProxies = z.array(text).min(1)

const clientCertificateFrom = z.strictObject({
  source: z.enum(['connection', 'xfcc', 'client-cert', 'none']).default('connection'),
  /** x-forwarded-client-cert: who wrote it, and who may have. */
  xfcc: z
    .strictObject({
      writtenBy: z.enum(['thisEnvoy', 'previousHop']),
      hops: z
        .int()
        .min(1)
        .max(MAX_ELEMENTS - 1)
        .optional(),
      trustedProxies: trustedProxies.optional(),
      acceptHashOnly: z.boolean().optional(),
    })
    .optional(),
  /** Client-Cert of RFC 9440: who may have written it. */
  clientCert: z.strictObject({ trustedProxies: trustedProxies.optional() }).optional(),
})

/** The whole file. Every default stands here or in a policy's own options. */
export const configSchema = z.strictObject({
  profile: z.enum(['fapi2-security', 'compat']).default('fapi2-security'),
  ...modeOptions,
  listen: listen.prefault({}),
  publicOrigins: z.array(publicOrigin).min(1),
  clientCertificateFrom: clientCertificateFrom.prefault({}),
  authorizationServers: z.array(authorizationServer).min(1),
  outbound: outbound.prefault({}),
  stores: stores.prefault({}),
  /** Shared by all replicas, the newest first; without them each process makes one of its own. */
  nonces: z
    .strictObject({
      secrets: z.array(text).min(1).max(4).optional(),
      step: duration(10, 300).prefault('60s'),
    })
    .prefault({}),
  replicas: z.int().min(1).max(1000).default(1),
  limits: z
    .strictObject({
      concurrentChecks: z.int().min(1).max(100_000).default(1000),
      drain: duration(0, 300).prefault('10s'),
    })
    .prefault({}),
  identity: identity.prefault({}),
  /** Protected resource metadata (RFC 9728) of the public origins. */
  resourceMetadata,
  log: logging.prefault({}),
  audit: audit.prefault({}),
  /** Absent: no spans. */
  tracing: tracing.optional(),
  pipelines: pipelines.default({}),
  defaults: z.strictObject({ pipeline: text.optional() }).prefault({}),
  routes: z.array(route).min(1),
  include: z.array(text).default([]),
})

/** A file named by `include`: routes and pipelines, nothing else. */
export const includedSchema = z.strictObject({ pipelines: pipelines.default({}), routes: z.array(route).default([]) })

export type ParsedConfig = z.output<typeof configSchema>
export type ParsedRoute = ParsedConfig['routes'][number]
