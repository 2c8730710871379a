import { expect, test } from 'vitest'
import type { Admission } from '../../src/admission.ts'
import { encode } from '../../src/response.ts'
import { verdict } from '../support/answers.ts'

const occasion = {
  interactionId: '11111111-2222-4333-8444-555555555555',
  headers: new Map(),
  route: 'accounts',
  challenges: undefined,
  verified: {},
}

// What `admit` has not made is no admission, however much it looks like one.
test.each(['open', 'bearer', 'resource'])('an admission of kind %s that nobody admitted is a denial', (kind) => {
  const forged = { kind, token: {}, binding: {} } as unknown as Admission
  const response = encode({ ok: true, admission: forged, identity: { set: [], remove: [] } }, occasion)
  expect(response.status.code).toBe(13)
  expect(verdict(response)).toBe('internal_error')
})
