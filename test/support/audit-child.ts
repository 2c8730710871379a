import { writeSync } from 'node:fs'
import type { DecisionRecord } from '../../src/check.ts'
import { openAudit } from '../../src/io/audit.ts'

// A process that decides as fast as it can until it is killed. It tells each allow that leaves, by interaction id.
const [file = '', durability, first = '0'] = process.argv.slice(2)
const settings = { to: { file }, durability: durability === 'synced' ? durability : 'queued' } as const
const opened = await openAudit(
  { ...settings, clientAddress: 'none' },
  {
    ...{ version: '1.0.0', config: 'c0ffee', output: { write: () => {} } },
    wall: () => Date.now() / 1000,
    monotonic: () => performance.now() / 1000,
    observe: () => {},
  },
)
if (!opened.ok) throw new Error(opened.problem)
// What an allow says besides matters to nobody here, and its parts would take long to load.
const allowed = {
  ...{ decision: { ok: true }, mode: 'enforce', would: undefined, attributes: undefined, evidence: {} },
  ...{ trace: { policies: [] }, duration: 0, hash: 'c0ffee' },
}
const decided = (interactionId: string): DecisionRecord =>
  ({ ...allowed, occasion: { interactionId, headers: new Map(), route: 'accounts' } }) as unknown as DecisionRecord
for (let number = Number(first); ; number += 1) {
  const interactionId = `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`
  const denial = await opened.value.record(decided(interactionId), 60_000)
  if (!denial) writeSync(1, `${interactionId}\n`)
  // The loop of a service turns between decisions.
  if (number % 50 === 0) await new Promise((resolve) => setImmediate(resolve))
}
