import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { consentStates, readConsent } from '../../src/verify/consent-record.ts'
import { consentOf } from '../support/consents.ts'
import { tryCases } from '../support/policy-tests.ts'

const page = readFileSync('docs/consent.md', 'utf8')
const [config = '', cases = ''] = [...page.matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(([, text = '']) => text)

test('AZ-11 … AZ-14 the example of docs/consent.md says what it says', async () => {
  const ran = await tryCases(cases, { config: parse(config) as object, flags: ['--json'] })
  expect(JSON.parse(ran.out)).toMatchObject({ ok: true, passed: 6, failed: 0, routesWithoutCase: [] })
})

test('a case that is not so fails', async () => {
  const wrong = cases.replace('reason: consent_foreign', 'reason: allowed')
  const ran = await tryCases(wrong, { config: parse(config) as object, flags: ['--json'] })
  expect(JSON.parse(ran.out)).toMatchObject({ ok: false, failed: 1 })
})

describe('demo/consent-service.yaml describes what is read', () => {
  const { Consent }: Schemas = (parse(readFileSync('demo/consent-service.yaml', 'utf8')) as Document).components.schemas
  test('the same states', () => expect(Consent.properties.state.enum).toEqual(consentStates))
  test('the same members are required', () => {
    for (const name of Object.keys(Consent.properties)) {
      const read = readConsent(consentOf({ [name]: undefined }) as Record<string, unknown>)
      // What is undefined would not have been sent.
      expect([name, read.ok]).toEqual([name, !Consent.required.includes(name)])
    }
  })
})

interface Schemas {
  readonly Consent: {
    readonly required: readonly string[]
    readonly properties: Readonly<Record<string, { readonly enum?: readonly string[] }>> & {
      readonly state: { readonly enum: readonly string[] }
    }
  }
}

interface Document {
  readonly components: { readonly schemas: Schemas }
}
