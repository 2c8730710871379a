import { describe, expect, test } from 'vitest'
import { verdict } from '../support/answers.ts'
import { recipient, seal } from '../support/encrypted.ts'
import { askingDocument, oracle } from '../support/introspected.ts'
import { activeAnswer, OPAQUE } from '../support/introspection.ts'
import { buildTestCheck, clientKey, document, goodRequest, mintToken, type SpineOptions } from '../support/spine.ts'
import {
  at,
  given,
  HOST,
  holdLists,
  LIST,
  listOptions,
  lost,
  mintList,
  packed,
  type Supply,
} from '../support/status-lists.ts'

const [server] = document.authorizationServers
const listed = (statusList: object = {}, more: object = {}) => ({
  ...document,
  authorizationServers: [{ ...server, ...more, revocation: { statusList: { hosts: [HOST], ...statusList } } }],
})
const good: Supply = () => given(mintList())

/** How a whole Check ends for a token with those claims, while lists are supplied like that. */
function court(
  supply: Supply = good,
  statusList: Partial<ReturnType<typeof listOptions>> = {},
  more: SpineOptions = {},
) {
  const held = holdLists(supply, statusList)
  const { required, onFailure } = listOptions(statusList)
  const { ask, records, clock } = buildTestCheck({
    document: listed({ required, onFailure }),
    statusLists: held.lists,
    ...more,
  })
  const judge = async (claims: object, token = mintToken({ claims: { ...claims } })): Promise<string> =>
    verdict(await ask(goodRequest({ token })))
  return { ...held, judge, records, clock }
}

const long = { iat: 1_800_000_000 - 10, exp: 1_800_000_000 + 599 }

describe('TSL-07 the status', () => {
  test.each([
    [0, 'allow'],
    [1, 'token_revoked'],
    [2, 'token_revoked'],
    [3, 'token_revoked'],
  ])('%d: %s', async (index, outcome) => expect(await court().judge(at(index))).toBe(outcome))
  test('what it was is for the log alone', async () => {
    const { judge, records } = court()
    for (const index of [1, 2, 3]) await judge(at(index))
    expect(records.map(({ decision }) => !decision.ok && decision.detail)).toEqual([
      'its status is INVALID',
      'its status is SUSPENDED',
      'its status is 3, which is none of ours',
    ])
  })
  test('TSL-06 an index beyond the list', async () => expect(await court().judge(at(4))).toBe('token_claims_invalid'))
  test('a token of a server without lists is not looked at', async () => {
    const { judge, fetched } = court(good, {}, { document })
    expect(await judge(at(1))).toBe('allow')
    expect(fetched).toEqual([])
  })
})

describe('TSL-01 only a token that holds is looked at', () => {
  test.each<[string, string, Parameters<typeof mintToken>]>([
    ['an expired one', 'token_expired', [{ claims: { ...at(0), exp: 1 } }]],
    ['one for somebody else', 'token_audience_mismatch', [{ claims: { ...at(0), aud: 'https://other.example' } }]],
    ['one by another key', 'token_signature_invalid', [{ claims: at(0) }, clientKey]],
    ['one of another type', 'token_type_refused', [{ claims: at(0), header: { typ: 'dpop+jwt' } }]],
  ])('%s: %s, and nothing is fetched', async (_, outcome, order) => {
    const { judge, fetched } = court()
    expect(await judge({}, mintToken(...order))).toBe(outcome)
    expect(fetched).toEqual([])
  })
  test('the status is looked at on every request, also of a token that is remembered', async () => {
    const { judge, change, pass, bell, told, kinds } = court()
    const token = mintToken({ claims: at(0) })
    expect(await judge({}, token)).toBe('allow')
    expect(kinds()).toEqual(['loaded'])
    expect(await judge({}, token)).toBe('allow')
    change(() => given(mintList({ claims: { status_list: packed(1) } })))
    pass(480)
    bell.ring()
    await told(2)
    expect(await judge({}, token)).toBe('token_revoked')
    change(good)
    pass(480)
    bell.ring()
    await told(3)
    expect(await judge({}, token)).toBe('allow')
  })
})

describe('TSL-02 what a token says of its status', () => {
  test.each([null, 'valid', {}, { status_list: {} }, { status_list: { idx: 0 } }, { status_list: [0, LIST] }])(
    '%j',
    async (status) => {
      const { judge, fetched } = court(good, { onFailure: 'soft' })
      expect(await judge({ status })).toBe('token_claims_invalid')
      expect(fetched).toEqual([])
    },
  )
  test.each([-1, '0', 0.5, null, 2 ** 53])('idx %j', async (idx) =>
    expect(await court().judge(at(idx))).toBe('token_claims_invalid'),
  )
  test('without one it may live as long as shortLived, unless it has to have one', async () => {
    expect(await court().judge({})).toBe('allow')
    expect(await court(good, { required: true }).judge({})).toBe('token_claims_invalid')
    expect(await court(good, { required: true }).judge(at(0))).toBe('allow')
  })
})

describe('TSL-03 where lists lie', () => {
  test.each(['https://169.254.169.254/lists/1', `http://${HOST}/1`, `https://${HOST}:8443/1`, 'https://localhost/1'])(
    '%s is not fetched, whatever happens on failure',
    async (uri) => {
      for (const onFailure of ['hard', 'soft'] as const) {
        const { judge, fetched } = court(good, { onFailure })
        expect(await judge(at(0, uri))).toBe('token_claims_invalid')
        expect(fetched).toEqual([])
      }
    },
  )
})

