import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { commandLine } from '../support/command-line.ts'
import { edgeDocument, startTestEdge, type TestEdge, withSettings } from '../support/edge.ts'

/** What doctor reports when it asks through the Envoy of a setting. */
async function examine(edge: TestEdge, ...more: readonly string[]) {
  const { pki, ports, authorizationServer } = edge.setting
  const environment = {
    CHECK_PORT: String(ports.check),
    METRICS_PORT: String(ports.metrics),
    PKI: pki.directory,
    ISSUER: authorizationServer.issuer,
  }
  const before = edge.setting.upstream.count()
  const { out, err, code } = await commandLine(['doctor', '--config', edge.config, '--json', ...more], environment)
  expect(err).toBe('')
  const { findings } = JSON.parse(out) as {
    readonly findings: readonly { readonly id?: string; readonly severity: string; readonly tried: string }[]
  }
  const told = findings.flatMap(({ id, tried }) => (id === undefined ? [] : [`${id} ${tried}`]))
  return { code, told, findings, hits: edge.setting.upstream.count() - before }
}

const through = ({ setting: { edge, pki } }: TestEdge): readonly string[] => [
  '--through',
  'https://api.bank.example/accounts',
  '--connect',
  `127.0.0.1:${edge.port}`,
  '--cacert',
  join(pki.directory, 'ca.pem'),
]

async function start(adapt?: (bootstrap: string) => string): Promise<TestEdge> {
  const edge = await startTestEdge({
    document: { authorizationServers: edgeDocument.authorizationServers.slice(0, 1) },
    ...(adapt && { adapt }),
  })
  onTestFinished(() => edge.stop())
  return edge
}

const UNTESTED = "DT-13 a client's x-authz-* headers"

test('behind the hardened bootstrap nothing is missing, and only the open route reaches the upstream', async () => {
  const edge = await start()
  const { code, told, hits, findings } = await examine(edge, ...through(edge))
  expect([code, told, hits]).toEqual([undefined, [UNTESTED], 1])
  expect(findings.length).toBeGreaterThan(25)
})

test('from beside the service: what is configured answers, and its addresses are its own', async () => {
  const edge = await start()
  const { code, findings } = await examine(edge)
  expect(code).toBeUndefined()
  // The certificates of a development PKI end within thirty days.
  expect(new Set(findings.flatMap(({ id }) => id ?? []))).toEqual(new Set(['DR-11', 'DR-15']))
  expect(findings.filter(({ severity }) => severity === 'ok').map(({ tried }) => tried)).toEqual([
    'listen.tls',
    'listen.check',
    'listen.metrics',
    'keys of bank',
    'metadata of bank',
    'clock of bank',
  ])
})

describe('behind a bootstrap that is weak on purpose', () => {
  const withoutFilters = (...names: readonly string[]) =>
    withSettings({
      http_filters: (all) => (all as readonly { name: string }[]).filter(({ name }) => !names.includes(name)),
    })
  const lock = 'fapi.require_decision'
  const off = {
    'envoy.filters.http.ext_authz': {
      '@type': 'type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute',
      disabled: true,
    },
  }
  const skipping = (prefix: string) => (bootstrap: string) =>
    withSettings({
      routes: (all) => [
        { match: { prefix }, route: { cluster: 'upstream' }, typed_per_filter_config: off },
        ...(all as readonly object[]),
      ],
    })(withoutFilters(lock)(bootstrap))

  test('nobody asks: EL-03', async () => {
    const edge = await start(withoutFilters('envoy.filters.http.ext_authz', lock))
    const { code, told, hits } = await examine(edge, ...through(edge))
    expect([code, hits > 10]).toEqual([1, true])
    expect(told).toEqual(
      expect.arrayContaining(['DT-02 no credential', 'DT-02 a Bearer token that is none', 'DT-08 open route public']),
    )
  })
  test('failure_mode_allow while the service is down: EL-01', async () => {
    const edge = await start((bootstrap) =>
      withSettings({ failure_mode_allow: () => true })(withoutFilters(lock)(bootstrap)),
    )
    await edge.setting.service().stop()
    const { code, told } = await examine(edge, ...through(edge))
    expect([code, told.includes('DT-02 no credential')]).toEqual([1, true])
  })
  test('the service is down: told from a weakness', async () => {
    const edge = await start()
    await edge.setting.service().stop()
    const { code, told, hits } = await examine(edge, ...through(edge))
    expect([code, told[0], hits]).toEqual([1, 'DT-03 no credential', 0])
    expect(told.filter((one) => one.startsWith('DT-02'))).toEqual([])
  })
  test.each([
    ['slashes are not merged: EL-21', { merge_slashes: () => false }, ['DT-14 path //accounts']],
    [
      'paths are not normalized: EL-20',
      { normalize_path: () => false },
      ['DT-14 path /public/../accounts', 'DT-14 path /public/%2e%2e/accounts'],
    ],
    [
      'escaped slashes are kept: EL-22',
      { path_with_escaped_slashes_action: () => 'KEEP_UNCHANGED' },
      ['DT-14 path /public/..%2faccounts', 'DT-14 path /public%2f..%2faccounts', 'DT-14 path /public/..%5caccounts'],
    ],
    [
      'sessions are resumed: EL-46',
      { disable_stateless_session_resumption: () => false, disable_stateful_session_resumption: () => false },
      ['DT-11 a TLS session again'],
    ],
    ['no certificate is asked for: EL-40', { common_tls_context: withoutAuthority }, ['DT-12 client certificate']],
  ] as const)('%s', async (_, changes, expected) => {
    const edge = await start(withSettings(changes))
    const { told } = await examine(edge, ...through(edge))
    expect(told.filter((one) => one !== UNTESTED)).toEqual(expected)
  })
  test('ext_authz is off below the prefix of an open route: EL-06', async () => {
    const edge = await start((bootstrap) =>
      withSettings({ normalize_path: () => false })(skipping('/public')(bootstrap)),
    )
    const { code, told } = await examine(edge, ...through(edge))
    expect(code).toBe(1)
    expect(told).toEqual(expect.arrayContaining(['DT-05 path /public/../accounts', 'DT-08 open route public']))
  })
  test('ext_authz is off for another protected route: EL-07', async () => {
    const edge = await start(skipping('/admin'))
    const { told } = await examine(edge, ...through(edge))
    expect(told).toContain('DT-02 route admin without credential')
  })
})

/** A context that trusts no authority for clients. Those of Envoy itself stay as they are. */
function withoutAuthority(context: unknown): unknown {
  const { validation_context: trusted, ...rest } = context as {
    readonly validation_context?: { trusted_ca?: { filename?: string } }
  }
  return trusted?.trusted_ca?.filename?.includes('client-ca') ? rest : context
}

test('nobody listens there: one finding, and no more is tried', async () => {
  const edge = await start()
  const { code, told } = await examine(edge, '--through', 'https://api.bank.example/', '--connect', '127.0.0.1:1')
  expect([code, told]).toEqual([1, ['DT-01 no credential']])
})
test('a certificate that nobody vouches for: nothing is sent', async () => {
  const edge = await start()
  const { code, told, hits } = await examine(edge, ...through(edge).slice(0, 4))
  expect([code, told, hits]).toEqual([1, ['DT-01 no credential'], 0])
})
