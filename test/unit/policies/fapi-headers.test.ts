import { describe, expect, test } from 'vitest'
import { fapiHeaders } from '../../../src/policies/fapi-headers.ts'
import { nonceMaker } from '../../support/nonces.ts'
import { freshReplays, routedRequest } from '../../support/possession.ts'
import { keyMemory } from '../../support/proofs.ts'
import { memory } from '../../support/spine.ts'

const UUID = '6ba7b810-9dad-11d1-80b4-00c04fd430c8'

function judge(options: unknown, lines: readonly string[] | undefined) {
  const ports = {
    servers: new Map(),
    replays: freshReplays(),
    proofKeys: keyMemory(),
    nonces: nonceMaker(),
    signedTokens: memory(),
  }
  const setting = { route: 'accounts', exceptions: new Set<string>() }
  const evaluate = fapiHeaders.create(fapiHeaders.options.parse(options), ports, setting)
  const headers = new Map(lines && [['x-fapi-interaction-id', lines]])
  return evaluate(routedRequest(undefined, { headers }), {})
}

describe('XF-02 what becomes of an interaction id that is no UUID', () => {
  test.each([[['bad']], [['']], [[UUID, UUID]], [[`${UUID},${UUID}`]], [[`${UUID} `]], [[]]])(
    '%j passes where it is replaced and not where it is refused',
    (lines) => {
      expect(judge({}, lines)).toEqual({ ok: true, value: {} })
      expect(judge({ interactionId: 'replace' }, lines)).toEqual({ ok: true, value: {} })
      expect(judge({ interactionId: 'reject' }, lines)).toMatchObject({ ok: false, reason: 'interaction_id_invalid' })
    },
  )
  test.each([[[UUID]], [[UUID.toUpperCase()]], [undefined]])('%j passes everywhere', (lines) => {
    for (const options of [{}, { interactionId: 'reject' }])
      expect(judge(options, lines)).toEqual({ ok: true, value: {} })
  })
})

test('the options are a closed set', () => {
  for (const options of [
    { interactionId: 'ignore' },
    { interactionid: 'reject' },
    { authDate: 'check' },
    [],
    'reject',
    null,
  ])
    expect(fapiHeaders.options.safeParse(options).success).toBe(false)
})

test('it proves nothing and needs nothing', () => expect([fapiHeaders.needs, fapiHeaders.yields]).toEqual([[], []]))
