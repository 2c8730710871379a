import { describe, expect, test } from 'vitest'
import { buildLog } from '../../../src/io/log.ts'
import {
  observeDecision,
  observeEnforcement,
  observeIntrospection,
  observeKeys,
  observeRoutes,
} from '../../../src/io/observation.ts'
import { buildMetrics } from '../../../src/metrics.ts'
import { loadFixture } from '../../support/config-files.ts'
import { buildTestCheck, goodRequest, mintToken, proofFor } from '../../support/spine.ts'

function buildObserver() {
  const lines: string[] = []
  const metrics = buildMetrics()
  const log = buildLog('debug', { write: (line) => void lines.push(line) })
  return { metrics, log, lines, text: () => metrics.registry.metrics() }
}

describe('decisions', () => {
  test('are counted and timed by route, decision and reason', async () => {
    const { metrics, log, lines, text } = buildObserver()
    const { ask } = buildTestCheck({ surroundings: { observe: observeDecision(metrics, log) } })
    await ask(goodRequest())
    await ask(goodRequest({ proof: null }))
    await ask(goodRequest({ proof: null }))
    await ask(goodRequest({ path: '/nowhere' }))
    const said = await text()
    expect(said).toContain('envoy_fapi_checks_total{route="accounts",decision="allow",reason="allowed"} 1')
    expect(said).toContain('envoy_fapi_checks_total{route="accounts",decision="deny",reason="proof_missing"} 2')
    expect(said).toContain('envoy_fapi_checks_total{route="none",decision="deny",reason="route_unknown"} 1')
    expect(said).toContain('envoy_fapi_check_duration_seconds_count{route="accounts",decision="deny"} 2')
    expect(lines).toHaveLength(4)
  })
  test('a claim the store could not make is counted', async () => {
    const { metrics, log, text } = buildObserver()
    const observe = observeDecision(metrics, log)
    const { ask } = buildTestCheck({ replays: { claim: () => 'full' }, surroundings: { observe } })
    await ask(goodRequest())
    expect(await text()).toContain('envoy_fapi_replay_errors_total{claim="replay_full"} 1')
  })
  test('att-dos-08, att-ops-05 no text of a client becomes a label', async () => {
    const { metrics, log, text } = buildObserver()
    const { ask } = buildTestCheck({ surroundings: { observe: observeDecision(metrics, log) } })
    const series = (said: string) => said.split('\n').filter((line) => !line.startsWith('#')).length
    await ask(goodRequest({ token: mintToken({ claims: { sub: 'first' } }) }))
    await ask(goodRequest({ path: '/accounts/first', token: mintToken() }))
    const before = series(await text())
    const secrets: string[] = []
    for (let index = 0; index < 50; index += 1) {
      const token = mintToken({ claims: { sub: `marker-${index}`, client_id: `marker-${index}`, iss: undefined } })
      secrets.push(token, proofFor(token))
      await ask(goodRequest({ token: mintToken({ claims: { sub: `marker-${index}`, client_id: `marker-${index}` } }) }))
      await ask(goodRequest({ path: `/accounts/marker-${index}` }))
    }
    const said = await text()
    expect(series(said)).toBe(before)
    for (const secret of ['marker-', 'user-1', ...secrets]) expect(said).not.toContain(secret)
  })
})

