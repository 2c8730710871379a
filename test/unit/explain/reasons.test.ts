import { describe, expect, test } from 'vitest'
import { answers, type DenyReason } from '../../../src/denial.ts'
import { advice } from '../../../src/explain/advice.ts'
import { explainOnSpine, refusalCases } from '../../support/explain.ts'
import { goodRequest } from '../../support/spine.ts'

/** Refusals before or beside the rules: no comparison is made, and nobody can bring a request that ends in them. */
const beside = {
  deadline: 'the time budget',
  overload: 'the load of the server',
  draining: 'the end of the service',
  starting: 'the first keys',
  audit_unavailable: 'the audit log',
} as const satisfies Partial<Record<DenyReason, string>>

test('every reason is either reached here or lies beside the rules', () => {
  const reached = refusalCases.map(({ reason }) => reason)
  expect(new Set([...reached, ...Object.keys(beside)])).toEqual(new Set(Object.keys(answers)))
})

describe('an explanation ends with the check that failed, and says what to do', () => {
  test.each(refusalCases)('$reason', async ({ reason, check, request, options }) => {
    const told = await explainOnSpine(request(), options)
    const failed = told.checks?.filter(({ result }) => result === 'fail') ?? []
    expect([told.verdict, told.reason, told.status]).toEqual(['deny', reason, answers[reason].status])
    expect(failed.map((one) => one.check)).toEqual([check])
    expect(told.checks?.at(-1)).toEqual(failed[0])
    expect(failed[0]?.clause).toMatch(/^(?:RFC|FAPI|ETSI) /)
    expect(failed[0]?.found ?? failed[0]?.expected).toEqual(expect.stringMatching(/./))
    expect(failed[0]?.setBy?.option).toEqual(expect.stringMatching(/^[a-zA-Z.]+$/))
    expect(told).toMatchObject({
      cause: advice[reason].cause,
      fix: { client: advice[reason].client, operator: advice[reason].operator },
      docs: `docs/reasons.md#${reason}`,
    })
  })
  test('none when the request is allowed', async () => {
    const told = await explainOnSpine(goodRequest())
    expect([told.verdict, told.reason, told.status, told.cause]).toEqual(['allow', 'allowed', undefined, undefined])
    expect(told.checks?.filter(({ result }) => result === 'fail')).toEqual([])
    expect(told.checks?.map(({ check }) => check)).toEqual(
      expect.arrayContaining(['public origin', 'route', 'token aud', 'proof htu', 'proof unused', 'token scope']),
    )
  })
})
