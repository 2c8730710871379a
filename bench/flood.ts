// What a flood of tokens with made-up keys does to everybody else: how long honest requests wait, alone and beside it.
// Beside it as well: the same number of requests with tokens whose key is known and whose signature is wrong, so that it
// shows what is due to the keys and what to the machine. Run by bench/run.ts.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { serverJwks } from '../test/support/spine.ts'
import { authority, json, startStub } from '../test/support/stub-servers.ts'
import { pace } from './pace.ts'
import { type Measured, type Mint, startMeasured } from './process.ts'

/** Honest requests per second, and strange ones beside them. */
const HONEST = 100
const STRANGE = 1000
/** Seconds each of the three is watched, in turns. */
const TURN = 2
const TURNS = 5

const occasions = ['alone', 'beside tokens with a wrong signature', 'beside tokens with made-up keys'] as const
type Occasion = (typeof occasions)[number]

/** How long honest requests waited, milliseconds. */
export interface Waited {
  readonly occasion: Occasion
  readonly p50: number
  readonly p99: number
}

export interface Flood {
  readonly waited: readonly Waited[]
  /** How often the keys were asked for from the first turn to the last, and how many made-up keys were named. */
  readonly fetches: number
  readonly strange: number
  readonly seconds: number
}

export async function measureFlood(mint: Mint): Promise<Flood> {
  const server = await startStub(json(() => serverJwks))
  const measured = await startMeasured({
    keys: { uri: `https://127.0.0.1:${server.port}/jwks` },
    authority: authority.certificate,
  })
  try {
    await measured.ready(mint)
    const times = new Map<Occasion, number[]>(occasions.map((occasion) => [occasion, []]))
    // Until then the engine still compiles.
    for (const occasion of occasions) await watch(measured, mint, occasion)
    const [before, started] = [server.hits.length, performance.now()]
    for (let turn = 0; turn < TURNS; turn += 1)
      for (const [occasion, list] of times) list.push(...(await watch(measured, mint, occasion)))
    return {
      waited: [...times].map(([occasion, list]) => ({ occasion, p50: quantile(list, 0.5), p99: quantile(list, 0.99) })),
      fetches: server.hits.length - before,
      strange: STRANGE * TURN * TURNS,
      seconds: (performance.now() - started) / 1000,
    }
  } finally {
    await measured.stop()
    await server.close()
  }
}

/** One turn at a fixed rate, whatever the answers take. */
async function watch(measured: Measured, mint: Mint, occasion: Occasion): Promise<readonly number[]> {
  const honest = Array.from({ length: HONEST * TURN }, (_, index) => mint.dpopWarm(index))
  const waited: number[] = []
  const timed = async (message: Buffer): Promise<void> => {
    const sent = performance.now()
    const reason = await measured.ask(message)
    if (reason !== 'allowed') throw new Error(`an honest request was answered with ${reason}`)
    waited.push(performance.now() - sent)
  }
  const beside =
    occasion === 'alone'
      ? undefined
      : await flood(measured.address, occasion === 'beside tokens with made-up keys' ? 'key' : 'signature')
  await Promise.all([pace(honest, HONEST, timed), beside?.begin()])
  return waited
}

/** Starts the flood and resolves when it is over. */
async function flood(
  address: string,
  strangeness: 'key' | 'signature',
): Promise<{ readonly begin: () => Promise<void> }> {
  const script = join(import.meta.dirname, 'flood-sender.ts')
  const child = fork(script, [address, strangeness, String(STRANGE), String(TURN)])
  await once(child, 'message')
  return {
    begin: async () => {
      child.send('begin')
      const [code] = await once(child, 'exit')
      if (code !== 0) throw new Error('the flood broke off')
    },
  }
}

const quantile = (values: readonly number[], part: number): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length * part)] ?? Number.NaN

/** Lines for a person; ratios to the first row. */
export function describeFlood({ waited, fetches, strange, seconds }: Flood): readonly string[] {
  const [alone] = waited
  const row = (title: string, ...columns: readonly string[]): string =>
    `  ${title.padEnd(40)}${columns.map((column) => column.padStart(10)).join('')}`
  return [
    `${HONEST} honest requests per second beside ${STRANGE} strange ones: how long they wait, milliseconds and ratio`,
    '',
    row('', 'p50', 'p99', '× p50', '× p99'),
    ...waited.map(({ occasion, p50, p99 }) =>
      row(
        occasion,
        p50.toFixed(2),
        p99.toFixed(2),
        (p50 / (alone?.p50 ?? Number.NaN)).toFixed(2),
        (p99 / (alone?.p99 ?? Number.NaN)).toFixed(2),
      ),
    ),
    '',
    `${strange} made-up keys in ${seconds.toFixed(0)} s made the service ask for the keys ${fetches} times.`,
  ]
}
