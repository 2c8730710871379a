// What sharing used proofs between replicas costs, and what one more process brings: decisions per second and CPU time
// with the memory store and with Redis, the latter for 1, 2 and 4 processes. Run by bench/run.ts.
import { cpus } from 'node:os'
import { type Measured, type Mint, startMeasured } from './process.ts'
import { startBenchRedis } from './redis.ts'

const ROUNDS = 5
const WARM_UP = 3
/** Requests in a round, over all processes. */
const REQUESTS = 2400

/** One way of remembering, with so many processes. CPU microseconds per decision. */
export interface Scaling {
  readonly store: 'memory' | 'Redis'
  readonly processes: number
  readonly perSecond: number
  readonly service: number
  readonly redis: number
  /** Share of the requests that got 503 because Redis was too slow. */
  readonly unanswered: number
}

/** Undefined when there is no redis-server on PATH. */
export async function measureReplicas(mint: Mint): Promise<readonly Scaling[] | undefined> {
  const redis = await startBenchRedis()
  if (!redis) return undefined
  const stores = { replay: redis.url }
  const found: Scaling[] = []
  try {
    found.push(await scale('memory', 1, {}, mint, () => Promise.resolve(0)))
    for (const processes of [1, 2, 4])
      found.push(await scale('Redis', processes, { stores, replicas: 4 }, mint, redis.usage))
  } finally {
    await redis.stop()
  }
  return found
}

async function scale(
  store: Scaling['store'],
  processes: number,
  setting: Parameters<typeof startMeasured>[0],
  mint: Mint,
  redisUsage: () => Promise<number>,
): Promise<Scaling> {
  const measured: Measured[] = []
  const rounds: Pick<Scaling, 'perSecond' | 'service' | 'redis'>[] = []
  let missed = 0
  try {
    for (let count = 0; count < processes; count += 1) measured.push(await startMeasured(setting))
    await Promise.all(measured.map((one) => one.ready(mint)))
    for (let round = 0; round < WARM_UP + ROUNDS; round += 1) {
      const shares = measured.map(() =>
        Array.from({ length: REQUESTS / processes }, (_, index) => mint.dpopWarm(index)),
      )
      const [before, started] = [await redisUsage(), performance.now()]
      const spent = await Promise.all(measured.map((one, index) => one.measure('product', shares[index] ?? [])))
      const seconds = (performance.now() - started) / 1000
      if (round < WARM_UP) continue
      rounds.push({
        perSecond: REQUESTS / seconds,
        service: spent.reduce((sum, one) => sum + one, 0) / processes,
        redis: ((await redisUsage()) - before) / REQUESTS,
      })
    }
    missed = measured.reduce((sum, one) => sum + one.unanswered(), 0)
  } finally {
    for (const one of measured) await one.stop()
  }
  const middle = (of: (round: (typeof rounds)[number]) => number): number =>
    rounds.map(of).toSorted((a, b) => a - b)[Math.floor(rounds.length / 2)] ?? Number.NaN
  return {
    store,
    processes,
    perSecond: middle(({ perSecond }) => perSecond),
    service: middle(({ service }) => service),
    redis: middle(({ redis }) => redis),
    unanswered: missed / (REQUESTS * (WARM_UP + ROUNDS)),
  }
}

/** Lines for a person. The last column is what processes bring when each has a core of its own. */
export function describeReplicas(rows: readonly Scaling[]): readonly string[] {
  if (rows.length === 0) return ['Replicas: not measured, there is no redis-server on PATH']
  const single = rows.find(({ store, processes }) => store === 'Redis' && processes === 1)
  return [
    `DPoP, token seen before, with replicas on ${cpus().length} cores that client, processes and Redis share`,
    '',
    columns('', 'decisions/s', 'µs service', 'µs Redis', 'by CPU time', '503'),
    ...rows.map(({ store, processes, perSecond, service, redis, unanswered }) =>
      columns(
        `${store}, ${processes} process${processes === 1 ? '' : 'es'}`,
        perSecond.toFixed(0),
        service.toFixed(0),
        redis.toFixed(0),
        store === 'memory' || !single ? '' : `× ${((processes * single.service) / service).toFixed(2)}`,
        `${(unanswered * 100).toFixed(1)} %`,
      ),
    ),
    '',
    'by CPU time: decisions that so many processes make per second, each on a core of its own, over those of one.',
  ]
}

const columns = (title: string, ...rest: readonly string[]): string =>
  `  ${title.padEnd(24)}${rest.map((column) => column.padStart(13)).join('')}`
