import { dayExists } from '../durations.ts'

const TIME =
  /^[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,3})?)?(?:Z|[+-][0-9]{2}:[0-9]{2}))?$/
const DAY = 86_400
const sizes: Readonly<Record<string, number>> = { m: 60, h: 3600, d: DAY }

/**
 * A time as people say it: `today`, `yesterday` (both begin at 00:00 UTC), `24h` ago, a date, or a time with its zone.
 * Seconds since the epoch; undefined for anything else.
 */
export function readTime(text: string, now: number): number | undefined {
  const midnight = Math.floor(now / DAY) * DAY
  if (text === 'today') return midnight
  if (text === 'yesterday') return midnight - DAY
  const [, number, unit = ''] = /^([0-9]{1,5})([mhd])$/.exec(text) ?? []
  if (number !== undefined) return now - Number(number) * (sizes[unit] ?? DAY)
  const milliseconds = TIME.test(text) && dayExists(text) ? Date.parse(text) : Number.NaN
  return Number.isFinite(milliseconds) ? milliseconds / 1000 : undefined
}
