import { z } from 'zod'
import { deny, ok } from '../denial.ts'
import { policyKind } from '../policy.ts'
import { missingScopes, type ScopeRules } from '../verify/scopes.ts'

/** RFC 6749 section 3.3: printable ASCII without blank, quote and backslash, so it can stand in a challenge as it is. */
const scope = z
  .string()
  .regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, { error: 'a scope name without blanks, quotes and backslashes' })
const scopeList = z.array(scope)

const full = z.strictObject({
  all: scopeList.default([]),
  any: scopeList.default([]),
  /** Scopes needed besides, by method. */
  methods: z.record(z.string().regex(/^[A-Z]+$/, { error: 'a method in capitals' }), scopeList).default({}),
  /** One scope that carries a value: `consent:{id}`; `fact` names the path parameter it has to equal. */
  parameter: z
    .strictObject({
      scope: z.string().regex(/^[\x21\x23-\x5b\x5d-\x7a|~]*\{[A-Za-z]\w*\}[\x21\x23-\x5b\x5d-\x7a|~]*$/, {
        error: 'a scope with one {name}, for example consent:{id}',
      }),
      fact: z.string().min(1),
    })
    .optional(),
})

const options = z.union([scopeList.min(1).transform((all) => full.parse({ all })), full])

/** Scope covers the request (RFC 6750 section 3.1, FAPI 2.0 Security Profile section 5.3.4). */
export const scopes = policyKind({
  options,
  needs: ['token', 'binding'],
  yields: [],
  create: (settings) => {
    const rules = readRules(settings)
    return ({ attributes, parameters, trace }, { token }) => {
      const missing = missingScopes(token.scopes ?? [], rules, attributes.method, parameters)
      if (trace.holds('token scope', 'RFC 6750 section 3.1', missing === undefined, token.scopes, missing))
        return ok({})
      return deny('scope_insufficient', 'the scope of the token does not cover the request', { scope: missing ?? [] })
    }
  },
})

function readRules({ all, any, methods, parameter }: z.output<typeof full>): ScopeRules {
  const [prefix = '', suffix = ''] = parameter?.scope.split(/\{\w+\}/) ?? []
  return {
    all,
    any,
    methods: new Map(Object.entries(methods)),
    parameter: parameter && { prefix, suffix, fact: parameter.fact },
  }
}
