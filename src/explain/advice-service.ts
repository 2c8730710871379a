import type { Advice } from './advice.ts'

const again = 'Try again after Retry-After, with a new proof.'

/** What to do when the service itself could not decide. */
export const serviceAdvice = {
  replay_quota: {
    check: 'proof unused',
    clause: 'RFC 9449 section 11.1',
    option: 'stores',
    cause: 'One key has so many live proofs that it could fill the memory of used proofs.',
    example: 'a load test with a single key',
    client: 'Send fewer requests per minute with one key.',
    operator: 'Raise stores.replayCapacity; one key may fill a twentieth of it.',
  },
  replay_full: {
    check: 'proof unused',
    clause: 'RFC 9449 section 11.1',
    option: 'stores',
    cause: 'The memory of used proofs is full. None is forgotten early, because it could be used again.',
    example: 'more proofs within two minutes than replayCapacity',
    client: again,
    operator: 'Raise stores.replayCapacity, or share a Redis between replicas; docs/replicas.md says how big.',
  },
  replay_unavailable: {
    check: 'proof unused',
    clause: 'RFC 9449 section 11.1',
    option: 'stores',
    cause: 'The replay store did not answer in time, so nobody knows whether the proof was used.',
    example: 'a Redis that fails over',
    client: again,
    operator: 'Look at Redis; docs/runbook.md says what to do.',
  },
  replay_unknown: {
    check: 'proof unused',
    clause: 'RFC 9449 section 11.1',
    option: 'stores',
    cause: 'The proof is older than what the replay store remembers: the service or its Redis has just started.',
    example: 'a proof made before a restart',
    client: 'Send the request again with a new proof.',
    operator: 'Nothing; it ends by itself within seconds. With a shared Redis restarts of the service do not cause it.',
  },
  audit_unavailable: {
    check: 'audit record',
    clause: 'RFC 9110 section 15.6.4',
    option: 'audit',
    cause: 'The decision could not be written to the audit log, and an allow without its record may not leave.',
    example: 'a full disk; an audit file that somebody removed',
    client: again,
    operator:
      'Make room or repair the file; docs/runbook.md says what to do. It ends by itself once records can be written.',
  },
  deadline: {
    check: 'time budget',
    clause: 'RFC 9110 section 15.6.4',
    option: 'limits',
    cause: 'The decision was not ready in the time that Envoy waits.',
    example: 'introspection that takes longer than the timeout of the ext_authz filter',
    client: again,
    operator:
      'Look what is slow: envoy_fapi_policy_duration_seconds. Give the filter a timeout of at least half a second.',
  },
  overload: {
    check: 'load',
    clause: 'RFC 9110 section 15.6.4',
    option: 'limits.concurrentChecks',
    cause: 'More requests wait for a decision than the service takes at once.',
    example: 'a load test; a slow Redis that makes all of them wait',
    client: again,
    operator: 'Add replicas with a shared replay store, or raise limits.concurrentChecks.',
  },
  draining: {
    check: 'load',
    clause: 'RFC 9110 section 15.6.4',
    option: 'limits.drain',
    cause: 'The service is being shut down.',
    example: 'a rollout where Envoy has not yet noticed that this replica ends',
    client: again,
    operator: 'Let Envoy check the health of the service, and give limits.drain more time than that takes.',
  },
  starting: {
    check: 'load',
    clause: 'RFC 9110 section 15.6.4',
    option: 'authorizationServers',
    cause: 'The service has no keys of any authorization server yet.',
    example: 'the first seconds after a start',
    client: again,
    operator: 'When it lasts, /readyz says what it waits for, and envoy-fapi doctor why.',
  },
  internal_error: {
    check: 'internal',
    clause: 'RFC 9110 section 15.6.1',
    option: 'routes',
    cause: 'A fault in the service or in a module of yours. It refuses what it cannot judge.',
    example: 'an exception in a custom policy',
    client: again,
    operator:
      'The log has an error line with the same interaction id. Report it, without tokens, when no module of yours is in it.',
  },
} as const satisfies Record<string, Advice>
