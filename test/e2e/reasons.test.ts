import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { API } from '../../demo/setting.ts'
import { answers } from '../../src/denial.ts'
import { lines, startTestEdge, type TestEdge } from '../support/edge.ts'
import { plainReasons } from '../support/edge-reasons.ts'
import { elsewhereReasons, specialReasons, unreachedReasons } from '../support/edge-reasons-special.ts'
import { expectRefusal, reasonOf } from '../support/edge-refusals.ts'

let edge: TestEdge

beforeAll(async () => {
  edge = await startTestEdge({ document: { publicOrigins: [API] } })
})
afterAll(() => edge.stop())

describe('ERR-01 … ERR-07, att-header-05, att-header-07: a refusal through Envoy, byte for byte', () => {
  test.each(plainReasons)('$reason: $status', async (row) => {
    const told = await edge.ask(await row.ask(edge))
    expectRefusal(told, row)
    const [id = ''] = lines(told, 'x-fapi-interaction-id')
    if (row.reason === 'interaction_id_invalid') expect(id).not.toBe('not-a-uuid')
    else expect(id).toBe(told.id)
    expect(await reasonOf(edge, id)).toBe(row.reason)
  })
})

test('every reason there is stands in one of the four tables', () => {
  const tables = [specialReasons, unreachedReasons, elsewhereReasons].flatMap((table) => Object.keys(table))
  const told = [...plainReasons.map(({ reason }) => reason), ...tables]
  expect(new Set(told).size).toBe(told.length)
  expect(new Set(told)).toEqual(new Set(Object.keys(answers)))
})
