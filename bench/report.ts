import { arch, cpus, platform, release, totalmem } from 'node:os'
import { type CrlReport, describeCrls } from './crl.ts'
import { describeFlood, type Flood } from './flood.ts'
import type { Memory } from './memory.ts'
import { describeReplicas, type Scaling } from './replicas.ts'

/** What a run found. CPU microseconds, bytes. */
export interface Report {
  readonly node: string
  readonly seconds: number
  readonly rounds: number
  readonly requestsPerRound: number
  readonly rows: readonly Row[]
  readonly memory: Memory
  readonly flood: Flood
  /** Empty when there is no Redis here. */
  readonly replicas: readonly Scaling[]
  readonly crls: CrlReport
}

interface Row {
  readonly name: string
  readonly title: string
  /** Signatures that have to be verified, whoever does it; the floor verifies as many. */
  readonly signatures: number
  readonly microseconds: number
  readonly floor: number
  readonly ratio: number
}

export function describe(report: Report): string {
  const { rounds, requestsPerRound, rows, memory, flood, replicas, crls } = report
  return `${[
    'CPU time of one decision in microseconds, gRPC and log line included, the client not counted',
    '',
    line('', 'decision', 'floor', 'ratio'),
    ...rows.map(({ title, microseconds, floor, ratio }) =>
      line(title, microseconds.toFixed(0), floor.toFixed(0), ratio.toFixed(2)),
    ),
    '',
    'floor: the same messages to the same gRPC server in the same process, where nothing happens but as many bare',
    'ES256 verifications with node:crypto as the decision cannot do without: none, none, one, two.',
    `Medians of ${rounds} rounds, ${requestsPerRound} requests of each kind per round.`,
    '',
    'Memory, bytes per entry',
    '',
    line('proof remembered, of 1,000,000 live', memory.replayEntry.toFixed(0)),
    line('token known to be genuine, of 100,000', memory.cachedToken.toFixed(0)),
    '',
    ...describeFlood(flood),
    '',
    ...describeReplicas(replicas),
    '',
    ...describeCrls(crls),
    '',
    `${machine()}, Node ${report.node}, ${report.seconds.toFixed(0)} s`,
  ].join('\n')}\n`
}

const line = (title: string, ...columns: readonly string[]): string =>
  `  ${title.padEnd(38)}${columns.map((column) => column.padStart(10)).join('')}`

function machine(): string {
  const [first] = cpus()
  const memory = Math.round(totalmem() / 2 ** 30)
  return `${cpus().length} × ${first?.model.trim() ?? 'unknown CPU'}, ${memory} GiB, ${platform()} ${release()} ${arch()}`
}
