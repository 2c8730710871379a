import type { Fact, Policy, Ports, Setting } from '../policy.ts'
import { accessToken } from './access-token.ts'
import { authorizationDetails } from './authorization-details.ts'
import { certificateClient } from './certificate-client.ts'
import { claims } from './claims.ts'
import { clientCertificate } from './client-certificate.ts'
import { consent } from './consent.ts'
import { fapiHeaders } from './fapi-headers.ts'
import { scopes } from './scopes.ts'
import { senderConstraint } from './sender-constraint.ts'
import { stepUp } from './step-up.ts'

/** Every policy by its configuration key. */
export const policies = {
  fapiHeaders,
  clientCertificate,
  accessToken,
  senderConstraint,
  certificateClient,
  scopes,
  authorizationDetails,
  stepUp,
  claims,
  consent,
} as const

export type PolicyName = keyof typeof policies

/** The order in which policy keys written on a route join its pipeline: headers, certificate, token, possession, authorization, consent. */
export const standardOrder: readonly PolicyName[] = [
  'fapiHeaders',
  'clientCertificate',
  'accessToken',
  'senderConstraint',
  'certificateClient',
  'scopes',
  'authorizationDetails',
  'stepUp',
  'claims',
  'consent',
]

/** A policy ready to run; `options` have to come from the policy's own schema. */
export function buildPolicy(name: PolicyName, options: unknown, ports: Ports, setting: Setting): Policy {
  const { yields, create } = policies[name]
  // Each kind pairs its own schema with its own create; the union hides that from the compiler.
  const build = create as (options: unknown, ports: Ports, setting: Setting) => Policy['evaluate']
  return { name, needs: needsOf(name, setting.exceptions), yields, evaluate: build(options, ports, setting) }
}

/** The facts a policy needs. Where bearer tokens are taken by exception there is no binding to wait for. */
export const needsOf = (name: PolicyName, exceptions: ReadonlySet<string>): readonly Fact[] =>
  policies[name].needs.filter((fact: Fact) => fact !== 'binding' || !exceptions.has('bearerTokens'))
