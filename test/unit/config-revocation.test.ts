import { describe, expect, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { expandConfig } from '../../src/config-expansion.ts'
import { denyListNotes } from '../../src/config-revocation.ts'
import { document } from '../support/spine.ts'

const [server] = document.authorizationServers
const TOKEN = 'Zm9yIG9wZXJhdG9ycyBvZiB0aGUgdGVzdCBhbG9uZQ'

function configOf(denyList: object, listen: object = {}) {
  const read = readConfig({ ...document, listen, authorizationServers: [{ ...server, revocation: { denyList } }] })
  if (!read.ok) throw new Error(JSON.stringify(read.problems))
  return read.config
}

const access = { adminAccess: { tokens: [TOKEN] } }

test('what a list is when only its place is given', () =>
  expect(configOf({ redis: 'redis://127.0.0.1' }).authorizationServers[0]?.revocation.denyList).toEqual({
    ...{ redis: 'redis://127.0.0.1', maxEntries: 100_000, maxStale: 30, onOutage: 'hard' },
  }))

describe('what is written back shows no secret and can be read again', () => {
  const redis = {
    sentinel: { master: 'm', urls: ['redis://127.0.0.1'], username: 'watcher', password: 'swordfish' },
    ...{ username: 'fapi', password: 'correct-horse' },
  }
  const expanded = JSON.stringify(expandConfig(configOf({ redis }, access)))
  test('no token and no password', () => {
    for (const secret of [TOKEN, 'correct-horse', 'swordfish']) expect(expanded).not.toContain(secret)
  })
  test('variables in their place', () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the syntax of the configuration
    for (const variable of ['${ADMIN_TOKEN_1}', '${REDIS_PASSWORD}', '${SENTINEL_PASSWORD}'])
      expect(expanded).toContain(variable)
  })
  test('everything else as it was', () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the syntax of the configuration
    const filled = expanded.replace('${ADMIN_TOKEN_1}', TOKEN).replace('${REDIS_PASSWORD}', 'correct-horse')
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the syntax of the configuration
    const again = readConfig(JSON.parse(filled.replace('${SENTINEL_PASSWORD}', 'swordfish')))
    expect(again.ok && again.config.authorizationServers).toEqual(configOf({ redis }, access).authorizationServers)
    expect(again.ok && again.config.listen).toEqual(configOf({ redis }, access).listen)
  })
})

describe('config check says', () => {
  test.each<readonly [string, object, object, readonly unknown[]]>([
    ['nothing of a file', { file: 'a.jsonl' }, {}, []],
    ['nothing when operators can push', { redis: 'redis://127.0.0.1' }, access, []],
    ['nothing when nobody is to push', { redis: 'redis://127.0.0.1', push: false }, {}, []],
    ['that nobody can push', { redis: 'redis://127.0.0.1' }, {}, [expect.stringContaining('listen.adminAccess')]],
    [
      'what soft means',
      { redis: 'redis://127.0.0.1', onOutage: 'soft' },
      access,
      ['revocations of as: soft lets revoked tokens pass while Redis cannot be reached'],
    ],
  ])('%s', (_, denyList, listen, notes) => expect(denyListNotes(configOf(denyList, listen))).toEqual(notes))
})
