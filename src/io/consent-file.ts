import type { ConsentSource } from '../ports.ts'
import { type ConsentRecord, readConsent } from '../verify/consent-record.ts'
import { type Reading, read, unreadable } from '../verify/reading.ts'
import { isObject, own, readJsonObject } from '../verify/strict-json.ts'
import { readBounded } from './bounded-file.ts'

/** Bytes, and what is in them. */
const MAX_FILE = 1_048_576
const LIMITS = { depth: 6, members: 50_000 }

/** Consents of a file, `{"consents": […]}`, read whole once. One that cannot be read makes the file unusable. */
export function readConsentFile(file: string): Reading<ConsentSource> {
  const bytes = readBounded(file, MAX_FILE)
  if (!bytes.ok) return unreadable(`${file}: ${bytes.problem}`)
  const document = readJsonObject(bytes.value, LIMITS)
  if (!document.ok) return unreadable(`${file}: ${document.problem}`)
  const listed = own(document.value, 'consents')
  if (!Array.isArray(listed)) return unreadable(`${file}: consents is not a list`)
  const known = new Map<string, ConsentRecord>()
  for (const [index, item] of (listed as readonly unknown[]).entries()) {
    const record = isObject(item) ? readConsent(item) : unreadable('it is no object')
    if (!record.ok) return unreadable(`${file}: consents[${index}]: ${record.problem}`)
    if (known.has(record.value.id)) return unreadable(`${file}: consents[${index}]: its consentId stands twice`)
    known.set(record.value.id, record.value)
  }
  return read({
    find: ({ id }) => {
      const record = known.get(id)
      return record ? { kind: 'found', record } : { kind: 'absent' }
    },
  })
}
