import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { buildGeneration, type Generation, type World } from '../../src/generation.ts'
import { loadConfig } from '../../src/io/config-file.ts'
import { buildLog } from '../../src/io/log.ts'
import { showRevocations } from '../../src/io/revocation-observation.ts'
import { closeRevocations } from '../../src/io/revocations.ts'
import { buildMemory } from '../../src/memory.ts'
import { buildMetrics } from '../../src/metrics.ts'
import { swap } from '../../src/reload.ts'
import { describeStatus, waitingFor } from '../../src/status.ts'
import { commandLine } from '../support/command-line.ts'
import { temporaryDirectory } from '../support/lifecycle-server.ts'
import { freshRedis } from '../support/redis-replays.ts'
import { revoked, tokenOf } from '../support/redis-revocations.ts'
import { ISSUER, ORIGIN, serverJwks } from '../support/spine.ts'

const NOBODY = 'redis://127.0.0.1:1'

/** A configuration with this deny-list and what becomes of it; `lines` stand in its file. */
function start(denyList: object, lines = '') {
  const directory = temporaryDirectory()
  const place = (name: string): string => join(directory, name)
  const file = place('c.yaml')
  const write = (list: object | undefined, issuer = ISSUER): void =>
    writeFileSync(
      file,
      JSON.stringify({
        publicOrigins: [ORIGIN],
        authorizationServers: [
          { name: 'as', issuer, keys: { file: 'jwks.json' }, revocation: { ...(list && { denyList: list }) } },
        ],
        routes: [{ path: '/accounts' }],
      }),
    )
  const list = (text: string): void => writeFileSync(place('revoked.jsonl'), text)
  write(denyList)
  list(lines)
  writeFileSync(place('jwks.json'), JSON.stringify(serverJwks))
  const loaded = loadConfig(file, {})
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  const told: Record<string, unknown>[] = []
  const log = buildLog('info', { write: (line) => void told.push(JSON.parse(line) as Record<string, unknown>) })
  const world: World = {
    ...{ file, environment: {}, memory: buildMemory(loaded.config), metrics: buildMetrics(), log },
    observeKeys: () => undefined,
  }
  const built = buildGeneration(loaded, undefined, world)
  let current: Generation | undefined = built.ok ? built.value : undefined
  onTestFinished(() => closeRevocations(current?.revocations ?? new Map()))
  const get = (): Generation => {
    if (!current) throw new Error(built.ok ? '' : built.problem)
    return current
  }
  const reload = async (): Promise<void> => {
    current = await swap(get(), world)
  }
  const of = () => get().revocations.get('as')
  const judge = (jti: string) => of()?.judge(tokenOf(jti), Date.now() / 1000)
  const isCurrent = () => vi.waitFor(() => expect(of()?.shared?.current).toBe(true), { timeout: 10_000, interval: 10 })
  const degraded = (): readonly string[] =>
    describeStatus({ phase: 'ready', lastChange: 'applied', waitingFor: [] }, get(), world.memory).body.degraded.filter(
      (line) => line.startsWith('revocations'),
    )
  const metric = async (series: string): Promise<number | undefined> => {
    showRevocations(world.metrics, get().revocations)
    const text = await world.metrics.registry.metrics()
    const line = text.split('\n').find((one) => one.startsWith(`envoy_fapi_${series} `))
    return line === undefined ? undefined : Number(line.split(' ').at(-1)?.replace('+Inf', 'Infinity'))
  }
  return { built, get, write, list, reload, of, judge, isCurrent, degraded, metric, told, world }
}

const clean = { kind: 'clean' }

