// CPU time per decision and its ratio to a floor of the same run; memory per entry. `--json` for machines.
import { measureCrls } from './crl.ts'
import { measureFlood } from './flood.ts'
import { measureMemory } from './memory.ts'
import { type Measured, type Mint, startMeasured } from './process.ts'
import { measureReplicas } from './replicas.ts'
import { describe, type Report } from './report.ts'
import { buildMint } from './requests.ts'

/** Everything is measured once per round and the median counts, so that a busy moment of the machine spoils nothing. */
const ROUNDS = 9
/** Rounds whose numbers are thrown away: until then the engine still compiles. */
const WARM_UP = 6
/** Requests of each kind in a round. */
const REQUESTS = 1200

const kinds = [
  { name: 'open', signatures: 0, title: 'open route' },
  { name: 'mtls', signatures: 0, title: 'certificate-bound token, seen before' },
  { name: 'dpopWarm', signatures: 1, title: 'DPoP: token seen before, new proof' },
  { name: 'dpopCold', signatures: 2, title: 'DPoP: new token, new proof' },
] as const

type Kind = (typeof kinds)[number]

/** CPU microseconds per request: of the product and of the floor, measured one right after the other. */
interface Pair {
  readonly product: number
  readonly floor: number
}

async function measureKind({ measure }: Measured, mint: Mint, { name, signatures }: Kind): Promise<Pair> {
  // Minted before anything is measured; the floor gets the same messages.
  const messages = Array.from({ length: REQUESTS }, (_, index) => mint[name](index))
  return {
    floor: await measure(`floor${signatures}`, messages),
    product: await measure('product', messages),
  }
}

/** One round of all kinds after the other, as often as told. */
async function measureAll(measured: Measured, mint: Mint): Promise<ReadonlyMap<Kind, readonly Pair[]>> {
  const pairs = new Map<Kind, Pair[]>(kinds.map((kind) => [kind, []]))
  for (let round = 0; round < WARM_UP + ROUNDS; round += 1)
    for (const [kind, list] of pairs) {
      const pair = await measureKind(measured, mint, kind)
      if (round >= WARM_UP) list.push(pair)
    }
  return pairs
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

async function measureRows(mint: Mint): Promise<Report['rows']> {
  const measured = await startMeasured()
  try {
    await measured.ready(mint)
    return [...(await measureAll(measured, mint))].map(([kind, list]) => ({
      ...kind,
      microseconds: median(list.map(({ product }) => product)),
      floor: median(list.map(({ floor }) => floor)),
      ratio: median(list.map(({ product, floor }) => product / floor)),
    }))
  } finally {
    await measured.stop()
  }
}

const started = performance.now()
const mint = await buildMint()
const memory = await measureMemory()
const rows = await measureRows(mint)
const flood = await measureFlood(mint)
const replicas = (await measureReplicas(mint)) ?? []
const crls = await measureCrls()
const report: Report = {
  node: process.version,
  seconds: (performance.now() - started) / 1000,
  rounds: ROUNDS,
  requestsPerRound: REQUESTS,
  rows,
  memory,
  flood,
  replicas,
  crls,
}
process.stdout.write(process.argv.includes('--json') ? `${JSON.stringify(report, undefined, 2)}\n` : describe(report))