describe('JWT-30 a token with a status may live long', () => {
  const [as] = listed().authorizationServers
  const shortLived = {
    ...listed(),
    authorizationServers: [{ ...as, revocation: { ...as?.revocation, shortLived: '60s' } }],
  }
  test('and one without may not', async () => {
    const { judge } = court(good, {}, { document: shortLived })
    expect(await judge({ ...long, ...at(0) })).toBe('token_lifetime_exceeded')
    expect(await judge({ iat: long.iat, exp: long.iat + 600, ...at(0) })).toBe('allow')
    expect(await judge({ iat: long.iat, exp: long.iat + 600 })).toBe('token_lifetime_exceeded')
    expect(await judge({ iat: long.iat, exp: long.iat + 60 })).toBe('allow')
    expect(await judge({ iat: long.iat, exp: long.iat + 600, status: null })).toBe('token_claims_invalid')
  })
  test('TSL-10 soft: without a list only the short-lived pass', async () => {
    const { judge } = court(() => lost(), { onFailure: 'soft' }, { document: shortLived })
    expect(await judge({ iat: long.iat, exp: long.iat + 60, ...at(1) })).toBe('allow')
    expect(await judge({ iat: long.iat, exp: long.iat + 61, ...at(0) })).toBe('revocation_unavailable')
  })
  test('TSL-10 soft: without a list those pass too that are looked up in a deny list', async () => {
    const revocation = { ...shortLived.authorizationServers[0]?.revocation, denyList: { file: 'unread.json' } }
    const both = { ...shortLived, authorizationServers: [{ ...as, revocation }] }
    const { judge } = court(() => lost(), { onFailure: 'soft' }, { document: both })
    expect(await judge({ iat: long.iat, exp: long.iat + 61, ...at(0) })).toBe('allow')
    expect(await court(() => lost(), {}, { document: both }).judge(at(0))).toBe('revocation_unavailable')
  })
})

describe('TSL-04, TSL-05, TSL-09, TSL-10 without a list that holds', () => {
  test.each<[string, Supply]>([
    ['no answer', () => lost()],
    ['an answer with 500', () => lost(500)],
    ['garbage', () => given('garbage')],
    ['the list of another place', () => given(mintList({ claims: { sub: `${LIST}/` } }))],
    ['a list by another key', () => given(mintList({}, clientKey))],
    ['a list that has expired', () => given(mintList({ claims: { exp: 1 } }))],
    ['a token of another type', () => given(mintList({ header: { typ: 'at+jwt' } }))],
    ['ttl of nothing', () => given(mintList({ claims: { ttl: 0 } }))],
  ])('%s: hard refuses with 503, soft lets the short-lived pass', async (_, supply) => {
    expect(await court(supply).judge(at(0))).toBe('revocation_unavailable')
    expect(await court(supply, { onFailure: 'soft' }).judge(at(0))).toBe('allow')
  })
  test('a revoked token stays revoked while the list is old, whatever happens on failure', async () => {
    const { judge, change, pass } = court(good, { onFailure: 'soft' })
    expect(await judge(at(1))).toBe('token_revoked')
    change(() => lost())
    pass(1200)
    expect(await judge(at(1))).toBe('token_revoked')
    expect(await judge(at(0))).toBe('allow')
  })
})

describe('other kinds of tokens', () => {
  test('TSL-01 an encrypted token has the status of the one inside', async () => {
    const sealing = listed({}, { encryption: { keys: ['unread.pem'] } })
    const { judge } = court(good, {}, { document: sealing, recipient: recipient() })
    for (const [index, outcome] of [
      ['0', 'allow'],
      ['1', 'token_revoked'],
    ] as const)
      expect(await judge({}, await seal(mintToken({ claims: at(Number(index)) })))).toBe(outcome)
  })
  test.each([
    ['a good status', at(0), 'allow'],
    ['a bad status', at(1), 'token_revoked'],
    ['no status', {}, 'allow'],
    ['an unreadable status', { status: 1 }, 'token_claims_invalid'],
  ])('a token that was asked about, with %s', async (_, claims, outcome) => {
    const [asked] = askingDocument.authorizationServers
    const revocation = { ...asked?.revocation, statusList: { hosts: [HOST], required: true } }
    const { judge } = court(
      good,
      { required: true },
      {
        document: { ...document, authorizationServers: [{ ...server, revocation }] },
        introspection: oracle(activeAnswer(claims)).introspector,
      },
    )
    expect(await judge({}, OPAQUE)).toBe(outcome)
  })
})

test('V-07, V-08, TSL-05 the examples of the specification decide about tokens', async () => {
  const lists = { V7: { bits: 1, lst: 'eNrbuRgAAhcBXQ' }, V8: { bits: 2, lst: 'eNo76fITAAPfAgc' } }
  const outcomes = async (status_list: object, count: number): Promise<readonly string[]> => {
    const { judge } = court(() => given(mintList({ claims: { status_list } })))
    const told: string[] = []
    for (let index = 0; index <= count; index += 1) told.push(await judge(at(index)))
    return told
  }
  const spell = (statuses: readonly number[]) => [
    ...statuses.map((status) => (status === 0 ? 'allow' : 'token_revoked')),
    'token_claims_invalid',
  ]
  expect(await outcomes(lists.V7, 16)).toEqual(spell([1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]))
  expect(await outcomes(lists.V8, 12)).toEqual(spell([1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3]))
})