describe('a file', () => {
  test('revokes what its lines say, and is watched', async () => {
    const { judge, get, degraded, metric } = start({ file: 'revoked.jsonl' }, '{"jti":"bad"}\n')
    expect([judge('bad'), judge('good')]).toEqual([{ kind: 'revoked', by: 'jti' }, clean])
    expect(get().loaded.files.some((name) => name.endsWith('revoked.jsonl'))).toBe(true)
    expect(degraded()).toEqual([])
    expect(await metric('revocation_entries{server="as",source="file"}')).toBe(1)
  })
  test.each([
    ['a line that is wrong', '{"jti":"secret-value"}\n{"jit":"b"}', /revoked\.jsonl: line 2: it has a member/],
    ['more entries than there may be', '{"jti":"a"}\n{"jti":"b"}\n{"jti":"c"}', /more than 2 entries \(maxEntries\)/],
    ['no UTF-8', Buffer.from([0x7b, 0xff]).toString('latin1'), /line 1/],
  ])('with %s is refused, and nothing of it is told', (_, lines, problem) => {
    const { built } = start({ file: 'revoked.jsonl', maxEntries: 2 }, lines)
    expect(built.ok ? '' : built.problem).toMatch(/^authorizationServers\[0\]\.revocation\.denyList\.file: /)
    expect(built.ok ? '' : built.problem).toMatch(problem)
    expect(JSON.stringify(built)).not.toContain('secret-value')
  })
  test.each<readonly [string, string, number | undefined, RegExp]>([
    ['lets a good one pass', '{"jti":"a"}', undefined, /^$/],
    [
      'names the line of a bad one',
      '{"jti":"a"}\n{}',
      2,
      /denyList\.file: .*revoked\.jsonl: line 2: it names exactly one/,
    ],
  ])('config check %s', async (_, lines, code, message) => {
    const { world } = start({ file: 'revoked.jsonl' })
    writeFileSync(join(dirname(world.file), 'revoked.jsonl'), lines)
    const checked = await commandLine(['config', 'check', world.file])
    expect(checked.code).toBe(code)
    expect(checked.err).toMatch(message)
  })
  test('that is long and changes lets requests be answered while it is read', async () => {
    const { judge, list, reload } = start({ file: 'revoked.jsonl' })
    list(Array.from({ length: 10_000 }, (_, index) => `{"jti":"${index}"}`).join('\n'))
    let turns = 0
    const others = new AbortController()
    const answering = (async () => {
      for (; !others.signal.aborted; turns += 1) await setImmediate()
    })()
    await reload()
    others.abort()
    await answering
    expect(judge('9999')).toEqual({ kind: 'revoked', by: 'jti' })
    expect(turns).toBeGreaterThanOrEqual(9)
  })
  test('that changes takes effect; one that is wrong leaves the last good one', async () => {
    const { judge, list, reload, told } = start({ file: 'revoked.jsonl' }, '{"jti":"one"}\n')
    list('{"jti":"two"}\n')
    await reload()
    expect([judge('one'), judge('two')]).toEqual([clean, { kind: 'revoked', by: 'jti' }])
    list('{"jti":"three"}\nnonsense\n')
    await reload()
    expect([judge('two'), judge('three')]).toEqual([{ kind: 'revoked', by: 'jti' }, clean])
    expect(told.at(-1)).toMatchObject({ level: 'error', msg: 'configuration refused, the last good one stays' })
  })
})

