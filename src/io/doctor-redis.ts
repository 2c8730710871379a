import { createHash } from 'node:crypto'
import type { Config } from '../config.ts'
import { redisStore } from '../config-stores.ts'
import { type Finding, finding } from '../doctor/findings.ts'
import { judgeSilence, judgeStore, type StoreObservation, worstOf } from '../doctor/replay-store.ts'
import { causes, type Failure, readFailure } from './redis-failures.ts'
import { prepareLink, type RedisLink } from './redis-link.ts'
import { CLUSTER_SHARDS } from './shared-replays.ts'

/** Milliseconds: for a connection, between two attempts, and the seconds that one of them may take. */
const PATIENCE = 2000
const PAUSE = 100
const ATTEMPT = 1
/** The first answer is slower: Redis gets the script with it. The best of some counts. */
const RUNS = 3

/**
 * Every command the service needs, on keys of our own that are gone after a second. Used proofs and their marker are
 * left alone: what the running service would notice must not be noticed by us. The first write is one that a full Redis
 * refuses, and nothing is written that could not be made to expire.
 */
const source = `
redis.call('HMGET', KEYS[1], 'a')
redis.call('GET', KEYS[2])
redis.call('SET', KEYS[2], 1, 'PX', 1000)
redis.call('PEXPIRE', KEYS[1], 1000)
redis.call('HSET', KEYS[1], 'a', 1, 'b', 1)
redis.call('PEXPIRE', KEYS[1], 1000)
redis.call('HINCRBY', KEYS[1], 'a', 1)
redis.call('HGETALL', KEYS[1])
redis.call('HDEL', KEYS[1], 'b')
local memory = redis.call('INFO', 'memory')
local time = redis.call('TIME')
return {time[1], time[2], string.match(memory, 'maxmemory_policy:([%w-]+)') or '', string.match(memory, 'maxmemory:(%d+)') or ''}
`
const script = { source, sha: createHash('sha1').update(source).digest('hex') }

/** Asks Redis for what the service will ask it, over the connection that the service would use. */
export async function tryReplayStore({ stores }: Pick<Config, 'stores'>): Promise<readonly Finding[]> {
  const store = redisStore(stores)
  if (!store) return []
  const prepared = prepareLink({ ...store, timeout: ATTEMPT }, script)
  if (!prepared.ok) return [finding('DR-13', 'stores.replay', prepared.problem)]
  let unconnected: Failure = { cause: 'connection', code: undefined }
  const troubled = (error: unknown): void => {
    unconnected = readFailure(error)
  }
  const link = await prepared.value({ ready: () => undefined, troubled })
  // The parts of a cluster lie on different nodes.
  const parts = Array.from({ length: store.cluster ? CLUSTER_SHARDS : 1 }, (_, part) => `${store.keyPrefix}{${part}}`)
  const answers = await Promise.all(parts.map((stem) => askInTime(link, stem, () => unconnected)))
  link.close()
  const failure = answers.find((answer) => 'cause' in answer)
  if (!failure) return judgeStore(worstOf(answers.filter((answer) => 'took' in answer)), store.timeout * 1000)
  const code = failure.code === undefined ? '' : ` (${failure.code})`
  return judgeSilence(`${failure.cause}: ${causes[failure.cause]}${code}`)
}

/** Tries until there is a connection; what else goes wrong does not get better by waiting. */
async function askInTime(
  link: RedisLink,
  stem: string,
  unconnected: () => Failure,
): Promise<StoreObservation | Failure> {
  const end = performance.now() + PATIENCE
  for (;;) {
    const answer = await askOften(link, stem)
    if (!('cause' in answer)) return answer
    const failure = answer.cause === 'connection' && answer.code === undefined ? unconnected() : answer
    if (failure.cause !== 'connection' || performance.now() > end) return failure
    await new Promise((resolve) => setTimeout(resolve, PAUSE))
  }
}

async function askOften(link: RedisLink, stem: string): Promise<StoreObservation | Failure> {
  const keys = [`${stem}doctor-h`, `${stem}doctor-s`]
  let best: StoreObservation | undefined
  try {
    for (let run = 0; run < RUNS; run++) {
      const begun = performance.now()
      const reply = await link.run(keys, [])
      const seen = readAnswer(reply, performance.now() - begun, Date.now())
      if ('cause' in seen) return seen
      if (!best || seen.took < best.took) best = seen
    }
  } catch (error) {
    return readFailure(error)
  }
  return best ?? { cause: 'protocol', code: undefined }
}

function readAnswer(reply: unknown, took: number, now: number): StoreObservation | Failure {
  const nonsense: Failure = { cause: 'protocol', code: undefined }
  if (!Array.isArray(reply) || reply.length !== 4) return nonsense
  const [seconds, microseconds, policy = '', memory = ''] = reply.map(String)
  if (policy === '' || memory === '') return { cause: 'blind', code: undefined }
  // Redis looked at its clock somewhere between question and answer.
  const skew = Number(seconds) * 1000 + Number(microseconds) / 1000 - (now - took / 2)
  return Number.isFinite(skew) ? { took, skew, policy, memory: Number(memory) } : nonsense
}
