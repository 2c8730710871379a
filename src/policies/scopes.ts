import { z } from 'zod'
import { deny, ok } from '../denial.ts'
import { policyKind } from '../policy.ts'
import { missingScopes, type ScopeRules } from '../verify/scopes.ts'

/** RFC 6749 section 3.3: printable ASCII without blank, quote and backslash, so it can stand in a challenge as it is. */
const scope = z
  .string()
  .regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, { error: 'a scope name without blanks, quotes and backslashes' })
const scopeList = z.array(scope)

const method = z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

const full = z.strictObject({
  all: scopeList.default([]),
  any: scopeList.default([]),
  /** Scopes needed besides, by method. A misspelled method would ask for nothing, so only known ones are taken. */
  methods: z.partialRecord(method, scopeList).default({}),
  /** One scope that carries a value, `consent:{id}`: that of the path parameter named so, or as `fact` is, if there is one. */
  parameter: z
    .strictObject({
      scope: z.string().regex(/^[\x21\x23-\x5b\x5d-\x7a|~]*\{[A-Za-z]\w*\}[\x21\x23-\x5b\x5d-\x7a|~]*$/, {
        error: 'a scope with one {name}, for example consent:{id}',
      }),
      fact: z.string().min(1),
    })
    .optional(),
})

/** A list is short for `all`; it is written back as the map. */
const short = z.codec(scopeList.min(1), full, {
  decode: (all) => ({ all }),
  encode: (input, context) => {
    context.issues.push({ code: 'custom', message: 'is written as a map', input })
    return z.NEVER
  },
})

const options = z.union([short, full])

export type ScopesOptions = z.output<typeof options>

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
      return deny('scope_insufficient', 'the scope of the token does not cover the request', {
        scope: (missing ?? []).filter(fitsChallenge).slice(0, 64),
      })
    }
  },
})

/** A challenge that grows without bound would never arrive; the pipeline takes 64 names of this length. */
const fitsChallenge = (name: string): boolean => name.length <= 256

function readRules({ all, any, methods, parameter }: ScopesOptions): ScopeRules {
  const [prefix = '', name = '', suffix = ''] = parameter?.scope.split(/\{(\w+)\}/) ?? []
  return {
    all,
    any,
    methods: new Map(Object.entries(methods)),
    parameter: parameter && { prefix, suffix, names: [name, parameter.fact] },
  }
}
