import type { ConsentQuestion, ConsentSource, ConsentStatement } from '../../src/ports.ts'
import { Trace } from '../../src/trace.ts'
import type { VerifiedToken } from '../../src/verify/access-token.ts'
import { acceptConsent, type VerifiedConsent } from '../../src/verify/consent.ts'
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

/** A consent that was found to be the token's own. */
export function verifiedConsent(token: VerifiedToken): VerifiedConsent {
  const { issuer, clientId, subject } = token
  const told = state(consentOf({ issuer, clientId, subject }))
  if (told.kind !== 'found') throw new Error('no consent')
  const rules = { states: ['ACTIVE'] as const, all: [], any: [], methods: new Map(), accounts: [] }
  const occasion = { method: 'GET', parameters: new Map(), now: PROOF_TIME, trace: new Trace() }
  const accepted = acceptConsent(told.record, 'c-1', token, rules, occasion)
  if (!accepted.ok) throw new Error(accepted.detail)
  return accepted.value
}

/** What the HTTP adapter would make of a body, or the word it stands for. */
function state(answer: unknown): ConsentStatement {
  if (answer === 'absent' || answer === 'spent') return { kind: answer }
  const object = readJsonObject(Buffer.from(JSON.stringify(answer)))
  const record = object.ok ? readConsent(object.value) : object
  return record.ok ? { kind: 'found', record: record.value } : { kind: 'unavailable', detail: record.problem }
}
