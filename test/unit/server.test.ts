import { createServer } from 'node:net'
import { expect, test, vi } from 'vitest'
import { startServer } from '../../src/server.ts'
import type { Call, CheckRequest, CheckResponse } from '../../src/wire.ts'
import { fieldOf, flaws } from '../support/answers.ts'
import { outcomeOf } from '../support/lifecycle-grpc.ts'
import { denial, serverParts, startTestServer } from '../support/lifecycle-server.ts'
import { buildTestCheck, goodRequest } from '../support/spine.ts'

/** Checks that stay open until told, in the order they came. */
function heldChecks() {
  const open: ((response: CheckResponse) => void)[] = []
  const check = (): Promise<CheckResponse> => {
    const { promise, resolve } = Promise.withResolvers<CheckResponse>()
    open.push(resolve)
    return promise
  }
  return { open, check }
}

test('answers what the Check behind it decides, and says where it really listens', async () => {
  const spine = buildTestCheck()
  const { server, connect } = await startTestServer({ check: spine.check })
  expect(server.address).toMatch(/^127\.0\.0\.1:[1-9][0-9]+$/)
  const client = connect()
  expect(outcomeOf(await client.ask(goodRequest()))).toBe('allow')
  expect(outcomeOf(await client.ask(goodRequest({ proof: null })))).toBe('proof_missing')
})

test('att-ops-08: a server without TLS calls its caller local, and says nothing about peers', async () => {
  const calls: Call[] = []
  const { connect, events } = await startTestServer({
    check: (_request: CheckRequest, call: Call) => {
      calls.push(call)
      return denial('route_unknown')
    },
  })
  await connect().ask({})
  expect(calls.map(({ peer }) => peer)).toEqual(['local'])
  expect(events).toEqual([])
})

test.each([
  ['nothing', {}, undefined, 1000, 1000],
  ['the gRPC deadline', {}, 300, 1, 300],
  ['what Envoy announces', { 'x-envoy-expected-rq-timeout-ms': '250' }, 60_000, 250, 250],
  ['more than a second', { 'x-envoy-expected-rq-timeout-ms': '5000' }, 60_000, 1000, 1000],
  ['no number', { 'x-envoy-expected-rq-timeout-ms': '1e9' }, 60_000, 1000, 1000],
  ['a negative number', { 'x-envoy-expected-rq-timeout-ms': '-5' }, 60_000, 1000, 1000],
  ['zero', { 'x-envoy-expected-rq-timeout-ms': '0' }, 60_000, 1000, 1000],
] as const)('the time budget when the caller says %s', async (_, metadata, deadline, least, most) => {
  const budgets: number[] = []
  const { connect } = await startTestServer({
    check: (_request, { budget }) => {
      budgets.push(budget)
      return denial('route_unknown')
    },
  })
  await connect().ask({}, { metadata, ...(deadline !== undefined && { deadline }) })
  expect(budgets).toHaveLength(1)
  expect(budgets[0]).toBeGreaterThanOrEqual(least)
  expect(budgets[0]).toBeLessThanOrEqual(most)
})

test('att-envoy-17: Checks beyond the limit are refused whole, and there is room again when one has ended', async () => {
  const { open, check } = heldChecks()
  const { connect, events } = await startTestServer({ concurrentChecks: 2, check })
  const client = connect()
  const held = [client.ask({}), client.ask({})]
  await vi.waitFor(() => expect(open).toHaveLength(2))

  const shed = await client.ask({})
  expect(outcomeOf(shed)).toBe('overload')
  expect(shed.ok && flaws(shed.response)).toEqual([])
  expect(shed.ok && 'deniedResponse' in shed.response && shed.response.deniedResponse.status.code).toBe(503)
  expect(events).toEqual(['shed'])

  open[0]?.(denial('route_unknown'))
  expect(outcomeOf(await Promise.race(held))).toBe('route_unknown')
  const next = client.ask({})
  await vi.waitFor(() => expect(open).toHaveLength(3))
  for (const end of open) end(denial('token_expired'))
  expect(outcomeOf(await next)).toBe('token_expired')
})

