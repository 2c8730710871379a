import type { Revocations } from '../../src/ports.ts'
import { buildDenyList, readRevocationLines } from '../../src/verify/deny-list.ts'
import { directoryWith } from './config-files.ts'
import { document } from './spine.ts'

const [server] = document.authorizationServers

/** The test document with a list of revoked tokens; a route takes long-lived ones. */
export const listedDocument = {
  ...document,
  authorizationServers: [{ ...server, revocation: { denyList: { file: 'unread.jsonl' } } }],
  routes: [...document.routes, { name: 'long', path: '/long', accessToken: { maxLifetime: '1h' } }],
}

/** What a file with these lines revokes. Lines may be added as time goes by. */
export function revocationsOf(...lines: readonly object[]): Revocations & { readonly add: (line: object) => void } {
  const list = buildDenyList(1000)
  const add = (line: object): void => {
    const read = readRevocationLines(JSON.stringify(line), 1)
    if (!read.ok) throw new Error(read.problem)
    for (const entry of read.value) list.add(entry)
  }
  for (const line of lines) add(line)
  return {
    add,
    judge: (token, now) => {
      const by = list.find(token, now)
      return by === undefined ? { kind: 'clean' } : { kind: 'revoked', by }
    },
  }
}

/** A file of the test's own that revokes nothing. */
export const revocationFile = (): string => `${directoryWith({ 'revoked.jsonl': '' })}/revoked.jsonl`
