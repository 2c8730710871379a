/** What a token's scope has to contain (RFC 6750 section 3.1). */
export interface ScopeRules {
  readonly all: readonly string[]
  readonly any: readonly string[]
  readonly methods: ReadonlyMap<string, readonly string[]>
  /** A scope that carries a value, for example `consent:{id}`. */
  readonly parameter:
    | { readonly prefix: string; readonly suffix: string; readonly names: readonly string[] }
    | undefined
}

/**
 * The scopes that would have been enough, or undefined when the granted ones are. Names are compared whole and with
 * case; no scope claim at all grants nothing (RFC 6749 section 3.3). A parameterised scope has to carry a value, and
 * the very value of the path parameter of the same name where the route has one.
 */
export function missingScopes(
  granted: readonly string[],
  rules: ScopeRules,
  method: string,
  parameters: ReadonlyMap<string, string>,
): readonly string[] | undefined {
  const needed = [...rules.all, ...scopesOf(method, rules)]
  const enough =
    needed.every((scope) => granted.includes(scope)) &&
    (rules.any.length === 0 || rules.any.some((scope) => granted.includes(scope))) &&
    (!rules.parameter || granted.some((scope) => carries(scope, rules.parameter, parameters)))
  if (enough) return undefined
  const shown = rules.parameter ? `${rules.parameter.prefix}${rules.parameter.suffix}` : ''
  return [...needed, ...rules.any, ...(shown === '' ? [] : [shown])]
}

/** HEAD shows what GET shows (RFC 9110 section 9.3.2), so it needs the same unless it is named itself. */
const scopesOf = (method: string, { methods }: ScopeRules): readonly string[] =>
  methods.get(method) ?? (method === 'HEAD' ? methods.get('GET') : undefined) ?? []

function carries(scope: string, parameter: ScopeRules['parameter'], parameters: ReadonlyMap<string, string>): boolean {
  if (!parameter) return false
  const { prefix, suffix, names } = parameter
  if (scope.length <= prefix.length + suffix.length || !scope.startsWith(prefix) || !scope.endsWith(suffix))
    return false
  const value = scope.slice(prefix.length, scope.length - suffix.length)
  return names.every((name) => {
    const wanted = parameters.get(name)
    return wanted === undefined || value === decodeURIComponent(wanted)
  })
}
