import fc from 'fast-check'
import { expect, test } from 'vitest'
import { consentStates, isConsentId, readConsent } from '../../src/verify/consent-record.ts'
import { isObject } from '../../src/verify/strict-json.ts'
import { consentOf } from '../support/consents.ts'

test('AZ-11 whatever is read as a consent is one, and nothing throws', () => {
  const member = fc.constantFrom(...Object.keys(consentOf()))
  fc.assert(
    fc.property(member, fc.jsonValue(), (name, value) => {
      const read = readConsent(consentOf({ [name]: value }) as Record<string, unknown>)
      if (!read.ok) return
      const { id, state, permissions, accounts = [], clientId, subject, issuer, expiresAt = 0 } = read.value
      expect(isConsentId(id) && consentStates.includes(state)).toBe(true)
      const texts = [...permissions, ...accounts, clientId, subject, issuer]
      expect(texts.every((one) => typeof one === 'string' && one !== '')).toBe(true)
      expect(expiresAt).toBeGreaterThanOrEqual(0)
    }),
  )
})
test('AZ-11 no JSON object that is not made as a consent is one', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      if (isObject(value)) expect(readConsent(value).ok && readConsent(value, true).ok).toBe(false)
    }),
  )
})
test('AZ-11 an id stays one segment of a path', () => {
  fc.assert(
    fc.property(fc.string(), (id) => {
      if (!isConsentId(id)) return
      const { pathname, search } = new URL(`https://a.example/consents/${encodeURIComponent(id)}`)
      expect([pathname.split('/').length, search]).toEqual([3, ''])
    }),
  )
})
