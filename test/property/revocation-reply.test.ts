import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readRevocationReply } from '../../src/io/revocation-reply.ts'

const key = fc.stringMatching(/^[jscikxt][A-Za-z0-9_-]{43}$/)
const time = fc.integer({ min: 0, max: 2 ** 40 })
const word = fc.oneof(fc.constantFrom('seen', 'read', 'merged', 'full', 'evicting'), fc.string())
const value = fc.oneof(key, fc.string(), fc.nat(), fc.constantFrom('0 0', '5 6', 'epoch', 'serial'), fc.constant(null))
const more = fc.oneof(fc.array(value), fc.tuple(value, fc.array(value)), value)

test('whatever Redis replies, it is an entry of our form or a failure', () => {
  fc.assert(
    fc.property(fc.tuple(fc.constantFrom('t', 'u'), word, value, value, more), (reply) => {
      const read = readRevocationReply(reply, 't')
      if ('cause' in read) return
      expect(reply[0]).toBe('t')
      expect(Number.isSafeInteger(read.serial)).toBe(true)
      const entries =
        read.word === 'seen' ? read.changes.map(({ entry }) => entry) : read.word === 'read' ? read.entries : []
      for (const entry of entries) expect(entry.key).toMatch(/^[jscikxt][\w-]{43}$/)
    }),
  )
})

test('what the script writes is read back as it was', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(key, time, time), { maxLength: 20 }), (entries) => {
      const changes = entries.flatMap(([name, before, until], index) => [index + 1, name, `${before} ${until}`])
      const expected = entries.map(([name, before, until], index) => ({
        serial: index + 1,
        entry: { key: name, before, until },
      }))
      expect(readRevocationReply(['t', 'seen', 'i', entries.length, changes], 't')).toMatchObject({ changes: expected })
    }),
  )
})
