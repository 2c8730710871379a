import type { z } from 'zod'
import type { Attributes } from './attributes.ts'
import type { Result } from './denial.ts'
import type {
  Cache,
  ClientAuthorities,
  ConsentSource,
  Introspector,
  KeySource,
  Meter,
  Nonces,
  Places,
  ProofKeys,
  ReplayStore,
  Revocations,
  StatusLists,
} from './ports.ts'
import type { Trace } from './trace.ts'
import type { VerifiedToken } from './verify/access-token.ts'
import type { VerifiedBinding } from './verify/binding.ts'
import type { VerifiedCertificate } from './verify/client-certificate.ts'
import type { VerifiedConsent } from './verify/consent.ts'
import type { OpenedToken, Recipient } from './verify/encrypted-token.ts'

/** What has been proven about a request. Each member can only be made by its verifier, which seals it at run time. */
export interface Evidence {
  /** What the client's own certificate is, whatever a token says. */
  readonly certificate: VerifiedCertificate
  readonly token: VerifiedToken
  readonly binding: VerifiedBinding
  readonly consent: VerifiedConsent
}

export type Fact = keyof Evidence

/** One request as the policies see it: what Envoy told us and where it leads. */
export interface RoutedRequest {
  readonly attributes: Attributes
  /** Name of the matched route. */
  readonly route: string
  /** Values of the `{name}` segments of the route's path template, still percent-encoded. */
  readonly parameters: ReadonlyMap<string, string>
  /** Canonical request URI without query, from the configured public origin; what `htu` is compared with. */
  readonly target: string
  /** Identity of the Envoy that asks, as the gRPC server established it. */
  readonly peer: string
  /** `x-fapi-interaction-id` of the request, or the one it got. */
  readonly interactionId: string
  /** Seconds since the epoch, with fraction. Read once per Check. */
  readonly now: number
  readonly trace: Trace
}

/** Checks one request: reads the facts it needs, returns the facts it adds, or denies. */
export type Evaluate<Needs extends Fact = Fact, Yields extends Fact = Fact> = (
  request: RoutedRequest,
  proven: Pick<Evidence, Needs>,
) => Result<Pick<Evidence, Yields>> | Promise<Result<Pick<Evidence, Yields>>>

/** What a policy may ask of the outside world. */
export interface Ports {
  /** Authorization servers by configured name. */
  readonly servers: ReadonlyMap<string, AuthorizationServer>
  /** Authorities of client certificates by the options that name them (`authoritiesKey`); absent: there are none. */
  readonly clientAuthorities?: ReadonlyMap<string, ClientAuthorities>
  readonly replays: ReplayStore
  readonly proofKeys: ProofKeys
  readonly nonces: Nonces
  /** Access tokens whose signature held, by hash of the token and generation of the keys (JWT-31). */
  readonly signedTokens: Cache<unknown>
  /** What was in encrypted access tokens, by hash of the token; absent: each is opened anew. */
  readonly openedTokens?: Cache<OpenedToken>
  /** Uses of private keys at the same time; absent: as many as there are requests. */
  readonly openings?: Places
  readonly meter?: Meter
  /** Who is asked about consents, by `consentKey`; absent: nobody. */
  readonly consents?: ReadonlyMap<string, ConsentSource>
}

/** One configured authorization server (issuer) and its keys. */
export interface AuthorizationServer {
  readonly name: string
  /** Compared octet by octet with `iss` (JWT-06). */
  readonly issuer: string
  readonly audiences: readonly string[]
  readonly algorithms: readonly string[]
  readonly keys: KeySource
  /** How to ask it about tokens; undefined when it is not asked. */
  readonly introspection?: Introspector | undefined
  /** Its revoked tokens; undefined when nobody tells of any. */
  readonly revocations?: Revocations | undefined
  /** Where the status of its tokens stands; undefined when it is not looked at. */
  readonly statusLists?: StatusLists | undefined
  /** What its tokens are encrypted for; undefined when they are not. */
  readonly recipient?: (Recipient & { readonly required: boolean }) | undefined
  /** Longest lifetime, in seconds, of a token that is judged without asking, where others may live longer. */
  readonly unasked?: number | undefined
}

/** What the configuration around a policy says: the profile and the exceptions of its route. */
export interface Setting {
  readonly route: string
  readonly exceptions: ReadonlySet<string>
}

/** A kind of policy: its options, the facts it needs and yields, and how to build it. */
export interface PolicyKind<Schema extends z.ZodType, Needs extends Fact, Yields extends Fact> {
  readonly options: Schema
  readonly needs: readonly Needs[]
  readonly yields: readonly Yields[]
  readonly create: (options: z.output<Schema>, ports: Ports, setting: Setting) => Evaluate<Needs, Yields>
}

/** A policy ready to run, as the pipeline sees it. */
export interface Policy {
  readonly name: string
  readonly needs: readonly Fact[]
  readonly yields: readonly Fact[]
  readonly evaluate: Evaluate
}

/** Gives each policy the same shape, whatever its options and facts are. */
export const policyKind = <
  Schema extends z.ZodType,
  const Needs extends Fact = never,
  const Yields extends Fact = never,
>(
  kind: PolicyKind<Schema, Needs, Yields>,
): PolicyKind<Schema, Needs, Yields> => kind
