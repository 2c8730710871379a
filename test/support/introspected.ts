import type { Introspector, Statement } from '../../src/ports.ts'
import { readIntrospection } from '../../src/verify/introspection.ts'
import { verdict } from './answers.ts'
import { OPAQUE } from './introspection.ts'
import { buildTestCheck, document, goodRequest, type Order } from './spine.ts'

/** What makes the server of the test documents one that is asked about tokens. */
export const asked = { revocation: { introspection: { clientId: 'accounts-api', key: 'unread.pem' } } }
export const [server] = document.authorizationServers
export const askingDocument = { ...document, authorizationServers: [{ ...server, ...asked }] }
export const forcedDocument = {
  ...askingDocument,
  routes: [{ path: '/accounts', accessToken: { forceIntrospection: true } }],
}

/** A server that says the same of every token, and the tokens it was asked about. */
export function oracle(answer: Record<string, unknown> | Statement, required: readonly string[] = []) {
  const tokens: string[] = []
  const introspector: Introspector = {
    required,
    ask(token) {
      tokens.push(token)
      if ('kind' in answer) return answer as Statement
      // As it comes over the wire, where a member is there or is not.
      const said = readIntrospection(JSON.parse(JSON.stringify(answer)))
      return said.active ? { kind: 'active', claims: said.claims } : { kind: 'inactive' }
    },
  }
  return { introspector, tokens }
}

/** How a whole Check ends for an opaque token of which the server says so. */
export async function told(
  answer: Record<string, unknown> | Statement,
  order: Order = {},
  { config = askingDocument as object, required = [] as readonly string[] } = {},
): Promise<string> {
  const { introspector } = oracle(answer, required)
  const { ask } = buildTestCheck({ document: config, introspection: introspector })
  return verdict(await ask(goodRequest({ token: OPAQUE, ...order })))
}
