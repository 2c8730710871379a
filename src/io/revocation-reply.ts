import type { Revocation } from '../verify/deny-list.ts'
import type { Failure } from './redis-failures.ts'
import { obstacles } from './revocation-script.ts'

/** A change of the list, with its serial. */
interface Change {
  readonly serial: number
  readonly entry: Revocation
}

/** What the script said. */
export type RevocationReply = {
  /** Which list this is, and which process and history of data it lies in. */
  readonly identity: string
  /** Of the last change. */
  readonly serial: number
} & (
  | { readonly word: 'seen'; readonly changes: readonly Change[] }
  | { readonly word: 'read'; readonly cursor: string; readonly entries: readonly Revocation[] }
  | { readonly word: 'merged' }
)

const nonsense: Failure = { cause: 'protocol', code: undefined }

/** Only a reply of exactly our form, to exactly this question, is believed. */
export function readRevocationReply(reply: unknown, tag: string): RevocationReply | Failure {
  if (!Array.isArray(reply) || reply[0] !== tag) return nonsense
  const [, word, identity, serial, more, ...rest]: readonly unknown[] = reply
  const obstacle = obstacles.find((one) => one === word)
  if (obstacle !== undefined) return { cause: obstacle, code: undefined }
  if (rest.length > 0 || typeof identity !== 'string' || !isSerial(serial) || !Array.isArray(more)) return nonsense
  const common = { identity, serial }
  if (word === 'merged') return { ...common, word }
  if (word === 'seen') {
    const changes = readChanges(more)
    return changes ? { ...common, word, changes } : nonsense
  }
  const [cursor, fields]: readonly unknown[] = more
  if (word !== 'read' || typeof cursor !== 'string' || !/^[0-9]{1,20}$/.test(cursor)) return nonsense
  const entries = readFields(fields)
  return entries ? { ...common, word, cursor, entries } : nonsense
}

function readChanges(flat: readonly unknown[]): readonly Change[] | undefined {
  const changes: Change[] = []
  for (let at = 0; at < flat.length; at += 3) {
    const [serial, entry] = [flat[at], readEntry(flat[at + 1], flat[at + 2])]
    if (!isSerial(serial) || !entry) return undefined
    changes.push({ serial, entry })
  }
  return changes
}

/** Fields of the hash and their values. Two of them are no entries. */
function readFields(flat: unknown): readonly Revocation[] | undefined {
  if (!Array.isArray(flat) || flat.length % 2 !== 0) return undefined
  const entries: Revocation[] = []
  for (let at = 0; at < flat.length; at += 2) {
    if (flat[at] === 'epoch' || flat[at] === 'serial') continue
    const entry = readEntry(flat[at], flat[at + 1])
    if (!entry) return undefined
    entries.push(entry)
  }
  return entries
}

function readEntry(key: unknown, value: unknown): Revocation | undefined {
  if (typeof key !== 'string' || !/^[jscikxt][A-Za-z0-9_-]{43}$/.test(key) || typeof value !== 'string')
    return undefined
  const [, before, until] = /^([0-9]{1,13}) ([0-9]{1,13})$/.exec(value) ?? []
  return before === undefined ? undefined : { key, before: Number(before), until: Number(until) }
}

const isSerial = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0
