import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readConsentFile } from '../../../src/io/consent-file.ts'
import { consentOf } from '../../support/consents.ts'
import { PROOF_TIME } from '../../support/proofs.ts'
import { ISSUER } from '../../support/spine.ts'

const directory = mkdtempSync(join(tmpdir(), 'consent-file-'))
let count = 0
function reading(content: unknown) {
  const file = join(directory, `${++count}.json`)
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content))
  return readConsentFile(file)
}
const question = {
  ...{ issuer: ISSUER, clientId: 'client-1', subject: 'user-1' },
  ...{ interactionId: '', now: PROOF_TIME, fresh: false },
}

test('AZ-11 consents of a file, several of one client at the same time', () => {
  const file = reading({ consents: [consentOf(), consentOf({ consentId: 'c-2', state: 'REVOKED' })] })
  if (!file.ok) throw new Error(file.problem)
  expect(file.value.find({ ...question, id: 'c-1' })).toMatchObject({ kind: 'found', record: { state: 'ACTIVE' } })
  expect(file.value.find({ ...question, id: 'c-2' })).toMatchObject({ kind: 'found', record: { state: 'REVOKED' } })
  for (const id of ['c-3', '__proto__', 'constructor'])
    expect(file.value.find({ ...question, id })).toEqual({ kind: 'absent' })
  expect(file.value.consume).toBeUndefined()
})

test.each([
  'none',
  '',
  '[]',
  {},
  { consents: {} },
  { consents: null },
  { consents: [null] },
  { consents: [[consentOf()]] },
  { consents: [consentOf(), consentOf({ state: 'Authorised' })] },
  { consents: [consentOf({ issuer: undefined })] },
  { consents: [consentOf(), consentOf()] },
  { consents: [], more: 'x'.repeat(1_048_576) },
])('AZ-11 a file that is wrong anywhere is refused whole: %#', (content) =>
  expect(reading(content)).toMatchObject({ ok: false }),
)
test('AZ-11 a file that is not there', () => expect(readConsentFile(join(directory, 'none.json')).ok).toBe(false))
