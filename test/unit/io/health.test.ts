import { describe, expect, test, vi } from 'vitest'
import { buildHealth } from '../../../src/io/health.ts'
import { startTestServer } from '../../support/lifecycle-server.ts'

const AUTHORIZATION = 'envoy.service.auth.v3.Authorization'

describe.each([
  ['before it is ready', false, 'NOT_SERVING'],
  ['when it is ready', true, 'SERVING'],
])('grpc.health.v1 %s', (_, ready, expected) => {
  test.each([
    ['', expected],
    [AUTHORIZATION, expected],
    ['readiness', expected],
    ['liveness', 'SERVING'],
    ['startup', 'SERVING'],
    ['envoy.service.ext_proc.v3.ExternalProcessor', 'NOT_FOUND'],
    ['__proto__', 'NOT_FOUND'],
    ['Readiness', 'NOT_FOUND'],
  ])('Check of "%s": %s', async (service, answer) => {
    const { health, connect } = await startTestServer()
    health.set(ready)
    expect(await connect().health(service)).toBe(answer)
  })

  test('List', async () => {
    const { health, connect } = await startTestServer()
    health.set(ready)
    expect(await connect().listHealth()).toEqual({
      '': expected,
      [AUTHORIZATION]: expected,
      readiness: expected,
      liveness: 'SERVING',
      startup: 'SERVING',
    })
  })
})

test('Watch tells what is, every change, and nothing twice', async () => {
  const { health, connect } = await startTestServer()
  const { heard } = connect().watchHealth(AUTHORIZATION)
  await vi.waitFor(() => expect(heard).toEqual(['NOT_SERVING']))
  health.set(true)
  health.set(true)
  await vi.waitFor(() => expect(heard).toEqual(['NOT_SERVING', 'SERVING']))
  health.set(false)
  await vi.waitFor(() => expect(heard).toEqual(['NOT_SERVING', 'SERVING', 'NOT_SERVING']))
})

test('Watch of an unknown name says so and stays', async () => {
  const { health, connect } = await startTestServer()
  const client = connect()
  const { heard } = client.watchHealth('nobody')
  await vi.waitFor(() => expect(heard).toEqual(['SERVICE_UNKNOWN']))
  health.set(true)
  expect(await client.health()).toBe('SERVING')
  expect(heard).toEqual(['SERVICE_UNKNOWN'])
})

test('a watcher that would not be told of changes is refused, and one that leaves makes room', () => {
  const health = buildHealth()
  const watch = () => health.watch('', { tell: () => undefined, end: () => undefined })
  const stops = Array.from({ length: 256 }, watch)
  expect(stops.every((stop) => stop !== undefined)).toBe(true)
  expect(watch()).toBeUndefined()
  stops[0]?.()
  expect(watch()).toBeDefined()
})

test('over the wire, one watcher too many gets an end, and the others are told', async () => {
  const { health, connect } = await startTestServer()
  const first = connect().watchHealth('')
  await vi.waitFor(() => expect(first.heard).toEqual(['NOT_SERVING']))
  for (let watchers = 1; watchers < 256; watchers += 1)
    health.watch('', { tell: () => undefined, end: () => undefined })
  const last = connect().watchHealth('')
  await last.ended
  expect(last.heard).toEqual([])
  health.set(true)
  await vi.waitFor(() => expect(first.heard).toEqual(['NOT_SERVING', 'SERVING']))
})

test('watchers that hang up make room', async () => {
  const { health, connect } = await startTestServer()
  for (let round = 0; round < 3; round += 1) {
    const client = connect()
    const watches = Array.from({ length: 90 }, () => client.watchHealth(''))
    await vi.waitFor(() => expect(watches.every(({ heard }) => heard.length === 1)).toBe(true))
    client.close()
    for (const { cancel } of watches) cancel()
    await Promise.all(watches.map(({ ended }) => ended))
  }
  const watch = connect().watchHealth('')
  await vi.waitFor(() => expect(watch.heard).toEqual(['NOT_SERVING']))
  health.set(true)
  await vi.waitFor(() => expect(watch.heard).toEqual(['NOT_SERVING', 'SERVING']))
})

test('draining tells watchers and ends their streams, so that none holds up the end', async () => {
  const { health, connect, server } = await startTestServer()
  health.set(true)
  const watch = connect().watchHealth('')
  await vi.waitFor(() => expect(watch.heard).toEqual(['SERVING']))
  health.set(false)
  // Longer than the test may take: the drain must not need its grace.
  await server.drain(600)
  await watch.ended
  expect(watch.heard).toEqual(['SERVING', 'NOT_SERVING'])
})
