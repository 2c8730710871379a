import { readFileSync, statSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import type { Config } from '../config.ts'
import type { Problem } from '../problems.ts'
import { buildDenyList, type DenyList, finish, stepThroughLines } from '../verify/deny-list.ts'
import { type Reading, read, unreadable } from '../verify/reading.ts'

/** Bytes of a file. */
const MAX_FILE = 268_435_456

/** The list in a file, at once. */
export const readListFile = (file: string, max: number): Reading<DenyList> => finish(stepThroughFile(file, max))

/** The lists in the files of all servers, by name; read bit by bit, because requests are answered meanwhile. */
export async function readListFiles({ authorizationServers }: Config): Promise<ReadonlyMap<string, Reading<DenyList>>> {
  const lists = new Map<string, Reading<DenyList>>()
  for (const { name, revocation } of authorizationServers) {
    const { file, maxEntries = 0 } = revocation.denyList ?? {}
    if (file !== undefined) lists.set(name, await finishInTurns(stepThroughFile(file, maxEntries)))
  }
  return lists
}

/** What `config check` says of the files. A service that starts, or reads its configuration again, finds the same. */
export const checkRevocationFiles = ({ authorizationServers }: Config): readonly Problem[] =>
  authorizationServers.flatMap(({ revocation: { denyList } }, index) => {
    const list = denyList?.file === undefined ? undefined : readListFile(denyList.file, denyList.maxEntries)
    if (!list || list.ok) return []
    return [{ path: ['authorizationServers', index, 'revocation', 'denyList', 'file'], message: list.problem }]
  })

function* stepThroughFile(file: string, max: number): Generator<undefined, Reading<DenyList>> {
  let text: string
  try {
    if (statSync(file).size > MAX_FILE) return unreadable(`${file}: it is larger than ${MAX_FILE >> 20} MiB`)
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(readFileSync(file))
  } catch (error) {
    return unreadable(`${file}: it ${error instanceof TypeError ? 'is not valid UTF-8' : 'cannot be read'}`)
  }
  const list = buildDenyList(max)
  const lines = yield* stepThroughLines(text, max, list.add)
  return lines.ok ? read(list) : unreadable(`${file}: ${lines.problem}`)
}

async function finishInTurns<T>(steps: Generator<undefined, T>): Promise<T> {
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
    await setImmediate()
  }
}
