import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { auditPlace, recordsIn, verifyFiles } from '../support/audit-file.ts'

const child = fileURLToPath(new URL('../support/audit-child.ts', import.meta.url))

/** Lets a process decide and kills it when it has told so many allows; returns those it told, in order. */
async function decideUntilKilled(file: string, durability: string, first: number, count: number) {
  const running = spawn(process.execPath, [child, file, durability, String(first)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const told: string[] = []
  createInterface({ input: running.stdout }).on('line', (line) => {
    told.push(line)
    if (told.length === count) running.kill('SIGKILL')
  })
  await once(running, 'close')
  return told
}

/** Kills at twenty different moments, all runs into one file. */
async function twentyRounds(durability: string, most: number) {
  const { file } = auditPlace()
  const rounds: (readonly string[])[] = []
  for (let round = 0; round < 20; round += 1)
    rounds.push(await decideUntilKilled(file, durability, round * 100_000, 1 + Math.floor(Math.random() * most)))
  const ids = recordsIn(file).flatMap(({ interactionId }) => (typeof interactionId === 'string' ? [interactionId] : []))
  return { file, rounds, ids, recorded: new Set(ids) }
}

describe('audit-kill-midwrite, att-ops-05 SIGKILL at twenty random moments', () => {
  test('synced: every allow that left has its record, and the chain holds', async () => {
    const { file, rounds, ids, recorded } = await twentyRounds('synced', 30)
    for (const told of rounds) expect(told.filter((id) => !recorded.has(id))).toEqual([])
    expect(recorded.size).toBe(ids.length)
    const { findings, runs } = await verifyFiles([file], {})
    expect([findings, runs.length, runs.some(({ closed }) => closed)]).toEqual([[], 20, false])
  }, 30_000)
  test('queued: only the last ones before the kill can be missing, none in between', async () => {
    const { file, rounds, ids, recorded } = await twentyRounds('queued', 300)
    for (const told of rounds) {
      const missing = told.findIndex((id) => !recorded.has(id))
      if (missing >= 0) expect(told.slice(missing).filter((id) => recorded.has(id))).toEqual([])
    }
    expect(recorded.size).toBe(ids.length)
    const { findings, runs } = await verifyFiles([file], {})
    expect([findings, runs.some(({ closed }) => closed)]).toEqual([[], false])
  }, 30_000)
})
