import { z } from 'zod'
import type { Config, RouteConfig } from './config.ts'
import type { ParsedConfig, ParsedRoute } from './config-schema.ts'
import { dayExists } from './durations.ts'
import type { Problem } from './problems.ts'

const DATE =
  /^[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,3})?)?(?:Z|[+-][0-9]{2}:[0-9]{2}))?$/
const expected = 'a date like 2027-01-31, or a time with its zone like 2027-01-31T08:00:00Z'

const exists = (text: string): boolean => DATE.test(text) && Number.isFinite(Date.parse(text)) && dayExists(text)

/** A day (it begins at 00:00 UTC) or a time with its zone; read as seconds since the epoch. */
const moment = z.codec(z.string({ error: expected }).refine(exists, { error: expected }), z.number(), {
  decode: (text) => Date.parse(text) / 1000,
  encode: spellTime,
})

/** Whether what would be refused is refused, and until when it is not. On the file, a pipeline or a route. */
export const modeOptions = {
  mode: z.enum(['enforce', 'shadow']).optional(),
  /** From then on `mode: shadow` enforces. */
  until: moment.optional(),
}

/** What a route in shadow adds to its configuration. */
export interface ShadowConfig {
  /** Seconds since the epoch. */
  readonly until: number | undefined
  /** Where its mode is written. */
  readonly at: Problem['path']
}

type Placed = Pick<ParsedRoute, 'mode' | 'until'>
type Pipelines = ParsedConfig['pipelines']

/** A list of policies alone says nothing about modes. */
const placed = (pipeline: Pipelines[string] | undefined): Placed => (Array.isArray(pipeline) ? {} : (pipeline ?? {}))

/**
 * The mode of a route and where it ends. The most specific place that names a mode decides, with the `until` beside it:
 * the route, its pipeline, the file. Undefined: it enforces.
 */
export function settleShadow(route: ParsedRoute, at: Problem['path'], all: ParsedConfig): ShadowConfig | undefined {
  const name = route.pipeline ?? all.defaults.pipeline ?? ''
  const pipeline = placed(Object.hasOwn(all.pipelines, name) ? all.pipelines[name] : undefined)
  const places: readonly (readonly [Problem['path'], Placed])[] = [
    [at, route],
    // An open route runs no pipeline.
    [['pipelines', name], route.open || route.kind === 'open' ? {} : pipeline],
    [[], all],
  ]
  const [place, { mode, until }] = places.find(([, one]) => one.mode !== undefined) ?? [[], {}]
  return mode === 'shadow' ? { until, at: place } : undefined
}

/** Longest time for which a date may keep routes from enforcing, days. */
const LONGEST = 90

/** What is wrong whatever the time is. */
export function checkModes(all: ParsedConfig): readonly Problem[] {
  const places: readonly (readonly [Problem['path'], Placed])[] = [
    [[], all],
    ...Object.entries(all.pipelines).map(([name, pipeline]) => [['pipelines', name], placed(pipeline)] as const),
    ...all.routes.map((route, index) => [['routes', index], route] as const),
  ]
  return places.flatMap(([at, { mode, until }]) => {
    if (until !== undefined && mode !== 'shadow')
      return [{ path: [...at, 'until'], message: 'until ends a shadow; write mode: shadow beside it, or leave it out' }]
    const everywhere = at.length === 0 || (at[0] === 'pipelines' && at[1] === all.defaults.pipeline)
    if (!everywhere || mode !== 'shadow' || until !== undefined) return []
    const message = `mode: shadow for all routes needs an end: until: <date>, at most ${LONGEST} days ahead`
    return [{ path: [...at, 'mode'], message }]
  })
}

/** Where everything passes, a date has to end that, wherever it is written. */
export function checkAnyEnforces({ routes }: Pick<Config, 'routes'>): readonly Problem[] {
  const judged = routes.filter(({ kind }) => kind !== 'open')
  const [endless] = judged.flatMap(({ shadow }) => (shadow && shadow.until === undefined ? [shadow] : []))
  // What the file or the default pipeline says is told where it stands.
  if (endless?.at[0] !== 'routes' || judged.some(({ shadow }) => shadow === undefined)) return []
  const message = `no route enforces, so this needs an end: until: <date>, at most ${LONGEST} days ahead`
  return [{ path: [...endless.at, 'mode'], message }]
}

/** What is wrong at this moment (seconds since the epoch): an end that is too far away is none. */
export function checkEnds({ routes }: Config, now: number): readonly Problem[] {
  const problems = routes.flatMap(({ shadow }) => {
    if (shadow?.until === undefined || shadow.until <= now + LONGEST * 86_400) return []
    const message = `${spellTime(shadow.until)} is more than ${LONGEST} days ahead`
    return [{ path: [...shadow.at, 'until'], message }]
  })
  // What a pipeline or the file says is told once.
  return problems.filter(
    (one, index) => problems.findIndex((other) => JSON.stringify(other) === JSON.stringify(one)) === index,
  )
}

/** Routes that let everything pass at this moment. */
export const notEnforcing = ({ routes }: Pick<Config, 'routes'>, now: number): readonly RouteConfig[] =>
  routes.filter(({ shadow }) => shadow && (shadow.until === undefined || now < shadow.until))

/** Said by `config check` and by the service when it starts. */
export const shadowNotes = ({ routes }: Pick<Config, 'routes'>, now: number): readonly string[] =>
  routes.flatMap(({ name, shadow }) => {
    if (!shadow) return []
    const { until } = shadow
    if (until === undefined) return [`route ${name} does not enforce (mode: shadow), and no date ends that`]
    return now < until
      ? [`route ${name} does not enforce (mode: shadow) until ${spellTime(until)}`]
      : [`route ${name} enforces: its mode: shadow ended ${spellTime(until)}`]
  })

/** Seconds since the epoch as people write them. */
function spellTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000Z', 'Z')
}
