import { readConfig } from '../../src/config.ts'
import { type HeaderRules, headerRules } from '../../src/envoy-header-rules.ts'
import { edgeDocument } from './edge.ts'

/** Names of the operator's own, a profile that knows bearer tokens, and tokens that are passed on. */
export const customDocument = {
  profile: 'compat',
  identity: {
    headers: { subject: 'x-user-id', clientId: 'x-client', acr: 'x-authz-level' },
    token: 'forward',
    proof: 'forward',
    encoding: 'percent',
  },
  routes: [...edgeDocument.routes, { name: 'bearer', path: '/bearer', exceptions: ['bearerTokens'] }],
}

/** What `envoy-fapi config headers` prints for an identity section. */
export function rulesFor(identity: object = {}): HeaderRules {
  const reading = readConfig({
    publicOrigins: ['https://api.bank.example'],
    authorizationServers: [{ issuer: 'https://as.bank.example' }],
    routes: [{ path: '/**' }],
    identity,
  })
  if (!reading.ok) throw new Error(JSON.stringify(reading.problems))
  return headerRules(reading.config)
}
