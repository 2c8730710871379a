import type { Config } from './config.ts'

/** The Envoy settings that keep identity headers ours: what we may change, and what no client may bring. */
export interface HeaderRules {
  /** For `decoder_header_mutation_rules.allow_expression` of the ext_authz filter. */
  readonly allowExpression: string
  /** For a `remove_on_match` of the early header mutation, before any filter and before routing. */
  readonly earlyStrip: string
}

/**
 * The closed set of header names we set or remove, with every spelling an upstream may fold into one of ours. The fields
 * of RFC 9440 never reach the upstream; where they are the source of certificates, they have to reach us first.
 */
export function headerRules({
  identity,
  clientCertificateFrom,
}: Pick<Config, 'identity' | 'clientCertificateFrom'>): HeaderRules {
  const custom = identity.headers.map(([, name]) => name).filter((name) => !name.startsWith('x-authz-'))
  const folded = custom.map((name) => name.replaceAll('-', '[-_.]'))
  const prefix = 'x[-_.]authz[-_.]'
  const certificate = 'client[-_.]cert([-_.]chain)?'
  const closed = [`${prefix}[-_.a-z0-9]*`, ...folded, certificate, 'x-fapi-interaction-id', 'authorization', 'dpop']
  const early = clientCertificateFrom.source === 'client-cert' ? [] : [certificate]
  return {
    allowExpression: `^(${closed.join('|')})$`,
    earlyStrip: [`${prefix}.*`, ...folded, ...early].join('|'),
  }
}
