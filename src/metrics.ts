import { Counter, Gauge, Histogram, Registry } from 'prom-client'

/** What stands in the table of metrics. */
export interface MetricDescription {
  readonly name: string
  readonly type: string
  readonly labels: readonly string[]
  readonly help: string
}

const prefix = 'envoy_fapi_'

/** Every metric of the service in a registry of its own. No label ever holds a value a client can choose. */
export function buildMetrics() {
  const registry = new Registry()
  const described: MetricDescription[] = []
  const common = (type: string, name: string, labels: readonly string[], help: string) => {
    described.push({ name: prefix + name, type, labels, help })
    return { name: prefix + name, help, labelNames: [...labels], registers: [registry] }
  }
  const counter = (name: string, labels: readonly string[], help: string) =>
    new Counter(common('counter', name, labels, help))
  const gauge = (name: string, labels: readonly string[], help: string) =>
    new Gauge(common('gauge', name, labels, help))

  return {
    registry,
    describe: (): readonly MetricDescription[] => described,
    /** How full a shared replay store is, no replica knows. */
    withoutRoom: (): void => {
      for (const name of ['replay_entries', 'replay_capacity']) registry.removeSingleMetric(prefix + name)
    },
    checks: counter('checks_total', ['route', 'decision', 'reason'], 'Decisions by route and reason.'),
    checkDuration: new Histogram({
      ...common('histogram', 'check_duration_seconds', ['route', 'decision'], 'Time from the Check to its answer.'),
      buckets: [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.2, 1],
    }),
    policyDuration: new Histogram({
      ...common('histogram', 'policy_duration_seconds', ['policy'], 'Time from the call of a policy to its answer.'),
      buckets: [0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.005, 0.05, 0.5],
    }),
    spans: counter('spans_total', ['result'], 'Spans by what became of them: recorded, exported, failed.'),
    shed: counter('checks_shed_total', ['reason'], 'Checks refused before they were looked at.'),
    refusedPeers: counter('peers_refused_total', [], 'Checks from a TLS peer that is not pinned.'),
    tokenCacheHits: counter('token_cache_hits_total', [], 'Access tokens whose signature was known already.'),
    tokenCacheMisses: counter('token_cache_misses_total', [], 'Access tokens whose signature had to be verified.'),
    tokenCacheEntries: gauge('token_cache_entries', [], 'Access tokens remembered.'),
    jwksFetches: counter(
      'jwks_fetches_total',
      ['server', 'result'],
      'Attempts to read the keys of an authorization server.',
    ),
    jwksFailures: counter(
      'jwks_fetch_failures_total',
      ['server', 'cause'],
      'Attempts to read the keys of an authorization server that failed, by cause.',
    ),
    jwksStoreErrors: counter(
      'jwks_store_errors_total',
      ['server'],
      'Sets in `keys.cacheDir` that were not used, or could not be written or removed.',
    ),
    jwksKeys: gauge('jwks_keys', ['server'], 'Usable keys of an authorization server.'),
    jwksSkipped: gauge('jwks_skipped_keys', ['server'], 'Keys of the set that cannot be used.'),
    jwksSuccess: gauge('jwks_last_success_timestamp_seconds', ['server'], 'When the keys were last read.'),
    jwksLeaks: gauge(
      'jwks_private_keys_published',
      ['server'],
      '1 when the authorization server publishes private keys.',
    ),
    introspectionCalls: counter(
      'introspection_calls_total',
      ['server', 'result'],
      'Questions about tokens by what came of them: active, inactive, unavailable, or refused without being asked.',
    ),
    introspectionCacheHits: counter(
      'introspection_cache_hits_total',
      ['server'],
      'Questions about tokens whose answer was remembered.',
    ),
    introspectionDuration: new Histogram({
      ...common('histogram', 'introspection_duration_seconds', ['server'], 'Time from a question to its answer.'),
      buckets: [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1],
    }),
    consentLookups: counter(
      'consent_lookups_total',
      ['service', 'result'],
      'Consents looked up by what came of it: found, absent, spent, unavailable, remembered, or refused without being asked.',
    ),
    consentDuration: new Histogram({
      ...common(
        'histogram',
        'consent_duration_seconds',
        ['service'],
        'Time from a question about a consent to its answer.',
      ),
      buckets: [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1],
    }),
    statusListFetches: counter(
      'status_list_fetches_total',
      ['server', 'result'],
      'Token Status Lists fetched, by what came of it: loaded, failed, or refused without a try.',
    ),
    statusListTolerated: counter(
      'status_list_tolerated_total',
      ['server'],
      'Answers from a status list past its time, or without any, because of onFailure: soft.',
    ),
    statusLists: gauge('status_lists', ['server'], 'Token Status Lists kept.'),
    statusListBytes: gauge('status_list_bytes', ['server'], 'Memory that the kept Token Status Lists take.'),
    replayEntries: gauge('replay_entries', [], 'DPoP proofs remembered.'),
    replayCapacity: gauge('replay_capacity', [], 'DPoP proofs that can be remembered.'),
    replayErrors: counter('replay_errors_total', ['claim'], 'Replay claims that were neither fresh nor used.'),
    replayStoreErrors: counter(
      'replay_store_errors_total',
      ['cause'],
      'Claims that the shared replay store could not answer, by cause.',
    ),
    replayLosses: counter(
      'replay_losses_total',
      ['cause'],
      'Times the shared replay store may have forgotten used proofs, by cause.',
    ),
    crlEvents: counter(
      'crl_events_total',
      ['result'],
      'What became of certificate revocation lists: loaded, failed, refused, stale, busy, or late for a request.',
    ),
    crlEntries: gauge('crl_entries', ['source'], 'Entries of a configured certificate revocation list.'),
    crlNextUpdate: gauge(
      'crl_next_update_timestamp_seconds',
      ['source'],
      'When a configured certificate revocation list ends to count; 0 without one.',
    ),
    ocspEvents: counter(
      'ocsp_events_total',
      ['result'],
      'Questions about the status of certificates: good, revoked, unknown, failed, remembered, refused, older, foreign, or late for a request.',
    ),
    ocspDuration: new Histogram({
      ...common('histogram', 'ocsp_duration_seconds', [], 'Time from a question to an OCSP responder to its answer.'),
      buckets: [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5],
    }),
    statusTolerated: counter(
      'certificate_status_tolerated_total',
      [],
      'Client certificates that passed though nothing could be learned of their revocation, because of soft.',
    ),
    dependencyUp: gauge('dependency_up', ['name'], '1 when a dependency answered last time.'),
    certificateExpiry: gauge(
      'certificate_expiry_timestamp_seconds',
      ['name'],
      'When a certificate of ours ends to be valid.',
    ),
    reloads: counter('config_reloads_total', ['result'], 'Configurations read: applied or refused.'),
    reloadSuccess: gauge('config_last_success_timestamp_seconds', [], 'When a configuration was last applied.'),
    enforcing: gauge('enforcing', ['route'], '1 when the route enforces, 0 in shadow.'),
    shadowDenials: counter(
      'shadow_denials_total',
      ['route', 'reason'],
      'Requests let pass in shadow that enforcement would have refused.',
    ),
    anomalies: counter('anomalies_total', ['kind'], 'Requests with something about them that attacks have too.'),
    exceptions: gauge('exceptions', ['route', 'exception'], '1 for each exception a route makes.'),
    exceptionsThrown: counter('internal_errors_total', [], 'Checks that ended in an exception of ours and a 500.'),
    revocationEntries: gauge(
      'revocation_entries',
      ['server', 'source'],
      'Revocations known, from a file or from Redis.',
    ),
    revocationAge: gauge(
      'revocation_age_seconds',
      ['server'],
      'Age of the moment up to which all revocations in Redis are known.',
    ),
    revocationPushes: counter(
      'revocation_pushes_total',
      ['server', 'result'],
      'Pushes of revocations by what came of them: stored, full or unavailable.',
    ),
    revocationUnchecked: counter(
      'revocation_unchecked_total',
      ['server'],
      'Tokens that passed unchecked because revocations were not known (onOutage: soft).',
    ),
    adminRequests: counter(
      'admin_requests_total',
      ['action', 'result'],
      'Operator actions by what came of them: done, failed, refused, or unauthenticated.',
    ),
    auditRecords: counter('audit_records_total', [], 'Audit records written.'),
    auditFailures: counter('audit_failures_total', [], 'Times audit records could no longer be written.'),
    auditDropped: counter(
      'audit_dropped_total',
      [],
      'Denials that have no audit record, because none could be written.',
    ),
    auditUp: gauge('audit_up', [], '1 when the last audit record could be written.'),
    auditQueue: gauge('audit_queue_bytes', [], 'Audit records that wait to be written.'),
    auditCheckpoint: gauge('audit_last_checkpoint_timestamp_seconds', [], 'When audit records were last signed.'),
    buildInfo: gauge('build_info', ['version', 'config_hash'], 'Version and configuration in force.'),
  } as const
}

export type Metrics = ReturnType<typeof buildMetrics>
