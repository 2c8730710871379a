/** What became of one thing that was tried. `untested`: it cannot be told from here. */
type Severity = 'ok' | 'warning' | 'problem' | 'untested'

/** What doctor can find. */
interface Kind {
  readonly severity: Exclude<Severity, 'ok'>
  readonly title: string
  readonly fix: string
  /** Findings of `lint` that show the same in a file. */
  readonly lint?: readonly string[]
}

/** Every finding by its id; an id stands for ever. DR: the outside world, DT: the deployed Envoy. */
export const kinds = {
  'DR-01': {
    severity: 'problem',
    title: 'an address cannot be listened on',
    fix: 'stop what listens there, or choose another address in `listen`',
  },
  'DR-02': {
    severity: 'problem',
    title: 'no keys of an authorization server',
    fix: 'correct `issuer`, `keys` or `outbound.ca`, or have the server answer as RFC 8414 says; until then no token of it is accepted',
  },
  'DR-03': {
    severity: 'problem',
    title: 'no key fits an allowed algorithm',
    fix: 'have the server publish such a key, or take what it signs with into `algorithms`',
  },
  'DR-04': {
    severity: 'warning',
    title: 'one `kid` names several keys',
    fix: 'have the server give each key a `kid` of its own',
  },
  'DR-05': {
    severity: 'problem',
    title: 'private keys are published',
    fix: 'have the server replace its keys: whoever read the set can sign tokens',
  },
  'DR-06': {
    severity: 'warning',
    title: 'published keys that are not used',
    fix: 'nothing, when tokens are not signed with them; otherwise EC P-256, Ed25519 or RSA of 2048 to 4096 bits, with `use: sig`',
  },
  'DR-07': {
    severity: 'warning',
    title: 'keys arrive slowly',
    fix: 'look at the network and the server: after 3 s a call is given up',
  },
  'DR-08': {
    severity: 'warning',
    title: 'the server does not advertise what routes need',
    fix: 'have the server bind its tokens (RFC 9449, RFC 8705) and say so, or leave the method out of `senderConstraint.methods`',
  },
  'DR-09': {
    severity: 'warning',
    title: 'clocks differ by more than 5 s',
    fix: 'synchronize both clocks (NTP)',
  },
  'DR-10': {
    severity: 'problem',
    title: 'clocks differ by more than 30 s',
    fix: 'synchronize both clocks (NTP): tokens and proofs are refused as too old or too new',
  },
  'DR-11': {
    severity: 'warning',
    title: 'a certificate ends within 30 days',
    fix: 'renew it; the running service takes over the new file by itself',
  },
  'DR-12': {
    severity: 'problem',
    title: 'a certificate is not valid now',
    fix: 'renew it, or set the clock of this machine',
  },
  'DR-13': {
    severity: 'problem',
    title: 'a file cannot be used',
    fix: 'put the right content there, and let the user of the service read it',
  },
  'DR-14': {
    severity: 'warning',
    title: 'everybody may read a private key',
    fix: '`chmod o= FILE`; as a Kubernetes secret: `defaultMode: 0440`',
  },
  'DR-15': {
    severity: 'warning',
    title: 'a choice that protects less',
    fix: 'take it back when it is no longer needed',
  },
  'DR-16': {
    severity: 'problem',
    title: 'the replay store does not answer as it has to',
    fix: 'docs/replicas.md says what each cause means, and which rights the user needs; until then every DPoP proof is refused with 503',
  },
  'DR-17': {
    severity: 'problem',
    title: 'Redis may throw used proofs away',
    fix: '`maxmemory-policy noeviction`; until then every DPoP proof is refused with 503',
  },
  'DR-18': {
    severity: 'warning',
    title: 'Redis may take all memory there is',
    fix: 'set `maxmemory`: Redis then says that it is full, instead of being ended with all it remembers',
  },
  'DR-19': {
    severity: 'warning',
    title: 'an authority of clients is not valid now',
    fix: 'renew it in its file, or take it out; certificates that it issued are refused',
  },
  'DR-20': {
    severity: 'problem',
    title: 'a revocation list cannot be used',
    fix: 'put a list there that its authority signed and that has not run out; until then `crl: hard` answers 503, and `soft` lets revoked certificates through',
  },
  'DR-21': {
    severity: 'warning',
    title: 'a revocation list that no configured authority issued',
    fix: 'add its issuer to `ca` or `intermediates`; nothing, when clients send the certificate of its issuer along',
  },
  'DR-22': {
    severity: 'problem',
    title: 'an OCSP responder does not answer',
    fix: 'correct `revocation.responder`, the network or `outbound`; until then `ocsp: hard` answers 503, and `soft` lets revoked certificates through',
  },
  'DR-23': {
    severity: 'warning',
    title: 'an OCSP answer does not count',
    fix: 'look whether this responder is that of an authority of `ca` or `intermediates`, and signs for it',
  },
  'DT-01': {
    severity: 'problem',
    title: 'the deployed Envoy cannot be asked',
    fix: 'correct the URL, `--connect` or `--cacert`',
  },
  'DT-02': {
    severity: 'problem',
    title: 'a request that proves nothing goes through',
    fix: 'ext_authz on every route, closed when the service does not answer, and the second lock behind it (envoy/hardened.yaml)',
    lint: ['EL-01', 'EL-02', 'EL-03', 'EL-05', 'EL-07', 'GL-01'],
  },
  'DT-03': {
    severity: 'problem',
    title: 'the service does not answer Envoy',
    fix: 'look whether the service runs and is ready, at its address, and at the TLS between both',
  },
  'DT-04': {
    severity: 'problem',
    title: 'the answer is not the one of this service',
    fix: 'send this host to an Envoy whose ext_authz filter asks envoy-fapi; look what answers before it',
  },
  'DT-05': {
    severity: 'problem',
    title: 'another spelling of a path goes through',
    fix: '`normalize_path: true`, `merge_slashes: true`, `path_with_escaped_slashes_action: REJECT_REQUEST`, no ext_authz that is off by path',
    lint: ['EL-06', 'EL-20', 'EL-21', 'EL-22'],
  },
  'DT-06': {
    severity: 'problem',
    title: 'another host goes through',
    fix: 'only the public names in `domains` of the virtual host',
    lint: ['EL-25'],
  },
  'DT-07': {
    severity: 'problem',
    title: 'a method or an upgrade goes through',
    fix: 'no `upgrade_configs`, no route with `connect_matcher`',
    lint: ['EL-30'],
  },
  'DT-08': {
    severity: 'warning',
    title: 'the service is not asked on an open route',
    fix: 'leave ext_authz on; `open: true` in our configuration lets the path through',
    lint: ['EL-07'],
  },
  'DT-09': {
    severity: 'warning',
    title: 'who answered cannot be told',
    fix: 'look into the log of Envoy whether the upstream got this request',
  },
  'DT-10': {
    severity: 'problem',
    title: 'TLS older than 1.2 is spoken',
    fix: '`tls_minimum_protocol_version: TLSv1_2`',
  },
  'DT-11': {
    severity: 'warning',
    title: 'TLS sessions are resumed',
    fix: '`disable_stateless_session_resumption: true` and `disable_stateful_session_resumption: true`',
    lint: ['EL-46'],
  },
  'DT-12': {
    severity: 'warning',
    title: 'no client certificate is asked for',
    fix: '`validation_context.trusted_ca` in the DownstreamTlsContext of this host, unless clients with certificates have another one',
    lint: ['EL-40'],
  },
  'DT-13': {
    severity: 'untested',
    title: 'it cannot be told from here',
    fix: 'look with `envoy-fapi lint` at what Envoy is given',
    lint: ['EL-26', 'EL-43'],
  },
  'DT-14': {
    severity: 'warning',
    title: 'Envoy leaves spellings of a path as they are',
    fix: '`normalize_path: true`, `merge_slashes: true`, `path_with_escaped_slashes_action: REJECT_REQUEST`: we refuse what is left, other filters and routes may not',
    lint: ['EL-20', 'EL-21', 'EL-22'],
  },
  'DT-15': {
    severity: 'problem',
    title: 'clients are told something else than what is enforced',
    fix: 'put the routes that `envoy-fapi config metadata FILE` prints before all others of the virtual host, anew after a change',
  },
} as const satisfies Readonly<Record<string, Kind>>

export type FindingId = keyof typeof kinds

/** One thing that was tried, and what was found. */
export interface Finding {
  /** Absent when everything is as it should be. */
  readonly id?: FindingId
  readonly severity: Severity
  readonly tried: string
  readonly found: string
  readonly fix?: string
  readonly lint?: readonly string[]
}

export const fine = (tried: string, found: string): Finding => ({ severity: 'ok', tried, found })

export function finding(id: FindingId, tried: string, found: string): Finding {
  const kind: Kind = kinds[id]
  return { id, severity: kind.severity, tried, found, fix: kind.fix, ...(kind.lint && { lint: kind.lint }) }
}
