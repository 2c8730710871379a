import { spellAlgorithms } from '../verify/jws.ts'
import { type Reading, unreadable } from '../verify/reading.ts'
import { acceptStatusList, readStatusListToken, type StatusList, type StatusListRules } from '../verify/status-list.ts'
import type { Server, StatusListOptions, StatusListSurroundings } from './status-lists.ts'

/** What a fetch came to; `fault`: the place would have failed for any list; `generation`: that of the keys it is signed by. */
export interface Outcome {
  readonly list: Reading<StatusList>
  readonly fault: boolean
  readonly generation: number
}

/** One list over the network. */
export async function obtainList(
  uri: string,
  { issuer, algorithms }: Server,
  { maxBytes, maxUnpackedBytes: maxUnpacked, timeout }: StatusListOptions,
  { fetch, keys, wall }: Pick<StatusListSurroundings, 'fetch' | 'keys' | 'wall'>,
): Promise<Outcome> {
  const { origin, pathname } = new URL(uri)
  const place = origin + pathname
  const lost = (problem: string, fault = false): Outcome => ({ list: unreadable(problem), fault, generation: 0 })
  const fetched = await fetch(uri, { maxBytes, timeout: timeout * 1000 })
  if (!fetched.ok) {
    const { problem, status } = fetched
    return lost(problem, status === undefined || status >= 500 || status === 429)
  }
  const rules: StatusListRules = { uri, issuer, algorithms: spellAlgorithms(algorithms), maxBytes, maxUnpacked }
  const token = readStatusListToken(fetched.value.toString('latin1'), rules)
  if (!token.ok) return lost(`${place}: ${token.problem}`)
  const search = await keys.find(token.value.kid, token.value.jws.algorithm)
  const { generation } = keys
  if (search.kind !== 'found') return lost(`${place}: ${search.detail}`)
  const list = await acceptStatusList(token.value, search.keys, rules, wall())
  return list.ok ? { list, fault: false, generation } : lost(`${place}: ${list.problem}`)
}
