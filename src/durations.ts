import { z } from 'zod'

const units: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 }

/** Seconds as people read them, for messages. */
const spell = (seconds: number): string => `${seconds}s`

/** An option written with a unit (`50ms`, `30s`, `10m`, `1h`, `7d`) and read as seconds; `min` and `max` in seconds. */
export const duration = (min: number, max: number) =>
  z
    .string({ error: 'a duration with a unit, for example 30s or 10m' })
    .regex(/^[0-9]{1,9}(ms|s|m|h|d)$/, { error: 'a duration with a unit, for example 30s or 10m' })
    .transform((text) => {
      const [, number = '0', unit = 's'] = /^([0-9]+)([a-z]+)$/.exec(text) ?? []
      return Number(number) * (units[unit] ?? 1)
    })
    .refine((seconds) => seconds >= min && seconds <= max, { error: `between ${spell(min)} and ${spell(max)}` })
