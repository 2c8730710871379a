import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { CheckRequest } from '../../src/wire.ts'
import { type CheckClient, outcomeOf } from '../support/lifecycle-grpc.ts'
import { freshRequest, startTestService, type TestService } from '../support/lifecycle-service.ts'
import { goodRequest, mintToken, otherKey, proofFor } from '../support/spine.ts'

/** The most memory the process ever had, in MB. */
function peakMemory({ pid }: TestService): number {
  const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kilobytes) / 1024
}

/** A token that somebody else shows: the proof is of another key. */
const stolen = (): CheckRequest => {
  const now = Math.floor(Date.now() / 1000)
  const token = mintToken({ claims: { iat: now - 10, exp: now + 290 } })
  return goodRequest({ token, proof: proofFor(token, { claims: { iat: now } }, otherKey) })
}

const expectLife = async (service: TestService): Promise<void> => {
  const client = service.connect()
  expect(outcomeOf(await client.ask(freshRequest()))).toBe('allow')
  expect(outcomeOf(await client.ask(stolen()))).toBe('proof_key_mismatch')
}

/** What a Check may be told when more come than can be decided. */
const SHED: readonly string[] = ['overload', 'RESOURCE_EXHAUSTED']

/** Outcomes that are neither this one nor a refusal for want of room. */
const others = (outcomes: readonly string[], right: string): readonly string[] =>
  outcomes.filter((outcome) => outcome !== right && !SHED.includes(outcome))

describe('streams-10k: ten thousand Checks at once', () => {
  test.each([
    ['on one connection', 1],
    ['on a thousand connections', 1000],
  ])('%s: one answer each, no wrong one, bounded memory, normal service afterwards', async (_, connections) => {
    const service = await startTestService()
    const clients: readonly CheckClient[] = Array.from({ length: connections }, () => service.connect())
    const theft = stolen()
    const requests = Array.from({ length: 10_000 }, (__, index) => (index % 5 ? theft : freshRequest()))
    const answers = await Promise.all(
      requests.map(async (request, index) => {
        const reply = await clients[index % connections]?.ask(request, { deadline: 60_000 })
        return { honest: request !== theft, outcome: reply ? outcomeOf(reply) : 'nobody asked' }
      }),
    )
    const toldTo = (honest: boolean) => answers.filter((answer) => answer.honest === honest).map((one) => one.outcome)
    expect(others(toldTo(true), 'allow')).toEqual([])
    expect(others(toldTo(false), 'proof_key_mismatch')).toEqual([])
    expect(peakMemory(service)).toBeLessThan(512)
    await expectLife(service)
    expect(readFileSync(join(service.directory, 'errors.log'), 'utf8')).toBe('')
  })
})

describe('oom: a heap of 96 MB', () => {
  test('400 MB of Checks and bodies of 10 MB at once: each refused, the process lives, normal service afterwards', async () => {
    const service = await startTestService(undefined, undefined, { NODE_OPTIONS: '--max-old-space-size=96' })
    const headers = Array.from({ length: 900 }, (_, index) => [`x-filler-${index}`, 'x'.repeat(1000)] as const)
    const large = goodRequest({ token: 'x', proof: 'x', headers })
    const huge = goodRequest({ body: 'x'.repeat(10_000_000) })
    const clients = Array.from({ length: 20 }, () => service.connect())
    const askAll = (request: CheckRequest, times: number) =>
      Promise.all(
        Array.from({ length: times }, async (_, index) => {
          const reply = await clients[index % clients.length]?.ask(request, { deadline: 60_000 })
          return reply ? outcomeOf(reply) : 'nobody asked'
        }),
      )
    const [refused, shed] = await Promise.all([askAll(large, 400), askAll(huge, 40)])
    expect(others(refused, 'token_malformed')).toEqual([])
    expect(new Set(shed)).toEqual(new Set(['RESOURCE_EXHAUSTED']))
    await expectLife(service)
  })
})