test('nothing is decided while the log is full, and everything again afterwards', async () => {
  let full: 'overload' | 'audit_unavailable' | undefined = 'overload'
  const { connect, events } = await startTestServer({ congested: () => full })
  const client = connect()
  expect(outcomeOf(await client.ask({}))).toBe('overload')
  full = 'audit_unavailable'
  expect(outcomeOf(await client.ask({}))).toBe('audit_unavailable')
  full = undefined
  expect(outcomeOf(await client.ask({}))).toBe('route_unknown')
  expect(events).toEqual(['shed', 'unrecorded'])
})

test('what is too much for one connection gets an answer as well, and is not left waiting', async () => {
  const { open, check } = heldChecks()
  const { connect } = await startTestServer({ concurrentChecks: 150, check })
  const client = connect()
  const held = Array.from({ length: 150 }, () => client.ask({}))
  await vi.waitFor(() => expect(open).toHaveLength(150))
  const more = await Promise.all(Array.from({ length: 150 }, () => client.ask({})))
  expect([...new Set(more.map(outcomeOf))]).toEqual(['overload'])
  for (const end of open) end(denial('route_unknown'))
  expect([...new Set((await Promise.all(held)).map(outcomeOf))]).toEqual(['route_unknown'])
})

test('a Check that fails at once leaves its place free', async () => {
  let calls = 0
  const { connect, events } = await startTestServer({
    concurrentChecks: 1,
    check: () => {
      calls += 1
      throw new Error(`call ${calls}`)
    },
  })
  const client = connect()
  for (const _ of [1, 2, 3]) expect(outcomeOf(await client.ask({}))).toBe('internal_error')
  expect(events).toEqual(['bug: Error: call 1', 'bug: Error: call 2', 'bug: Error: call 3'])
})

test.each([
  [
    'throws',
    () => {
      throw new Error('secret of the handler')
    },
  ],
  ['rejects', () => Promise.reject(new Error('secret of the handler'))],
  [
    'throws nothing at all',
    () => {
      throw undefined
    },
  ],
  [
    'rejects later',
    async () => {
      await Promise.resolve()
      throw new TypeError('secret of the handler')
    },
  ],
] as const)('a handler that %s: a complete 500, and the server lives', async (_, check) => {
  const { connect } = await startTestServer({ check })
  const client = connect()
  const reply = await client.ask({})
  expect(outcomeOf(reply)).toBe('internal_error')
  expect(reply.ok && 'deniedResponse' in reply.response && reply.response.deniedResponse.status.code).toBe(500)
  expect(reply.ok && fieldOf(reply.response, 'decision')).toBe('deny')
  expect(JSON.stringify(reply)).not.toContain('secret')
  expect(outcomeOf(await client.ask({}))).toBe('internal_error')
})

test('a Check whose answer never comes costs its own call and no other', async () => {
  let calls = 0
  const { connect } = await startTestServer({
    check: () => {
      calls += 1
      return calls === 1 ? new Promise<never>(() => undefined) : denial('route_unknown')
    },
  })
  const client = connect()
  const [hung, other] = [client.ask({}, { deadline: 100 }), client.ask({})]
  expect(outcomeOf(await hung)).toBe('DEADLINE_EXCEEDED')
  expect(outcomeOf(await other)).toBe('route_unknown')
})

test('a Check that outlasts the drain is refused whole, because one that is cut off could pass at Envoy', async () => {
  const { open, check } = heldChecks()
  const { server, connect } = await startTestServer({ check })
  const answer = connect().ask({})
  await vi.waitFor(() => expect(open).toHaveLength(1))
  await server.drain(0.1)
  expect(outcomeOf(await answer)).toBe('draining')
  // What comes afterwards goes nowhere.
  for (const late of open) late(denial('route_unknown'))
})

test('a port that is taken is a problem that names option, address and remedy', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await vi.waitFor(() => expect(other.listening).toBe(true))
  const { port } = other.address() as { readonly port: number }
  try {
    const started = await startServer(serverParts({ listen: { check: `127.0.0.1:${port}` } }).parts)
    expect(started).toEqual({
      ok: false,
      problem: `listen.check: 127.0.0.1:${port} is in use by another process; stop it or choose another port`,
    })
  } finally {
    other.close()
  }
})

test('an address that is not of this machine is a problem in words', async () => {
  const started = await startServer(serverParts({ listen: { check: '192.0.2.1:0' } }).parts)
  expect(started).toEqual({
    ok: false,
    problem: 'listen.check: 192.0.2.1:0 is not an address of this machine',
  })
})
