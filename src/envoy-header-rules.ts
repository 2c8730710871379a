import type { Config } from './config.ts'

/** The Envoy settings that keep identity headers ours: what we may change, and what no client may bring. */
export interface HeaderRules {
  /** For `decoder_header_mutation_rules.allow_expression` of the ext_authz filter. */
  readonly allowExpression: string
  /** For a `remove_on_match` of the early header mutation, before any filter and before routing. */
  readonly earlyStrip: string
}

/** The closed set of header names we set or remove, with every spelling an upstream may fold into one of ours. */
export function headerRules({ identity }: Pick<Config, 'identity'>): HeaderRules {
  const custom = identity.headers.map(([, name]) => name).filter((name) => !name.startsWith('x-authz-'))
  const folded = custom.map((name) => name.replaceAll('-', '[-_.]'))
  const prefix = 'x[-_.]authz[-_.]'
  return {
    allowExpression: `^(${[`${prefix}[-_.a-z0-9]*`, ...folded, 'x-fapi-interaction-id', 'authorization', 'dpop'].join('|')})$`,
    earlyStrip: [`${prefix}.*`, ...folded].join('|'),
  }
}
