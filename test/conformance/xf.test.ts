import { describe, expect, test } from 'vitest'
import { answered, told, verdict } from '../support/answers.ts'
import { checkRequest, forms } from '../support/requests.ts'
import { buildTestCheck, goodRequest, type Order } from '../support/spine.ts'

const GIVEN = 'C770AEF3-6784-41F7-8E0E-ff5f97bddb3a'
const FRESH = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

describe.each(forms)('%s headers', (form) => {
  async function asked(ids: readonly string[], order: Order = {}) {
    const { ask, records } = buildTestCheck()
    const headers = ids.map((id) => ['x-fapi-interaction-id', id] as const)
    const response = await ask(goodRequest({ ...order, headers, form }))
    const [id = ''] = answered(response, 'x-fapi-interaction-id')
    return { reason: verdict(response), response, id, logged: records[0]?.occasion.interactionId }
  }

  test.each([
    ['an allow', {}],
    ['a 401', { proof: null }],
    ['a 400', { host: 'evil.example' }],
    ['a 403', { path: '/none' }],
    ['a 405', { method: 'OPTIONS' }],
  ])('XF-01, XF-02 %s answers with the id of the request, case kept', async (_, order) => {
    const { id, logged, response } = await asked([GIVEN], order)
    expect([id, logged]).toEqual([GIVEN, GIVEN])
    expect(response.dynamicMetadata.fields.interactionId).toEqual({ stringValue: GIVEN })
  })
  test.each([
    ['an allow', {}],
    ['a denial', { proof: null }],
  ])('XF-01, XF-03 %s without one gets a fresh UUID', async (_, order) => {
    const { id, logged } = await asked([], order)
    expect(id).toMatch(FRESH)
    expect(logged).toBe(id)
    expect((await asked([], order)).id).not.toBe(id)
  })
  test('XF-03 the upstream is told the same id, by overwriting', async () => {
    for (const ids of [[GIVEN], [], ['bad']]) {
      const { id, response } = await asked(ids)
      expect(told(response, 'x-fapi-interaction-id')).toEqual([id])
    }
  })
  test.each([
    [['75bdc714-b2dg-4d4d-9d1c-0d9a36c7a2c4']],
    [[`{${GIVEN}}`]],
    [[GIVEN.replaceAll('-', '')]],
    [['1-1-1-1-1']],
    [[GIVEN, GIVEN]],
    [[`${GIVEN},${GIVEN}`]],
    [[`${GIVEN}\r\nx-evil: 1`]],
    [[`${GIVEN}\n`]],
    [[` ${GIVEN}`]],
    [['']],
    [['\u0000'.repeat(36)]],
    [['ü'.repeat(36)]],
    [['a'.repeat(10_000)]],
  ])('XF-02, XF-04, T-74 %j is replaced, on allow and on denial', async (ids) => {
    for (const order of [{}, { proof: null }, { host: 'evil.example' }]) {
      const { id, logged, response } = await asked(ids, order)
      expect(id).toMatch(FRESH)
      expect(logged).toBe(id)
      expect(JSON.stringify(response)).not.toContain(GIVEN)
    }
  })
  test('XF-02 where the route is strict, a bad one is 400 with a fresh id, a good or absent one passes', async () => {
    const path = '/strict-id'
    expect((await asked(['bad'], { path })).reason).toBe('interaction_id_invalid')
    expect((await asked(['bad'], { path })).id).toMatch(FRESH)
    expect((await asked([GIVEN, GIVEN], { path })).reason).toBe('interaction_id_invalid')
    expect((await asked([GIVEN], { path })).reason).toBe('allow')
    expect((await asked([], { path })).reason).toBe('allow')
  })
  test('XF-01 open routes too', async () => {
    const { ask } = buildTestCheck()
    const response = await ask(checkRequest({ path: '/public/x', headers: [['x-fapi-interaction-id', GIVEN]] }, form))
    expect([verdict(response), answered(response, 'x-fapi-interaction-id')]).toEqual(['allow', [GIVEN]])
  })
})
