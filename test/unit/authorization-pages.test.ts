import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { tryCases } from '../support/policy-tests.ts'

/** The page of each policy, how many cases it shows, and one of them with another end. */
const pages = [
  ['docs/authorization-details.md', 3, 'reason: allowed', 'reason: details_mismatch'],
  ['docs/claims.md', 4, 'reason: allowed', 'reason: claims_insufficient'],
  ['docs/step-up.md', 4, 'reason: allowed', 'reason: authentication_insufficient'],
] as const

describe.each(pages)('%s', (file, count, said, wrong) => {
  const page = readFileSync(file, 'utf8')
  const [config = '', cases = ''] = [...page.matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(([, text = '']) => text)
  const ran = async (text: string): Promise<unknown> =>
    JSON.parse((await tryCases(text, { config: parse(config) as object, flags: ['--json'] })).out)

  test('its example says what it says', async () =>
    expect(await ran(cases)).toMatchObject({ ok: true, passed: count, failed: 0, routesWithoutCase: [] }))
  test('a case that is not so fails', async () =>
    expect(await ran(cases.replace(said, wrong))).toMatchObject({ ok: false, failed: 1 }))
})