describe('keys', () => {
  test('failing is told once, and so is the end of it', async () => {
    const { metrics, log, lines, text } = buildObserver()
    const observe = observeKeys(metrics, log)
    observe({ server: 'bank', kind: 'failed', problem: 'ECONNREFUSED', cause: 'connect' })
    observe({ server: 'bank', kind: 'failed', problem: 'ECONNREFUSED', cause: 'connect' })
    expect(await text()).toContain('envoy_fapi_dependency_up{name="keys of bank"} 0')
    observe({ server: 'bank', kind: 'loaded', keys: 2, skipped: [], leaked: false })
    observe({ server: 'bank', kind: 'loaded', keys: 2, skipped: [], leaked: false })
    expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual([
      'keys cannot be read',
      'keys can be read again',
    ])
    const said = await text()
    expect(said).toContain('envoy_fapi_jwks_fetches_total{server="bank",result="failed"} 2')
    expect(said).toContain('envoy_fapi_jwks_fetch_failures_total{server="bank",cause="connect"} 2')
    expect(said).toContain('envoy_fapi_dependency_up{name="keys of bank"} 1')
    expect(said).toContain('envoy_fapi_jwks_keys{server="bank"} 2')
  })
  test('JWK-08 a server that publishes private keys, and keys that cannot be used, are told', async () => {
    const { metrics, log, lines, text } = buildObserver()
    const skipped = ['key 1: it is a shared secret', 'key 2: it is too short']
    observeKeys(metrics, log)({ server: 'bank', kind: 'loaded', keys: 1, skipped, leaked: true })
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { level: 'error', msg: 'the authorization server publishes private keys', server: 'bank' },
      { level: 'warn', skipped: skipped[0] },
      { level: 'warn', skipped: skipped[1] },
    ])
    const said = await text()
    expect(said).toContain('envoy_fapi_jwks_private_keys_published{server="bank"} 1')
    expect(said).toContain('envoy_fapi_jwks_skipped_keys{server="bank"} 2')
  })
})

describe('introspection', () => {
  test('failing is told once, and so is the end of it; what is remembered or refused tells nothing about the server', async () => {
    const { metrics, log, lines, text } = buildObserver()
    const observe = observeIntrospection(metrics, log)
    const server = 'bank'
    observe({ kind: 'refused', server })
    observe({ kind: 'remembered', server })
    expect(await text()).not.toContain('envoy_fapi_dependency_up{')
    observe({ kind: 'unavailable', server, seconds: 1, problem: 'it answered 500' })
    observe({ kind: 'unavailable', server, seconds: 1, problem: 'it answered 500' })
    expect(await text()).toContain('envoy_fapi_dependency_up{name="introspection of bank"} 0')
    observe({ kind: 'active', server, seconds: 0.01 })
    observe({ kind: 'inactive', server, seconds: 0.01 })
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { level: 'error', msg: 'introspection fails', server, problem: 'it answered 500' },
      { level: 'info', msg: 'introspection works again', server },
    ])
    const said = await text()
    for (const [result, count] of Object.entries({ unavailable: 2, active: 1, inactive: 1, refused: 1 }))
      expect(said).toContain(`envoy_fapi_introspection_calls_total{server="bank",result="${result}"} ${count}`)
    expect(said).toContain('envoy_fapi_introspection_cache_hits_total{server="bank"} 1')
    expect(said).toContain('envoy_fapi_introspection_duration_seconds_count{server="bank"} 4')
    expect(said).toContain('envoy_fapi_dependency_up{name="introspection of bank"} 1')
  })
})

describe('FAPI-RS-06 routes', () => {
  test('what enforces and what is excepted is told, and only of the configuration in force', async () => {
    const { metrics, text } = buildObserver()
    observeRoutes(metrics, loadFixture('good/compat.yaml'), 'a'.repeat(64), '1.2.3')
    observeEnforcement(metrics, loadFixture('good/compat.yaml'), 0)
    const said = await text()
    expect(said).toContain('envoy_fapi_enforcing{route="old"} 1')
    expect(said).toContain('envoy_fapi_exceptions{route="mixed",exception="rs256"} 1')
    expect(said).toContain(`envoy_fapi_build_info{version="1.2.3",config_hash="${'a'.repeat(12)}"} 1`)
    observeRoutes(metrics, loadFixture('good/smallest.yaml'), 'b'.repeat(64), '1.2.3')
    observeEnforcement(metrics, loadFixture('good/smallest.yaml'), 0)
    const now = await text()
    expect(now).toContain('envoy_fapi_enforcing{route="all"} 1')
    expect(now).not.toMatch(/route="old"|exception="|aaaa/)
  })
})
