import type { Config } from './config.ts'
import { buildGeneration, enforce, type Generation, type World } from './generation.ts'
import { closeAuthorities, firstLists } from './io/client-authorities.ts'
import { loadConfig } from './io/config-file.ts'
import { readListFiles } from './io/revocation-files.ts'
import { closeRevocations, firstRevocations, handOverRevocations } from './io/revocations.ts'
import { timer } from './io/timer.ts'
import { wall } from './memory.ts'

/** How long a reload waits for the keys and the revocations of new places, milliseconds. */
const NEW_KEYS = 3000

/**
 * Reads the configuration again and returns the generation in force afterwards: the new one, or the last good one. New
 * places of keys have to give some first, so that a misspelled one cannot take away keys that are good.
 */
export async function swap(current: Generation, world: World): Promise<Generation> {
  const { file, environment, memory, metrics, log } = world
  const say = log.of('configuration').event
  const outbound = { ...memory.outbound }
  const refused = (problems: unknown, files: readonly string[] = []): Generation => {
    // New places were asked the way the refused configuration says.
    Object.assign(memory.outbound, outbound)
    world.concluded?.('refused', files)
    metrics.reloads.labels('refused').inc()
    say('error', 'configuration refused, the last good one stays', { problems })
    return current
  }
  try {
    const loaded = loadConfig(file, environment)
    if (!loaded.ok) return refused(loaded.problems, loaded.files)
    const listFiles = await readListFiles(loaded.config)
    const built = buildGeneration(loaded, current, world, listFiles)
    if (!built.ok) return refused([{ message: built.problem }], loaded.files)
    const next = built.value
    const keyless = await firstKeys(next, current)
    const unlisted = await firstLists(next.clientAuthorities, current.clientAuthorities, NEW_KEYS, wall)
    const untold = await firstRevocations(next.revocations, current.revocations, NEW_KEYS)
    if (keyless.length + untold.length + unlisted.length > 0) {
      closeOthers(next, current)
      world.tryLater?.()
      const missing = [
        ...keyless.map((name) => `no keys of ${name} could be had from their new place`),
        ...untold.map((name) => `no revocations of ${name} could be read from their new place`),
        ...unlisted.map(
          (route) => `no revocation list of route ${route} that counts now could be read from its new place`,
        ),
      ]
      return refused(
        missing.map((message) => ({ message })),
        loaded.files,
      )
    }
    enforce(next, world)
    handOverRevocations(current.revocations, next.revocations)
    closeOthers(current, next)
    for (const source of next.sources.values()) void source.load()
    world.concluded?.('applied', [])
    metrics.reloads.labels('applied').inc()
    log.setLevel(loaded.config.log.level, loaded.config.log.components)
    const [fixed, running] = [loaded.config, current.loaded.config].map(describeFixed)
    if (fixed !== running)
      say('warn', 'changes of listen, stores, limits, tracing and audit take effect at the next start')
    say('info', 'configuration applied', { config: loaded.hash.slice(0, 12) })
    return next
  } catch (error) {
    return refused([{ message: error instanceof Error ? error.message : String(error) }])
  }
}

/** What was settled when the process started. Tokens of operators were not, only that there is a port for them. */
const describeFixed = ({ listen, stores, limits, tracing, audit }: Config): string =>
  JSON.stringify([{ ...listen, adminAccess: listen.adminAccess !== undefined }, stores, limits, tracing, audit])

/** Names of the servers whose sources are new and have given no keys in time. */
async function firstKeys(next: Generation, current: Generation): Promise<readonly string[]> {
  const fresh = [...next.sources].filter(([, source]) => ![...current.sources.values()].includes(source))
  if (fresh.length === 0) return []
  const limit = timer(NEW_KEYS)
  await Promise.race([Promise.all(fresh.map(([, source]) => source.load())), limit.elapsed])
  limit.cancel()
  return fresh.filter(([, source]) => source.size === 0).map(([name]) => name)
}

function closeOthers(leaving: Generation, staying: Generation): void {
  const kept = new Set(staying.sources.values())
  for (const source of leaving.sources.values()) if (!kept.has(source)) void source.close()
  closeRevocations(leaving.revocations, staying.revocations)
  closeAuthorities(leaving.clientAuthorities, staying.clientAuthorities)
  const lists = new Set(staying.statusLists.values())
  for (const list of leaving.statusLists.values()) if (!lists.has(list)) list.close()
}
