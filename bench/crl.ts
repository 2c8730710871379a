// What a large revocation list does to decisions while it is read for the first time and again: the longest time nothing
// else could be done, and memory. `node --expose-gc bench/crl.ts` for this alone; a part of bench/run.ts.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setImmediate } from 'node:timers/promises'
import { buildCrls } from '../src/io/crls.ts'
import { verdict } from '../test/support/answers.ts'
import { listed, listIssuer, manyEntries, nth, writeList } from '../test/support/crls.ts'
import { NOW } from '../test/support/ocsp-pki.ts'
import { certificate } from '../test/support/possession.ts'
import { boundTo, buildTestCheck, CALL, goodRequest, mintToken } from '../test/support/spine.ts'

const ENTRIES = 100_000
const RELOADS = 5

/** Milliseconds and bytes. */
export interface CrlReport {
  readonly entries: number
  readonly size: number
  /** From the first look to the end of the first check of its signature, and the longest of the later ones. */
  readonly first: number
  readonly again: number
  /** The longest time nothing else could be done: with decisions alone, and beside the list. */
  readonly stallAlone: number
  readonly stall: number
  readonly decisions: number
  /** Of the list in memory, and the most by which the process grew meanwhile, its thread included. */
  readonly kept: number
  readonly peak: number
}

export async function measureCrls(): Promise<CrlReport> {
  const directory = mkdtempSync(join(tmpdir(), 'bench-crl-'))
  try {
    return await measureFile(join(directory, 'ca.crl'))
  } finally {
    rmSync(directory, { recursive: true })
  }
}

async function measureFile(file: string): Promise<CrlReport> {
  const size = write(file)
  await settle()
  const busy = decide()
  // Until then the engine still compiles.
  await pass(1000)
  const alone = await watch(() => pass(2000))
  const before = process.memoryUsage.rss()
  const [times, kept]: [number[], number[]] = [[], []]
  const beside = await watch(async () => {
    const started = performance.now()
    const crls = buildCrls(
      { files: [file], urls: [], hosts: [], maxAge: 86_400, wait: 1, issuers: [listIssuer.certificate] },
      {
        get: () => Promise.reject(new Error('nothing is fetched')),
        wall: () => NOW,
        monotonic: () => performance.now() / 1000,
        observe: (event) => void (event.kind === 'loaded' && kept.push(event.bytes)),
      },
    )
    await crls.first
    times.push(performance.now() - started)
    const word = await crls.judge(listed(nth(ENTRIES / 2)), listIssuer.certificate, NOW)
    if (word.kind !== 'revoked') throw new Error(`the list says ${word.kind}`)
    for (let round = 0; round < RELOADS; round += 1) {
      const again = performance.now()
      await crls.reload()
      times.push(performance.now() - again)
    }
    crls.close()
  })
  const decisions = await busy.stop()
  const [first = Number.NaN, ...again] = times
  return {
    ...{ entries: ENTRIES, size, first, again: Math.max(...again), decisions },
    ...{ stallAlone: alone.stall, stall: beside.stall, kept: kept.at(-1) ?? Number.NaN, peak: beside.rss - before },
  }
}

function write(file: string): number {
  const list = writeList({ revoked: manyEntries(ENTRIES) })
  writeFileSync(file, list)
  return list.length
}

async function settle(): Promise<void> {
  for (let round = 0; round < 3; round += 1) {
    globalThis.gc?.()
    await setImmediate()
  }
}

/** Decisions without a pause, each in a turn of its own. */
function decide() {
  const { check, records } = buildTestCheck()
  const request = goodRequest({
    token: mintToken({ claims: { cnf: boundTo.mtls } }),
    scheme: 'Bearer',
    proof: null,
    certificate,
  })
  let going = true
  let count = 0
  const work = (async () => {
    while (going) {
      const word = verdict(await check(request, CALL))
      if (word !== 'allow') throw new Error(`a decision says ${word}`)
      records.length = 0
      count += 1
      await setImmediate()
    }
    return count
  })()
  const stop = (): Promise<number> => {
    going = false
    return work
  }
  return { stop }
}

const pass = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** The longest stall while something is done, and the most memory the process had. */
async function watch(work: () => Promise<void>): Promise<{ readonly stall: number; readonly rss: number }> {
  const delays = monitorEventLoopDelay({ resolution: 1 })
  let rss = 0
  const look = setInterval(() => {
    rss = Math.max(rss, process.memoryUsage.rss())
  }, 2)
  delays.enable()
  await work()
  delays.disable()
  clearInterval(look)
  return { stall: delays.max / 1e6, rss }
}

export const describeCrls = (report: CrlReport): readonly string[] => [
  `A revocation list of ${report.entries} entries, ${mebibytes(report.size)}, beside ${report.decisions} decisions`,
  '',
  `  read and verified in ${report.first.toFixed(0)} ms, again in ${report.again.toFixed(0)} ms at the most`,
  `  longest stall of the event loop ${report.stall.toFixed(1)} ms; ${report.stallAlone.toFixed(1)} ms without the list`,
  `  in memory ${mebibytes(report.kept)}; while it was read ${RELOADS + 1} times the process grew by ${mebibytes(report.peak)}`,
]

const mebibytes = (bytes: number): string => `${(bytes / 1_048_576).toFixed(1)} MiB`

if (import.meta.main) process.stdout.write(`${describeCrls(await measureCrls()).join('\n')}\n`)
