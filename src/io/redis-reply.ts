import type { Failure } from './redis-failures.ts'
import { claims, losses, troubles } from './redis-script.ts'

/** Why proofs may have been forgotten; `elsewhere`: another replica found it out first. */
export type Loss = (typeof losses)[number] | 'elsewhere'

/** What the script said. Milliseconds since the epoch. */
export interface Reply {
  readonly word: (typeof claims)[number]
  readonly horizon: number
  readonly newest: number
  readonly loss: Loss | ''
}

const isOneOf = <T extends string>(value: unknown, known: readonly T[]): value is T =>
  known.some((one) => one === value)

/** Only a reply of exactly our form, to exactly this question, is believed. */
export function readReply(reply: unknown, tag: string): Reply | Failure {
  const nonsense: Failure = { cause: 'protocol', code: undefined }
  if (!Array.isArray(reply) || reply.length !== 5) return nonsense
  const [echo, word, horizon, newest, loss]: readonly unknown[] = reply
  if (echo !== tag) return nonsense
  if (isOneOf(word, troubles)) return { cause: word, code: undefined }
  if (!isOneOf(word, claims) || !isTime(horizon) || !isTime(newest)) return nonsense
  return loss === '' || isOneOf(loss, losses) ? { word, horizon, newest, loss } : nonsense
}

const isTime = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0
