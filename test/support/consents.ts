import type { ConsentQuestion, ConsentSource, ConsentStatement } from '../../src/ports.ts'
import { readConsent } from '../../src/verify/consent-record.ts'
import { readJsonObject } from '../../src/verify/strict-json.ts'
import { PROOF_TIME } from './proofs.ts'
import { ISSUER } from './spine.ts'

/** A consent of the client and the user of the test's tokens; members given here win, `undefined` leaves one out. */
export const consentOf = (more: object = {}): object => ({
  consentId: 'c-1',
  state: 'ACTIVE',
  issuer: ISSUER,
  clientId: 'client-1',
  subject: 'user-1',
  permissions: ['ReadBalances'],
  accounts: ['22289'],
  expiresAt: PROOF_TIME + 60,
  ...more,
})

/** A consent service that says so, of whatever it is asked, and keeps what it was asked. */
export function telling(answer: unknown, used: unknown = { ...(answer as object), state: 'CONSUMED' }) {
  const asked: ConsentQuestion[] = []
  const keys: string[] = []
  const source: ConsentSource = {
    find: (question) => {
      asked.push(question)
      return state(answer)
    },
    consume: (_, key) => {
      keys.push(key)
      return state(used)
    },
  }
  return { source, asked, keys }
}

/** What the HTTP adapter would make of a body, or the word it stands for. */
export function state(answer: unknown): ConsentStatement {
  if (answer === 'absent' || answer === 'spent') return { kind: answer }
  const object = readJsonObject(Buffer.from(JSON.stringify(answer)))
  const record = object.ok ? readConsent(object.value) : object
  return record.ok ? { kind: 'found', record: record.value } : { kind: 'unavailable', detail: record.problem }
}
