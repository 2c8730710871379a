import { z } from 'zod'

/** Milliseconds of each unit, the longest first. */
const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
] as const

const sizes: ReadonlyMap<string, number> = new Map(units)

/** Seconds as an operator writes them: `600` is `10m`, `0.05` is `50ms`. */
export function spellDuration(seconds: number): string {
  const milliseconds = Math.round(seconds * 1000)
  if (milliseconds === 0) return '0s'
  const [unit, size] = units.find(([, each]) => milliseconds % each === 0) ?? (['ms', 1] as const)
  return `${milliseconds / size}${unit}`
}

function readDuration(text: string): number {
  const [, number = '0', unit = 's'] = /^([0-9]+)([a-z]+)$/.exec(text) ?? []
  return (Number(number) * (sizes.get(unit) ?? 1000)) / 1000
}

const expected = 'a duration with a unit, for example 30s or 10m'

/**
 * An option written with a unit (`50ms`, `30s`, `10m`, `1h`, `7d`) and read as seconds; `min` and `max` in seconds. It
 * reads both ways, so that a configuration can be written back.
 */
export const duration = (min: number, max: number) =>
  z
    .codec(z.string({ error: expected }).regex(/^[0-9]{1,9}(ms|s|m|h|d)$/, { error: expected }), z.number(), {
      decode: readDuration,
      encode: spellDuration,
    })
    .refine((seconds) => seconds >= min && seconds <= max, {
      error: `a duration from ${spellDuration(min)} to ${spellDuration(max)}`,
    })

/** Whether the day that a time begins with exists: the thirtieth of February is none, whatever a lenient parser makes of it. */
export function dayExists(time: string): boolean {
  const day = time.slice(0, 10)
  const midnight = Date.parse(`${day}T00:00:00Z`)
  return Number.isFinite(midnight) && new Date(midnight).toISOString().startsWith(day)
}
