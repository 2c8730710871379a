import { describe, expect, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { expandConfig } from '../../src/config-expansion.ts'
import { checkEnds, notEnforcing, shadowNotes } from '../../src/config-shadow.ts'
import { observeDecision, observeEnforcement } from '../../src/io/observation.ts'
import { buildMetrics } from '../../src/metrics.ts'
import { smallest } from '../support/config-files.ts'
import { buildTestCheck, document, goodRequest } from '../support/spine.ts'

const END = '2027-01-31T08:00:00Z'
const end = Date.parse(END) / 1000
const DAY = 86_400

function configure(difference: object) {
  const reading = readConfig(smallest(difference))
  if (!reading.ok) throw new Error(JSON.stringify(reading.problems))
  return reading.config
}

const shadow = { mode: 'shadow', until: END }
const enforce = { mode: 'enforce' }
const policies = ['accessToken', 'senderConstraint']

/** Whether the only route of a configuration with these modes is in shadow. */
const isShadowed = (file: object, pipeline: object, route: object, chosen: object = { pipeline: 'one' }): boolean =>
  configure({
    ...file,
    pipelines: { one: 'mode' in pipeline ? { ...pipeline, policies } : policies },
    routes: [{ path: '/a', ...chosen, ...route }],
  }).routes[0]?.shadow !== undefined

describe('the most specific mode wins', () => {
  test.each([
    ['none: it enforces', {}, {}, {}, false],
    ['the file', shadow, {}, {}, true],
    ['the pipeline', {}, shadow, {}, true],
    ['the route', {}, {}, shadow, true],
    ['the pipeline over the file', shadow, enforce, {}, false],
    ['the route over the pipeline', {}, shadow, enforce, false],
    ['the route over the file', shadow, {}, enforce, false],
    ['the route over both', enforce, enforce, shadow, true],
  ])('%s', (_, file, pipeline, route, expected) => expect(isShadowed(file, pipeline, route)).toBe(expected))
  test.each([
    ['a pipeline that another route runs', { pipeline: 'one' }, {}, true],
    ['no pipeline', {}, {}, false],
    ['an open route, which runs none', {}, { open: true }, false],
  ])('%s', (_, chosen, route, expected) => expect(isShadowed({}, shadow, route, chosen)).toBe(expected))
  test('a pipeline that is the default', () => {
    const { routes } = configure({
      pipelines: { one: { ...shadow, policies } },
      defaults: { pipeline: 'one' },
      routes: [{ path: '/a' }, { path: '/b', open: true }],
    })
    expect(routes.map((route) => route.shadow !== undefined)).toEqual([true, false])
  })
  test('an end belongs to the mode beside it: a route without one has none', () => {
    const { routes } = configure({
      ...shadow,
      routes: [{ path: '/a', mode: 'shadow' }, { path: '/b' }, { path: '/c', ...enforce }],
    })
    expect(routes.map((route) => route.shadow?.until)).toEqual([undefined, end, undefined])
  })
})

describe('policies beside a mode run as they would alone', () => {
  const run = (pipeline: unknown, more: object = {}) =>
    configure({ pipelines: { one: pipeline }, routes: [{ path: '/a', pipeline: 'one', ...more }] }).routes[0]?.policies
  const list = ['accessToken', { senderConstraint: { methods: ['dpop'] } }]
  test('in order, with their options', () =>
    expect(run({ ...shadow, policies: list })?.map(({ name, options }) => ({ name, options }))).toEqual(
      run(list)?.map(({ name, options }) => ({ name, options })),
    ))
  test('what is wrong in them is told with its place', () => {
    const reading = readConfig(
      smallest({
        pipelines: { one: { policies: ['senderConstraint', 'accessToken'] } },
        routes: [{ path: '/a', pipeline: 'one' }],
      }),
    )
    expect(reading).toMatchObject({ ok: false, problems: [{ path: ['pipelines', 'one', 'policies', 0] }] })
  })
})

test('what a configuration expands to says the mode of each route', () => {
  const expanded = expandConfig(configure({ ...shadow, routes: [{ path: '/a' }, { path: '/b', ...enforce }] }))
  expect(expanded).toMatchObject({ routes: [{ mode: 'shadow', until: END }, { mode: 'enforce' }] })
  expect(expanded).not.toHaveProperty('mode')
  expect(expanded).not.toHaveProperty('routes.1.until')
})

test.each([
  ['2027-01-31', '2027-01-31T00:00:00Z'],
  ['2027-01-31T08:00Z', END],
  ['2027-01-31T09:00:00+01:00', END],
  ['2028-02-29', '2028-02-29T00:00:00Z'],
])('a date: %s', (until, meant) => {
  const { routes } = configure({ mode: 'shadow', until, routes: [{ path: '/a' }] })
  expect(routes[0]?.shadow?.until).toBe(Date.parse(meant) / 1000)
})

describe('ends', () => {
  const config = configure({
    ...shadow,
    routes: [
      { name: 'a', path: '/a' },
      { name: 'b', path: '/b', mode: 'shadow' },
      { name: 'c', path: '/c', ...enforce },
    ],
  })
  test('90 days ahead at the most, told once', () => {
    expect(checkEnds(config, end - 90 * DAY)).toEqual([])
    expect(checkEnds(config, end - 90 * DAY - 1)).toEqual([
      { path: ['until'], message: `${END} is more than 90 days ahead` },
    ])
    const both = configure({ ...shadow, routes: [{ path: '/a' }, { path: '/b' }] })
    expect(checkEnds(both, 0)).toHaveLength(1)
  })
  test('one that has come: the route enforces, and somebody is told', () => {
    const names = (now: number) => notEnforcing(config, now).map(({ name }) => name)
    expect([names(end - 1), names(end)]).toEqual([['a', 'b'], ['b']])
    expect(shadowNotes(config, end - 1)).toEqual([
      `route a does not enforce (mode: shadow) until ${END}`,
      'route b does not enforce (mode: shadow), and no date ends that',
    ])
    expect(shadowNotes(config, end)[0]).toBe(`route a enforces: its mode: shadow ended ${END}`)
    expect(shadowNotes(configure({}), 0)).toEqual([])
  })
  test('the metric follows the clock', async () => {
    const metrics = buildMetrics()
    const text = async (now: number) => {
      observeEnforcement(metrics, config, now)
      return await metrics.registry.getSingleMetricAsString('envoy_fapi_enforcing')
    }
    expect(await text(end - 1)).toContain('{route="a"} 0')
    expect(await text(end)).toMatch(/\{route="a"\} 1[\s\S]*\{route="b"\} 0/)
  })
})

test('what enforcement would refuse is counted, and nothing else', async () => {
  const metrics = buildMetrics()
  const lines: unknown[] = []
  const log = { decision: (record: unknown) => void lines.push(record), event: () => {} }
  const routes = document.routes.map((route) => (route.name === 'accounts' ? { ...route, mode: 'shadow' } : route))
  const { ask } = buildTestCheck({
    document: { ...document, routes },
    replays: { claim: () => 'full' },
    surroundings: { observe: observeDecision(metrics, log as unknown as Parameters<typeof observeDecision>[1]) },
  })
  await ask(goodRequest())
  await ask(goodRequest({ proof: null }))
  await ask(goodRequest({ path: '/dpop', proof: null }))
  const text = await metrics.registry.metrics()
  expect(text.match(/^envoy_fapi_shadow_denials_total\{.*/gm)).toEqual([
    'envoy_fapi_shadow_denials_total{route="accounts",reason="replay_full"} 1',
    'envoy_fapi_shadow_denials_total{route="accounts",reason="proof_missing"} 1',
  ])
  expect(text).toContain('envoy_fapi_checks_total{route="accounts",decision="allow",reason="allowed"} 2')
  expect(text).toContain('envoy_fapi_replay_errors_total{claim="replay_full"} 1')
  expect(lines).toHaveLength(3)
})