describe('a list in Redis', () => {
  test('keeps what it knows, and its connection, when the rest of the configuration changes', async () => {
    const redis = await freshRedis()
    const { of, judge, list, reload, isCurrent, write } = start({ redis: redis.url, file: 'revoked.jsonl' })
    await isCurrent()
    const before = of()?.shared
    await before?.push([revoked('bad')])
    list('{"jti":"listed"}\n')
    write({ redis: redis.url, file: 'revoked.jsonl', onOutage: 'soft' })
    await reload()
    expect(of()?.shared).toBe(before)
    expect([judge('bad'), judge('listed')]).toEqual([
      { kind: 'revoked', by: 'jti' },
      { kind: 'revoked', by: 'jti' },
    ])
  })
  test('that moves to another Redis takes along what it knows', async () => {
    const [old, next] = [await freshRedis(), await freshRedis()]
    const { of, judge, reload, isCurrent, write } = start({ redis: old.url })
    await isCurrent()
    const before = of()?.shared
    await before?.push([revoked('bad')])
    write({ redis: next.url })
    await reload()
    expect(of()?.shared).not.toBe(before)
    expect([of()?.shared?.current, judge('bad'), judge('good')]).toEqual([true, { kind: 'revoked', by: 'jti' }, clean])
    await vi.waitFor(async () => expect(await old.admin('client', 'list')).not.toContain('name=envoy-fapi'))
  })
  test('that moves to another Redis takes along what is pushed while it moves', async () => {
    const [old, next] = [await freshRedis(), await freshRedis()]
    const { of, judge, reload, isCurrent, write } = start({ redis: old.url })
    await isCurrent()
    write({ redis: next.url })
    const moving = reload()
    expect(await of()?.shared?.push([revoked('meanwhile')])).toBe('stored')
    await moving
    expect(judge('meanwhile')).toEqual({ kind: 'revoked', by: 'jti' })
    const other = start({ redis: next.url })
    await vi.waitFor(() => expect(other.judge('meanwhile')).toEqual({ kind: 'revoked', by: 'jti' }))
  })
  test('that has been left says of no push that it is stored', async () => {
    const [old, next] = [await freshRedis(), await freshRedis()]
    const { of, reload, isCurrent, write } = start({ redis: old.url })
    await isCurrent()
    const left = of()?.shared
    write({ redis: next.url })
    await reload()
    expect(await left?.push([revoked('late')])).toBe('unavailable')
  })
  test('of another issuer takes nothing along', async () => {
    const redis = await freshRedis()
    const { of, judge, reload, isCurrent, write } = start({ redis: redis.url })
    await isCurrent()
    await of()?.shared?.push([revoked('bad')])
    write({ redis: redis.url }, 'https://other.example')
    await reload()
    expect([of()?.shared?.current, judge('bad')]).toEqual([true, clean])
  })
  test('that cannot be read at its new place does not take the place of one that can', async () => {
    const redis = await freshRedis()
    const { of, judge, reload, isCurrent, write, told } = start({ redis: redis.url })
    await isCurrent()
    await of()?.shared?.push([revoked('bad')])
    write({ redis: NOBODY })
    await reload()
    expect([judge('bad'), judge('good')]).toEqual([{ kind: 'revoked', by: 'jti' }, clean])
    expect(told.at(-1)).toMatchObject({
      problems: [{ message: 'no revocations of as could be read from their new place' }],
    })
  })
  test('that the configuration has no more is closed', async () => {
    const redis = await freshRedis()
    const { of, reload, isCurrent, write } = start({ redis: redis.url })
    await isCurrent()
    write(undefined)
    await reload()
    expect(of()).toBeUndefined()
    await vi.waitFor(async () => expect(await redis.admin('client', 'list')).not.toContain('name=envoy-fapi'))
  })
})

describe('a start without news', () => {
  test('hard: nothing is known, which is told in /readyz, metrics and log', async () => {
    const { judge, degraded, metric, told, get, world } = start({ redis: NOBODY })
    expect(judge('good')).toEqual({ kind: 'unknown', detail: 'no revocations were read yet' })
    expect(waitingFor(get(), world.memory)).toContain('revocations of as')
    await vi.waitFor(() =>
      expect(degraded()).toEqual(['revocations of as: there is no connection to Redis, tokens are answered 503']),
    )
    expect(told).toMatchObject([
      { level: 'error', msg: 'revocations cannot be read', server: 'as', cause: 'connection', code: 'ECONNREFUSED' },
    ])
    expect(await metric('dependency_up{name="revocations of as"}')).toBe(0)
    expect(await metric('revocation_age_seconds{server="as"}')).toBe(Number.POSITIVE_INFINITY)
    expect(await metric('revocation_unchecked_total{server="as"}')).toBeUndefined()
  })
  test('soft: tokens pass, each is counted, and the operator is told', async () => {
    const { judge, degraded, metric } = start(
      { redis: NOBODY, onOutage: 'soft', file: 'revoked.jsonl' },
      '{"jti":"bad"}',
    )
    expect([judge('good'), judge('good'), judge('bad')]).toEqual([clean, clean, { kind: 'revoked', by: 'jti' }])
    expect(await metric('revocation_unchecked_total{server="as"}')).toBe(2)
    await vi.waitFor(() =>
      expect(degraded()).toEqual(['revocations of as: there is no connection to Redis, tokens pass unchecked']),
    )
  })
  test('soft counts nothing while the news come', async () => {
    const redis = await freshRedis()
    const { judge, metric, isCurrent, degraded } = start({ redis: redis.url, onOutage: 'soft' })
    await isCurrent()
    expect(judge('good')).toEqual(clean)
    expect(await metric('revocation_unchecked_total{server="as"}')).toBeUndefined()
    expect(await metric('dependency_up{name="revocations of as"}')).toBe(1)
    await vi.waitFor(() => expect(degraded()).toEqual([]))
  })
})
