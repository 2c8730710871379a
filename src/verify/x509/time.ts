import { type Element, malformed, tags } from './der.ts'

/** Seconds since 1970. Seconds and `Z` are mandatory, fractions and offsets are none (RFC 5280 section 4.1.2.5). */
export function timeOf(element: Element): number {
  const text = element.content.toString('latin1')
  const [, year = '', ...rest] = patterns[element.tag]?.exec(text) ?? malformed('a time is written wrongly')
  const [month = 0, day = 0, hour = 0, minute = 0, second = 0] = rest.map(Number)
  const short = Number(year)
  const full = year.length === 4 ? short : short + (short >= 50 ? 1900 : 2000)
  if (month < 1 || month > 12 || day < 1 || day > daysIn(full, month)) malformed('a date does not exist')
  if (hour > 23 || minute > 59 || second > 59) malformed('a time of day does not exist')
  return daysSince1970(full, month, day) * 86_400 + hour * 3600 + minute * 60 + second
}

const patterns: Readonly<Record<number, RegExp>> = {
  [tags.utcTime]: /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/,
  [tags.generalizedTime]: /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/,
}

const isLeap = (year: number): boolean => year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)

const daysIn = (year: number, month: number): number => (month === 2 && isLeap(year) ? 29 : (MONTHS[month - 1] ?? 0))

const MONTHS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

function daysSince1970(year: number, month: number, day: number): number {
  const past = year - 1
  const beforeYear = past * 365 + Math.floor(past / 4) - Math.floor(past / 100) + Math.floor(past / 400)
  const beforeMonth = MONTHS.slice(0, month - 1).reduce((sum, days) => sum + days, 0)
  const leapDay = month > 2 && isLeap(year) ? 1 : 0
  return beforeYear + beforeMonth + leapDay + day - 1 - DAYS_BEFORE_1970
}

/** From 1 January of the year 1. */
const DAYS_BEFORE_1970 = 719_162
